"""What frames said of their candidates, told as a run goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deepscan_core.acquisition.strategies import Candidate, Judge, Verdicts
from deepscan_core.acquisition.strategies.candidates import log_odds, probability
from deepscan_core.records.frames import ScanFrame


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What one frame said of its candidate.

    Attributes
    ----------
    order : of the step, as the strategy numbers it.
    evidence_nats : for something being there.
    probability : that it is, with all frames of the candidate so far.
    verdict : "confirmed", "rejected" or "open", by the bounds of `Verdicts`.
    """

    order: int
    evidence_nats: float
    probability: float
    verdict: str


class Telling:
    """A judge that tells what it found, and adds up what it found of each candidate.

    Parameters
    ----------
    judge : of frames.
    candidates : those of the plan; a frame belongs to the nearest one.
    on_judged : called with what each frame said; None tells nobody.
    """

    def __init__(
        self, judge: Judge, candidates: Sequence[Candidate], on_judged: Callable[[Judged], None] | None
    ) -> None:
        self._judge = judge
        self._on_judged = on_judged
        self._centers = np.array([one.center_px for one in candidates], float).reshape(-1, 2)
        self._odds = [one.log_odds for one in candidates]

    def __call__(self, frame: ScanFrame) -> float:
        nats = self._judge(frame)
        if frame.step is not None and self._on_judged is not None:
            away = self._centers - (frame.step.center_y_px, frame.step.center_x_px)
            number = int(np.hypot(*away.T).argmin())
            self._odds[number] += nats
            likely = probability(self._odds[number])
            self._on_judged(
                Judged(
                    order=frame.step.order,
                    evidence_nats=nats,
                    probability=likely,
                    verdict=Verdicts().of(log_odds(likely)).value,
                )
            )
        return nats
