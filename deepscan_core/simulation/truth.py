"""What was planted, where, and how far it reaches."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from deepscan_core.records.coordinates import check_finite
from deepscan_core.simulation.shapes import Shape

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PlantedDefect:
    """One thing that was planted, and all that is true of it.

    Attributes
    ----------
    kind : its class, such as "vacancy" or "crack".
    center_y_nm, center_x_nm : its centre on the specimen.
    shape : its extent around the centre.
    amplitude : by how much the share of detected electrons differs at its strongest place; negative where it is darker.
    is_extended : whether it is a line or an area, of which a part can be captured, rather than a point.
    """

    kind: str
    center_y_nm: float
    center_x_nm: float
    shape: Shape = field(compare=False)
    amplitude: float
    is_extended: bool = False

    def __post_init__(self) -> None:
        check_finite("centre and amplitude of a defect", self.center_y_nm, self.center_x_nm, self.amplitude)

    @property
    def center_nm(self) -> tuple[float, float]:
        """``(y, x)`` on the specimen."""
        return (self.center_y_nm, self.center_x_nm)

    @property
    def area_nm2(self) -> float:
        """Area of its extent."""
        return self.shape.area_nm2

    @property
    def reach_nm(self) -> float:
        """Nothing of it is further from its centre."""
        return self.shape.reach_nm

    def distance_nm(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Distance of positions on the specimen from its outline, negative inside."""
        return self.shape.distance_nm(np.asarray(y_nm) - self.center_y_nm, np.asarray(x_nm) - self.center_x_nm)

    def covers(self, y_nm: FloatArray, x_nm: FloatArray) -> npt.NDArray[np.bool_]:
        """Whether positions on the specimen lie in its extent, in their broadcast shape."""
        y_nm, x_nm = np.broadcast_arrays(np.asarray(y_nm, float), np.asarray(x_nm, float))
        inside = np.zeros(y_nm.shape, bool)
        near = np.maximum(np.abs(y_nm - self.center_y_nm), np.abs(x_nm - self.center_x_nm)) <= self.reach_nm
        if near.any():
            inside[near] = self.distance_nm(y_nm[near], x_nm[near]) <= 0
        return inside
