"""What earlier sessions decided, found again by the steps that a strategy asks for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from deepscan_core.acquisition.books import Totals
from deepscan_core.acquisition.history import History
from deepscan_core.acquisition.inspection import apart_samples
from deepscan_core.acquisition.ledger import Ledger
from deepscan_core.acquisition.past import PastExposure, frame_from
from deepscan_core.acquisition.resuming import LeftOut
from deepscan_core.acquisition.tiles import TileFolder
from deepscan_core.errors import InputError
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

ALIKE_SAMPLES = 0.05  # two steps whose corners are nearer than this to each other are one; rounding is far less


@dataclass(kw_only=True)
class PastStep:
    """A step of an earlier session.

    Attributes
    ----------
    order : its number.
    exposures : every time that it was or may have been exposed, as it was sent.
    frame : what it led to; None where there is no good tile.
    reason : why there is none.
    is_repeated : it has no good tile, and is to be exposed once more.
    is_found : the strategy has asked for it again.
    """

    order: int
    exposures: list[PastExposure]
    frame: ScanFrame | None = None
    reason: str = ""
    is_repeated: bool = False
    is_found: bool = False


class Replay:
    """The steps of earlier sessions in the order in which they were decided.

    Parameters
    ----------
    history, tiles : what the journal tells, and what is on disk.
    exposures : all of them, see `past.exposures_of`.
    books : a ledger like the run's, at its beginning; it follows the replay.
    repeat_exposed : what has no good tile is exposed once more, when the strategy asks for it.

    Attributes
    ----------
    books : as they were when the step that comes next was decided.
    """

    def __init__(
        self,
        history: History,
        tiles: TileFolder,
        exposures: Sequence[PastExposure],
        books: Ledger,
        *,
        repeat_exposed: bool,
    ) -> None:
        self.books = books
        self._steps: dict[int, PastStep] = {}
        for exposure in exposures:
            order = exposure.step.order
            self._steps.setdefault(order, PastStep(order=order, exposures=[])).exposures.append(exposure)
        for order, step in self._steps.items():
            try:
                step.frame = frame_from(history, tiles, order)
            except InputError as error:
                step.reason, step.is_repeated = str(error), repeat_exposed
        self._decided = _decisions(history, exposures)

    @property
    def orders(self) -> frozenset[int]:
        """The numbers that are taken."""
        return frozenset(self._steps)

    @property
    def frames(self) -> tuple[ScanFrame, ...]:
        """All that were recorded, by number."""
        return tuple(step.frame for _, step in sorted(self._steps.items()) if step.frame is not None)

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What has no good tile and is not exposed once more."""
        return tuple(
            LeftOut(order=order, reason=step.reason)
            for order, step in sorted(self._steps.items())
            if step.frame is None and not (step.is_repeated and step.is_found)
        )

    @property
    def is_over(self) -> bool:
        """Whether nothing that was decided is left to be asked for."""
        return not self._decided

    def go_to_next(self) -> None:
        """Have the books as they were when the next step was decided."""
        if self._decided:
            self.books.go_back_to(self._decided[0][1])

    def find(self, asked: ScanStep) -> PastStep | None:
        """What became of a step, and go on to the decision after it; None for one that was never begun.

        A strategy that asks for what the journal does not have next, because the program or its libraries have changed, is
        still given every frame that was recorded of the same place in the same way.
        """
        alike = [one for one in self._steps.values() if not one.is_found and is_alike(one.exposures[0].step, asked)]
        if not alike:
            self._miss(asked)
            return None
        found = min(alike, key=lambda one: self._place(one.order))
        found.is_found = True
        self._decided = [one for one in self._decided if one[0] != found.order]
        for exposure in found.exposures:
            self.books.restore(self.books.totals, [(exposure.step, exposure.cost)])
        self.go_to_next()
        return found

    def _miss(self, asked: ScanStep) -> None:
        """A step that was refused is refused again; with any other one the replay is over."""
        was_refused = bool(self._decided) and self._decided[0][0] == asked.order and asked.order not in self._steps
        self._decided = self._decided[1:] if was_refused else []
        self.go_to_next()

    def _place(self, order: int) -> float:
        return next((n for n, (decided, _) in enumerate(self._decided) if decided == order), math.inf)


def is_alike(one: ScanStep, other: ScanStep) -> bool:
    """Whether two steps expose the same place in the same way."""
    if (one.rows, one.cols) != (other.rows, other.cols):
        return False
    is_as_long = math.isclose(one.dwell_time_us, other.dwell_time_us, rel_tol=1e-6)
    return is_as_long and apart_samples(one.in_context(), other.in_context()) < ALIKE_SAMPLES


def clock_ahead_s(history: History, now_s: float) -> float:
    """By how much the clock of a run is ahead of an instrument's that began anew, so that time never runs backwards.

    Parameters
    ----------
    history : tells the instrument's clock and the computer's time of the last entry.
    now_s : of the instrument.
    """
    clocks = [attempt.entry["ledger"]["clock_s"] for attempt in history.attempts]
    ends = [
        step.recorded["started_s"] + step.recorded["duration_s"] for step in history.steps.values() if step.recorded
    ]
    last_s = max([*clocks, *ends], default=now_s)
    if last_s <= now_s:
        return 0.0
    since = datetime.now(UTC) - datetime.fromisoformat(history.last_at)
    return last_s - now_s + max(0.0, since.total_seconds())


def _decisions(history: History, exposures: Sequence[PastExposure]) -> list[tuple[int, Totals]]:
    """The numbers of the steps in the order in which they were decided, and the books at that moment."""
    exposed = {exposure.step.order for exposure in exposures}
    decided: dict[int, Totals] = {}
    for attempt in history.attempts:
        order, is_refusal = attempt.entry["order"], "sent" not in attempt.entry
        if is_refusal or order in exposed:
            decided.setdefault(order, Totals.from_dict(attempt.entry["ledger"]))
    for exposure in exposures:
        if exposure.totals is not None:
            decided.setdefault(exposure.step.order, exposure.totals)
    return list(decided.items())
