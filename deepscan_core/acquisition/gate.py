"""Which steps may be sent: what a limit forbids, and why, in words for people."""

from __future__ import annotations

from collections.abc import Iterable

from deepscan_core.acquisition.neighbours import Neighbourhood
from deepscan_core.acquisition.pricing import Prices
from deepscan_core.acquisition.strategies.budget import Cost
from deepscan_core.errors import BeyondLimit, ProtocolError
from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.records.protocol import ScanLimits, ScanStep

ROUNDING = 1 + 1e-9
DOSE_ROUNDING = 1 + 1e-6


class Gate:
    """Holds steps against the limits of a run.

    Parameters
    ----------
    limits : of the run.
    prices : of the run.
    neighbours : everything that was exposed so far.
    """

    def __init__(self, limits: ScanLimits, prices: Prices, neighbours: Neighbourhood) -> None:
        self._limits = limits
        self._prices = prices
        self._neighbours = neighbours

    def check_current(self) -> None:
        """Raise `ProtocolError` where a limit needs a beam current that nobody knows."""
        limits = self._limits
        for limit, what in ((limits.max_dose_e_per_nm2, "a dose"), (limits.max_total_electrons, "an electron")):
            if limit is not None and self._prices.beam_current_pa is None:
                raise ProtocolError(f"{what} limit needs the beam current: give it with --beam-current-pa")

    def check_totals(self, step: ScanStep, would: Cost) -> None:
        """Raise `BeyondLimit` where the books would pass the limit on time or electrons.

        Parameters
        ----------
        would : time and electrons of the run when the step is over, and what is kept free.
        """
        limits = self._limits
        for spent, limit, unit in (
            (would.time_s, limits.max_time_s, "s"),
            (would.electrons, limits.max_total_electrons, "electrons"),
        ):
            if limit is not None and spent > limit * ROUNDING:
                raise BeyondLimit(
                    f"step {step.order} would bring the run to {spent:.4g} {unit}, more than its limit of {limit:g} {unit}"
                )

    def dose_with(self, step: ScanStep, planned: Iterable[ScanStep], late: float) -> float:
        """The highest dose in a step's rectangle when it has been exposed too, in e/nm².

        Parameters
        ----------
        step : that is asked about.
        planned : what is still to come beside it.
        late : electrons of a frame that is late.
        """
        grid = step.in_context()
        others = [(one.in_context(), _dose(one.in_context(), self._prices.frame(one).electrons)) for one in planned]
        return self._neighbours.dose_with(grid, _dose(grid, self._prices.frame(step).electrons + late), others)

    def forbidden(self, step: ScanStep, planned: Iterable[ScanStep], late: float) -> str:
        """Why the place of a step must not be exposed; empty where it may be. Parameters as of `dose_with`."""
        limit = self._limits.max_dose_e_per_nm2
        if limit is not None:
            most = self.dose_with(step, planned, late)
            if most > limit * DOSE_ROUNDING:
                return (
                    f"step {step.order} would bring a place to {most:.4g} e/nm², more than the limit of {limit:g} e/nm²"
                )
        near_nm = self._neighbours.too_near(step.in_context())
        if near_nm is not None:
            return (
                f"step {step.order} lies {near_nm:.3g} nm from what was exposed, nearer than the limit of "
                f"{self._limits.least_distance_nm:g} nm"
            )
        return ""


def _dose(grid: SamplingGrid, electrons: float) -> float:
    return electrons / (grid.height_nm * grid.width_nm)
