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
        check_positive("patch_px, step_px", patch_px, step_px)
        if step_px > min(self.image_shape):
            raise InputError(f"patches every {step_px:g} px do not fit an image of {self.image_shape} px")
        # The same first centre along both axes keeps the record simple; the grid covers the image to within a step.
        origin_px = (step_px - 1) / 2
        counts = [max(1, int(np.floor((n - 1 - origin_px) / step_px)) + 1) for n in self.image_shape]
        centers = [origin_px + step_px * np.arange(n, dtype=np.float64) for n in counts]
        pooled = [_pool(level, centers, patch_px) for level in self.levels]
        return FeatureMap(
            values=np.ascontiguousarray(np.concatenate(pooled).transpose(1, 2, 0)),
            step_px=step_px,
            origin_px=origin_px,
            image_shape=self.image_shape,
            source=self.source,
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
