"""From scores without a scale to probabilities that do not depend on the brightest spot of the image."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_positive

BULK_QUANTILE = 0.9  # what lies above may be defects and must not widen the bulk's own tail


def surprisal_nats(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """-ln of the tail probability of each score under the bulk of the scores.

    The bulk is taken as a Laplace distribution: its centre is the median, its decay the one between median and 90th
    percentile. Scores of an image's ordinary patches have about exponential tails, so this errs towards "not surprising".

    Parameters
    ----------
    scores : float64 ndarray of any shape, higher is rarer.

    Returns
    -------
    ndarray of the same shape, in nats; ln 2 at the median. All ln 2 where the scores do not vary.

    Notes
    -----
    Fails where more than a tenth of the image is rare: then rare is the rule. The tail is extrapolated, not proven.
    """
    from scipy import stats

    middle, high = np.quantile(scores, [0.5, BULK_QUANTILE])
    decay = (high - middle) / math.log(0.5 / (1 - BULK_QUANTILE))
    if decay <= 0:
        decay = float(np.std(scores))
    if decay <= 0:
        return np.full(scores.shape, math.log(2))
    nats: npt.NDArray[np.float64] = -stats.laplace.logsf(scores, loc=middle, scale=decay)
    return nats


def level_for_false_regions(expected: float, n_places: int) -> float:
    """Surprisal above which a defect-free image shows `expected` regions on average.

    Each of `n_places` independent places passes the level with probability ``exp(-level)``.
    """
    check_positive("expected_false_regions", expected)
    if expected >= n_places:
        raise InputError(f"expected_false_regions is {expected:g}, but only {n_places} regions fit: give less")
    return math.log(n_places / expected)
