"""A specimen that is asked for the same positions again and again, as a live view does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepscan_core.simulation.specimens.base import Specimen

FloatArray = npt.NDArray[np.float64]
#: Positions that are remembered at most: 24 bytes each.
MOST_POSITIONS = 1024 * 1024


class Remembered:
    """A specimen whose intensity at the positions asked for last is not computed twice.

    Parameters
    ----------
    specimen : the specimen itself.

    Notes
    -----
    Not for several threads at once. More than `MOST_POSITIONS` at once are computed each time.
    """

    def __init__(self, specimen: Specimen) -> None:
        self.name = specimen.name
        self.defects_nm = specimen.defects_nm
        self._specimen = specimen
        self._last: tuple[FloatArray, FloatArray, FloatArray] | None = None

    def intensity(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `Specimen`; the float64 ndarray, of the shape of the positions, cannot be written to."""
        if self._last is not None:
            last_y_nm, last_x_nm, kept = self._last
            if np.array_equal(y_nm, last_y_nm) and np.array_equal(x_nm, last_x_nm):
                return kept
        intensity = np.asarray(self._specimen.intensity(y_nm, x_nm))
        intensity.setflags(write=False)
        if intensity.size <= MOST_POSITIONS:
            self._last = (np.array(y_nm, float), np.array(x_nm, float), intensity)
        return intensity
