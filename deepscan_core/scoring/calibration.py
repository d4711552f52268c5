"""From scores without a scale to surprisal that can say "nothing here".

Two steps. `bulk_excess` puts every kind of score into units of its own bulk, so that several can be put together.
`place_surprisal` then asks how high the highest score of a place usually is in this image, follows the tail of that beyond
what the image itself can show, and returns minus the logarithm of the chance. Neither ranks pixels: of an image without
anything rare, no place is surprising.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_finite, check_positive
from deepscan_core.scoring.sampling import evenly

FloatImage = npt.NDArray[np.float32]

BULK_QUANTILE = 0.9  # what lies above may be defects and must not widen the bulk's own tail
MOST_EXCESS = 1e4  # of images without noise, whose bulk does not vary
MOST_SAMPLES = 1 << 16
PLACE_PX = 24  # side of the square whose highest score is looked at
FEWEST_PLACES = 64  # in smaller images places are smaller
TAIL_QUANTILES = (0.2, 0.75)  # of the places' highest scores, between which the tail is learned
TEXTURE_SHAPE, CRYSTAL_SHAPE = 1.25, 2.25  # of the tail: 1 is exponential, 2 Gaussian, as noise is
SHAPE_FROM_USUAL = 0.7  # weight of that against what the image's own bulk shows
SHAPES = (0.5, 3.0)
TAIL_PLACES = 15.0  # above the level that so many places should exceed, what is more than those is taken for targets
ROUNDS = 10
FEWEST_PEAKS = 12


@dataclass(frozen=True, kw_only=True)
class Bulk:
    """Where the bulk of some scores lies, and how fast it decays; `decay` is 0 where they do not vary."""

    middle: float
    decay: float

    @classmethod
    def of(cls, scores: FloatImage) -> Bulk:
        """The bulk of float32 scores, shape (rows, cols), see `bulk_excess`."""
        sample = evenly(scores, MOST_SAMPLES)
        middle, high = np.quantile(sample, [0.5, BULK_QUANTILE])
        steepest = (float(scores.max()) - middle) / MOST_EXCESS
        decay = max((high - middle) / math.log(0.5 / (1 - BULK_QUANTILE)), steepest)
        return cls(middle=float(middle), decay=float(decay))

    def excess(self, scores: FloatImage) -> FloatImage:
        """How far scores lie above the middle, in units of the decay, of the same shape, at least 0."""
        if not self.decay > 0:
            return np.zeros_like(scores)
        excess: FloatImage = np.maximum((scores - np.float32(self.middle)) / np.float32(self.decay), np.float32(0))
        return excess


def bulk_excess(scores: FloatImage) -> FloatImage:
    """How far scores lie above their median, in units of the decay between median and 90th percentile; at least 0.

    Parameters
    ----------
    scores : float32 ndarray of shape (rows, cols), higher is rarer.

    Returns
    -------
    float32 ndarray of the same shape; ln 5 at the 90th percentile. For an exponential tail this is ``-ln p - ln 2``. At
    most 10,000; all 0 where the scores do not vary.

    Notes
    -----
    Fails where more than a tenth of the image is rare: then rare is the rule.
    """
    return Bulk.of(scores).excess(scores)


@dataclass(frozen=True, kw_only=True)
class PlaceTail:
    """How high the highest score of an ordinary place gets, see `place_surprisal`.

    Attributes
    ----------
    scale, shape : ``exp(-(u / scale) ** shape)`` of the ordinary places exceed `u`; `scale` is infinite where none is seen.
    more_places_nats : logarithm of how many places there are for each ordinary one that was seen.
    """

    scale: float
    shape: float
    more_places_nats: float

    @classmethod
    def of(cls, scores: FloatImage, *, periodicity: float = 0.0) -> PlaceTail:
        """The tail of an image; for the parameters see `place_surprisal`."""
        peaks = highest_of_places(scores)
        if len(peaks) == 0:
            return cls(scale=math.inf, shape=1.0, more_places_nats=0.0)
        count, scale, shape = _tail(peaks, TEXTURE_SHAPE + (CRYSTAL_SHAPE - TEXTURE_SHAPE) * periodicity)
        return cls(scale=scale, shape=shape, more_places_nats=math.log(n_places(scores.shape) / count))

    def nats(self, scores: FloatImage) -> FloatImage:
        """Surprisal of scores, of the same shape, at least 0."""
        nats = (scores / np.float32(self.scale)) ** np.float32(self.shape) + np.float32(self.more_places_nats)
        at_least_none: FloatImage = np.maximum(nats, np.float32(0), out=nats)
        return at_least_none


def place_surprisal(scores: FloatImage, *, periodicity: float = 0.0) -> FloatImage:
    """-ln of the chance that an ordinary place of this image holds a score as high, shape (rows, cols), in nats.

    A place is a square of 24 px. The highest scores of ordinary places are taken to exceed ``u`` with the probability
    ``exp(-(u / scale) ** shape)``. Scale and shape come from the middle of their own distribution, where few are
    defects; the shape is drawn towards the usual one, for which the simulated frames without defects were used
    (``benchmarks/dial.py``). Where more places lie far out than the tail allows, as many of the highest are taken for
    targets and left out, and the fit is repeated.

    Parameters
    ----------
    scores : float32 ndarray of shape (rows, cols), at least 0, higher is rarer.
    periodicity : how much of the image is crystal, in [0, 1]: what a lattice leaves is nearly Gaussian noise, what remains
        of a texture is not.

    Notes
    -----
    The tail is extrapolated: an image of one megapixel shows some thousand places, so a chance of one in a million is a
    guess. An image too small or too plain to show a tail is taken as exponential.
    """
    return PlaceTail.of(scores, periodicity=periodicity).nats(scores)


def highest_of_places(scores: FloatImage) -> npt.NDArray[np.float64]:
    """Scores above 0 that are the highest within a place around them, in falling order."""
    from scipy import ndimage

    half = _largest_of_four(scores)
    is_peak = ndimage.maximum_filter(half, (place_px(scores.shape) // 2) | 1) == half
    return np.sort(half[is_peak & (half > 0)].astype(np.float64))[::-1]


def _largest_of_four(scores: FloatImage) -> FloatImage:
    """Half the resolution, with the peaks of all of it."""
    rows, cols = (n // 2 * 2 for n in scores.shape)
    by_row = np.maximum(scores[:rows:2], scores[1:rows:2])
    largest: FloatImage = np.maximum(by_row[:, :cols:2], by_row[:, 1:cols:2])
    return largest


def place_px(shape: tuple[int, ...]) -> int:
    """Side of a place: 24 px, in small images less."""
    return max(4, min(PLACE_PX, round(math.sqrt(math.prod(shape) / FEWEST_PLACES))))


def n_places(shape: tuple[int, ...]) -> float:
    """How many places an image has."""
    return max(1.0, math.prod(shape) / place_px(shape) ** 2)


def level_for_false_regions(expected: float, shape: tuple[int, ...]) -> float:
    """Surprisal above which an image of this shape without anything rare shows `expected` regions on average.

    Raises
    ------
    InputError
        A number that is not positive, or as many as there are places.
    """
    check_positive("expected_false_regions", expected)
    places = n_places(shape)
    if expected >= places:
        raise InputError(f"expected_false_regions is {expected:g}, but the image has {places:.0f} places: give less")
    return math.log(places / expected)


def level_for_false_share(nats: FloatImage, share: float) -> float:
    """Surprisal above which at most this share of regions is expected to be false; infinite where there is no such level.

    The lowest level at which the places that chance lets exceed it are no more than the share of those that do (Benjamini
    and Hochberg 1995, doi:10.1111/j.2517-6161.1995.tb02031.x).

    Parameters
    ----------
    nats : surprisal, float32 ndarray of shape (rows, cols).

    Raises
    ------
    InputError
        A share that is not between 0 and 1.
    """
    check_finite("false_share", share)
    if not 0 < share < 1:
        raise InputError(f"false_share is {share:g}: give a number above 0 and below 1")
    peaks = highest_of_places(nats)
    by_chance = n_places(nats.shape) * np.exp(-peaks)
    allowed = np.flatnonzero(by_chance <= share * np.arange(1, len(peaks) + 1))
    return float(peaks[allowed[-1]]) if len(allowed) else math.inf


def _tail(peaks: npt.NDArray[np.float64], usual_shape: float) -> tuple[int, float, float]:
    """Number of ordinary peaks, scale and shape of their tail. `peaks` are in falling order, above 0."""
    targets = 0
    for _ in range(ROUNDS):
        count, scale, shape = _tail_of(peaks[targets:], usual_shape)
        level = scale * max(math.log(count / TAIL_PLACES), 0.0) ** (1 / shape)
        surplus = int((peaks > level).sum() - TAIL_PLACES)
        found = max(0, min(surplus, len(peaks) // 2)) if count > TAIL_PLACES else 0
        if found == targets:
            break
        targets = found
    return count, scale, shape


def _tail_of(peaks: npt.NDArray[np.float64], usual_shape: float) -> tuple[int, float, float]:
    count = len(peaks)
    low, high = (float(np.quantile(peaks, q)) for q in TAIL_QUANTILES)
    low_nats, high_nats = (-math.log(1 - q) for q in TAIL_QUANTILES)
    if count < FEWEST_PEAKS or not 0 < low < high:
        return count, max(high, 1e-6) / high_nats, 1.0
    own = math.log(high_nats / low_nats) / math.log(high / low)
    shape = min(max(own ** (1 - SHAPE_FROM_USUAL) * usual_shape**SHAPE_FROM_USUAL, SHAPES[0]), SHAPES[1])
    return count, high / high_nats ** (1 / shape), shape
