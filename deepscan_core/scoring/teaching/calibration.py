"""From a likelihood ratio to a probability that is true as often as it says.

The densities of `odds` know nothing of what one click cannot tell: how far other objects of the class differ from it, and
that a map is wider than its object. What their ratio is worth was therefore learned from planted specimens, where the truth
is known (Platt 1999, "Probabilistic outputs for support vector machines", with three slopes for one), once for all images.
It depends on two things: the number of clicks, and how widely the image's own bulk scatters against its distance from the
clicks. No real micrograph was used.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

FEW_RATIOS = 6.0  # a log ratio beyond tells no more: where the bulk ends, its tail is a guess
LIKE_ITSELF = 1.25  # of the way from the bulk to the clicks
BEYOND = 0.1  # of what is beyond counts, so that it can be told apart
MOST_CLICKS = 10  # of one class that were tried
NARROW, USUAL, WIDE = 0.05, 0.15, 0.35  # standard deviations of the bulk, over its distance from the clicks
MOST_LOG_ODDS = 10.0  # so that probabilities near 0 and 1 stay distinguishable in single precision

# Learned by ``training/calibrate_teacher.py``, which prints them; see `design` for what they belong to.
OFFSETS: tuple[float, ...] = (-1.52, 0.07, -0.57, 1.08)
LOG_SLOPES: tuple[tuple[float, ...], ...] = ((-1.59, 0.48, -1.15), (-1.13, -0.02, 0.97), (-1.49, 0.50, -1.20))


def terms(scores: FloatArray, log_ratios: FloatArray) -> FloatArray:
    """What a log probability is made of, shape (3, n), each rising with both parameters.

    The log ratio as far as it speaks against, as far as it speaks for, and the score itself, which goes on to tell the
    middle of an object from its rim where the ratio says no more.

    Parameters
    ----------
    scores : 0 on average over the bulk, 1 over the clicks, shape (n,).
    log_ratios : of being wanted, with the share of the image that is, shape (n,).
    """
    like = np.maximum(scores, 0)
    return np.stack(
        [
            np.minimum(log_ratios, 0),
            FEW_RATIOS * np.tanh(np.maximum(log_ratios, 0) / FEW_RATIOS),
            np.minimum(like, LIKE_ITSELF) + BEYOND * np.maximum(like - LIKE_ITSELF, 0),
        ]
    )


def design(n_clicks: int, sigma: float) -> FloatArray:
    """What offsets and slopes depend on: 1, ln clicks, ln sigma against the usual one, and the product of both, shape (4,).

    The slopes take the first three.
    """
    clicks = math.log(min(max(n_clicks, 1), MOST_CLICKS))
    spread = math.log(min(max(sigma, NARROW), WIDE) / USUAL)
    return np.array([1.0, clicks, spread, clicks * spread])


def calibrated(scores: FloatArray, log_ratios: FloatArray, *, n_clicks: int, sigma: float) -> FloatArray:
    """Log odds of being wanted, shape (n,), rising with both; for the first parameters see `terms`.

    Parameters
    ----------
    n_clicks : positive ones.
    sigma : of the scores of the bulk.
    """
    given = design(n_clicks, sigma)
    slopes = np.exp(np.array(LOG_SLOPES) @ given[:3])
    log_odds = float(np.array(OFFSETS) @ given) + slopes @ terms(scores, log_ratios)
    limited: FloatArray = MOST_LOG_ODDS * np.tanh(log_odds / MOST_LOG_ODDS)
    return limited
