"""From a discriminant's score to a probability."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.scoring.teaching.calibration import calibrated
from deepscan_core.scoring.teaching.discriminant import Discriminant

FloatArray = npt.NDArray[np.float32]

WANTED_SCORE = 0.75  # of other objects of the class: none is as like a click as the click itself
WANTED_SPREAD, SPREAD_CLICKS = 0.3, 3.0  # believed before there are clicks, and how many clicks that belief is worth
TAIL_SIGMAS = 2.0  # above, the bulk falls off as an exponential: images have heavier tails than a Gaussian
LEAST_SIGMA = 0.02
LOWEST, HIGHEST, KNOTS = -1.0, 4.0, 1024
RISE = 0.5  # of the log odds per unit of score, at least: higher scores stay distinguishable
LEAST_SHARE, MOST_SHARE, FIRST_SHARE, ROUNDS = 1e-4, 0.5, 0.01, 12
MOST_SAMPLES = 4096


@dataclass(frozen=True, eq=False, kw_only=True)
class Odds:
    """Log likelihood ratio of being wanted, by score.

    Attributes
    ----------
    scores, log_ratios : knots, both rising, the scores in even steps; in between linear.
    n_clicks : positive ones.
    sigma : standard deviation of the scores of the bulk.
    """

    scores: npt.NDArray[np.float64]
    log_ratios: npt.NDArray[np.float64]
    n_clicks: int
    sigma: float

    def log_odds(self, scores: FloatArray) -> FloatArray:
        """Calibrated log odds of each score of one image.

        Parameters
        ----------
        scores : of any shape.
        """
        ratios = self.ratios(self.scores, scores)
        found = calibrated(self.scores, ratios, n_clicks=self.n_clicks, sigma=self.sigma)
        return _at_even_knots(scores, self.scores, found)

    def ratios(self, scores: npt.NDArray[np.float64], of_image: FloatArray) -> npt.NDArray[np.float64]:
        """Log ratios of some scores, not yet calibrated, with the share of what is wanted in an image of these scores."""
        return np.interp(scores, self.scores, self.log_ratios) + _logit(self.share_of(of_image))

    def share_of(self, scores: FloatArray) -> float:
        """The share of an image that is wanted, drawn from its own scores, of any shape.

        Notes
        -----
        It is found by expectation maximisation, with both densities fixed (Saerens, Latinne and Decaestecker 2002,
        doi:10.1162/089976602753284446): an image without anything alike gets a small one, and low probabilities.
        """
        flat = scores.ravel()
        some = np.interp(flat[:: max(1, flat.size // MOST_SAMPLES) | 1], self.scores, self.log_ratios)
        share = FIRST_SHARE
        for _ in range(ROUNDS):
            mean = float(np.mean(1 / (1 + np.exp(-np.clip(some + _logit(share), -50, 50)))))
            share = min(max(mean, LEAST_SHARE), MOST_SHARE)
        return share


def odds_of(learned: Discriminant) -> Odds:
    """The log likelihood ratio between a Gaussian around the clicks and the bulk with an exponential tail.

    Notes
    -----
    Above the usual score of what is wanted its density is taken as flat, so that the ratio rises throughout.
    """
    scores, shares = learned.bulk_scores.astype(np.float64), learned.bulk_shares.astype(np.float64)
    sigma = max(LEAST_SIGMA, math.sqrt(float(shares @ scores**2)) if len(scores) else 0.0)
    start = TAIL_SIGMAS * sigma
    in_tail = scores > start
    weight = float(shares[in_tail].sum())
    # Where a Gaussian would fall off at this rate, the tail begins no steeper.
    decay = max(sigma / TAIL_SIGMAS, float(shares[in_tail] @ (scores[in_tail] - start)) / weight if weight else 0.0)
    squares = float(((learned.click_scores - 1) ** 2).sum())
    spread = math.sqrt(
        (SPREAD_CLICKS * WANTED_SPREAD**2 + squares) / (SPREAD_CLICKS + len(learned.click_scores)) + sigma**2
    )

    knots = np.linspace(LOWEST, HIGHEST, KNOTS)
    up = np.clip(knots, 0, 1)  # nothing is more like a click than the click itself
    bulk = np.where(up <= start, -(up**2) / (2 * sigma**2), -(start**2) / (2 * sigma**2) - (up - start) / decay)
    wanted = -(np.minimum(knots - WANTED_SCORE, 0) ** 2) / (2 * spread**2)
    ratios = wanted - bulk + math.log(sigma / spread)
    return Odds(
        scores=knots,
        log_ratios=np.maximum.accumulate(ratios - RISE * knots) + RISE * knots,
        n_clicks=len(learned.click_scores),
        sigma=sigma,
    )


def _at_even_knots(scores: FloatArray, knots: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> FloatArray:
    """As `numpy.interp` in single precision: scores of any shape, among even knots, which need no search, shape (n,)."""
    last = len(knots) - 1
    place = (scores - np.float32(knots[0])) * np.float32(last / (knots[-1] - knots[0]))
    np.clip(place, 0, last, out=place)
    cell = np.minimum(place.astype(np.intp), last - 1)
    place -= cell
    heights = values.astype(np.float32)
    found: FloatArray = np.diff(heights)[cell]
    found *= place
    found += heights[cell]
    return found


def _logit(share: float) -> float:
    return math.log(share / (1 - share))
