"""What is kept free before a limit, because frames take longer than predicted; and when one has to be stopped."""

from __future__ import annotations

import math

from deepscan_core.acquisition.pricing import Prices
from deepscan_core.acquisition.strategies.budget import Cost
from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.records.protocol import ScanLimits

STOP_SHARE = 0.5  # of the stated reserve is left for stopping a frame that is late


class Reserve:
    """Learns how late frames are.

    Parameters
    ----------
    prices : of the run; ``costs.reserve_s`` and ``costs.lit_s`` are kept free from the first step on.

    Attributes
    ----------
    seen_s : the most by which a frame, with what followed it until the next decision, was late so far: kept free too.
    """

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self.seen_s = 0.0

    @property
    def cost(self) -> Cost:
        """What it takes of the limits."""
        costs = self._prices.costs
        lit_s = max(costs.lit_s, self.seen_s)
        return Cost(time_s=max(costs.reserve_s, self.seen_s), electrons=self._prices.late(lit_s))

    def saw(self, late_s: float) -> None:
        """A frame was late by so much; less than nothing where it was early."""
        self.seen_s = max(self.seen_s, late_s)

    def patience_s(self, grid: SamplingGrid, free: Cost, free_dose_e_per_nm2: float) -> float:
        """How much longer than predicted a frame may take before it has to be stopped; infinite where nothing limits it.

        Parameters
        ----------
        grid : of the frame.
        free : of the limits on time and electrons, when the frame has taken what is predicted.
        free_dose_e_per_nm2 : of the limit on dose, at the densest place of the frame.
        """
        costs, by_second = self._prices.costs, self._prices.late(1.0)
        dark_s, lit_s = free.time_s - STOP_SHARE * costs.reserve_s, math.inf
        if by_second > 0:
            free_electrons = min(free.electrons, free_dose_e_per_nm2 * grid.height_nm * grid.width_nm)
            lit_s = free_electrons / by_second - STOP_SHARE * costs.lit_s
        return max(0.0, min(dark_s, lit_s))


def left_of(limits: ScanLimits, spent: Cost) -> Cost:
    """What is left of the limits on time and electrons; infinite where there is none."""

    def left(limit: float | None, used: float) -> float:
        return math.inf if limit is None else limit - used

    return Cost(
        time_s=left(limits.max_time_s, spent.time_s), electrons=left(limits.max_total_electrons, spent.electrons)
    )
