"""What a session shows."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Phase(enum.Enum):
    """Where a session stands."""

    IDLE = "idle"
    ATTACHED = "attached"
    PLANNING = "planning"
    PLANNED = "planned"
    CONFIRMING = "waiting for an answer"
    RUNNING = "running"
    PAUSED = "paused"
    EXPORTING = "exporting"
    EXPLAINING = "explaining a region"
    SUGGESTING = "looking for the next click"


BUSY = (
    Phase.PLANNING, Phase.CONFIRMING, Phase.RUNNING, Phase.PAUSED, Phase.EXPORTING, Phase.EXPLAINING, Phase.SUGGESTING,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class View:
    """What the panel shows.

    Attributes
    ----------
    phase : where the session stands.
    status : one line of words.
    progress_percent : how much is done.
    source : what is attached.
    prediction : what the plan will take.
    rows : a line for each planned region.
    books : what the present or latest run has spent of its limits.
    objects : what the table of objects says.
    classes : names of what was clicked.
    is_armed : whether clicks in the image are examples.
    log : what was said so far, the latest first.
    """

    phase: Phase = Phase.IDLE
    status: str = "Start a scan, then press Attach."
    progress_percent: int = 0
    source: str = ""
    prediction: str = ""
    rows: tuple[str, ...] = ()
    books: str = ""
    objects: str = ""
    classes: tuple[str, ...] = ()
    is_armed: bool = False
    log: tuple[str, ...] = ()
