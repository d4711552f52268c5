"""Mode B: learn what to look for from a few clicks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.stacks import FeatureStack
from deepscan_core.scoring.teaching.discriminant import discriminant
from deepscan_core.scoring.teaching.examples import Examples
from deepscan_core.scoring.teaching.odds import odds_of


class Teacher:
    """Learns from clicks on some images what to look for in others; see `teaching.discriminant` and `teaching.odds`.

    The same examples give the same map, in whatever order they came and whatever was learned before: to undo a click is to
    fit without it.
    """

    def fit(self, examples: Sequence[Examples]) -> Teacher:
        """Learn, and return itself.

        Parameters
        ----------
        examples : of one lesson each; at least one positive click in all of them together.

        Raises
        ------
        InputError
            No positive click, or images whose features cannot be compared.
        """
        if not any(len(one.positive) for one in examples):
            raise InputError("no positive click was given: click at least one example (--positive Y,X)")
        self.n_features_, self.source_ = examples[0].n_features, examples[0].source
        for one in examples:
            self._check(one.n_features, one.source)
        # Of many images fewer places each, in the order of their draw, so that learning takes no longer.
        shown = [(one.sample, one.shares) for one in examples if one.sample is not None]
        if not shown:
            raise InputError("no image shows what an ordinary place is: give at least one lesson with a sample")
        self.positive_, self.negative_ = (
            np.concatenate(parts) for parts in zip(*((one.positive, one.negative) for one in examples), strict=True)
        )
        self.learned_ = discriminant(
            self.positive_,
            self.negative_,
            np.concatenate([sample.features[:: len(shown)] for sample, _ in shown]),
            np.concatenate([shares[:: len(shown)] for _, shares in shown]),
            np.concatenate([sample.is_rare[:: len(shown)] for sample, _ in shown]),
        )
        self.odds_ = odds_of(self.learned_)
        self.label_ = f"like {len(self.positive_)} positive and unlike {len(self.negative_)} negative clicks"
        return self

    def predict(self, features: FeatureStack) -> ScoreMap:
        """Probability that each pixel of an image is like the positive clicks and unlike the negative ones.

        Raises `InputError` where the features cannot be compared with those that were learned from.
        """
        log_odds = features.finest.to_pixels(self.log_odds(features))
        return ScoreMap(_probability(log_odds), kind="probability", label=self.label_, blur_px=features.finest.step_px)

    def log_odds(self, features: FeatureStack) -> npt.NDArray[np.float32]:
        """The same as log odds on the grid of the finest map, shape (grid_rows, grid_cols)."""
        self._check(features.n_features, features.source)
        scores = features.weighted_sum(self.learned_.weights)
        scores += np.float32(self.learned_.bias)
        return self.odds_.log_odds(scores)

    def _check(self, count: int, source: str) -> None:
        if (count, source) != (self.n_features_, self.source_):
            raise InputError(
                f"images with {self.n_features_} features a place ({self.source_}) and with {count} ({source}) cannot be "
                "compared: click on images that are not uniform, with one backbone"
            )


def _probability(log_odds: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """In place."""
    from scipy.special import expit

    probability: npt.NDArray[np.float32] = expit(log_odds, out=log_odds)
    return probability
