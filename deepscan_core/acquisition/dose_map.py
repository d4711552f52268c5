"""The dose of every pixel of the preview, all exposures and the idle beam together."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deepscan_core.records.coordinates import YX, SamplingGrid, ScanContext

FloatArray = npt.NDArray[np.float64]
SUBSAMPLES = 8  # along each side of a pixel, for rectangles that are turned
EDGE_PX = 0.02  # by which a step may leave its context in rounding


class DoseGrid:
    """Electrons per nm² on the pixels of a calibrated context, and what fell outside of it.

    Within its rectangle an exposure counts as even: the beam's tails and the gaps between samples are left out.

    Attributes
    ----------
    outside_electrons : that fell beside the context.
    """

    def __init__(self, context: ScanContext) -> None:
        self.outside_electrons = 0.0
        self._context = context
        self._electrons = np.zeros((context.rows, context.cols))

    @property
    def dose_e_per_nm2(self) -> npt.NDArray[np.float32]:
        """float32 ndarray of shape (rows, cols), like the preview."""
        pitch_y_nm, pitch_x_nm = self._context.pixel_size_nm
        return np.maximum(self._electrons / (pitch_y_nm * pitch_x_nm), 0.0).astype(np.float32)

    @property
    def highest_e_per_nm2(self) -> float:
        """The highest dose of a pixel."""
        pitch_y_nm, pitch_x_nm = self._context.pixel_size_nm
        return float(self._electrons.max(initial=0.0)) / (pitch_y_nm * pitch_x_nm)

    def add(self, grid: SamplingGrid, electrons: float) -> None:
        """Spread electrons evenly over a rectangle in the context's axes; a negative number takes them away again."""
        rows, cols, share = self._shares(grid)
        self._electrons[rows, cols] += electrons * share
        self.outside_electrons += electrons * (1.0 - float(share.sum()))

    def add_at(self, place_nm: YX, electrons: float) -> None:
        """Put electrons on the pixel at a place."""
        self.add_along(place_nm, place_nm, electrons)

    def add_along(self, start_nm: YX, end_nm: YX, electrons: float) -> None:
        """Spread electrons evenly over the straight way between two places."""
        start, end = (np.array(self._context.px_from_nm(place)) for place in (start_nm, end_nm))
        count = 2 * math.ceil(float(np.abs(end - start).max())) + 1
        along = np.linspace(start, end, count)
        places = np.floor(along + 0.5).astype(int)
        inside = ((places >= 0) & (places < self._electrons.shape)).all(axis=1)
        np.add.at(self._electrons, tuple(places[inside].T), electrons / count)
        self.outside_electrons += electrons * float(1 - inside.mean())

    def _shares(self, grid: SamplingGrid) -> tuple[slice, slice, FloatArray]:
        """The pixels around a rectangle, and which share of it each of them covers."""
        corners = np.array(
            [
                self._context.px_from_nm(grid.plane_nm((i, j)))
                for i in (-0.5, grid.rows - 0.5)
                for j in (-0.5, grid.cols - 0.5)
            ]
        )
        low = np.maximum(np.floor(corners.min(axis=0) + 0.5).astype(int), 0)
        high = np.minimum(np.floor(corners.max(axis=0) + 0.5).astype(int) + 1, self._electrons.shape)
        rows, cols = (slice(int(a), int(max(a, b))) for a, b in zip(low, high, strict=True))
        if math.isclose(math.sin(2 * grid.ccw_rad), 0.0, abs_tol=1e-12):
            top, left = corners.min(axis=0)
            bottom, right = corners.max(axis=0)
            share = np.outer(_overlaps(rows, top, bottom), _overlaps(cols, left, right))
            return rows, cols, share / ((bottom - top) * (right - left))
        limits = np.array(self._electrons.shape) - 0.5
        is_inside = bool((corners >= -0.5 - EDGE_PX).all() and (corners <= limits + EDGE_PX).all())
        return rows, cols, self._turned(grid, rows, cols, is_inside=is_inside)

    def _turned(self, grid: SamplingGrid, rows: slice, cols: slice, *, is_inside: bool) -> FloatArray:
        offsets = (np.arange(SUBSAMPLES) + 0.5) / SUBSAMPLES - 0.5
        fine_rows = (np.arange(rows.start, rows.stop)[:, None] + offsets).ravel()
        fine_cols = (np.arange(cols.start, cols.stop)[:, None] + offsets).ravel()
        pitch_y_nm, pitch_x_nm = self._context.pixel_size_nm
        y0_nm, x0_nm = self._context.nm_from_px((0.0, 0.0))
        y_nm, x_nm = np.meshgrid(y0_nm + fine_rows * pitch_y_nm, x0_nm + fine_cols * pitch_x_nm, indexing="ij")
        at_rows, at_cols = grid.indices_px(y_nm, x_nm)
        inside = (np.abs(at_rows - (grid.rows - 1) / 2) <= grid.rows / 2) & (
            np.abs(at_cols - (grid.cols - 1) / 2) <= grid.cols / 2
        )
        shape = (rows.stop - rows.start, SUBSAMPLES, cols.stop - cols.start, SUBSAMPLES)
        covered = inside.reshape(shape).mean(axis=(1, 3))
        found: FloatArray = covered * (pitch_y_nm * pitch_x_nm) / (grid.height_nm * grid.width_nm)
        if not found.any():  # smaller than a sample of a pixel
            found[found.shape[0] // 2, found.shape[1] // 2] = 1.0
        return found / found.sum() if is_inside else found


def _overlaps(pixels: slice, low: float, high: float) -> FloatArray:
    """How much of each pixel, from index - 0.5 to index + 0.5, lies between two places."""
    index = np.arange(pixels.start, pixels.stop)
    found: FloatArray = np.clip(np.minimum(index + 0.5, high) - np.maximum(index - 0.5, low), 0.0, None)
    return found
