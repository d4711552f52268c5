"""What a backbone hands out: feature maps of several strides, and how patches are pooled from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_positive
from deepscan_core.records.maps import FeatureMap

Centers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Level:
    """Feature maps of one stride.

    Attributes
    ----------
    values : float32 ndarray of shape (n_features, level_rows, level_cols).
    stride_px : distance between cell centres, in pixels of the image.
    origin_px : index in the image of the centre of cell (0, 0); measured, since padding moves it.
    """

    values: npt.NDArray[np.float32]
    stride_px: float
    origin_px: float


@dataclass(frozen=True, eq=False, kw_only=True)
class FeaturePyramid:
    """All levels of all scales over one image.

    Attributes
    ----------
    levels : see `Level`.
    image_shape : rows and columns of the image.
    source : name of the backbone.
    """

    levels: tuple[Level, ...]
    image_shape: tuple[int, int]
    source: str

    def patches(self, *, patch_px: float, step_px: float) -> FeatureMap:
        """Mean features of square patches on a regular grid.

        Parameters
        ----------
        patch_px : side of a patch. A level coarser than that is interpolated linearly instead.
        step_px : distance between patch centres; the grid is centred on the image.
        """
        grid = PatchGrid(image_shape=self.image_shape, step_px=step_px)
        pooled = self.pooled(grid.centers_px(0), grid.centers_px(1), patch_px)
        return grid.feature_map(pooled, self.source)

    def maps(self, *, finest_step_px: float) -> tuple[FeatureMap, ...]:
        """Each level as it is, for `FeatureStack`; one that is finer than `finest_step_px` is pooled to that."""
        found = []
        for level in self.levels:
            if level.stride_px < finest_step_px:
                own = FeaturePyramid(levels=(level,), image_shape=self.image_shape, source=self.source)
                found.append(own.patches(patch_px=finest_step_px, step_px=finest_step_px))
                continue
            found.append(
                FeatureMap(
                    values=np.ascontiguousarray(level.values.transpose(1, 2, 0)),
                    step_px=level.stride_px,
                    origin_px=level.origin_px,
                    image_shape=self.image_shape,
                    source=self.source,
                )
            )
        return tuple(found)

    def pooled(self, y_px: Centers, x_px: Centers, patch_px: float) -> npt.NDArray[np.float32]:
        """Mean features of the patches centred at all pairs of these indices, shape (n_y, n_x, n_features)."""
        levels = [_pool(level, (y_px, x_px), patch_px) for level in self.levels]
        return np.ascontiguousarray(np.concatenate(levels).transpose(1, 2, 0))


@dataclass(frozen=True, kw_only=True)
class PatchGrid:
    """Where patches lie.

    Attributes
    ----------
    image_shape : rows and columns of the image.
    step_px : distance between patch centres; the same first centre along both axes keeps the record simple, and the grid
        covers the image to within a step.
    """

    image_shape: tuple[int, int]
    step_px: float

    def __post_init__(self) -> None:
        check_positive("step_px", self.step_px)
        if self.step_px > min(self.image_shape):
            raise InputError(f"patches every {self.step_px:g} px do not fit an image of {self.image_shape} px")

    @property
    def origin_px(self) -> float:
        """Index of the first centre, along both axes."""
        return (self.step_px - 1) / 2

    def centers_px(self, axis: int) -> Centers:
        """Indices of the centres along an axis."""
        count = max(1, int(np.floor((self.image_shape[axis] - 1 - self.origin_px) / self.step_px)) + 1)
        return self.origin_px + self.step_px * np.arange(count, dtype=np.float64)

    def feature_map(self, values: npt.NDArray[np.float32], source: str) -> FeatureMap:
        """The record of features made on this grid."""
        return FeatureMap(
            values=values,
            step_px=self.step_px,
            origin_px=self.origin_px,
            image_shape=self.image_shape,
            source=source,
        )


def _pool(level: Level, centers: Sequence[npt.NDArray[np.floating[Any]]], patch_px: float) -> npt.NDArray[np.float32]:
    rows, cols = level.values.shape[1:]
    along_y, along_x = (
        _overlaps(center, n, level.stride_px, level.origin_px, patch_px)
        for center, n in zip(centers, (rows, cols), strict=True)
    )
    return (along_y @ level.values @ along_x.T).astype(np.float32, copy=False)


def _overlaps(
    centers_px: npt.NDArray[np.floating[Any]], n_cells: int, stride_px: float, origin_px: float, patch_px: float
) -> npt.NDArray[np.float32]:
    """Weights (n_centers, n_cells): how much of a patch each cell covers.

    With a patch as wide as a cell the overlap of two boxes is a triangle, which is linear interpolation; so one formula
    serves levels finer and coarser than the patch, whatever their alignment.
    """
    width = max(patch_px, stride_px)
    cells = origin_px + stride_px * np.arange(n_cells)
    distance = np.abs(centers_px[:, None] - cells[None, :])
    overlap = np.clip((width + stride_px) / 2 - distance, 0, stride_px)
    empty = overlap.sum(axis=1) == 0  # a centre beyond the outermost cells takes the nearest one
    overlap[empty, distance[empty].argmin(axis=1)] = 1.0
    weights: npt.NDArray[np.float32] = (overlap / overlap.sum(axis=1, keepdims=True)).astype(np.float32)
    return weights
