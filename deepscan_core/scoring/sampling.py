"""A few pixels that stand for all of an image, the same ones however it is turned or mirrored."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.float32]


def evenly(values: FloatImage, most: int) -> FloatImage:
    """About `most` of the values of an image, evenly spread, shape (n,); all of them where there are no more.

    Parameters
    ----------
    values : float32 ndarray of shape (rows, cols).
    most : how many are wanted; up to eight more may come.

    Notes
    -----
    Every so many values along the rows, and the same of the image's seven turned and mirrored versions: a median or a
    quantile then does not depend on how a sample lies in the microscope. Arrays of one shape are sampled alike, so that
    values of two of them stay pairs. Some places come twice.
    """
    if values.size <= most:
        return values.ravel()
    step = -(-8 * values.size // most) | 1  # an odd step meets every column
    turned = [np.rot90(side, times) for side in (values, values.T) for times in range(4)]
    return np.concatenate([version.flat[::step] for version in turned])
