"""How badly is each place predicted by the rest of the same image?

What `nonlocal_means.prediction` leaves is divided by its own robust spread among pixels of like predicted intensity, which
is shot noise, detector noise and the scatter of columns in one, and at least by the noise of the detector at that
intensity: of what is rare and bright there are too few pixels to see it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

import numpy as np
import numpy.typing as npt

from deepscan_core.records.noise import KnownNoise, NoiseModel
from deepscan_core.scoring.codebook import Codebook
from deepscan_core.scoring.edges import level_edges
from deepscan_core.scoring.lattice import patterns_of
from deepscan_core.scoring.noise import estimate_noise, quick_noise
from deepscan_core.scoring.nonlocal_means import prediction
from deepscan_core.scoring.sampling import evenly
from deepscan_core.scoring.structure import SMOOTHING_PX, SMOOTHING_REACH, Structure, structure_of

FloatImage = npt.NDArray[np.float32]

LEVELS, LEVEL_STEPS = 25, 1024
LEVEL_SHARE = 0.4  # of all pixels are compared with each other; a rare phase must not excuse itself
BRIGHTEST_QUANTILE = (
    0.995  # of predicted intensities: beyond it the range of an image is compressed, and so is its noise
)
LEAST_SIGMA_SHARE = 0.1  # of the median sigma
LEAST_SIGMA = 1e-4  # of the range of the image: noise-free images are predicted perfectly
MOST_SAMPLES = 1 << 14
SIGMA_OF_MAD = 1.4826


def noise_of(structure: Structure, values: npt.NDArray[np.floating], known: KnownNoise | None = None) -> NoiseModel:
    """Noise of the detector in the grey values of the image as it was recorded, see `noise.estimate_noise`.

    Parameters
    ----------
    structure : of the image.
    values : the image itself, shape (rows, cols), finite.
    known : what a calibration says, in the same grey values.
    """
    return estimate_noise(values, prediction(structure), known)


class Residual:
    """How an image repeats, and what is left of it that the rest does not predict; each is worked out once, on first need.

    Parameters
    ----------
    scaled : float32 ndarray of shape (rows, cols), of about unit range.
    known_noise : what a calibration of the detector says, in the same grey values.
    codebook : what former frames of the same view have left, which this one updates.
    """

    def __init__(
        self, scaled: FloatImage, known_noise: KnownNoise | None = None, *, codebook: Codebook | None = None
    ) -> None:
        self.scaled = scaled
        self.known_noise = known_noise
        self.codebook = codebook
        self._structure: Structure | None = None
        self._predicted: FloatImage | None = None
        self._sigmas: FloatImage | None = None

    def arrays(self) -> Iterator[FloatImage]:
        """What was worked out so far and is held."""
        if self._structure is not None:
            yield from (self._structure.smooth, self._structure.periodicity)
        yield from (array for array in (self._predicted, self._sigmas) if array is not None)

    def structure(self) -> Structure:
        """See `structure.structure_of`."""
        if self._structure is None:
            find = self.codebook.patterns if self.codebook else patterns_of
            self._structure = structure_of(self.scaled, self.known_noise, find=find)
        return self._structure

    def predicted(self) -> FloatImage:
        """See `nonlocal_means.prediction`; not to be changed."""
        if self._predicted is None:
            self._predicted = prediction(self.structure(), self.codebook.weigh if self.codebook else None)
        return self._predicted

    def sigmas(self) -> FloatImage:
        """See `residual_sigmas`; not to be changed."""
        if self._sigmas is None:
            self._sigmas = residual_sigmas(self.structure(), self.predicted(), codebook=self.codebook)
        return self._sigmas


def residual_sigmas(
    structure: Structure, predicted: FloatImage | None = None, *, codebook: Codebook | None = None
) -> FloatImage:
    """Image minus its prediction from the rest of itself, in robust standard deviations, shape (rows, cols), signed.

    Parameters
    ----------
    structure : of the image.
    predicted : see `nonlocal_means.prediction`, which is asked by default.
    codebook : what former frames of the same view have left, which this one updates.

    Notes
    -----
    Assumes that what is looked for is rarer than its surroundings: a defect that repeats at a lattice translation, or fills
    more than about a third of the neighbourhood, predicts itself. Strain within a tile blurs the prediction. About 60
    bytes a pixel.
    """
    if predicted is None:
        predicted = prediction(structure)
    residual = structure.smooth - predicted
    sigma = sigma_by_level(residual, predicted)
    estimate = codebook.noise if codebook else quick_noise
    noise = estimate(structure.scaled, predicted, structure.known_noise)
    residual /= np.maximum(sigma, _detector_sigma(noise, predicted), out=sigma)
    level_edges(residual)
    return residual


def _detector_sigma(noise: NoiseModel, predicted: FloatImage) -> FloatImage:
    """Standard deviation that the detector's noise has after smoothing, shape (rows, cols)."""
    brightest = np.quantile(evenly(predicted, MOST_SAMPLES), BRIGHTEST_QUANTILE)
    variance = noise.variance(np.minimum(predicted, brightest)) * _noise_left_by_smoothing()
    sigma: FloatImage = np.sqrt(variance, dtype=np.float32)
    return sigma


@cache
def _noise_left_by_smoothing() -> float:
    """Share of the variance of independent pixels that is left."""
    from scipy import ndimage

    reach = math.ceil(SMOOTHING_REACH * SMOOTHING_PX) + 1
    point = np.zeros(2 * reach + 1)
    point[reach] = 1
    return float((ndimage.gaussian_filter(point, SMOOTHING_PX, truncate=SMOOTHING_REACH) ** 2).sum() ** 2)


def sigma_by_level(residual: FloatImage, predicted: FloatImage, *, share: float = LEVEL_SHARE) -> FloatImage:
    """Robust standard deviation of residuals among pixels of like predicted intensity, shape (rows, cols).

    Each level is judged with a share of all pixels, by default two fifths, nearest to it in rank: so a common phase with a
    coarse texture has a sigma of its own, while a rare one is judged by the rest.
    """
    levels, sizes = evenly(predicted, MOST_SAMPLES), np.abs(evenly(residual, MOST_SAMPLES))
    order = np.argsort(levels, kind="stable")
    levels, sizes = levels[order], sizes[order]
    count, width = len(levels), max(1, int(share * len(levels)))
    ranks = np.linspace(0, 1, LEVELS) * (count - 1)
    starts = np.clip(ranks - width / 2, 0, count - width).astype(int)
    sigmas = SIGMA_OF_MAD * np.array([np.median(sizes[start : start + width]) for start in starts])
    at, first = np.unique(levels[ranks.astype(int)], return_index=True)
    range_ = float(levels[-1] - levels[0])
    least = max(LEAST_SIGMA_SHARE * float(np.median(sigmas)), LEAST_SIGMA * range_, float(np.finfo(np.float32).tiny))
    steps = np.interp(np.linspace(at[0], at[-1], LEVEL_STEPS), at, np.maximum(sigmas[first], least)).astype(np.float32)
    per_level = np.float32((LEVEL_STEPS - 1) / range_) if range_ > 0 else np.float32(0)
    position = np.clip((predicted - levels[0]) * per_level, 0, LEVEL_STEPS - 1)
    spread: FloatImage = steps[position.astype(np.intp)]
    return spread
