"""Outlines of what is planted, as functions of position: a signed distance, an area, a reach.

Shapes lie around their own centre, the origin; `PlantedDefect` places them on the specimen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_finite, check_positive

FloatArray = npt.NDArray[np.float64]
FINEST_AREA_SAMPLES = 700  # along one side, where an area has no closed form


class Shape(Protocol):
    """An outline around the origin."""

    @property
    def area_nm2(self) -> float:
        """Area inside the outline."""
        ...

    @property
    def reach_nm(self) -> float:
        """Nothing of the shape is further from the origin."""
        ...

    def distance_nm(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Distance from the outline, negative inside."""
        ...


@dataclass(frozen=True, kw_only=True)
class Disc:
    """A circle: also stands for a point, with the size that the point has in an image.

    >>> round(Disc(radius_nm=2.0).area_nm2, 3)
    12.566
    """

    radius_nm: float

    def __post_init__(self) -> None:
        check_positive("radius_nm", self.radius_nm)

    @property
    def area_nm2(self) -> float:
        """See `Shape`."""
        return math.pi * self.radius_nm**2

    @property
    def reach_nm(self) -> float:
        """See `Shape`."""
        return self.radius_nm

    def distance_nm(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `Shape`."""
        return np.hypot(y_nm, x_nm) - self.radius_nm


@dataclass(frozen=True, kw_only=True, eq=False)
class Blob:
    """A rounded outline: radius ``R (1 + Σ a_k cos(k (θ - φ_k)))`` for k = 2, 3, …, drawn out along one axis.

    Attributes
    ----------
    radius_nm : R.
    waves : a_k of k = 2, 3, …; together below 1.
    phases_rad : φ_k.
    elongation : how many times longer than wide the outline is, at the same area.
    angle_ccw_rad : of the long axis.
    """

    radius_nm: float
    waves: tuple[float, ...] = ()
    phases_rad: tuple[float, ...] = ()
    elongation: float = 1.0
    angle_ccw_rad: float = 0.0

    def __post_init__(self) -> None:
        check_positive("radius_nm, elongation of a blob", self.radius_nm, self.elongation)
        check_finite("waves, phases and angle of a blob", *self.waves, *self.phases_rad, self.angle_ccw_rad)
        if len(self.waves) != len(self.phases_rad) or sum(map(abs, self.waves)) >= 1:
            raise InputError(f"waves {self.waves} and phases {self.phases_rad}: as many of each, together below 1")

    @property
    def area_nm2(self) -> float:
        """``π R² (1 + Σ a_k² / 2)``: the integral of half the squared radius; drawing out leaves it as it is."""
        return math.pi * self.radius_nm**2 * (1 + sum(a * a for a in self.waves) / 2)

    @property
    def reach_nm(self) -> float:
        """See `Shape`."""
        longest = math.sqrt(max(self.elongation, 1 / self.elongation))
        return self.radius_nm * (1 + sum(map(abs, self.waves))) * longest

    def polar(self, y_nm: FloatArray, x_nm: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Radius, and the outline's radius in that direction, both in the frame in which the blob is not drawn out."""
        cos, sin = math.cos(self.angle_ccw_rad), math.sin(self.angle_ccw_rad)
        stretch = math.sqrt(self.elongation)
        along, across = (x_nm * cos - y_nm * sin) / stretch, (y_nm * cos + x_nm * sin) * stretch
        angle = np.arctan2(-across, along)
        outline = np.ones_like(angle)
        for k, (wave, phase) in enumerate(zip(self.waves, self.phases_rad, strict=True), start=2):
            outline += wave * np.cos(k * (angle - phase))
        return np.hypot(along, across), self.radius_nm * outline

    def distance_nm(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `Shape`; exact for a circle, else measured along the radius and scaled by how much it was drawn out."""
        radius, outline = self.polar(y_nm, x_nm)
        true = np.hypot(y_nm, x_nm)
        scale = np.divide(true, radius, out=np.ones_like(true), where=radius > 0)
        return (radius - outline) * scale


@dataclass(frozen=True, kw_only=True, eq=False)
class Stroke:
    """A bent line of some width, with round ends: cracks, scratches, fibres, boundaries.

    Attributes
    ----------
    points_nm : ``(y, x)`` of its corners, shape (n, 2), n at least 2.
    width_nm : full width.
    tapered : the width falls to a third towards both ends.
    """

    points_nm: FloatArray
    width_nm: float
    tapered: bool = False

    def __post_init__(self) -> None:
        check_positive("width_nm of a stroke", self.width_nm)
        if self.points_nm.ndim != 2 or self.points_nm.shape[1:] != (2,) or len(self.points_nm) < 2:
            raise InputError(f"a line of shape {self.points_nm.shape}: give (y, x) of at least two points")

    @property
    def length_nm(self) -> float:
        """Along the line."""
        return float(np.hypot(*np.diff(self.points_nm, axis=0).T).sum())

    @cached_property
    def area_nm2(self) -> float:
        """``length * width + π width² / 4`` for a straight line of one width, else counted on a fine grid."""
        if len(self.points_nm) == 2 and not self.tapered:
            return self.length_nm * self.width_nm + math.pi * self.width_nm**2 / 4
        return counted_area_nm2(self, self.points_nm.min(0) - self.width_nm, self.points_nm.max(0) + self.width_nm)

    @property
    def reach_nm(self) -> float:
        """See `Shape`."""
        return float(np.hypot(*self.points_nm.T).max()) + self.width_nm / 2

    def distance_nm(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `Shape`."""
        nearest, at = self.nearest(y_nm, x_nm)
        return nearest - self.half_width_nm(at)

    def half_width_nm(self, at: FloatArray) -> FloatArray:
        """Half the width at a fraction of the way along the line."""
        half = np.full(at.shape, self.width_nm / 2)
        return half * (1 / 3 + 2 / 3 * np.sin(math.pi * np.clip(at, 0, 1)) ** 0.7) if self.tapered else half

    def nearest(self, y_nm: FloatArray, x_nm: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Distance from the middle line, and the fraction of the way along it at which it is nearest."""
        y_nm, x_nm = np.broadcast_arrays(np.asarray(y_nm, float), np.asarray(x_nm, float))
        best, at = np.full(y_nm.shape, np.inf), np.zeros(y_nm.shape)
        lengths = np.hypot(*np.diff(self.points_nm, axis=0).T)
        before = 0.0
        for (y0, x0), (y1, x1), length in zip(self.points_nm[:-1], self.points_nm[1:], lengths, strict=True):
            if length == 0:
                continue
            dy, dx = (y1 - y0) / length, (x1 - x0) / length
            along = np.clip((y_nm - y0) * dy + (x_nm - x0) * dx, 0, length)
            away = (y_nm - y0 - along * dy) ** 2 + (x_nm - x0 - along * dx) ** 2
            closer = away < best
            best = np.where(closer, away, best)
            at = np.where(closer, before + along, at)
            before += length
        return np.sqrt(best), at / (before or 1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Cluster:
    """Discs that touch and overlap, as one shape: agglomerates.

    Attributes
    ----------
    centers_nm : ``(y, x)`` of the discs, shape (n, 2).
    radii_nm : shape (n,).
    """

    centers_nm: FloatArray
    radii_nm: FloatArray

    def __post_init__(self) -> None:
        if self.centers_nm.shape != (len(self.radii_nm), 2) or len(self.radii_nm) == 0:
            raise InputError(f"{self.centers_nm.shape} centres and {self.radii_nm.shape} radii: give as many of each")
        check_positive("radii_nm of a cluster", *map(float, self.radii_nm))

    @cached_property
    def area_nm2(self) -> float:
        """Counted on a fine grid: discs overlap."""
        reach = self.radii_nm[:, None]
        return counted_area_nm2(self, (self.centers_nm - reach).min(0), (self.centers_nm + reach).max(0))

    @property
    def reach_nm(self) -> float:
        """See `Shape`."""
        return float((np.hypot(*self.centers_nm.T) + self.radii_nm).max())

    def distance_nm(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `Shape`; exact outside, at least as deep as said inside."""
        y_nm, x_nm = np.broadcast_arrays(np.asarray(y_nm, float), np.asarray(x_nm, float))
        best = np.full(y_nm.shape, np.inf)
        for (y, x), radius in zip(self.centers_nm, self.radii_nm, strict=True):
            np.minimum(best, np.hypot(y_nm - y, x_nm - x) - radius, out=best)
        return best


def counted_area_nm2(shape: Shape, low_nm: FloatArray, high_nm: FloatArray) -> float:
    """Area of a shape inside a box, from the middles of a fine grid's cells."""
    sides = high_nm - low_nm
    y, x = (
        low + (np.arange(FINEST_AREA_SAMPLES) + 0.5) / FINEST_AREA_SAMPLES * side
        for low, side in zip(low_nm, sides, strict=True)
    )
    inside = shape.distance_nm(y[:, None], x[None, :]) <= 0
    return float(inside.mean() * sides.prod())
