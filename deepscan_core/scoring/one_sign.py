"""Spots of one sign, judged by the spots of the other.

Where targets fill a good part of an image, as atoms on a support do, they are in the bulk from which the tail of ordinary
places is learned, and hide themselves. But atoms are all bright, while noise is as often dark: so the dark spots show how
high ordinary ones get, however many atoms there are (target-decoy competition: Elias and Gygi 2007, doi:10.1038/nmeth1019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.scoring.calibration import FEWEST_PEAKS, PlaceTail, highest_of_places, n_places, place_px
from deepscan_core.scoring.filters import signed_spots

FloatImage = npt.NDArray[np.float32]
Peaks = npt.NDArray[np.float64]

WIDTHS_PX = (1.6, 2.2, 3.1)  # standard deviations of the spots that are tried
FINER_PX, COARSER_PX = 1.2, 5.0  # and what tells points from mere texture, which is finer, and from wider objects
ORDINARY_QUANTILE = 0.2  # of the highest spots of places: there both signs are noise or texture
SIGNS = 2  # either may be taken, so chance has two tries
SHAPES = (0.5, 4.0)  # of a tail, see `calibration.SHAPES`
MANY = 12  # above the level that one by chance passes: textures have up to ten
FIRST_WIDTH_PX, FIRST_MANY = 2.2, 8  # that have to be there before all widths are tried
MOST_OF_OTHER_SIGN = 1 / 6
LEAST_NARROW = 0.9  # of the contrast through a coarser filter: a dozen medians are uncertain by a tenth
LEAST_FINER, MOST_FINER = (
    0.6,
    1.4,
)  # as many as at the best width are found by the finer filter too, if spots are points


@dataclass(frozen=True, kw_only=True)
class OneSign:
    """Spots of one sign and width.

    Attributes
    ----------
    width_px : standard deviation.
    sign : 1 for bright spots, -1 for dark ones.
    tail : of what chance makes.
    surplus : how many lie beyond what one place by chance would.
    """

    width_px: float
    sign: int
    tail: PlaceTail
    surplus: int

    def are_at(self, residual: FloatImage) -> npt.NDArray[np.bool_]:
        """Where those beyond chance have their highest pixel, shape (rows, cols)."""
        from scipy import ndimage

        signed = np.float32(self.sign) * signed_spots(residual, self.width_px)
        is_peak: npt.NDArray[np.bool_] = signed == ndimage.maximum_filter(signed, place_px(residual.shape) | 1)
        return is_peak & (self.tail.nats(np.maximum(signed, 0)) > math.log(n_places(residual.shape)))

    def nats(self, residual: FloatImage) -> FloatImage:
        """-ln of the chance that noise makes a spot as strong, shape (rows, cols); 0 where the sign is the other one."""
        signed = np.float32(self.sign) * signed_spots(residual, self.width_px)
        nats = self.tail.nats(np.maximum(signed, 0))
        nats[signed <= 0] = 0
        return nats


def one_sign_surprisal(residual: FloatImage) -> FloatImage:
    """The surprisal of `best_of_one_sign`, shape (rows, cols), in nats; all 0 where there is none.

    Parameters
    ----------
    residual : float32 ndarray of shape (rows, cols), signed, of like spread everywhere.
    """
    found = best_of_one_sign(residual)
    return np.zeros_like(residual) if found is None else found.nats(residual)


def best_of_one_sign(residual: FloatImage) -> OneSign | None:
    """Spots of the sign that shows most above what one place by chance would; None where too little is seen.

    Of the widths that show as many, within the scatter of such a count, it is the narrowest: it tells neighbours apart.

    Parameters
    ----------
    residual : float32 ndarray of shape (rows, cols), signed, of like spread everywhere.

    Notes
    -----
    Assumes that the tails of what is not looked for are alike for both signs, but for one factor, which the weakest fifth
    of places shows. Where a texture has more far-out spots of one sign, as bright precipitates, they are found. Targets of
    both signs raise each other's level.
    """
    found = [one for width_px in WIDTHS_PX for one in _both_signs(residual, width_px)]
    most = max(found, key=lambda one: one.surplus, default=None)
    if most is None:
        return None
    as_many = most.surplus - math.sqrt(most.surplus)
    return next(one for one in found if one.sign == most.sign and one.surplus >= as_many)


def many_of_one_sign(residual: FloatImage) -> OneSign | None:
    """The same where many points of one sign stand on a support, as atoms do; else None.

    At least twelve beyond what one by chance would pass; at most a sixth as many of the other sign; a finer filter finds
    about as many, while faint objects that are wider than a point, as precipitates, show fewer through it, and texture
    shows more; and they do not stand out more through a coarser one.
    """
    if max((one.surplus for one in _both_signs(residual, FIRST_WIDTH_PX)), default=0) < FIRST_MANY:
        return None
    best = best_of_one_sign(residual)
    if best is None or best.surplus < MANY:
        return None
    others = [one.surplus for one in _both_signs(residual, best.width_px) if one.sign != best.sign]
    finer = [one.surplus for one in _both_signs(residual, FINER_PX) if one.sign == best.sign]
    is_one_sign = sum(others) <= MOST_OF_OTHER_SIGN * best.surplus
    are_points = LEAST_FINER * best.surplus <= sum(finer) <= MOST_FINER * best.surplus
    is_narrow = _contrast(residual, best, best.width_px) > LEAST_NARROW * _contrast(residual, best, COARSER_PX)
    return best if is_one_sign and are_points and is_narrow else None


def _contrast(residual: FloatImage, spots: OneSign, width_px: float) -> float:
    """How far as many spots stand out at another width, in units of the spread there."""
    signed = np.float32(spots.sign) * signed_spots(residual, width_px)
    spread = float(np.median(np.abs(signed)))
    return float(np.median(highest_of_places(signed)[: spots.surplus])) / spread if spread > 0 else 0.0


def _both_signs(residual: FloatImage, width_px: float) -> list[OneSign]:
    """Bright and dark spots of one width, each judged by the other; fewer where too little is seen."""
    signed = signed_spots(residual, width_px)
    bright, dark = highest_of_places(signed), highest_of_places(-signed)
    certain = math.log(n_places(residual.shape))
    found = []
    for sign, own, decoys in ((1, bright, dark), (-1, dark, bright)):
        tail = _tail(own, decoys, n_places(residual.shape))
        if tail is not None:
            surplus = int((tail.nats(own.astype(np.float32)) > certain).sum())
            found.append(OneSign(width_px=width_px, sign=sign, tail=tail, surplus=surplus))
    return found


def _tail(own: Peaks, decoys: Peaks, places: float) -> PlaceTail | None:
    """Of what is of the own sign, by the spots of the other: a Weibull tail through their higher half.

    A straight line of ln(-ln p) over ln u, by least squares; the weights are one over the variance that the i-th highest
    has, ``1 / (i nats**2)``.
    """
    if min(len(own), len(decoys)) < FEWEST_PEAKS:
        return None
    factor = max(1.0, float(np.quantile(own, ORDINARY_QUANTILE) / np.quantile(decoys, ORDINARY_QUANTILE)))
    count = len(decoys)
    highest, rank = factor * decoys[: count // 2], np.arange(count // 2) + 0.5
    nats = np.log(count / rank)
    if not highest[0] > highest[-1] > 0:
        return None
    (x, y), weights = np.log([highest, nats]), rank * nats**2
    middle_x, middle_y = (float(np.average(values, weights=weights)) for values in (x, y))
    slope = float(np.average((x - middle_x) * (y - middle_y), weights=weights))
    shape = min(max(slope / float(np.average((x - middle_x) ** 2, weights=weights)), SHAPES[0]), SHAPES[1])
    scale = math.exp(middle_x - middle_y / shape)
    return PlaceTail(scale=scale, shape=shape, more_places_nats=math.log(places / (SIGNS * count)))
