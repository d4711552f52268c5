"""What lies on and in a material: hollows, balls, plates, grooves, heaps, each as secondary electrons show it.

The yield of secondary electrons grows with the tilt of the surface (nearly as ``1 / cos``), rises further at edges, where
they escape on two sides, and falls in hollows, which they do not leave: Reimer, Scanning Electron Microscopy, 2nd ed.
1998, chapter 6. Insulators charge: they glow, and so does what lies around them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from deepscan_core.simulation.randomness import BandNoise, hashed_uniform
from deepscan_core.simulation.shapes import Blob, Cluster, Stroke
from deepscan_core.simulation.truth import PlantedDefect

FloatArray = npt.NDArray[np.float64]
GRAZING = 0.3  # 1 / cos is cut off here: escape depth and probe width end its growth


def soft_inside(distance_nm: FloatArray, edge_nm: float) -> FloatArray:
    """1 inside, 0 outside an outline, through an edge of that standard deviation."""
    from scipy.special import ndtr

    inside: FloatArray = ndtr(-distance_nm / edge_nm)
    return inside


@dataclass(frozen=True, kw_only=True, eq=False)
class _Placed:
    """What all features have: the outline, whether it is a defect, and how soft its edge is."""

    body: PlantedDefect
    edge_nm: float
    planted: bool = True

    def _distance_nm(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        return self.body.shape.distance_nm(y_nm, x_nm)


@dataclass(frozen=True, kw_only=True, eq=False)
class Hollow(_Placed):
    """A pore or a crack: dark inside, bright at the rim, one wall lit.

    Attributes
    ----------
    floor : intensity deep inside, as a share of what was there.
    rim : brightening of the rim, as a share of what was there.
    lit_wall : brightening of the wall that faces the detector, on top of the floor.
    """

    floor: float = 0.15
    rim: float = 0.5
    lit_wall: float = 0.25

    @property
    def margin_nm(self) -> float:
        """See `Feature`."""
        return 5 * self.edge_nm

    def paint(self, under: FloatArray, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `Feature`."""
        distance = self._distance_nm(y_nm, x_nm)
        inside = soft_inside(distance, self.edge_nm)
        wall = np.exp(distance / (4 * self.edge_nm)) * np.clip(y_nm / self.body.reach_nm, 0, 1)
        dark = under * (self.floor + self.lit_wall * np.minimum(wall, 1))
        rim = self.rim * np.exp(-0.5 * ((distance - 1.5 * self.edge_nm) / self.edge_nm) ** 2)
        painted: FloatArray = (under * (1 + rim)) * (1 - inside) + dark * inside
        return painted


@dataclass(frozen=True, kw_only=True, eq=False)
class Ball(_Placed):
    """A particle: bright towards its outline, shaded to one side, with a shadow around it; it may glow.

    Attributes
    ----------
    level : intensity of its top.
    edge_gain : how much of the ``1 / cos`` law is seen.
    lit_from_ccw_rad : direction of the detector.
    texture : of its surface; None for smooth.
    shadow : darkening of the ground beside it.
    glow, glow_nm : charging: share of ``level`` that the ground beside it gains, and how far.
    """

    level: float
    edge_gain: float = 0.35
    lit_from_ccw_rad: float = math.pi / 2
    side_light: float = 0.2
    texture: BandNoise | None = None
    texture_gain: float = 0.08
    shadow: float = 0.5
    glow: float = 0.0
    glow_nm: float = 0.0

    @property
    def margin_nm(self) -> float:
        """See `Feature`."""
        return max(0.8 * self.body.reach_nm, 5 * self.edge_nm, 4 * self.glow_nm if self.glow else 0.0)

    def paint(self, under: FloatArray, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `Feature`."""
        shape = self.body.shape
        if isinstance(shape, Blob):
            radius, outline = shape.polar(y_nm, x_nm)
        else:
            radius, outline = np.hypot(y_nm, x_nm), np.asarray(shape.reach_nm)
        distance = self._distance_nm(y_nm, x_nm)
        across = np.minimum(radius / outline, 1)
        up = np.sqrt(1 - across**2)
        lit = (-y_nm * math.sin(self.lit_from_ccw_rad) + x_nm * math.cos(self.lit_from_ccw_rad)) / shape.reach_nm
        surface = self.level * (1 + self.edge_gain * (1 / np.maximum(up, GRAZING) - 1) + self.side_light * lit)
        if self.texture is not None:
            surface = surface * (1 + self.texture_gain * self.texture(y_nm, x_nm))
        beside = np.maximum(distance, 0)
        ground = under * (1 - self.shadow * np.exp(-beside / (0.2 * shape.reach_nm)))
        if self.glow:
            ground = ground + self.glow * self.level * np.exp(-beside / self.glow_nm)
        inside = soft_inside(distance, self.edge_nm)
        painted: FloatArray = ground * (1 - inside) + surface * inside
        return painted


@dataclass(frozen=True, kw_only=True, eq=False)
class Plate(_Placed):
    """A polished inclusion or precipitate, or a flat island: one level, and a rim.

    Attributes
    ----------
    level : its intensity.
    rim : brightening along its outline, as a share of ``level``.
    texture, texture_gain : of its surface.
    """

    level: float
    rim: float = 0.25
    texture: BandNoise | None = None
    texture_gain: float = 0.05

    @property
    def margin_nm(self) -> float:
        """See `Feature`."""
        return 5 * self.edge_nm

    def paint(self, under: FloatArray, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `Feature`."""
        distance = self._distance_nm(y_nm, x_nm)
        inside = soft_inside(distance, self.edge_nm)
        level = self.level * (1 + self.rim * np.exp(-0.5 * ((distance + self.edge_nm) / (1.5 * self.edge_nm)) ** 2))
        if self.texture is not None:
            level = level * (1 + self.texture_gain * self.texture(y_nm, x_nm))
        return under * (1 - inside) + level * inside


@dataclass(frozen=True, kw_only=True, eq=False)
class Groove(_Placed):
    """A scratch: a dark bottom between two bright shoulders, one brighter than the other.

    Attributes
    ----------
    bottom : darkening of the bottom, as a share of what was there.
    shoulder : brightening of the piled-up shoulders, likewise.
    """

    bottom: float = 0.35
    shoulder: float = 0.3

    @property
    def margin_nm(self) -> float:
        """See `Feature`."""
        return 5 * self.edge_nm

    def paint(self, under: FloatArray, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `Feature`."""
        stroke = self.body.shape
        if not isinstance(stroke, Stroke):
            raise TypeError("a groove needs a stroke")
        away, at = stroke.nearest(y_nm, x_nm)
        half = stroke.half_width_nm(at)
        strength = (half / (stroke.width_nm / 2)) * soft_inside(away - half, self.edge_nm)
        across = np.clip(away / half, 0, 1.2)
        profile = -self.bottom * np.exp(-0.5 * (across / 0.35) ** 2)
        profile += self.shoulder * np.exp(-0.5 * ((across - 0.8) / 0.15) ** 2)
        return under * (1 + strength * profile)


@dataclass(frozen=True, kw_only=True, eq=False)
class Heap(_Placed):
    """An agglomerate: many small balls, those further up brighter, charged together.

    Attributes
    ----------
    level : intensity of a ball on the ground.
    tilt : brightening towards a ball's outline.
    uneven : how much balls differ, as a share of ``level``.
    glow, glow_nm : charging of the ground around.
    """

    level: float
    tilt: float = 0.25
    uneven: float = 0.18
    glow: float = 0.12
    glow_nm: float = 0.0
    _order: tuple[int, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        cluster = self.body.shape
        if not isinstance(cluster, Cluster):
            raise TypeError("a heap needs a cluster")
        # those in the middle lie higher, more or less
        outside = np.hypot(*cluster.centers_nm.T) / cluster.reach_nm
        order = np.argsort(hashed_uniform(1, np.arange(len(outside))) - 0.7 * outside, kind="stable")
        object.__setattr__(self, "_order", tuple(int(i) for i in order))

    @property
    def margin_nm(self) -> float:
        """See `Feature`."""
        return max(5 * self.edge_nm, 4 * self.glow_nm)

    def paint(self, under: FloatArray, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `Feature`."""
        cluster = self.body.shape
        if not isinstance(cluster, Cluster):
            raise TypeError("a heap needs a cluster")
        beside = np.maximum(self._distance_nm(y_nm, x_nm), 0)
        total: FloatArray = under * (1 - 0.4 * np.exp(-beside / (2 * cluster.radii_nm.mean())))
        if self.glow_nm:
            total = total + self.glow * self.level * np.exp(-beside / self.glow_nm)
        on = beside <= 4 * self.edge_nm
        y_on, x_on, heap = y_nm[on], x_nm[on], total[on]
        for rank, index in enumerate(self._order):
            (y, x), radius = cluster.centers_nm[index], cluster.radii_nm[index]
            across = np.hypot(y_on - y, x_on - x) / radius
            near = across < 1 + 4 * self.edge_nm / radius
            up = np.sqrt(np.maximum(1 - across[near] ** 2, 0))
            # lower ones stand in the shadow of upper ones, and no two face the detector alike
            height = 0.45 + 0.55 * rank / len(self._order) + self.uneven * math.sin(12.9898 * index)
            lit = 1 + 0.3 * (y - y_on[near]) / radius
            ball = self.level * height * lit * (1 + self.tilt * (1 / np.maximum(up, GRAZING) - 1))
            inside = soft_inside((across[near] - 1) * radius, self.edge_nm)
            heap[near] = heap[near] * (1 - inside) + ball * inside
        total[on] = heap
        return total


@dataclass(frozen=True, kw_only=True, eq=False)
class Bump(_Placed):
    """A Gaussian on top of what is there: a single atom, an adsorbate.

    Attributes
    ----------
    peak : what it adds at its middle; ``edge_nm`` is its standard deviation.
    """

    peak: float

    @property
    def margin_nm(self) -> float:
        """See `Feature`."""
        return 4.5 * self.edge_nm

    def paint(self, under: FloatArray, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `Feature`."""
        return under + self.peak * np.exp(-0.5 * (y_nm**2 + x_nm**2) / self.edge_nm**2)


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer(_Placed):
    """Height added inside an outline: an island on a terrace, or (negative) a pit in it.

    Attributes
    ----------
    height : what is added inside.
    """

    height: float

    @property
    def margin_nm(self) -> float:
        """See `Feature`."""
        return 5 * self.edge_nm

    def paint(self, under: FloatArray, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `Feature`."""
        return under + self.height * soft_inside(self._distance_nm(y_nm, x_nm), self.edge_nm)
