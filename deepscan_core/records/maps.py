"""What the network saw (`FeatureMap`) and what that is worth (`ScoreMap`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_count, check_finite, check_positive
from deepscan_core.records.levels import Levels, display_levels

ScoreKind = Literal["surprisal", "probability", "similarity"]


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Features on a regular grid of patches over an image.

    Attributes
    ----------
    values : float32 ndarray of shape (grid_rows, grid_cols, n_features).
    step_px : distance between neighbouring patch centres.
    origin_px : index in the image, along both axes, of the centre of patch (0, 0).
    image_shape : rows and columns of the image.
    source : name of the backbone that made them.
    """

    values: npt.NDArray[np.float32]
    step_px: float
    origin_px: float
    image_shape: tuple[int, int]
    source: str

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.dtype != np.float32:
            raise InputError(
                f"features of shape {self.values.shape}, {self.values.dtype}: give float32 (rows, cols, features)"
            )
        check_positive("step_px of a feature map", self.step_px)
        check_finite("origin_px of a feature map", self.origin_px)
        check_count("image_shape of a feature map", *self.image_shape)

    def table(self) -> npt.NDArray[np.float32]:
        """One row a patch: a float32 view of shape (grid_rows * grid_cols, n_features)."""
        return self.values.reshape(-1, self.values.shape[2])

    @cached_property
    def moments(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Mean and variance of each feature over all patches, each of shape (n_features,)."""
        table = self.table()
        mean = table.mean(axis=0, dtype=np.float64)
        apart = table - mean.astype(np.float32)
        return mean, np.einsum("ij,ij->j", apart, apart).astype(np.float64) / len(table)

    def nearest_cell(self, point_px: tuple[float, float]) -> tuple[int, int]:
        """Grid row and column of the patch whose centre is nearest to an image index ``(y, x)``."""
        cells = [
            min(max(round((p - self.origin_px) / self.step_px), 0), n - 1)
            for p, n in zip(point_px, self.values.shape[:2], strict=True)
        ]
        return (cells[0], cells[1])

    def centers_px(self) -> npt.NDArray[np.float64]:
        """Image indices of all patch centres, float64 ndarray of shape (grid_rows * grid_cols, 2), ``(y, x)``."""
        axes = [self.origin_px + self.step_px * np.arange(n) for n in self.values.shape[:2]]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)

    def to_pixels(self, grid_values: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Interpolate one value a patch bilinearly to one value a pixel.

        Parameters
        ----------
        grid_values : ndarray of shape (grid_rows, grid_cols) or (grid_rows * grid_cols,).

        Returns
        -------
        float32 ndarray of shape ``image_shape``. Beyond the outermost patch centres the nearest one counts.
        """
        grid_rows, grid_cols, _ = self.values.shape
        grid = np.asarray(grid_values, dtype=np.float32).reshape(grid_rows, grid_cols)
        by_row = _interpolated(grid, self.origin_px, self.step_px, self.image_shape[0])
        return np.ascontiguousarray(_interpolated(by_row.T, self.origin_px, self.step_px, self.image_shape[1]).T)


def _interpolated(
    rows: npt.NDArray[np.float32], origin_px: float, step_px: float, length_px: int
) -> npt.NDArray[np.float32]:
    """One row a pixel instead of one a cell, linearly between cell centres and constant beyond the outermost."""
    position = np.clip((np.arange(length_px) - origin_px) / step_px, 0, len(rows) - 1)
    low = np.minimum(position.astype(int), max(len(rows) - 2, 0))
    high = np.minimum(low + 1, len(rows) - 1)
    share = (position - low).astype(np.float32)[:, None]
    found: npt.NDArray[np.float32] = rows[low]
    found += share * (rows[high] - found)
    return found


@dataclass(frozen=True, eq=False)
class ScoreMap:
    """One score a pixel; higher means: scan here first. Never stretched to the range of the image.

    Attributes
    ----------
    values : float32 ndarray of shape (rows, cols), finite.
    kind : "surprisal" is -ln p under the image's own bulk, "probability" is the teacher's, "similarity" is how
        much better words, or several kinds of evidence together, explain a place than anything else does: log-odds.
    label : what was looked for.
    blur_px : over how many pixels a spot is spread: the side of the patches that were compared, 0 for a map that is as
        sharp as the image.
    spot_px : standard deviation of the spots that it shows, where the image has many of one kind; else 0.
    """

    values: npt.NDArray[np.float32]
    kind: ScoreKind
    label: str = ""
    blur_px: float = 0.0
    spot_px: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(ScoreKind):
            raise InputError(f"score kind {self.kind!r}: give one of {', '.join(get_args(ScoreKind))}")
        values = np.asarray(self.values, dtype=np.float32)
        if values.ndim != 2:
            raise InputError(f"a score map of shape {values.shape}: give (rows, cols)")
        if not np.isfinite(values).all():
            raise InputError("a score map holds NaN or infinity: give finite scores")
        object.__setattr__(self, "values", values)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, cols = self.values.shape
        return (int(rows), int(cols))

    @cached_property
    def display_levels(self) -> Levels:
        """What an overlay shows of it; it travels with the map from one process to another, once it is made."""
        return display_levels(self.values, self.kind)
