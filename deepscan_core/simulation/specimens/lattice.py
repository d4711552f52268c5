"""Where the columns of a crystal stand: grains, their boundary, and the strain of dislocations."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.simulation.constants import POISSON_RATIO
from deepscan_core.simulation.specimens.phases import Phase

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
YX = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle along the axes of the specimen."""

    low_y_nm: float
    high_y_nm: float
    low_x_nm: float
    high_x_nm: float

    @classmethod
    def around(cls, y_nm: FloatArray, x_nm: FloatArray, margin_nm: float) -> Box:
        """The smallest that holds all positions with a margin."""
        return cls(
            low_y_nm=float(y_nm.min()) - margin_nm,
            high_y_nm=float(y_nm.max()) + margin_nm,
            low_x_nm=float(x_nm.min()) - margin_nm,
            high_x_nm=float(x_nm.max()) + margin_nm,
        )

    def furthest_nm(self, point_nm: YX) -> float:
        """Distance from a point to the corner furthest from it."""
        y = max(abs(self.low_y_nm - point_nm[0]), abs(self.high_y_nm - point_nm[0]))
        x = max(abs(self.low_x_nm - point_nm[1]), abs(self.high_x_nm - point_nm[1]))
        return math.hypot(y, x)

    def holds(self, y_nm: FloatArray, x_nm: FloatArray) -> npt.NDArray[np.bool_]:
        """Which positions lie inside."""
        inside: npt.NDArray[np.bool_] = (
            (y_nm >= self.low_y_nm) & (y_nm <= self.high_y_nm) & (x_nm >= self.low_x_nm) & (x_nm <= self.high_x_nm)
        )
        return inside


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """Columns of a grain by their indices: ``first``, ``second`` of the cell, ``site`` in it, all of shape (n,)."""

    first: IntArray
    second: IntArray
    site: IntArray
    y_nm: FloatArray
    x_nm: FloatArray

    def take(self, keep: npt.NDArray[np.bool_]) -> Places:
        """Those that are kept."""
        return Places(
            first=self.first[keep],
            second=self.second[keep],
            site=self.site[keep],
            y_nm=self.y_nm[keep],
            x_nm=self.x_nm[keep],
        )


@dataclass(frozen=True, kw_only=True)
class Lattice:
    """A crystal lying somehow in the plane.

    Attributes
    ----------
    phase : the crystal.
    spacing : factor on its lattice constants.
    rotation_rad : counter-clockwise.
    mirrored_about_rad : angle of the line it is mirrored in after being turned; None for not mirrored.
    origin_nm : where the corner of its first cell lies, ``(y, x)``.
    """

    phase: Phase
    spacing: float = 1.0
    rotation_rad: float = 0.0
    mirrored_about_rad: float | None = None
    origin_nm: YX = (0.0, 0.0)

    @property
    def vectors_nm(self) -> FloatArray:
        """The two lattice vectors as they lie, rows of ``(y, x)``."""
        vectors = np.array([self.phase.first_nm, self.phase.second_nm]) * self.spacing
        cos, sin = math.cos(self.rotation_rad), math.sin(self.rotation_rad)
        y, x = vectors[:, 0] * cos - vectors[:, 1] * sin, vectors[:, 1] * cos + vectors[:, 0] * sin
        if self.mirrored_about_rad is not None:
            cos, sin = math.cos(2 * self.mirrored_about_rad), math.sin(2 * self.mirrored_about_rad)
            # a line at angle a, counter-clockwise on a screen with y down, has the direction (y, x) = (-sin a, cos a)
            y, x = -y * cos - x * sin, x * cos - y * sin
        return np.stack([y, x], axis=1)

    def at(self, first: FloatArray | float, second: FloatArray | float) -> tuple[FloatArray, FloatArray]:
        """Position of (fractional) lattice coordinates."""
        (y1, x1), (y2, x2) = self.vectors_nm
        first, second = np.asarray(first, float), np.asarray(second, float)
        return self.origin_nm[0] + first * y1 + second * y2, self.origin_nm[1] + first * x1 + second * x2

    def places(self, box: Box) -> Places:
        """All columns in a box, and some around it."""
        to_cell = np.linalg.inv(self.vectors_nm)
        corners = np.array([[y, x] for y in (box.low_y_nm, box.high_y_nm) for x in (box.low_x_nm, box.high_x_nm)])
        coordinates = (corners - self.origin_nm) @ to_cell
        low, high = np.floor(coordinates.min(0)).astype(int) - 1, np.ceil(coordinates.max(0)).astype(int) + 1
        first, second = np.meshgrid(
            np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1), indexing="ij", copy=False
        )
        found = []
        for index, site in enumerate(self.phase.sites):
            y, x = self.at(first + site.first_frac, second + site.second_frac)
            inside = box.holds(y, x)
            found.append((first[inside], second[inside], np.full(int(inside.sum()), index), y[inside], x[inside]))
        return Places(**dict(zip(("first", "second", "site", "y_nm", "x_nm"), map(np.concatenate, zip(*found)))))


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """A straight boundary: on its far side another lattice begins.

    Attributes
    ----------
    point_nm : a point on it, ``(y, x)``.
    angle_ccw_rad : direction in which it runs.
    """

    point_nm: YX
    angle_ccw_rad: float

    def far_nm(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Distance on the far side; negative on the near one, which is the right of its direction on a screen."""
        cos, sin = math.cos(self.angle_ccw_rad), math.sin(self.angle_ccw_rad)
        far: FloatArray = -((y_nm - self.point_nm[0]) * cos + (x_nm - self.point_nm[1]) * sin)
        return far


@dataclass(frozen=True, kw_only=True)
class Dislocation:
    """An edge dislocation seen end-on.

    Attributes
    ----------
    center_nm : its core, ``(y, x)``.
    burgers_nm : its Burgers vector ``(y, x)``, a lattice vector; the glide plane lies along it.
    """

    center_nm: YX
    burgers_nm: YX

    def displacement_nm(self, y_nm: FloatArray, x_nm: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Isotropic elasticity: Hirth & Lothe, Theory of Dislocations, 2nd ed. 1982, equation 3-45.

        The logarithm is cut off within a third of the Burgers vector from the core and taken relative to 1 nm.
        """
        length = math.hypot(*self.burgers_nm)
        along_y, along_x = self.burgers_nm[0] / length, self.burgers_nm[1] / length
        dy, dx = y_nm - self.center_nm[0], x_nm - self.center_nm[1]
        along, across = dy * along_y + dx * along_x, -dx * along_y + dy * along_x
        squared = along**2 + across**2 + (length / 3) ** 2
        stiff = 1 - POISSON_RATIO
        glide = length / (2 * math.pi) * (np.arctan2(across, along) + along * across / (2 * stiff * squared))
        climb = (
            -length
            / (2 * math.pi)
            * ((1 - 2 * POISSON_RATIO) / (4 * stiff) * np.log(squared) + (along**2 - across**2) / (4 * stiff * squared))
        )
        # across the glide plane lies the direction (along_x, -along_y)
        return glide * along_y + climb * along_x, glide * along_x - climb * along_y

    def largest_nm(self, reach_nm: float) -> float:
        """No displacement within a distance of the core is larger than this."""
        length = math.hypot(*self.burgers_nm)
        stiff = 1 - POISSON_RATIO
        log = abs(math.log(max(reach_nm, 1 / reach_nm, 3 / length) ** 2))
        climb = (1 - 2 * POISSON_RATIO) / (4 * stiff) * log + 1 / (4 * stiff)
        return length / 2 + length / (2 * math.pi) * (1 / (4 * stiff) + climb)
