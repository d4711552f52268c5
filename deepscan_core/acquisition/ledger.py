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
from deepscan_core.acquisition.neighbours import Exposed, Neighbourhood
from deepscan_core.acquisition.strategies.budget import Cost
from deepscan_core.errors import BeyondLimit, InputError, ProtocolError
from deepscan_core.records.coordinates import YX, SamplingGrid, ScanContext
from deepscan_core.records.costs import ScanCosts, electrons_per_second
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanLimits, ScanStep

ROUNDING = 1 + 1e-9
DOSE_ROUNDING = 1 + 1e-6
NEVER = Cost(time_s=math.inf, electrons=math.inf)


@dataclass(kw_only=True)
class _Open:
    """An exposure that was charged and has not ended."""

    step: ScanStep
    frame: Cost
    way: Cost
    from_nm: YX
    started_s: float
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
    A frame is charged the longer of what is predicted and what the clock says. Where the beam is not blanked in idle
    times, its electrons are those of the whole time. Nothing here is thread-safe: a run uses it in its own thread.
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
        self.dose = DoseGrid(context)
        self._current_pa = context.beam_current_pa
        self._rate = electrons_per_second(context.beam_current_pa or 0.0)
        self._neighbours = Neighbourhood(self.limits)
        self._planned: dict[int, ScanStep] = {}
        self._spent = dict.fromkeys(KINDS, NOTHING)
        self._exposures = 0
        self._park_nm = None if park_fraction is None else context.nm_from_px(context.px_from_fraction(park_fraction))
        self._here_nm: YX = (0.0, 0.0)
        self._clock = clock or (lambda: 0.0)
        self._now_s = self._clock()
        self._open: _Open | None = None
        self._on_change = on_change

    @property
    def now_s(self) -> float:
        """The instrument's clock when time was charged last: the moment at which a strategy decides."""
        return self._now_s

    @property
    def totals(self) -> Totals:
        """As they are now."""
        return Totals(clock_s=self._now_s, by_kind=dict(self._spent))

    @property
    def status(self) -> LedgerStatus:
        """A snapshot for people."""
        known, total = self._current_pa is not None, self.totals.cost
        return LedgerStatus(
            time_s=total.time_s,
            electrons=total.electrons if known else None,
            highest_dose_e_per_nm2=self.dose.highest_e_per_nm2 if known else None,
            limits=self.limits,
            exposures=self._exposures,
            by_kind=dict(self._spent),
        )

    @property
    def dose_map(self) -> npt.NDArray[np.float32]:
        """Electrons per nm² of every pixel of the preview; float32 ndarray of shape (rows, cols)."""
        return self.dose.dose_e_per_nm2

    def remaining(self) -> Cost:
        """See `Budget.remaining`."""
        spent, limits = self.totals.cost, self.limits
        return Cost(
            time_s=_left(limits.max_time_s, spent.time_s), electrons=_left(limits.max_total_electrons, spent.electrons)
        )

    def cost_of(self, step: ScanStep) -> Cost:
        """See `Budget.cost_of`; infinite where the place must not be exposed again, or not beside its neighbours."""
        return NEVER if self._forbidden(step) else self._cost_with_way(step)

    def wait_s(self, step: ScanStep) -> float:
        """How long a step has to wait from now for its neighbours."""
        return self._neighbours.wait_s(step.in_context(), self._now_s)

    def frame_cost(self, step: ScanStep) -> Cost:
        """Predicted, of the frame alone."""
        return self._cost(step.rows, step.cols, step.dwell_time_us, 0.0)

    def way_cost(self, from_nm: YX, step: ScanStep) -> Cost:
        """Of the way to a step, from a place in the context's axes."""
        time_s = self.costs.travel_time_s(from_nm, step.center_nm)
        return Cost(time_s=time_s, electrons=self._idle_electrons(time_s, self.costs.blanks_when_idle))

    def check(self, step: ScanStep) -> None:
        """Raise `BeyondLimit` for a step that would pass a limit, `ProtocolError` where that cannot be known."""
        limits = self.limits
        for limit, what in ((limits.max_dose_e_per_nm2, "dose"), (limits.max_total_electrons, "electron")):
            if limit is not None and self._current_pa is None:
                raise ProtocolError(f"{_article(what)} limit needs the beam current: give it with --beam-current-pa")
        problem = self._forbidden(step)
        if problem:
            raise BeyondLimit(problem)
        would = plus(self.totals.cost, self._cost_with_way(step))
        if limits.max_time_s is not None and would.time_s > limits.max_time_s * ROUNDING:
            raise BeyondLimit(_beyond(step, would.time_s, limits.max_time_s, "s"))
        if limits.max_total_electrons is not None and would.electrons > limits.max_total_electrons * ROUNDING:
            raise BeyondLimit(_beyond(step, would.electrons, limits.max_total_electrons, "electrons"))

    def plan(self, step: ScanStep) -> None:
        """Leave room for a step that is still to come: what is exposed once more must not use up its dose."""
        self._planned[step.order] = step

    def charge_preview(self, frame: ScanFrame) -> None:
        """Count a frame of the whole context that was recorded before the run."""
        rows, cols = frame.values.shape
        settle_s = self.costs.settle_s
        settled = self._idle_electrons(settle_s, self.costs.blanks_when_idle)
        self._spend(IDLE, Cost(time_s=settle_s, electrons=settled))
        self.dose.add_at((0.0, 0.0), settled)
        self._charge(PREVIEW, self._cost(rows, cols, frame.dwell_time_us, frame.duration_s), frame.in_context())
        self._tell()

    def advance(self, *, counts: bool = True) -> None:
        """Charge the time since the last call, and what a parked beam has exposed in it.

        Parameters
        ----------
        counts : the time itself is charged too; not where a person has paused the run.
        """
        now_s = self._clock()
        gap_s, self._now_s = max(0.0, now_s - self._now_s), now_s
        parked = 0.0
        if self._park_nm is not None and gap_s:
            parked = gap_s * self._rate
            self.dose.add_at(self._park_nm, parked)
        self._spend(IDLE, Cost(time_s=gap_s if counts else 0.0, electrons=parked))

    def begin(self, step: ScanStep) -> None:
        """Charge a step that is about to be sent, wholly, with the way to it."""
        was_planned = self._planned.pop(step.order, None) is not None
        way, frame, here = self.way_cost(self._here_nm, step), self.frame_cost(step), self._here_nm
        self._go_to(step, way)
        exposed = self._charge(kind_of(step.order), frame, step.in_context())
        self._open = _Open(
            step=step,
            frame=frame,
            way=way,
            from_nm=here,
            started_s=self._now_s,
            exposed=exposed,
            was_planned=was_planned,
        )
        self._tell()

    def end(self, frame: ScanFrame | None) -> Cost:
        """A step that was begun is over: with a frame that is kept, or with none, and then it counts as failed.

        Returns what the frame has cost in the end.
        """
        done, self._open = self._closed(), None
        step, kind = done.step, kind_of(done.step.order)
        self._now_s = max(self._now_s, self._clock())
        lasted_s = max(self._now_s - done.started_s - done.way.time_s, 0.0 if frame is None else frame.duration_s)
        cost = self._cost(step.rows, step.cols, step.dwell_time_us, lasted_s)
        if frame is not None and frame.total_electrons is not None and frame.total_electrons > cost.electrons:
            cost = Cost(time_s=cost.time_s, electrons=frame.total_electrons)
        self._expose(done.exposed, cost.electrons - done.frame.electrons)
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
        self.dose.add(done.exposed.grid, -done.frame.electrons)
        self.dose.add_along(done.from_nm, done.step.center_nm, -done.way.electrons)
        self._neighbours.remove(done.exposed)
        self._exposures -= 1
        self._here_nm = done.from_nm
        if done.was_planned:
            self.plan(done.step)
        self.advance()
        self._tell()

    def go_back_to(self, totals: Totals) -> None:
        """Have the books, and the clock, as they were at an earlier moment."""
        self._spent, self._now_s = dict(totals.by_kind), totals.clock_s

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
            way = self.way_cost(self._here_nm, step)
            ways += way.electrons
            self._go_to(step, way)
            exposed = self._charge(kind_of(step.order), cost or self.frame_cost(step), step.in_context())
            if kind_of(step.order) != PREVIEW:
                exposed.ended_s = self._now_s
        self._spent = dict(totals.by_kind)
        if self._park_nm is not None:
            self.dose.add_at(self._park_nm, max(0.0, self._spent[IDLE].electrons - ways))
        self._tell()

    def _forbidden(self, step: ScanStep) -> str:
        """Why the place of a step must not be exposed; empty where it may be."""
        limit, grid = self.limits.max_dose_e_per_nm2, step.in_context()
        if limit is not None:
            others = () if step.order in self._planned else self._planned.values()
            planned = [(one.in_context(), _dose(one.in_context(), self.frame_cost(one).electrons)) for one in others]
            most = self._neighbours.dose_with(grid, _dose(grid, self.frame_cost(step).electrons), planned)
            if most > limit * DOSE_ROUNDING:
                return (
                    f"step {step.order} would bring a place to {most:.4g} e/nm², more than the limit of {limit:g} e/nm²"
                )
        near_nm = self._neighbours.too_near(grid)
        if near_nm is not None:
            return (
                f"step {step.order} lies {near_nm:.3g} nm from what was exposed, nearer than the limit of "
                f"{self.limits.least_distance_nm:g} nm"
            )
        return ""

    def _cost(self, rows: int, cols: int, dwell_time_us: float, lasted_s: float) -> Cost:
        """Of a frame that took at least so long."""
        time_s, current_pa = self.costs.frame_time_s(rows, cols, dwell_time_us), self._current_pa or 0.0
        longer_s = max(0.0, lasted_s - time_s)
        total = self.costs.frame_electrons(rows, cols, dwell_time_us, current_pa)
        return Cost(time_s=time_s + longer_s, electrons=total + self.costs.idle_electrons(longer_s, current_pa))

    def _cost_with_way(self, step: ScanStep) -> Cost:
        wait_s = self.wait_s(step)
        waiting = Cost(time_s=wait_s, electrons=self._idle_electrons(wait_s, True))
        return plus(plus(self.frame_cost(step), self.way_cost(self._here_nm, step)), waiting)

    def _idle_electrons(self, time_s: float, is_blanked: bool) -> float:
        return 0.0 if is_blanked and self._park_nm is None else time_s * self._rate

    def _go_to(self, step: ScanStep, way: Cost) -> None:
        self._spend(IDLE, way)
        self.dose.add_along(self._here_nm, step.center_nm, way.electrons)
        self._here_nm = step.center_nm

    def _charge(self, kind: str, cost: Cost, grid: SamplingGrid) -> Exposed:
        exposed = Exposed(grid=grid, dose_e_per_nm2=0.0)
        self._neighbours.add(exposed)
        self._expose(exposed, cost.electrons)
        self._spend(kind, cost)
        self._exposures += 1
        return exposed

    def _expose(self, exposed: Exposed, electrons: float) -> None:
        self.dose.add(exposed.grid, electrons)
        exposed.dose_e_per_nm2 += _dose(exposed.grid, electrons)

    def _spend(self, kind: str, cost: Cost, times: float = 1.0) -> None:
        self._spent[kind] = plus(self._spent[kind], cost, times)

    def _closed(self) -> _Open:
        if self._open is None:
            raise InputError("no step was begun: begin one before its end is told")
        return self._open

    def _tell(self) -> None:
        if self._on_change is not None:
            self._on_change(self.status)


def _dose(grid: SamplingGrid, electrons: float) -> float:
    return electrons / (grid.height_nm * grid.width_nm)


def _left(limit: float | None, spent: float) -> float:
    return math.inf if limit is None else limit - spent


def _beyond(step: ScanStep, would: float, limit: float, unit: str) -> str:
    return f"step {step.order} would bring the run to {would:.4g} {unit}, more than its limit of {limit:g} {unit}"


def _article(what: str) -> str:
    return f"an {what}" if what[0] in "aeiou" else f"a {what}"
