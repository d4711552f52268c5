"""One picture of a run: the recorded tiles in their places over the preview."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.records.frames import ScanFrame

FloatImage = npt.NDArray[np.float32]
LARGEST_SIDE_PX = 4096
EDGE_PX = 1.0  # how far beyond its outermost samples' centres a tile still counts


def mosaic(
    preview: FloatImage,
    preview_dwell_us: float | None,
    frames: Sequence[ScanFrame],
    *,
    samples_per_px: int | None = None,
) -> FloatImage:
    """Tiles over the preview, on the preview's grid or a whole number of times finer.

    Parameters
    ----------
    preview : float32 ndarray of shape (rows, cols), of the context that all frames have in common.
    preview_dwell_us : of the preview. Counts are brought to it, so that a tile that was looked at for longer is not
        brighter; None leaves counts as they are.
    frames : recorded steps, shown in order: a later one covers an earlier one.
    samples_per_px : along each axis; None takes what the finest tile has, as far as no side passes 4096 px.

    Returns
    -------
    float32 ndarray of shape (rows * samples_per_px, cols * samples_per_px), with the preview's field of view.

    Notes
    -----
    Linear interpolation. Where a tile is finer than the mosaic, samples are left out rather than averaged.

    Raises
    ------
    InputError
        A frame without a step, of another context than the preview, or of a context without pixel size.
    """
    rows, cols = preview.shape
    for frame in frames:
        if frame.step is None or (frame.context.rows, frame.context.cols) != (rows, cols):
            raise InputError(f"a frame is no step of a context of {rows} x {cols} px: give the tiles of one run")
    times = samples_per_px or _finest(frames, max(rows, cols))
    shown = _enlarged(preview, times)
    for frame in frames:
        gain = 1.0 if preview_dwell_us is None else preview_dwell_us / frame.dwell_time_us
        _put(shown, frame, np.float32(gain))
    return shown


def _finest(frames: Sequence[ScanFrame], side_px: int) -> int:
    density = max((f.step.rows / f.step.height_px for f in frames if f.step is not None), default=1.0)
    return max(1, min(math.ceil(density - 1e-6), LARGEST_SIDE_PX // side_px))


def _enlarged(preview: FloatImage, times: int) -> FloatImage:
    from scipy import ndimage

    if times == 1:
        return np.array(preview, np.float32)
    larger: FloatImage = ndimage.zoom(preview, times, order=1, mode="nearest", grid_mode=True).astype(np.float32)
    return larger


def _put(shown: FloatImage, frame: ScanFrame, gain: np.float32) -> None:
    """Sample one tile where it lies, in place."""
    from scipy import ndimage

    height_nm, width_nm = frame.context.fov_nm
    grid = SamplingGrid(rows=shown.shape[0], cols=shown.shape[1], height_nm=height_nm, width_nm=width_nm)
    tile = frame.in_context()
    window = _window(grid, tile)
    y_nm, x_nm = (axis[window] for axis in grid.mesh_nm())
    row, col = tile.indices_px(y_nm, x_nm)
    inside = (np.abs(row - (tile.rows - 1) / 2) <= tile.rows / 2) & (np.abs(col - (tile.cols - 1) / 2) <= tile.cols / 2)
    values = ndimage.map_coordinates(frame.values, [row[inside], col[inside]], order=1, mode="nearest")
    shown[window][inside] = values * gain


def _window(grid: SamplingGrid, tile: SamplingGrid) -> tuple[slice, slice]:
    """The part of the grid that the corners of a tile span."""
    corners = [
        grid.index_px(tile.plane_nm((row, col))) for row in (-0.5, tile.rows - 0.5) for col in (-0.5, tile.cols - 0.5)
    ]
    low, high = np.min(corners, axis=0) - EDGE_PX, np.max(corners, axis=0) + EDGE_PX
    (top, left), (bottom, right) = np.floor(low).astype(int), np.ceil(high).astype(int) + 1
    return slice(max(0, top), max(0, bottom)), slice(max(0, left), max(0, right))
