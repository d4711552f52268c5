"""What a plan takes, by the one arithmetic of `records.costs`, and as many of its steps as its limits allow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepscan_core.acquisition.doses import highest_dose
from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX, ScanContext
from deepscan_core.records.costs import ScanCosts
from deepscan_core.records.protocol import ScanLimits, ScanStep
from deepscan_core.resting import neighbours, rested_order, waits_s, without_near
from deepscan_core.routing.budgeted import Stops, TourLimits, budgeted_tour
from deepscan_core.routing.tour import open_tour

DOSE_ROUNDING = 1 + 1e-6


@dataclass(frozen=True, kw_only=True)
class Terms:
    """By which terms a plan is charged, and what it may take.

    Attributes
    ----------
    context : of the steps.
    costs : overheads of the instrument.
    limits : see `ScanLimits`.
    start_fraction : where the beam is at the start, ``(y, x)`` in fractions of the frame.
    """

    context: ScanContext
    costs: ScanCosts
    limits: ScanLimits
    start_fraction: YX

    @property
    def current_pa(self) -> float | None:
        """Of the beam; None where it is not known, or where sizes are not."""
        return self.context.beam_current_pa if self.context.is_calibrated else None

    @property
    def start_px(self) -> YX:
        """Where the beam is at the start."""
        return self.context.px_from_fraction(self.start_fraction)

    def visit(self, step: ScanStep) -> tuple[float, float]:
        """Seconds and electrons of one frame with its overheads; no electrons where the current is not known."""
        shape = (step.rows, step.cols, step.dwell_time_us)
        current_pa = self.current_pa
        total = 0.0 if current_pa is None else self.costs.frame_electrons(*shape, current_pa)
        return (self.costs.frame_time_s(*shape), total)

    @property
    def most(self) -> tuple[float, float]:
        """Seconds and electrons that may be planned: the limits, less what is kept free for a frame that is late."""
        limits, costs = self.limits, self.costs
        late = costs.idle_electrons(costs.lit_s, self.current_pa or 0.0)
        return (
            math.inf if limits.max_time_s is None else limits.max_time_s - costs.reserve_s,
            math.inf if limits.max_total_electrons is None else limits.max_total_electrons - late,
        )

    def dose_e_per_nm2(self, step: ScanStep) -> float:
        """Of a step's rectangle, with the idle times of its frame where the beam is open in them, and one that is late."""
        if step.dose_e_per_nm2 is None or self.current_pa is None:
            raise InputError("a dose limit needs a pixel size and the beam current: give them")
        idle_s = self.costs.frame_idle_s(step.rows) + self.costs.lit_s
        height_nm, width_nm = step.size_nm
        return step.dose_e_per_nm2 + self.costs.idle_electrons(idle_s, self.current_pa) / (height_nm * width_nm)

    def spent(self, steps: Sequence[ScanStep]) -> tuple[float, float | None]:
        """Seconds and electrons of all steps, of the way between them, and of the waits of neighbours.

        Without calibration the way costs settling only, and electrons are not known.
        """
        visits = [self.visit(step) for step in steps]
        ways_s = self._ways_s(steps)
        way_s = sum(ways_s) + self._waits_s(steps, ways_s)
        time_s = sum(visit[0] for visit in visits) + way_s
        if self.current_pa is None:
            return (time_s, None)
        return (time_s, sum(visit[1] for visit in visits) + self.costs.idle_electrons(way_s, self.current_pa))

    def allow(self, steps: Sequence[ScanStep]) -> bool:
        """Whether time and electrons of all of these steps stay within the limits."""
        time_s, total = self.spent(steps)
        limit, (most_s, most) = self.limits.max_total_electrons, self.most
        if limit is not None and total is None:
            raise InputError(
                f"a limit of {limit:g} electrons needs a pixel size and the beam current: "
                "give them with --pixel-size-nm and --beam-current-pa"
            )
        return time_s <= most_s and (total is None or total <= most)

    def _ways_s(self, steps: Sequence[ScanStep]) -> list[float]:
        if not self.context.is_calibrated:
            return [self.costs.settle_s] * len(steps)
        found, here_nm = [], self.context.nm_from_px(self.start_px)
        for step in steps:
            found.append(self.costs.travel_time_s(here_nm, step.center_nm))
            here_nm = step.center_nm
        return found

    def _waits_s(self, steps: Sequence[ScanStep], ways_s: Sequence[float]) -> float:
        if self.limits.least_wait_s is None or not steps:
            return 0.0
        near = neighbours(steps, self.limits, self.context)
        visits_s = np.array([self.visit(step)[0] for step in steps])
        return float(waits_s(visits_s, np.array(ways_s), near, self.limits.least_wait_s).sum())


def as_allowed(steps: Sequence[ScanStep], prizes: Sequence[float], terms: Terms) -> tuple[ScanStep, ...]:
    """The steps in visiting order: all on a short open tour, or those worth most that the limits allow.

    Parameters
    ----------
    steps : best first.
    prizes : what each is worth, at least 0.
    terms : see `Terms`.

    Raises
    ------
    InputError
        Not even one step is allowed, or a limit needs what is not known.
    """
    if not steps:
        return ()
    within = _within_dose(steps, prizes, terms)
    within = [within[k] for k in _far_enough([steps[k] for k in within], [prizes[k] for k in within], terms)]
    kept = _rested(_on_short_tour([steps[k] for k in within], terms), terms)
    if not terms.allow(kept):
        worth = {_place(steps[k]): prizes[k] for k in within}
        kept = _rested(_worth_most([steps[k] for k in within], [prizes[k] for k in within], terms), terms)
        while kept and not terms.allow(kept):  # by their waits, or by the last digit of a sum
            least = min(range(len(kept)), key=lambda k: worth[_place(kept[k])])
            kept = _rested([*kept[:least], *kept[least + 1 :]], terms)
    if not kept:
        raise _nothing_fits(steps, terms)
    return tuple(replace(step, order=order) for order, step in enumerate(kept, start=1))


def _place(step: ScanStep) -> YX:
    return (step.center_y_px, step.center_x_px)


def _worth_most(steps: Sequence[ScanStep], prizes: Sequence[float], terms: Terms) -> list[ScanStep]:
    is_calibrated = terms.context.is_calibrated
    visits = np.array([terms.visit(step) for step in steps])
    current_pa = terms.current_pa
    stops = Stops(
        prizes=np.asarray(prizes, float),
        places_nm=np.array([step.center_nm if is_calibrated else (0.0, 0.0) for step in steps]),
        visits_s=visits[:, 0],
        visits_electrons=visits[:, 1],
        start_nm=terms.context.nm_from_px(terms.start_px) if is_calibrated else (0.0, 0.0),
        costs=terms.costs,
        way_electrons_per_s=0.0 if current_pa is None else terms.costs.idle_electrons(1.0, current_pa),
    )
    most_s, most = terms.most
    chosen = [steps[k] for k in budgeted_tour(stops, TourLimits(time_s=most_s, electrons=most))]
    return chosen if is_calibrated else _on_short_tour(chosen, terms)


def _on_short_tour(steps: Sequence[ScanStep], terms: Terms) -> list[ScanStep]:
    start, context = terms.start_px, terms.context
    aspect = context.pixel_size_nm if context.is_calibrated else (1.0, 1.0)
    places = [(s.center_y_px * aspect[0], s.center_x_px * aspect[1]) for s in steps]
    return [steps[k] for k in open_tour((start[0] * aspect[0], start[1] * aspect[1]), places)]


def _far_enough(steps: Sequence[ScanStep], prizes: Sequence[float], terms: Terms) -> list[int]:
    """Which steps may be exposed where a distance is given without a wait: then neighbours are forbidden for good."""
    if terms.limits.least_distance_nm is None or terms.limits.least_wait_s is not None:
        return list(range(len(steps)))
    return without_near(neighbours(steps, terms.limits, terms.context), prizes)


def _rested(steps: list[ScanStep], terms: Terms) -> list[ScanStep]:
    """A tour in which neighbours wait less for each other, where they have to."""
    if terms.limits.least_wait_s is None or not steps:
        return steps
    near = neighbours(steps, terms.limits, terms.context)
    visits_s = np.array([terms.visit(step)[0] for step in steps])
    changed = [steps[k] for k in rested_order(visits_s, near, terms.limits.least_wait_s)]
    return min(changed, steps, key=lambda tour: terms.spent(tour)[0])


def _within_dose(steps: Sequence[ScanStep], prizes: Sequence[float], terms: Terms) -> list[int]:
    """Which steps may be exposed so that no place has more than the limit, those worth most first."""
    most = terms.limits.max_dose_e_per_nm2
    if most is None:
        return list(range(len(steps)))
    kept: list[int] = []
    for k in sorted(range(len(steps)), key=lambda k: -prizes[k]):
        exposures = [(steps[n].in_context(), terms.dose_e_per_nm2(steps[n])) for n in (*kept, k)]
        if highest_dose(exposures[-1][0], exposures) <= most * DOSE_ROUNDING:
            kept.append(k)
    return sorted(kept)


def _nothing_fits(steps: Sequence[ScanStep], terms: Terms) -> InputError:
    spent = [terms.spent([step]) for step in steps]
    least_s, least = min(time_s for time_s, _ in spent), min(total or 0.0 for _, total in spent)
    most_s, _ = terms.most
    if terms.limits.max_time_s is not None and least_s > most_s:
        kept_s = terms.costs.reserve_s
        kept = f", and {kept_s:g} s are kept free for frames that are late" if kept_s else ""
        return InputError(
            f"not even one region can be scanned in {terms.limits.max_time_s:g} s ({least_s:.3g} s{kept}): give more time"
        )
    return InputError(
        f"not even one region can be scanned with {terms.limits.max_total_electrons or 0:g} electrons "
        f"({least:.3g}): give more, or less dwell time"
    )
