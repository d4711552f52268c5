"""The dose a specimen has had everywhere, and what it leaves of the contrast."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import SamplingGrid, check_positive

FloatArray = npt.NDArray[np.float64]


class DoseMap:
    """Every exposure so far, so that the dose is known at any position and at any resolution.

    Within its rectangle an exposure counts as even: the beam's tails and the gaps between samples are left out.
    """

    def __init__(self) -> None:
        self._exposures: dict[SamplingGrid, float] = {}

    def expose(self, grid: SamplingGrid, dose_e_per_nm2: float, *, lines: int | None = None) -> None:
        """Add the dose of a frame, or of its first lines."""
        if lines is not None:
            if not 0 <= lines <= grid.rows:
                raise InputError(f"{lines} lines of a frame of {grid.rows}: give a number up to that")
            if lines == 0:
                return
            grid = first_lines(grid, lines)
        self._exposures[grid] = self._exposures.get(grid, 0.0) + dose_e_per_nm2

    def at(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Dose in e/nm² at positions on the specimen, in their broadcast shape."""
        y_nm, x_nm = np.broadcast_arrays(np.asarray(y_nm, float), np.asarray(x_nm, float))
        total = np.zeros(y_nm.shape)
        if y_nm.size == 0:
            return total
        middle = (float(y_nm.min() + y_nm.max()) / 2, float(x_nm.min() + x_nm.max()) / 2)
        reach = float(np.hypot(np.ptp(y_nm), np.ptp(x_nm))) / 2
        for grid, dose in self._exposures.items():
            half_diagonal = float(np.hypot(grid.height_nm, grid.width_nm)) / 2
            away = float(np.hypot(grid.center_y_nm - middle[0], grid.center_x_nm - middle[1]))
            if away > reach + half_diagonal:
                continue
            rows, cols = grid.indices_px(y_nm, x_nm)
            inside = (np.abs(rows - (grid.rows - 1) / 2) <= grid.rows / 2) & (
                np.abs(cols - (grid.cols - 1) / 2) <= grid.cols / 2
            )
            total[inside] += dose
        return total


def first_lines(grid: SamplingGrid, lines: int) -> SamplingGrid:
    """The rectangle of the first lines of a frame."""
    y_nm, x_nm = grid.plane_nm(((lines - 1) / 2, (grid.cols - 1) / 2))
    return dataclasses.replace(
        grid, rows=lines, height_nm=grid.height_nm * lines / grid.rows, center_y_nm=y_nm, center_x_nm=x_nm
    )


def remaining_contrast(dose_before: FloatArray, dose_now: float, critical_dose_e_per_nm2: float) -> FloatArray:
    """Share of the contrast that a frame still sees, averaged over its own dose.

    The contrast falls as ``exp(-D / Dc)`` (Egerton, Li, Malac, Micron 35, 399 (2004), doi 10.1016/j.micron.2004.02.003);
    over a frame that raises the dose from ``D`` to ``D + d`` its mean is ``exp(-D/Dc) (1 - exp(-d/Dc)) / (d/Dc)``.
    """
    check_positive("critical_dose_e_per_nm2", critical_dose_e_per_nm2)
    own = dose_now / critical_dose_e_per_nm2
    mean = -np.expm1(-own) / own if own > 0 else 1.0
    remaining: FloatArray = np.exp(-np.asarray(dose_before) / critical_dose_e_per_nm2) * mean
    return remaining
