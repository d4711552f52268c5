"""Mode C: where is what the words say, and is it there at all?

A place's score for a phrase is its log-odds to be meant, against all other kinds that it could show, less what words
reach by chance. Above 0 the phrase is the better explanation; where nothing is above 0, nothing of the kind is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.records.maps import FeatureMap, ScoreMap
from deepscan_core.records.phrases import PhraseVectors

FloatArray = npt.NDArray[np.float32]
MOST_LOG_ODDS = 12.0
OWN_COSINE, OTHER_COSINE = 0.6, 0.2  # of phrases, less what all have in common: same, rivals
NOTHING_ODDS = 0.3  # odds that a place shows no kind at all
RIVALS_SHARE = 0.5  # of the log-odds of the rivals: they are known less well than the phrase itself
# What words reach by chance: nine in ten held-back renders without the thing stay below (``benchmarks/words.py``).
CHANCE_NATS = 0.5


@dataclass(frozen=True, eq=False, kw_only=True)
class Seen:
    """An image at one scale, ready for any query.

    Attributes
    ----------
    features : unit embeddings.
    others : odds of each of the other phrases, shape (n_cells, n_others).
    """

    features: FeatureMap
    others: FloatArray


def seen(features: FeatureMap, others: PhraseVectors) -> Seen:
    """Judge once, for all queries, how much each place is like each other kind."""
    return Seen(features=features, others=_odds(features.table(), others))


def text_map(
    scales: Sequence[Seen], wanted: PhraseVectors, unwanted: PhraseVectors | None, others: PhraseVectors, *, label: str
) -> ScoreMap:
    """Score of each pixel for a query.

    Parameters
    ----------
    scales : the image at each scale, the finest first.
    wanted : phrases; the best one counts at each place.
    unwanted : phrases that must not explain a place better.
    others : what phrases are judged against.
    label : the query, for people.

    Notes
    -----
    Not stretched: a query for something absent gives a map that is below 0 everywhere, not one that lights up somewhere.
    """
    score = _best(scales, wanted, others)
    if unwanted is not None:
        score = np.minimum(score, -_best(scales, unwanted, others))
    finest = scales[0].features
    return ScoreMap(finest.to_pixels(score), kind="similarity", label=f"like “{label}”", blur_px=finest.step_px)


def _best(scales: Sequence[Seen], phrases: PhraseVectors, others: PhraseVectors) -> FloatArray:
    """Of several phrases the highest score, on the finest grid."""
    best: FloatArray = phrase_scores(scales, phrases, others).max(axis=2)
    return best


def phrase_scores(scales: Sequence[Seen], phrases: PhraseVectors, others: PhraseVectors) -> FloatArray:
    """Mean over scales of the score of each phrase, shape (grid_rows, grid_cols, n_phrases) of the finest grid."""
    rivals = rivalry(phrases, others)
    finest = scales[0].features
    total = _against(scales[0], phrases, rivals)
    for one in scales[1:]:
        total += regridded(_against(one, phrases, rivals), one.features, finest)
    return total / np.float32(len(scales)) - np.float32(CHANCE_NATS)


def rivalry(phrases: PhraseVectors, others: PhraseVectors) -> FloatArray:
    """How much each other kind is a rival of each phrase, from 0 to 1, shape (n_phrases, n_others)."""
    middle = others.directions().mean(axis=0)  # what all objects have in common says nothing about the kind
    own, other = (_unit(vectors.directions() - middle) for vectors in (phrases, others))
    cosine = own @ other.T
    share: FloatArray = np.clip((OWN_COSINE - cosine) / (OWN_COSINE - OTHER_COSINE), 0, 1).astype(np.float32)
    return share


def _against(one: Seen, phrases: PhraseVectors, rivals: FloatArray) -> FloatArray:
    """Log-odds of phrases against their rivals at one scale, shape (grid_rows, grid_cols, n_phrases)."""
    own = one.features.table() @ phrases.weights.T + phrases.biases
    own -= RIVALS_SHARE * np.log(NOTHING_ODDS + one.others @ rivals.T)
    score: FloatArray = own.reshape(*one.features.values.shape[:2], -1)
    return score


def _unit(vectors: FloatArray) -> FloatArray:
    unit: FloatArray = vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9)
    return unit


def _odds(table: FloatArray, phrases: PhraseVectors) -> FloatArray:
    log_odds = table @ phrases.weights.T + phrases.biases
    odds: FloatArray = np.exp(np.clip(log_odds, -MOST_LOG_ODDS, MOST_LOG_ODDS))
    return odds


def regridded(values: FloatArray, coarse: FeatureMap, fine: FeatureMap) -> FloatArray:
    """Values on one grid, shape (grid_rows, grid_cols, n), interpolated to the places of another."""
    rows, cols = fine.values.shape[:2]
    by_row = _along(values, coarse, fine, rows)
    return _along(by_row.swapaxes(0, 1), coarse, fine, cols).swapaxes(0, 1)


def _along(values: FloatArray, coarse: FeatureMap, fine: FeatureMap, count: int) -> FloatArray:
    places = fine.origin_px + fine.step_px * np.arange(count)
    position = np.clip((places - coarse.origin_px) / coarse.step_px, 0, len(values) - 1)
    low = np.minimum(position.astype(int), max(len(values) - 2, 0))
    high = np.minimum(low + 1, len(values) - 1)
    share = (position - low).astype(np.float32)[:, None, None]
    found: FloatArray = values[low] * (1 - share) + values[high] * share
    return found
