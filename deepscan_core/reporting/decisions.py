"""How a run went, step by step, as a report tells it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from deepscan_core.acquisition.books import LedgerStatus
from deepscan_core.records.frames import ScanFrame


class Judgement(Protocol):
    """What one frame said, see `deciders.Judged`."""

    @property
    def order(self) -> int: ...

    @property
    def evidence_nats(self) -> float: ...

    @property
    def probability(self) -> float: ...

    @property
    def verdict(self) -> str: ...


class NotExposed(Protocol):
    """A step that was left out, see `resuming.LeftOut`."""

    @property
    def order(self) -> int: ...

    @property
    def reason(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One step of a run.

    Attributes
    ----------
    number : in the order in which they were carried out; None for a step that was left out.
    order : of the step in the journal.
    reason : why it was decided, or left out.
    samples, dwell_time_us, dose_e_per_nm2 : how it was recorded.
    evidence_nats, probability, verdict : what its frame said; None and empty where nobody judged it.
    """

    number: int | None
    order: int
    reason: str
    samples: str = ""
    dwell_time_us: float | None = None
    dose_e_per_nm2: float | None = None
    evidence_nats: float | None = None
    probability: float | None = None
    verdict: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class RunRecord:
    """What a report tells of a run.

    Attributes
    ----------
    decisions : step by step.
    ledger : how the books stand at its end.
    dose_e_per_nm2 : of every pixel of the preview, ndarray of shape (rows, cols).
    """

    decisions: tuple[Decision, ...]
    ledger: LedgerStatus
    dose_e_per_nm2: npt.NDArray[np.floating[Any]]


def decisions_of(
    frames: Sequence[ScanFrame], left_out: Iterable[NotExposed], judged: Iterable[Judgement]
) -> tuple[Decision, ...]:
    """The steps of a run in the order in which they were carried out, then those that were left out."""
    said = {one.order: one for one in judged}
    steps = [(frame.step, frame) for frame in frames if frame.step is not None]
    done = []
    for number, (step, frame) in enumerate(steps, start=1):
        judgement = said.get(step.order)
        done.append(
            Decision(
                number=number,
                order=step.order,
                reason=step.reason,
                samples=f"{step.cols} × {step.rows}",
                dwell_time_us=frame.dwell_time_us,
                dose_e_per_nm2=frame.dose_e_per_nm2,
                evidence_nats=None if judgement is None else judgement.evidence_nats,
                probability=None if judgement is None else judgement.probability,
                verdict="" if judgement is None else judgement.verdict,
            )
        )
    return (*done, *(Decision(number=None, order=one.order, reason=one.reason) for one in left_out))
