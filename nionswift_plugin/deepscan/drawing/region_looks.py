"""What may become of a region of a plan, and how that looks: told by a sign, by the width of a line, and by colour."""

from __future__ import annotations

import enum
from dataclasses import dataclass

REGION_ID = "deepscan.region"
ROUTE_ID = "deepscan.route"
REFERENCE_ID = "deepscan.reference"
REFERENCE_LABEL = "⌖ drift"
REFERENCE_COLOR = "#E3A0FF"
PLANNED_COLOR = "#30D5FF"
DONE_COLOR = "#5CFF5C"
ROUTE_COLOR = "rgba(48, 213, 255, 0.8)"


class State(enum.Enum):
    """What became of a region."""

    PLANNED = "planned"
    CURRENT = "current"
    VISITED = "visited"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a state is shown: the sign behind a region's number, and colour and width of its line."""

    sign: str
    color: str
    line_width: float


LOOKS = {
    State.PLANNED: Look(sign="", color=PLANNED_COLOR, line_width=1.0),
    State.CURRENT: Look(sign="▶", color="#FFFFFF", line_width=4.0),
    State.VISITED: Look(sign="✓", color=DONE_COLOR, line_width=2.0),
    State.FAILED: Look(sign="✗", color="#FF8A5C", line_width=3.0),
    State.SKIPPED: Look(sign="–", color="#A0A0A0", line_width=0.5),
}


def label_of(order: int, state: State) -> str:
    """What stands on a region."""
    return f"{order} {LOOKS[state].sign}".strip()
