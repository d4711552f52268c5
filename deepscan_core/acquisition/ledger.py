"""The books of a run: every second and every electron, where they went, and what is left of the limits.

Whatever exposes the specimen is charged before it begins, wholly, by `records.costs`: previews, looks, tiles, reference
frames for drift, attempts that failed, the way there, and a beam that is parked in between. What the limits do not cover
is refused, whoever asks for it. ``docs/ledger.md`` says what is counted how.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.acquisition.books import FAILED, IDLE, KINDS, NOTHING, PREVIEW, LedgerStatus, Totals, kind_of, plus
from deepscan_core.acquisition.dose_map import DoseGrid
from deepscan_core.acquisition.gate import Gate
from deepscan_core.acquisition.neighbours import Exposed
from deepscan_core.acquisition.places import Places
from deepscan_core.acquisition.pricing import Prices
from deepscan_core.acquisition.reserve import Reserve, left_of
from deepscan_core.acquisition.stages import Where, offset_nm
from deepscan_core.acquisition.strategies.budget import Cost
from deepscan_core.errors import BeyondLimit, InputError
from deepscan_core.records.coordinates import YX, SamplingGrid, ScanContext
from deepscan_core.records.costs import ScanCosts
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanLimits, ScanStep

NEVER = Cost(time_s=math.inf, electrons=math.inf)


@dataclass(kw_only=True)
class _Open:
    """An exposure that was charged and has not ended."""

    step: ScanStep
    frame: Cost
    way: Cost
    before: Where
    decided_s: float
    sent_s: float
    patience_s: float
    exposed: Exposed
    was_planned: bool


class Ledger:
    """Keeps the books of one run, and answers a strategy's questions as its `Budget`.

    Parameters
    ----------
    context : of the run, calibrated.
    limits : what must not be passed.
    costs : of the instrument.
    park_fraction : where the beam is parked between steps, and exposes; None where it is blanked.
    clock : of the instrument, in s. Time between steps is charged by it, so that computing counts where it runs on.
    on_change : told after every change.

    Notes
    -----
    A frame is charged the longer of what is predicted and what the clock says, from the decision on; where the beam is not
    blanked in idle times, with the electrons of the time since it was sent. Before each limit a `Reserve` is kept free.
    Nothing here is thread-safe: a run uses it in its own thread.
    """

    def __init__(
        self,
        context: ScanContext,
        limits: ScanLimits | None = None,
        *,
        costs: ScanCosts | None = None,
        park_fraction: YX | None = None,
        clock: Callable[[], float] | None = None,
        on_change: Callable[[LedgerStatus], None] | None = None,
    ) -> None:
        self.limits = limits or ScanLimits()
        self.costs = costs or ScanCosts()
        self._context = context
        self._prices = Prices(
            costs=self.costs, beam_current_pa=context.beam_current_pa, is_parked=park_fraction is not None
        )
        self._reserve = Reserve(self._prices)
        self._places = Places(context, self.limits, park_fraction)
        self._gate = Gate(self.limits, self._prices, self._places.neighbours)
        self._planned: dict[int, ScanStep] = {}
        self._spent = dict.fromkeys(KINDS, NOTHING)
        self._clock = clock or (lambda: 0.0)
        self._now_s = self._clock()
        self._checked_s = self._now_s
        self._open: _Open | None = None
        self._late_s: float | None = None  # of the last frame, until it is known what followed it
        self._on_change = on_change

    @property
    def now_s(self) -> float:
        """The instrument's clock when time was charged last: the moment at which a strategy decides."""
        return self._now_s

    @property
    def totals(self) -> Totals:
        """As they are now."""
        return Totals(clock_s=self._now_s, by_kind=dict(self._spent), late_s=self._reserve.seen_s)

    @property
    def status(self) -> LedgerStatus:
        """A snapshot for people."""
        known, total = self._prices.beam_current_pa is not None, self.totals.cost
        return LedgerStatus(
            time_s=total.time_s,
            electrons=total.electrons if known else None,
            highest_dose_e_per_nm2=self.dose.highest_e_per_nm2 if known else None,
            limits=self.limits,
            exposures=self._places.count,
            by_kind=dict(self._spent),
        )

    @property
    def dose(self) -> DoseGrid:
        """On the pixels of the preview, and what went beside it."""
        return self._places.dose

    @property
    def dose_map(self) -> npt.NDArray[np.float32]:
        """Electrons per nm² of every pixel of the preview; float32 ndarray of shape (rows, cols)."""
        return self.dose.dose_e_per_nm2

    def remaining(self) -> Cost:
        """See `Budget.remaining`; less what is kept free."""
        left, kept = left_of(self.limits, self.totals.cost), self._reserve.cost
        return Cost(time_s=left.time_s - kept.time_s, electrons=left.electrons - kept.electrons)

    def cost_of(self, step: ScanStep) -> Cost:
        """See `Budget.cost_of`; infinite where the place must not be exposed again, or not beside its neighbours."""
        return NEVER if self._forbidden(step) else self._cost_with_way(step)

    def wait_s(self, step: ScanStep) -> float:
        """How long a step has to wait from now for its neighbours."""
        return self._places.neighbours.wait_s(step.in_context(), self._now_s)

    def frame_cost(self, step: ScanStep) -> Cost:
        """Predicted, of the frame alone."""
        return self._prices.frame(step)

    def way_cost(self, before: Where, step: ScanStep) -> Cost:
        """Of the way to a step, from where beam and stage were before."""
        there = self.where(step)
        moved_nm = math.dist(before.stage_nm, there.stage_nm)
        return self._prices.way(before.field_nm, there.field_nm, stage_nm=moved_nm)

    def where(self, step: ScanStep) -> Where:
        """Beam and stage for a step."""
        return Where(beam_nm=step.center_nm, stage_nm=offset_nm(step, self._context))

    def check(self, step: ScanStep) -> None:
        """Raise `BeyondLimit` for a step that would pass a limit, `ProtocolError` where that cannot be known.

        What it takes is counted from now on: the time since the decision has gone.
        """
        self._gate.check_current()
        self._checked_s = max(self._now_s, self._clock())
        problem = self._forbidden(step)
        if problem:
            raise BeyondLimit(problem)
        would = plus(plus(self.totals.cost, self._cost_with_way(step)), self._reserve.cost)
        self._gate.check_totals(step, plus(would, self._thought(self.wait_s(step))))

    @property
    def patience_s(self) -> float:
        """How much longer from now the step that was begun may take, before it has to be stopped for a limit.

        Infinite where nothing limits it.
        """
        begun = self._closed()
        return begun.patience_s - max(0.0, self._clock() - begun.sent_s)

    def plan(self, step: ScanStep) -> None:
        """Leave room for a step that is still to come: what is exposed once more must not use up its dose."""
        self._planned[step.order] = step

    def charge_preview(self, frame: ScanFrame) -> None:
        """Count a frame of the whole context that was recorded before the run."""
        (rows, cols), settle_s = frame.values.shape, self.costs.settle_s
        settled = self._prices.idle(settle_s)
        self._spend(IDLE, Cost(time_s=settle_s, electrons=settled))
        self.dose.add_at((0.0, 0.0), settled)
        cost = self._prices.frame_of(rows, cols, frame.dwell_time_us, lasted_s=frame.duration_s)
        self._charge(PREVIEW, cost, frame.in_context())
        self._tell()

    def advance(self, *, counts: bool = True) -> None:
        """Charge the time since the last call, and what a parked beam has exposed in it.

        Parameters
        ----------
        counts : the time itself is charged too; not where a person has paused the run.
        """
        now_s = self._clock()
        gap_s, self._now_s = max(0.0, now_s - self._now_s), now_s
        if counts and self._late_s is not None:
            self._reserve.saw(self._late_s + gap_s)
        self._late_s = None
        self._spend(IDLE, Cost(time_s=gap_s if counts else 0.0, electrons=self._parked(gap_s)))

    def begin(self, step: ScanStep) -> None:
        """Charge a step that is about to be sent, wholly, with the way to it."""
        before = self._places.here
        way, frame = self.way_cost(before, step), self.frame_cost(step)
        thought, patience_s = self._thought(), self._patience_s(step, plus(way, frame))
        was_planned = self._planned.pop(step.order, None) is not None
        self._spend(IDLE, Cost(time_s=0.0, electrons=self._parked(thought.time_s)))
        self._go_to(step, way)
        exposed = self._charge(kind_of(step.order), frame, step.in_context())
        self._open = _Open(
            step=step,
            frame=frame,
            way=way,
            before=before,
            decided_s=self._now_s,
            sent_s=self._now_s + thought.time_s,
            patience_s=patience_s,
            exposed=exposed,
            was_planned=was_planned,
        )
        self._tell()

    def end(self, frame: ScanFrame | None, *, was_late: bool = False) -> Cost:
        """A step that was begun is over: with a frame that is kept, or with none, and then it counts as failed.

        Parameters
        ----------
        frame : that is kept.
        was_late : there is none because it was late, and not for a fault.

        Returns
        -------
        What the frame has cost in the end.
        """
        done, self._open = self._closed(), None
        step, kind = done.step, kind_of(done.step.order)
        self._now_s = max(self._now_s, self._clock())
        took_s = self._now_s - done.sent_s - done.way.time_s
        thought_s = done.sent_s - done.decided_s
        lasted_s = max(took_s, 0.0 if frame is None else frame.duration_s) + thought_s
        cost = self._prices.frame_of(
            step.rows, step.cols, step.dwell_time_us, lasted_s=lasted_s, of_which_dark_s=thought_s
        )
        if frame is not None and frame.total_electrons is not None and frame.total_electrons > cost.electrons:
            cost = Cost(time_s=cost.time_s, electrons=frame.total_electrons)
        self._late_s = took_s - done.frame.time_s if frame is not None or was_late else None
        self._places.add(done.exposed, cost.electrons - done.frame.electrons)
        self._spend(kind, done.frame, -1.0)
        self._spend(FAILED if frame is None else kind, cost)
        if kind != PREVIEW:
            done.exposed.ended_s = self._now_s
        self._tell()
        return cost

    def withdraw(self) -> None:
        """A step that was begun has certainly exposed nothing: only the time that went by counts, and it may still come."""
        done, self._open = self._closed(), None
        self._spend(kind_of(done.step.order), done.frame, -1.0)
        self._spend(IDLE, done.way, -1.0)
        self._places.undo(done.exposed, done.frame.electrons, before=done.before, way_electrons=done.way.electrons)
        if done.was_planned:
            self.plan(done.step)
        self._spend(IDLE, Cost(time_s=done.sent_s - done.decided_s, electrons=0.0))  # a parked beam was charged in it
        self._now_s = done.sent_s
        self.advance()
        self._tell()

    def go_back_to(self, totals: Totals) -> None:
        """Have the books, and the clock, as they were at an earlier moment."""
        self._spent, self._now_s = dict(totals.by_kind), totals.clock_s
        self._reserve.seen_s = totals.late_s

    def restore(self, totals: Totals, exposures: Sequence[tuple[ScanStep, Cost | None]]) -> None:
        """Go on with the books of earlier sessions.

        Parameters
        ----------
        totals : of all kinds.
        exposures : every one that was or may have been, oldest first, as it was sent, and what it cost; None for what was
            predicted. They say where the electrons of the totals went.
        """
        self._now_s = self._clock()
        ways = 0.0
        for step, cost in exposures:
            way = self.way_cost(self._places.here, step)
            ways += way.electrons
            self._go_to(step, way)
            exposed = self._charge(kind_of(step.order), cost or self.frame_cost(step), step.in_context())
            if kind_of(step.order) != PREVIEW:
                exposed.ended_s = self._now_s
        self._spent = dict(totals.by_kind)
        self._reserve.saw(totals.late_s)
        self._places.park(max(0.0, self._spent[IDLE].electrons - ways))
        self._tell()

    def _forbidden(self, step: ScanStep) -> str:
        """Why the place of a step must not be exposed; empty where it may be."""
        return self._gate.forbidden(step, self._still_to_come(step), self._reserve.cost.electrons)

    def _still_to_come(self, step: ScanStep) -> list[ScanStep]:
        """What a step has to leave room for: the plan, unless it belongs to it."""
        return [] if step.order in self._planned else list(self._planned.values())

    def _patience_s(self, step: ScanStep, cost: Cost) -> float:
        free_dose, limits = math.inf, self.limits
        if limits.max_dose_e_per_nm2 is not None:
            free_dose = limits.max_dose_e_per_nm2 - self._gate.dose_with(step, self._still_to_come(step), 0.0)
        left = left_of(limits, plus(plus(self.totals.cost, cost), self._thought()))
        return cost.time_s + self._reserve.patience_s(step.in_context(), left, free_dose)

    def _thought(self, waiting_s: float = 0.0) -> Cost:
        """What has passed between the decision and the check of a step, but for a wait, with the beam at rest."""
        time_s = max(0.0, self._checked_s - self._now_s - waiting_s)
        return Cost(time_s=time_s, electrons=self._prices.rest(time_s))

    def _cost_with_way(self, step: ScanStep) -> Cost:
        wait_s = self.wait_s(step)
        waiting = Cost(time_s=wait_s, electrons=self._prices.rest(wait_s))
        return plus(plus(self.frame_cost(step), self.way_cost(self._places.here, step)), waiting)

    def _parked(self, seconds: float) -> float:
        """Expose the place where the beam is parked, and give the electrons; none where it is blanked."""
        parked = self._prices.rest(seconds)
        self._places.park(parked)
        return parked

    def _go_to(self, step: ScanStep, way: Cost) -> None:
        self._spend(IDLE, way)
        self._places.go(self.where(step), way.electrons)

    def _charge(self, kind: str, cost: Cost, grid: SamplingGrid) -> Exposed:
        self._spend(kind, cost)
        return self._places.expose(grid, cost.electrons)

    def _spend(self, kind: str, cost: Cost, times: float = 1.0) -> None:
        self._spent[kind] = plus(self._spent[kind], cost, times)

    def _closed(self) -> _Open:
        if self._open is None:
            raise InputError("no step was begun: begin one before its end is told")
        return self._open

    def _tell(self) -> None:
        if self._on_change is not None:
            self._on_change(self.status)
