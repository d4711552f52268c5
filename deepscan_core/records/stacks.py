"""Feature maps of several steps over one image, and what is linear in all of them together (`FeatureStack`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.maps import FeatureMap


@dataclass(frozen=True, eq=False)
class FeatureStack:
    """Features of every place of an image, each kept at the step it was made with.

    A feature of a coarse map is interpolated linearly to the places between its cells. What is linear in the features, such
    as a score, is worked out on each map and interpolated afterwards: the features of all places together, a hundred times
    the size of the image, are never made.

    Attributes
    ----------
    maps : of the same image; features are numbered through all of them.
    """

    maps: tuple[FeatureMap, ...]

    def __post_init__(self) -> None:
        if not self.maps:
            raise InputError("a stack of no feature maps: give at least one")
        shapes = {one.image_shape for one in self.maps}
        if len(shapes) > 1:
            raise InputError(f"feature maps of images of {sorted(shapes)} px: give maps of one image")

    @property
    def image_shape(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        return self.maps[0].image_shape

    @property
    def n_features(self) -> int:
        """Of all maps together."""
        return sum(one.values.shape[2] for one in self.maps)

    @property
    def source(self) -> str:
        """What made the features, in their order."""
        return ", ".join(dict.fromkeys(one.source for one in self.maps))

    @cached_property
    def finest(self) -> FeatureMap:
        """The map of the smallest step: scores are worked out on its grid."""
        return min(self.maps, key=lambda one: one.step_px)

    def at(self, points_px: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Features at image indices ``(y, x)`` of shape (n, 2), as float32 of shape (n, n_features).

        Beyond the outermost cells the nearest one counts.
        """
        points = np.asarray(points_px, float).reshape(-1, 2)
        found: npt.NDArray[np.float32] = np.concatenate([_interpolated_at(one, points) for one in self.maps], axis=1)
        return found

    def weighted_sum(self, weights: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """The sum of all features times their weights, on the grid of the finest map, shape (grid_rows, grid_cols).

        Parameters
        ----------
        weights : one a feature, shape (n_features,).
        """
        if weights.shape != (self.n_features,):
            raise InputError(f"weights of shape {weights.shape} for {self.n_features} features: give one a feature")
        parts = np.split(weights.astype(np.float32), np.cumsum([one.values.shape[2] for one in self.maps])[:-1])
        sums: dict[tuple[object, ...], tuple[FeatureMap, npt.NDArray[np.float32]]] = {}  # of maps on the same grid
        for one, part in zip(self.maps, parts, strict=True):
            _, total = sums.setdefault(_grid(one), (one, np.zeros(one.values.shape[:2], np.float32)))
            total += one.values @ part
        found = np.zeros(self.finest.values.shape[:2], np.float32)
        for first, total in sums.values():
            found += self._on_finest(first, total)
        return found

    def _on_finest(self, of: FeatureMap, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Values on the grid of a map, interpolated to the grid of the finest one."""
        fine = self.finest
        if _grid(of) == _grid(fine):
            return values
        rows, cols = (
            _shares(of, fine.origin_px + fine.step_px * np.arange(n), axis)
            for axis, n in enumerate(fine.values.shape[:2])
        )
        return _lerp(_lerp(values, *rows).T, *cols).T


def _grid(of: FeatureMap) -> tuple[object, ...]:
    return (of.step_px, of.origin_px, of.values.shape[:2])


_Shares = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float32]]


def _shares(of: FeatureMap, at_px: npt.NDArray[np.float64], axis: int) -> _Shares:
    """The two cells around each index along an axis, and how much of the second counts."""
    count = of.values.shape[axis]
    position = np.clip((at_px - of.origin_px) / of.step_px, 0, count - 1)
    low = np.minimum(position.astype(np.intp), max(count - 2, 0))
    return low, np.minimum(low + 1, count - 1), (position - low).astype(np.float32)


def _lerp(
    rows: npt.NDArray[np.float32], low: npt.NDArray[np.intp], high: npt.NDArray[np.intp], share: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    found: npt.NDArray[np.float32] = rows[low]
    found += share[:, None] * (rows[high] - found)
    return found


def _interpolated_at(of: FeatureMap, points_px: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    (top, bottom, down), (left, right, across) = (_shares(of, points_px[:, axis], axis) for axis in (0, 1))
    values, down, across = of.values, down[:, None], across[:, None]
    upper = values[top, left] + across * (values[top, right] - values[top, left])
    lower = values[bottom, left] + across * (values[bottom, right] - values[bottom, left])
    found: npt.NDArray[np.float32] = upper + down * (lower - upper)
    return found
