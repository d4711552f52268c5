"""What kind of thing was found: a spot, a line such as a crack, or the boundary of two grains of a crystal.

A crack is one connected line that is darker (or brighter) than predicted all along. A grain boundary in a crystal is a
chain of columns that are brighter and columns that are darker than the lattice on either side would have them. A spot
stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from deepscan_core.records.regions import ScanRegion
from deepscan_core.scoring.self_similarity import SIGMA_OF_MAD, Residual

FloatImage = npt.NDArray[np.float32]
Character = Literal["dark spot", "bright spot", "dark line", "bright line", "boundary", "unlike its surroundings"]
CHARACTERS: tuple[Character, ...] = get_args(Character)

SMOOTHING_PX = 1.5
STRONG_SIGMAS = 3.0
STRONG_SHARE = 0.4  # of the highest in the region: the slopes of something strong do not count
AROUND_PX = 16  # beside the region: a line goes on there
LINE_LENGTH_PX, LINE_ELONGATION = 16.0, 3.0
CHAIN_LENGTH_PX, CHAIN_ELONGATION = 28.0, 1.5
ONE_SIGN = 0.7  # of the sum of sizes: above, it is all dark or all bright


def characters_of(residual: Residual, regions: Sequence[ScanRegion]) -> tuple[Character, ...]:
    """The character of what each region holds, in their order.

    Parameters
    ----------
    residual : of the image.
    regions : inside the image.

    Notes
    -----
    Judged from the residual alone: a boundary between grains that differ in brightness but not in lattice is a line or
    nothing. Of 24 px and more a region shows enough of a line; in smaller ones it may pass for a spot.
    """
    if not regions:
        return ()
    signed, periodicity = spot_sigmas(residual.sigmas()), residual.structure().periodicity
    return tuple(character_of(signed, periodicity, region) for region in regions)


def spot_sigmas(residual: FloatImage) -> FloatImage:
    """A residual averaged over a spot, in units of its own robust spread, shape (rows, cols), signed."""
    from scipy import ndimage

    signed: FloatImage = ndimage.gaussian_filter(residual, SMOOTHING_PX)
    spread = SIGMA_OF_MAD * float(np.median(np.abs(signed)))
    signed /= spread if spread > 0 else 1.0
    return signed


def character_of(signed: FloatImage, periodicity: FloatImage, region: ScanRegion) -> Character:
    """The character of what one region holds, see `characters_of`; `signed` comes from `spot_sigmas`."""
    from scipy import ndimage

    inner = region.slices(signed.shape)
    highest = float(np.abs(signed[inner]).max())
    if highest < STRONG_SIGMAS:
        return "unlike its surroundings"
    outer = tuple(slice(max(0, span.start - AROUND_PX), span.stop + AROUND_PX) for span in inner)
    around = signed[outer]
    strong = np.abs(around) > max(STRONG_SIGMAS, STRONG_SHARE * highest)
    peak = np.unravel_index(int(np.abs(signed[inner]).argmax()), signed[inner].shape)
    at = tuple(p + i.start - o.start for p, i, o in zip(peak, inner, outer, strict=True))
    pieces, _ = ndimage.label(strong, np.ones((3, 3)))
    own = pieces == pieces[at]
    is_bright = bool(around[at] > 0)
    length_px, elongation = extent_px(own)
    if length_px >= LINE_LENGTH_PX and elongation >= LINE_ELONGATION:
        return "bright line" if is_bright else "dark line"
    length_px, elongation = extent_px(strong)
    one_sign = abs(float(around[strong].sum())) / float(np.abs(around[strong]).sum())
    in_crystal = float(periodicity[inner].mean()) > 0.5
    if in_crystal and length_px >= CHAIN_LENGTH_PX and elongation >= CHAIN_ELONGATION and one_sign < ONE_SIGN:
        return "boundary"
    return "bright spot" if is_bright else "dark spot"


def extent_px(mask: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Length in px, and length over width, of the ellipse with the second moments of a mask of shape (rows, cols)."""
    rows, cols = np.nonzero(mask)
    if len(rows) < 3:
        return 1.0, 1.0
    moments = np.cov(np.stack([rows, cols]).astype(float)) + np.eye(2) / 12  # of the pixels themselves
    short, long = np.linalg.eigvalsh(moments)
    return float(4 * np.sqrt(long)), float(np.sqrt(long / short))
