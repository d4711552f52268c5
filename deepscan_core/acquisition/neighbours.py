"""Which places were exposed, how much the densest of them has had, and how long ago their neighbours were."""

from __future__ import annotations

from dataclasses import dataclass

from deepscan_core.acquisition.doses import Exposure, gap_nm, highest_dose, overlapping
from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.records.protocol import ScanLimits


@dataclass(kw_only=True)
class Exposed:
    """One exposure of a place.

    Attributes
    ----------
    grid : the rectangle in the context's axes.
    dose_e_per_nm2 : over all of it; 0 where the current is not known.
    ended_s : on the instrument's clock; None while it lasts, or where it is a preview, which is nobody's neighbour.
    """

    grid: SamplingGrid
    dose_e_per_nm2: float
    ended_s: float | None = None


class Neighbourhood:
    """All exposures of a run.

    Parameters
    ----------
    limits : those on dose, wait and distance are looked at.
    """

    def __init__(self, limits: ScanLimits) -> None:
        self._limits = limits
        self._exposed: list[Exposed] = []

    def add(self, exposed: Exposed) -> None:
        """Count an exposure."""
        self._exposed.append(exposed)

    def remove(self, exposed: Exposed) -> None:
        """Count one no longer that did not happen."""
        self._exposed = [one for one in self._exposed if one is not exposed]

    def dose_with(self, grid: SamplingGrid, dose_e_per_nm2: float, planned: list[Exposure]) -> float:
        """The highest dose in a rectangle once it is exposed too, and so is what is planned beside it."""
        near = overlapping(grid, [*((one.grid, one.dose_e_per_nm2) for one in self._exposed), *planned])
        most = dose_e_per_nm2 + sum(dose for _, dose in near)
        limit = self._limits.max_dose_e_per_nm2
        if limit is not None and most <= limit:  # nobody asks by how much
            return most
        return highest_dose(grid, [(grid, dose_e_per_nm2), *near])

    def too_near(self, grid: SamplingGrid) -> float | None:
        """The distance to the nearest exposure, where that is forbidden for good; else None."""
        limits = self._limits
        if limits.least_distance_nm is None or limits.least_wait_s is not None:
            return None
        gaps_nm = [gap_nm(grid, one.grid) for one in self._exposed if one.ended_s is not None]
        nearest_nm = min(gaps_nm, default=limits.least_distance_nm)
        return nearest_nm if nearest_nm < limits.least_distance_nm else None

    def wait_s(self, grid: SamplingGrid, now_s: float) -> float:
        """How long a rectangle has to wait for the last exposure near it."""
        wait_s, distance_nm = self._limits.least_wait_s, self._limits.least_distance_nm
        if wait_s is None:
            return 0.0
        recent = [
            one.ended_s + wait_s - now_s
            for one in self._exposed
            if one.ended_s is not None
            and one.ended_s + wait_s > now_s
            and (distance_nm is None or gap_nm(grid, one.grid) < distance_nm)
        ]
        return max(recent, default=0.0)
