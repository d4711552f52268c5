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
    """Size of the residual under a Gaussian of standard deviation `width_px`, shape (rows, cols), at least 0.

    Beyond the edge there is nothing to sum; what is left there is scaled to the noise of the inside.
    """
    from scipy import ndimage

    summed = ndimage.gaussian_filter(residual, width_px, mode="constant", truncate=TRUNCATE)
    for axis, length in enumerate(residual.shape):
        gain = _noise_gain(length, width_px).reshape((-1, 1) if axis == 0 else (1, -1))
        summed /= gain
    sizes: FloatImage = np.abs(summed, out=summed)
    return sizes


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


def halved(image: FloatImage) -> FloatImage:
    """Mean over 2 x 2 pixels; an odd last row or column is left out."""
    rows, cols = (n // 2 * 2 for n in image.shape)
    by_row = image[:rows:2] + image[1:rows:2]
    mean: FloatImage = (by_row[:, :cols:2] + by_row[:, 1:cols:2]) * np.float32(0.25)
    return mean


def doubled(image: FloatImage, shape: tuple[int, ...]) -> FloatImage:
    """Every pixel as 2 x 2, up to the shape of what was halved."""
    full = np.repeat(np.repeat(image, 2, axis=0), 2, axis=1)
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
