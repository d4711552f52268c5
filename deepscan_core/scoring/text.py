"""Mode C: how much more like the words than like nothing in particular is each place?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.maps import FeatureMap, ScoreMap

LONGEST_QUERY = 200


def check_query(query: str) -> str:
    """The query without surrounding spaces; raises `InputError` if it is empty or too long."""
    words = " ".join(query.split())
    if not words:
        raise InputError("the query is empty: give a few words, e.g. 'linear cracks'")
    if len(words) > LONGEST_QUERY:
        raise InputError(f"the query has {len(words)} characters: give at most {LONGEST_QUERY}")
    return words


def similarity_map(
    features: FeatureMap, query: npt.NDArray[np.float32], background: npt.NDArray[np.float32], *, label: str
) -> ScoreMap:
    """Cosine to the query less the mean cosine to the background phrases, per pixel.

    Parameters
    ----------
    features : unit embeddings, n_features = n_dimensions.
    query : unit embeddings of shape (n_phrases, n_dimensions); their mean counts.
    background : likewise, of phrases that stand for nothing in particular.
    label : the words, for people.

    Notes
    -----
    Not stretched: a query for something absent gives a map that is low everywhere, not one that lights up somewhere.
    """
    table = features.table()
    score = (table @ query.T).mean(axis=1) - (table @ background.T).mean(axis=1)
    return ScoreMap(features.to_pixels(score), kind="similarity", label=f"like “{label}”", blur_px=features.step_px)
