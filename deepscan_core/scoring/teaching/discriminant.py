"""A linear discriminant from one example or many: what sets the clicks apart from an image's own bulk.

The bulk is known well, from thousands of places: its covariance is. The wanted class is known from a few clicks, often from
one, so only its mean is used. ``w = (C + λI)⁻¹ (m₊ − m₋)`` on standardised features is Fisher's discriminant with
shrinkage, as an exemplar is compared with the statistics of everything else (Hariharan, Malik and Ramanan 2012,
doi:10.1007/978-3-642-33765-9_33). λ is ten for one click and falls with the root of their number.

The bulk holds unlabelled examples of what is wanted (learning from positive and unlabelled examples: Elkan and Noto 2008,
doi:10.1145/1401890.1401920). First the rarest fifth of the image is left out of it. Then what looks like the clicks is
left out instead, and what is rare but different is taken in as well, which is what has to be told apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating[Any]]  # of single precision throughout

SHRINKAGE = 10.0  # λ for one click, in units of the features' mean variance
LIKE_THE_CLICKS = 0.3  # of the way from the bulk to the clicks: what is beyond is left out of the bulk
SOFTNESS = 1 / 12  # of that limit
MOST_NEGATIVE = 0.5  # negative clicks together count at most as much as the whole bulk
FLAT = 1e-6  # of the mean: rounding, not variance


@dataclass(frozen=True, eq=False, kw_only=True)
class Discriminant:
    """A score that is 0 on average over the bulk and 1 on average over the positive clicks.

    Attributes
    ----------
    weights : one a feature as it is, so that an image needs one product and no standardised copy.
    bias : what is added.
    bulk_scores, bulk_shares : scores of the sampled places and how much each counts as bulk, shape (n,).
    click_scores : of the positive clicks, shape (n,).
    mean, deviation : of each feature over the bulk; 1 for the deviation of one that does not vary.
    """

    weights: FloatArray
    bias: float
    bulk_scores: FloatArray
    bulk_shares: FloatArray
    click_scores: FloatArray
    mean: FloatArray
    deviation: FloatArray

    def standardised(self, features: FloatArray) -> FloatArray:
        """Features in standard deviations from the mean of the bulk."""
        return (features - self.mean) / self.deviation


def discriminant(
    positive: FloatArray,
    negative: FloatArray,
    sample: FloatArray,
    shares: FloatArray,
    is_rare: npt.NDArray[np.bool_],
) -> Discriminant:
    """Learn from clicks and from places that nobody clicked.

    Parameters
    ----------
    positive, negative, sample : features, shape (n, n_features); at least one positive.
    shares : how much each place of the sample counts, shape (n,).
    is_rare : whether it is rare in its image, shape (n,).
    """
    ordinary = _normed(np.where(is_rare, np.float32(0), shares))
    mean = ordinary @ sample
    deviation = np.sqrt(np.maximum(ordinary @ (sample - mean) ** 2, 0))
    deviation = np.where(deviation > FLAT * np.abs(mean), deviation, np.float32(1))
    places, wanted, unwanted = ((part - mean) / deviation for part in (sample, positive, negative))
    target = wanted.mean(axis=0)
    shrinkage = SHRINKAGE / math.sqrt(len(positive))

    weights = _direction(target, places, ordinary, unwanted, shrinkage)
    likeness = _between(places @ weights, ordinary, float(target @ weights))
    bulk = _normed(shares / (1 + np.exp(np.clip((likeness - LIKE_THE_CLICKS) / SOFTNESS, -50, 50))))
    weights = _direction(target, places, bulk, unwanted, shrinkage)

    scores = places @ weights
    zero = float(bulk @ scores)
    height = float(target @ weights) - zero
    scale = 1 / height if height > 0 else 0.0
    own = (scale * weights / deviation).astype(np.float32)
    return Discriminant(
        weights=own,
        bias=float(-scale * zero - mean @ own),
        bulk_scores=(scores - np.float32(zero)) * np.float32(scale),
        bulk_shares=bulk,
        click_scores=(wanted @ weights - np.float32(zero)) * np.float32(scale),
        mean=mean,
        deviation=deviation,
    )


def _direction(
    target: FloatArray, places: FloatArray, shares: FloatArray, unwanted: FloatArray, shrinkage: float
) -> FloatArray:
    """The discriminant between one mean and the bulk with the negative clicks in it, shape (n_features,)."""
    from scipy import linalg

    if len(unwanted):
        share = min(MOST_NEGATIVE, len(unwanted) / (len(unwanted) + 2))
        places = np.concatenate([places, unwanted])
        shares = np.concatenate([(1 - share) * shares, np.full(len(unwanted), share / len(unwanted), np.float32)])
    counts = shares > 0
    if not counts.all():  # of the sample half is rare, and has no share at first
        places, shares = places[counts], shares[counts]
    mean = shares @ places
    apart = (places - mean) * np.sqrt(shares)[:, None]
    covariance = apart.T @ apart
    ridge = shrinkage * max(float(np.trace(covariance)) / len(covariance), float(np.finfo(np.float32).tiny))
    covariance.flat[:: len(covariance) + 1] += np.float32(ridge)
    found: FloatArray = linalg.solve(covariance, target - mean, assume_a="pos", check_finite=False)
    return found


def _between(scores: FloatArray, shares: FloatArray, at_clicks: float) -> FloatArray:
    """Scores from 0 on average over the bulk to 1 at the clicks."""
    zero = float(shares @ scores)
    height = at_clicks - zero
    return (scores - np.float32(zero)) / np.float32(height) if height > 0 else np.zeros_like(scores)


def _normed(shares: FloatArray) -> FloatArray:
    total = float(shares.sum())
    return shares / np.float32(total) if total > 0 else shares
