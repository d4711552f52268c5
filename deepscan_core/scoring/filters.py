"""Matched filters over residuals, all with the same noise everywhere, up to the edge of the image."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.float32]

LINE_LENGTH_PX, LINE_WIDTH_PX = 20.0, 3.0  # length and width as twice the standard deviations of the filter
LINE_DIRECTIONS = 8
LINE_CLIP = 4.0  # so that one bright spot does not make a line
LINE_TILE, LINE_MARGIN = 512, 24  # in binned pixels
TRUNCATE = 3.0


def spots(residual: FloatImage, width_px: float) -> FloatImage:
    """Size of the residual under a Gaussian of standard deviation `width_px`, shape (rows, cols), at least 0."""
    summed = signed_spots(residual, width_px)
    sizes: FloatImage = np.abs(summed, out=summed)
    return sizes


def signed_spots(residual: FloatImage, width_px: float) -> FloatImage:
    """Residual under a Gaussian of standard deviation `width_px`, shape (rows, cols), bright above 0 and dark below.

    Beyond the edge there is nothing to sum; what is left there is scaled to the noise of the inside.
    """
    return spots_of_frames(residual, width_px, (slice(None), slice(None)), residual.shape)


def spots_of_frames(
    residuals: FloatImage, width_px: float, frame: tuple[slice, slice], shape: tuple[int, ...]
) -> FloatImage:
    """Like `signed_spots`, of residuals that are zero but within one frame of the image.

    Parameters
    ----------
    residuals : float32 ndarray of shape (..., frame_rows, frame_cols).
    frame : rows and columns of them in the image.
    shape : rows and columns of the image.
    """
    from scipy import ndimage

    widths = (*(0.0 for _ in residuals.shape[:-2]), width_px, width_px)
    summed: FloatImage = ndimage.gaussian_filter(residuals, widths, mode="constant", truncate=TRUNCATE)
    summed /= _noise_gain(shape[0], width_px)[frame[0], None]
    summed /= _noise_gain(shape[1], width_px)[frame[1]]
    return summed


def lines(residual: FloatImage) -> FloatImage:
    """Size of the residual along the best of eight straight lines through each pixel, shape (rows, cols), at least 0.

    At half the resolution, which lines that are 3 px wide do not need.
    """
    if min(residual.shape) < 2:
        return np.zeros(residual.shape, np.float32)
    binned = halved(np.clip(residual, -LINE_CLIP, LINE_CLIP))
    rows, cols = binned.shape
    best = np.empty_like(binned)
    for top in range(0, rows, LINE_TILE):
        for left in range(0, cols, LINE_TILE):
            best[top : top + LINE_TILE, left : left + LINE_TILE] = _lines_of_tile(binned, top, left)
    return doubled(best, residual.shape)


def lines_of_frames(residuals: FloatImage, *, at_edge: bool) -> FloatImage:
    """Like `lines`, of residuals of one frame of an image; right but for the outermost 48 px.

    Parameters
    ----------
    residuals : float32 ndarray of shape (n, frame_rows, frame_cols); the frame begins at even indices.
    at_edge : whether it reaches the edge of the image; there it is right up to the edge.
    """
    from scipy import fft

    binned = halved(np.clip(residuals, -LINE_CLIP, LINE_CLIP))
    beyond = LINE_MARGIN if at_edge else 0
    rows, cols = binned.shape[1:]
    shape = (fft.next_fast_len(rows + beyond, real=True), fft.next_fast_len(cols + beyond, real=True))
    spectra = fft.rfft2(binned, shape)
    responses = [fft.irfft2(spectra * kernel, shape)[:, :rows, :cols] for kernel in _line_spectra(shape)]
    return doubled(np.abs(np.stack(responses)).max(axis=0), residuals.shape)


def halved(image: FloatImage) -> FloatImage:
    """Mean over 2 x 2 pixels of the last two axes; an odd last row or column is left out."""
    rows, cols = (n // 2 * 2 for n in image.shape[-2:])
    by_row = image[..., :rows:2, :] + image[..., 1:rows:2, :]
    mean: FloatImage = (by_row[..., :cols:2] + by_row[..., 1:cols:2]) * np.float32(0.25)
    return mean


def doubled(image: FloatImage, shape: tuple[int, ...]) -> FloatImage:
    """Every pixel as 2 x 2 of the last two axes, up to the shape of what was halved."""
    full = np.repeat(np.repeat(image, 2, axis=-2), 2, axis=-1)
    return np.pad(full, [(0, n - m) for n, m in zip(shape, full.shape, strict=True)], mode="edge")


def _lines_of_tile(binned: FloatImage, top: int, left: int) -> FloatImage:
    from scipy import fft

    rows, cols = (slice(max(0, n - LINE_MARGIN), n + LINE_TILE + LINE_MARGIN) for n in (top, left))
    tile = binned[rows, cols]
    shape = tuple(fft.next_fast_len(n + 2 * LINE_MARGIN, real=True) for n in tile.shape)
    spectrum = fft.rfft2(tile, shape)
    best = None
    for kernel in _line_spectra((shape[0], shape[1])):
        along = np.abs(fft.irfft2(spectrum * kernel, shape))
        best = along if best is None else np.maximum(best, along, out=best)
    height, width = (min(LINE_TILE, n - start) for n, start in zip(binned.shape, (top, left), strict=True))
    row, col = (start - span.start for start, span in zip((top, left), (rows, cols), strict=True))
    found: FloatImage = np.asarray(best, np.float32)[row : row + height, col : col + width]
    return found


@lru_cache(maxsize=4)
def _line_spectra(shape: tuple[int, int]) -> tuple[npt.NDArray[np.complex64], ...]:
    """Of the filters, centred on pixel (0, 0)."""
    from scipy import fft

    y, x = (fft.fftfreq(n, 1 / n) for n in shape)
    spectra = []
    for direction in np.pi * np.arange(LINE_DIRECTIONS) / LINE_DIRECTIONS:
        along = x[None] * np.cos(direction) + y[:, None] * np.sin(direction)
        across = y[:, None] * np.cos(direction) - x[None] * np.sin(direction)
        sigmas = LINE_LENGTH_PX / 4, LINE_WIDTH_PX / 4  # in pixels of the halved image
        line = np.exp(-((along / sigmas[0]) ** 2 + (across / sigmas[1]) ** 2) / 2)
        spectra.append(fft.rfft2((line / line.sum()).astype(np.float32)))
    return tuple(spectra)


@lru_cache(maxsize=32)
def _noise_gain(length: int, width_px: float) -> FloatImage:
    """Standard deviation of smoothed white noise along an axis, over that of the inside."""
    reach = int(TRUNCATE * width_px + 0.5)
    squares = np.exp(-(np.arange(-reach, reach + 1) ** 2) / width_px**2)
    inside = np.convolve(np.ones(length), squares)[reach : reach + length]
    gain: FloatImage = np.sqrt(inside / squares.sum()).astype(np.float32)
    return gain
