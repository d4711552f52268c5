"""How an image repeats, before anything is predicted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.records.noise import KnownNoise
from deepscan_core.scoring.lattice import Pattern, Tile, patterns_of, periodicity_map, tiles_of

FloatImage = npt.NDArray[np.float32]
FindPatterns = Callable[[FloatImage, list[list[Tile]], int], list[list[Pattern]]]

SMOOTHING_PX = 0.8  # before anything is shifted: an image sampled so can be shifted by half pixels
SMOOTHING_REACH = 3  # standard deviations
MOST_TRANSLATIONS = 16  # of each tile; ± doubles them


@dataclass(frozen=True, kw_only=True, eq=False)
class Structure:
    """How an image repeats, before anything is predicted.

    Attributes
    ----------
    scaled : the image, shape (rows, cols).
    smooth : the same, slightly smoothed.
    known_noise : what a calibration of the detector says, in the same grey values.
    tiles, patterns : pieces and how they repeat.
    periodicity : 0 for texture to 1 for crystal, shape (rows, cols).
    """

    scaled: FloatImage
    smooth: FloatImage
    known_noise: KnownNoise | None
    tiles: list[list[Tile]]
    patterns: list[list[Pattern]]
    periodicity: FloatImage


def structure_of(
    scaled: npt.NDArray[np.float32], known_noise: KnownNoise | None = None, *, find: FindPatterns = patterns_of
) -> Structure:
    """Find how an image repeats.

    Parameters
    ----------
    scaled : float32 ndarray of shape (rows, cols), of about unit range.
    known_noise : what a calibration of the detector says, in the same grey values.
    find : gives the patterns of a smoothed image's tiles, at most so many translations each.
    """
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(scaled, SMOOTHING_PX, truncate=SMOOTHING_REACH)
    tiles = tiles_of(smooth.shape)
    patterns = find(smooth, tiles, MOST_TRANSLATIONS)
    return Structure(
        scaled=scaled,
        smooth=smooth,
        known_noise=known_noise,
        tiles=tiles,
        patterns=patterns,
        periodicity=periodicity_map(patterns, smooth.shape),
    )
