"""What a probe of some width sees of a specimen."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deepscan_core.records.coordinates import check_positive
from deepscan_core.simulation.specimens.base import BlurredByItself, Specimen

FloatArray = npt.NDArray[np.float64]
STEPS_A_SIGMA = 3.0  # samples of the fine grid in one standard deviation
REACH_SIGMAS = 4.0
# Gauss-Hermite nodes and weights for a normal distribution: exact for polynomials up to degree 5
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(3)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def seen_through(specimen: Specimen, sigma_nm: float) -> Specimen:
    """The specimen convolved with a Gaussian probe of that standard deviation.

    Specimens that know their own blur give it exactly; others are sampled finely around the positions asked for.
    """
    if sigma_nm == 0:
        return specimen
    check_positive("probe sigma_nm", sigma_nm)
    return specimen.blurred(sigma_nm) if isinstance(specimen, BlurredByItself) else BlurredSpecimen(specimen, sigma_nm)


class BlurredSpecimen:
    """A specimen convolved with a Gaussian by sampling.

    Parameters
    ----------
    specimen : the sharp one.
    sigma_nm : standard deviation of the Gaussian.

    Notes
    -----
    Positions closer together than the probe is wide share a fine grid along the axes of the specimen, with three samples a
    standard deviation, filtered and interpolated: a perfect step is displaced by a sixth of that at most, smoother detail
    hardly at all. Positions further apart are each averaged over 3 x 3 Gauss-Hermite nodes, exact for detail that varies
    slowly over the probe.
    """

    def __init__(self, specimen: Specimen, sigma_nm: float) -> None:
        check_positive("probe sigma_nm", sigma_nm)
        self.name = specimen.name
        self.defects_nm = specimen.defects_nm
        self._sharp, self._sigma_nm = specimen, sigma_nm

    def intensity(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `Specimen`."""
        y_nm, x_nm = np.broadcast_arrays(np.asarray(y_nm, float), np.asarray(x_nm, float))
        if y_nm.size == 0:
            return np.zeros(y_nm.shape)
        step, margin = self._sigma_nm / STEPS_A_SIGMA, REACH_SIGMAS * self._sigma_nm
        sides = [math.ceil((np.ptp(a) + 2 * margin) / step) + 3 for a in (y_nm, x_nm)]
        if sides[0] * sides[1] > len(NODES) ** 2 * y_nm.size:
            return self._averaged(y_nm, x_nm)
        return self._filtered(y_nm, x_nm, step, margin, sides)

    def _filtered(self, y_nm: FloatArray, x_nm: FloatArray, step: float, margin: float, sides: list[int]) -> FloatArray:
        from scipy import ndimage

        low_y, low_x = float(y_nm.min()) - margin, float(x_nm.min()) - margin
        y, x = np.meshgrid(low_y + step * np.arange(sides[0]), low_x + step * np.arange(sides[1]), indexing="ij")
        fine = ndimage.gaussian_filter(
            self._sharp.intensity(y, x), STEPS_A_SIGMA, truncate=REACH_SIGMAS, mode="nearest"
        )
        values: FloatArray = ndimage.map_coordinates(
            fine, [(y_nm - low_y) / step, (x_nm - low_x) / step], order=3, mode="nearest"
        )
        return np.clip(values, 0.0, 1.0)

    def _averaged(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        total = np.zeros(y_nm.shape)
        for v, weight_v in zip(NODES, WEIGHTS, strict=True):
            for u, weight_u in zip(NODES, WEIGHTS, strict=True):
                shifted = (y_nm + v * self._sigma_nm, x_nm + u * self._sigma_nm)
                total += weight_v * weight_u * self._sharp.intensity(*shifted)
        return total
