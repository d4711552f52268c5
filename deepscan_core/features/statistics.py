"""Brightness, gradient, curvature, roughness and structure around each place, at five widths.

What a network trained on photographs answers to only in part, and a microscopist looks at first: how bright a place is, and
how its brightness changes over one pixel to sixteen. All of it is the same for a turned or mirrored image.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.records.maps import FeatureMap

FloatImage = npt.NDArray[np.floating[Any]]  # of single precision throughout

N_OCTAVES = 5
SIGMA_CELLS = 1.0  # of each Gaussian, in pixels of the halved image
WINDOW_CELLS = 2.0  # of the structure tensor
FINEST_STEP_PX = 2
SMALLEST_SIDE = 8  # of a halved image; a smaller one is not halved again
NAME = "local statistics"
LOOK_AT = (
    "brightness",
    "gradients",
    "curvature",
    "curvature",
    "roughness",
    "structure",
    "structure",
)  # each of the seven


def statistics_maps(scaled: npt.NDArray[np.float32]) -> tuple[FeatureMap, ...]:
    """Seven rotation-invariant statistics at widths of 1, 2, 4, 8 and 16 px, one map a width.

    Parameters
    ----------
    scaled : float32 ndarray of shape (rows, cols), of about unit range, at least 2 px a side.

    Returns
    -------
    FeatureMap of 7 features each: mean, gradient, both curvatures (eigenvalues of the Hessian), standard deviation, and the
    roots of both eigenvalues of the structure tensor (Bigün and Granlund 1987; as in ilastik, Berg et al. 2019,
    doi:10.1038/s41592-019-0582-9), each times the power of the width that makes it independent of magnification
    (Lindeberg 1998, doi:10.1023/A:1008045108935).

    Notes
    -----
    Each width is worked out on the image halved once more; of small images, the coarser widths on the last one that has
    8 px a side.
    """
    maps, image, step_px = [], scaled, 1
    for octave in range(N_OCTAVES):
        if octave and min(image.shape) >= 2 * SMALLEST_SIDE:
            image, step_px = _halved(image), 2 * step_px
        width = SIGMA_CELLS * 2**octave / step_px
        values, own_px = _statistics(image, width), step_px
        if step_px < FINEST_STEP_PX and min(image.shape) >= FINEST_STEP_PX:
            values, own_px = np.stack([_halved(one) for one in values]), FINEST_STEP_PX
        maps.append(
            FeatureMap(
                values=np.ascontiguousarray(values.transpose(1, 2, 0)),
                step_px=float(own_px),
                origin_px=(own_px - 1) / 2,
                image_shape=(scaled.shape[0], scaled.shape[1]),
                source=NAME,
            )
        )
    return tuple(maps)


def _statistics(image: FloatImage, width: float) -> FloatImage:
    """The seven, shape (7, rows, cols); the width in pixels of the image given."""
    from scipy import ndimage

    def smooth(values: FloatImage, sigma: float = width) -> FloatImage:
        smoothed: FloatImage = ndimage.gaussian_filter(values, sigma, truncate=3)
        return smoothed

    mean = smooth(image)
    down, across = _slope(mean, 0), _slope(mean, 1)
    spread = smooth(image * image) - mean * mean
    window = WINDOW_CELLS * width
    first, second = _eigenvalues(_slope(down, 0), _slope(across, 1), _slope(down, 1))
    along = _eigenvalues(smooth(down * down, window), smooth(across * across, window), smooth(down * across, window))
    return np.stack(
        [
            mean,
            width * np.hypot(down, across),
            width**2 * first,
            width**2 * second,
            np.sqrt(np.maximum(spread, 0)),
            *(width * np.sqrt(np.maximum(one, 0)) for one in along),
        ]
    ).astype(np.float32, copy=False)


def _slope(image: FloatImage, axis: int) -> FloatImage:
    slope: FloatImage = np.gradient(image, axis=axis)
    return slope


def _eigenvalues(first: FloatImage, second: FloatImage, mixed: FloatImage) -> tuple[FloatImage, FloatImage]:
    """Of the symmetric 2 x 2 matrices with these elements, the larger ones first."""
    half = (first + second) / 2
    apart = np.hypot((first - second) / 2, mixed)
    return half + apart, half - apart


def _halved(image: FloatImage) -> FloatImage:
    """Mean over 2 x 2 pixels; an odd last row or column is left out."""
    rows, cols = (n // 2 * 2 for n in image.shape)
    by_row = image[:rows:2] + image[1:rows:2]
    mean: FloatImage = (by_row[:, :cols:2] + by_row[:, 1:cols:2]) * np.float32(0.25)
    return mean
