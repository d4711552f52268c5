"""Gain, offset and read noise of a detector, from how the noise of one image grows with its intensity.

The variance of a pixel is a straight line over its mean: ``gain * (mean - offset) + read_noise ** 2`` (the photon transfer
curve: Janesick 2007, doi:10.1117/3.725073; from a single image: Foi and others 2008, doi:10.1109/TIP.2008.2001399). The
noise of a pixel is what a filter shows that is blind to anything smooth (Immerkaer 1996, doi:10.1006/cviu.1996.0060); its
mean is taken among pixels which the rest of the image predicts alike, so that noise does not choose its own level.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deepscan_core.records.noise import KnownNoise, NoiseModel

Floats = npt.NDArray[np.floating]

SECOND_DIFFERENCE = (1.0, -2.0, 1.0)  # along rows, then columns: planes, edges along either, and their sums vanish
ITS_NORM = 6.0  # root of the sum of squares of its nine weights
ITS_SQUARES = (1 / 6, 4 / 6, 1 / 6)  # shares of the noise of the neighbours in what it shows
LEVELS, GROUPS = 16, 33
QUICK_SAMPLES, MOST_SAMPLES = 1 << 15, 1 << 19
GOLDEN = 0.6180339887498949
FEWEST_SAMPLES = LEVELS * GROUPS
ROUNDS = 3  # of a fit whose weights come from itself
LEAST_SHARE = 1e-3  # of the largest variance: no level counts as free of noise
LEAST_RANGE = 1e-12  # of the mean: levels closer together are one level


def estimate_noise(
    values: Floats, predicted: Floats, known: KnownNoise | None = None, *, samples: int = MOST_SAMPLES
) -> NoiseModel:
    """Noise of an image, in its own grey values.

    Parameters
    ----------
    values : ndarray of shape (rows, cols), finite, as recorded: not smoothed.
    predicted : of the same shape; what each pixel should be, in any units that rise with `values`.
    known : what a calibration says; only the rest is estimated.
    samples : how many pixels are looked at, at most.

    Notes
    -----
    One image shows the line, that is the gain and the level at which noise would vanish. Offset and read noise shift
    that level against each other and cannot be told apart without a calibration of one: then the offset is 0 where the
    line allows it, and all that is left at 0 is read noise; else the read noise is 0. Assumes noise that is independent
    from pixel to pixel: after resampling, compression or smoothing it is underestimated. Texture finer than 3 px counts as
    noise. An image too small to tell (528 pixels) or with one level only has the gain 0, and all its noise is read noise.
    """
    known = known or KnownNoise()
    means, variances = _levels(values, predicted, samples)
    slope, intercept, error = _line(means, variances, known.gain)
    if (
        known.gain is None
        and known.offset is not None
        and intercept + slope * known.offset < (known.read_noise or 0) ** 2
    ):
        slope, intercept, error = _line_from(means - known.offset, variances, known)
    return _named(slope, intercept, error, known)


def quick_noise(values: Floats, predicted: Floats, known: KnownNoise | None = None) -> NoiseModel:
    """The same from few pixels, for each map."""
    return estimate_noise(values, predicted, known, samples=QUICK_SAMPLES)


def _levels(values: Floats, predicted: Floats, samples: int) -> tuple[Floats, Floats]:
    """Mean and variance of pixels of like prediction, shape (levels,); the variance is a median of means of groups."""
    rows = _some_rows(values.shape, samples)
    mean, difference = (_along_both(values, rows, weights) for weights in (ITS_SQUARES, SECOND_DIFFERENCE))
    square = (difference.ravel() / ITS_NORM) ** 2
    level = predicted[rows, 1:-1].ravel()
    n_levels = LEVELS if level.size >= FEWEST_SAMPLES else 1
    ends = [round(level.size * k / n_levels) for k in range(1, n_levels)]
    order = np.argpartition(level, ends) if ends else np.arange(level.size)
    parts = np.split(order, ends)
    found = [_of_level(np.sort(part), mean.ravel(), square, min(GROUPS, level.size)) for part in parts]
    columns = np.array(found).T
    return columns[0], columns[1]


def _some_rows(shape: tuple[int, ...], samples: int) -> npt.NDArray[np.intp]:
    """Rows with neighbours, as many as are needed, evenly spread but at no regular distance: a lattice has one."""
    inner = shape[0] - 2
    wanted = -(-samples // max(1, shape[1] - 2))
    if wanted >= inner:
        return np.arange(inner) + 1
    return np.unique((np.arange(wanted) * GOLDEN % 1 * inner).astype(np.intp)) + 1


def _along_both(values: Floats, rows: npt.NDArray[np.intp], weights: tuple[float, ...]) -> Floats:
    """Some rows of an image filtered by three weights along columns and along rows, shape (rows, cols - 2)."""
    before, here, after = weights
    down = before * values[rows - 1] + here * values[rows] + after * values[rows + 1]
    both: Floats = (before * down[:, :-2] + here * down[:, 1:-1] + after * down[:, 2:]).astype(np.float64)
    return both


def _of_level(places: npt.NDArray[np.intp], mean: Floats, square: Floats, groups: int) -> tuple[float, float]:
    """What lies close together falls into one group, so that a few edges and defects spoil few groups."""
    by_group = [float(square[group].mean()) for group in np.array_split(places, groups) if group.size]
    return float(mean[places].mean()), float(np.median(by_group))


def _line(means: Floats, variances: Floats, known_slope: float | None) -> tuple[float, float, float]:
    """Slope, intercept and standard error of the slope of a line through variances, whose errors are as their sizes."""
    largest = float(variances.max())
    if not largest > 0:
        return (known_slope or 0.0), 0.0, 0.0
    if known_slope is not None:
        return known_slope, float(np.median(variances - known_slope * means)), 0.0
    centre = float(means.mean())
    spread = float(np.ptp(means))
    flat = (0.0, float(np.median(variances)), 0.0)
    if len(means) < 3 or spread <= abs(centre) * LEAST_RANGE:
        return flat
    terms = np.stack([means - centre, np.ones_like(means)], axis=1)
    expected = variances
    for _ in range(ROUNDS):
        weights = 1 / np.maximum(expected, LEAST_SHARE * largest)
        (slope, middle), *_ = np.linalg.lstsq(terms * weights[:, None], variances * weights, rcond=None)
        expected = terms @ (slope, middle)
    if slope <= 0:  # noise that does not grow with intensity
        return flat
    residuals = (variances - expected) * weights
    inverse = np.linalg.inv((terms * weights[:, None]).T @ (terms * weights[:, None]))
    error = math.sqrt(float(inverse[0, 0] * (residuals**2).sum()) / (len(means) - 2))
    return float(slope), float(middle - slope * centre), error


def _line_from(above: Floats, variances: Floats, known: KnownNoise) -> tuple[float, float, float]:
    """The same through what is known at the offset; `above` are means above it."""
    at_offset = (known.read_noise or 0.0) ** 2
    slopes = (variances - at_offset)[above > 0] / above[above > 0]
    slope = max(float(np.median(slopes)), 0.0) if slopes.size else 0.0
    error = float(slopes.std() / math.sqrt(slopes.size)) if slopes.size else 0.0
    return slope, at_offset - slope * (known.offset or 0.0), error


def _named(slope: float, intercept: float, error: float, known: KnownNoise) -> NoiseModel:
    """A line of variance over mean, as gain, offset and read noise."""
    offset, read_noise = known.offset, known.read_noise
    if offset is None and read_noise is None:
        offset, read_noise = (0.0, math.sqrt(intercept)) if intercept >= 0 or slope == 0 else (-intercept / slope, 0.0)
    elif offset is None:
        offset = ((read_noise or 0.0) ** 2 - intercept) / slope if slope > 0 else 0.0
    elif read_noise is None:
        read_noise = math.sqrt(max(intercept + slope * offset, 0.0))
    return NoiseModel(gain=slope, offset=offset, read_noise=read_noise or 0.0, gain_error=error)
