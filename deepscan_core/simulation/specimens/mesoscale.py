"""Microstructures as an SEM sees them: a material, and features that are painted onto it one after the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from deepscan_core.simulation.specimens.base import index_of, positions_of
from deepscan_core.simulation.truth import PlantedDefect

FloatArray = npt.NDArray[np.float64]
Material = Callable[[FloatArray, FloatArray], FloatArray]


class Feature(Protocol):
    """Something on the material, within its reach."""

    @property
    def body(self) -> PlantedDefect:
        """Outline and place."""
        ...

    @property
    def planted(self) -> bool:
        """Whether it is a defect; else it belongs to the material, as powder grains do."""
        ...

    @property
    def margin_nm(self) -> float:
        """How far beyond its outline it is seen."""
        ...

    def paint(self, under: FloatArray, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Intensities with the feature, from those without it, at positions relative to its centre."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Mesoscale:
    """A material with features.

    Attributes
    ----------
    name : the name it can be made by again.
    material : intensity of the material by position, in shares of the beam.
    features : in the order in which they are painted.
    """

    name: str
    material: Material
    features: tuple[Feature, ...] = ()

    @property
    def truth(self) -> tuple[PlantedDefect, ...]:
        """See `PlantedSpecimen`."""
        return tuple(feature.body for feature in self.features if feature.planted)

    @property
    def defects_nm(self) -> FloatArray:
        """See `Specimen`."""
        return positions_of(self.truth)

    def without(self, defect: PlantedDefect) -> Mesoscale:
        """See `PlantedSpecimen`."""
        index_of(self.truth, defect)
        return dataclasses.replace(self, features=tuple(f for f in self.features if not f.planted or f.body != defect))

    def pristine(self) -> Mesoscale:
        """See `PlantedSpecimen`."""
        return dataclasses.replace(self, features=tuple(f for f in self.features if not f.planted))

    def intensity(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `Specimen`."""
        y_nm, x_nm = np.broadcast_arrays(np.asarray(y_nm, float), np.asarray(x_nm, float))
        if y_nm.size == 0:
            return np.zeros(y_nm.shape)
        y_2d, x_2d = (a.reshape((1, -1) if a.ndim != 2 else a.shape) for a in (y_nm, x_nm))
        total = np.array(self.material(y_2d, x_2d), dtype=float)
        lines = [(a.min(axis), a.max(axis)) for axis in (1, 0) for a in (y_2d, x_2d)]
        for feature in self.features:
            body, reach = feature.body, feature.body.reach_nm + feature.margin_nm
            near = [
                (low <= center + reach) & (high >= center - reach)
                for (low, high), center in zip(lines, body.center_nm * 2, strict=True)
            ]
            rows, cols = np.flatnonzero(near[0] & near[1]), np.flatnonzero(near[2] & near[3])
            if len(rows) == 0 or len(cols) == 0:
                continue
            here = (slice(rows[0], rows[-1] + 1), slice(cols[0], cols[-1] + 1))
            y, x = y_2d[here] - body.center_y_nm, x_2d[here] - body.center_x_nm
            inside = np.maximum(np.abs(y), np.abs(x)) <= reach
            # of a turned scan, or of loose positions, the block holds much that is far away
            if inside.all():
                total[here] = feature.paint(total[here], y, x)
            else:
                total[here][inside] = feature.paint(total[here][inside], y[inside], x[inside])
        clipped: FloatArray = np.clip(total, 0.0, 1.0).reshape(y_nm.shape)
        return clipped
