"""What stands out of a support, pixel by pixel, for points such as atoms.

A thin support is told from two sides: by the brightness around a place, which is smooth but lags behind the texture, and by
self-similarity, which follows the texture but repeats the noise of what it copies. Their errors are largely their own, so
their mean is expected (equal weights are hard to beat: Bates and Granger 1969, doi:10.1057/jors.1969.103). What is left is
divided by its spread nearby and among pixels of like brightness, whichever is larger: texture comes in patches, and at the
rim of a support the neighbourhood is half vacuum.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepscan_core.scoring.filters import doubled, halved
from deepscan_core.scoring.sampling import evenly
from deepscan_core.scoring.self_similarity import MOST_SAMPLES, SIGMA_OF_MAD, Residual, sigma_by_level

FloatImage = npt.NDArray[np.float32]

AROUND_PX = 6.0  # wider than the widest point that is looked for, 3.2 px with the smoothing
SPREAD_PX = 24.0  # wide enough that a point does not set its own spread
SPREAD_CLIP = 4.0  # in usual spreads, and so that many points do not either
LEVEL_SHARE = 0.1  # of all pixels have like brightness: a rim is narrow
MOST_SLOPE = 2.0  # of what is usual, where points on a support stand: highlights at the rims of objects have four
LEAST_SPREAD = 0.1**0.5  # in usual spreads: vacuum shows single electrons, which are no points


def point_sigmas(residual: Residual) -> FloatImage:
    """Image minus what is expected of a support, in its own spreads, shape (rows, cols), signed; 0 where nothing varies.

    Where the image is a crystal only self-similarity is asked: around a column it is darker.
    """
    structure, predicted = residual.structure(), residual.predicted()
    around = _mean_around(structure.smooth)
    share = (1 - structure.periodicity) / 2
    left = structure.smooth - predicted - share * (around - predicted)
    usual = SIGMA_OF_MAD * float(np.median(np.abs(evenly(left, MOST_SAMPLES))))
    if not usual > 0:
        return np.zeros_like(left)
    left /= np.float32(usual)
    alike = sigma_by_level(left, around, share=LEVEL_SHARE)
    spread = np.maximum(_variance_nearby(left), alike**2)
    left /= np.sqrt(spread + np.float32(LEAST_SPREAD**2))
    return left


def are_on_level_ground(smooth: FloatImage, points: npt.NDArray[np.bool_]) -> bool:
    """Whether the brightness around points changes as little as it usually does; at the rims of objects it does not.

    Parameters
    ----------
    smooth : the image, shape (rows, cols).
    points : where they are, of the same shape; at least one.
    """
    from scipy import ndimage

    slopes = ndimage.gaussian_gradient_magnitude(smooth, AROUND_PX, truncate=3)
    return bool(np.median(slopes[points]) <= MOST_SLOPE * np.median(evenly(slopes, MOST_SAMPLES)))


def _mean_around(smooth: FloatImage) -> FloatImage:
    from scipy import ndimage

    mean: FloatImage = ndimage.gaussian_filter(smooth, AROUND_PX, truncate=3)
    return mean


def _variance_nearby(left: FloatImage) -> FloatImage:
    """At a quarter of the resolution, which it does not need."""
    from scipy import ndimage

    squares = np.clip(left, -SPREAD_CLIP, SPREAD_CLIP) ** 2
    if min(left.shape) < 4:
        return np.full_like(left, squares.mean())
    coarse = halved(halved(squares))
    nearby: FloatImage = ndimage.gaussian_filter(coarse, SPREAD_PX / 4, truncate=3)
    halves = (left.shape[0] // 2, left.shape[1] // 2)
    return doubled(doubled(nearby, halves), left.shape)
