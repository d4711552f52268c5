"""Mode B: learn what to look for from a few clicks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX
from deepscan_core.records.maps import FeatureMap, ScoreMap

BULK_NEGATIVES = 200
BULK_SHARE = 0.8  # negatives are drawn from the least rare patches
KEEP_AWAY_STEPS = 4.0  # and not from next to a positive click


def taught_map(
    features: FeatureMap,
    positives_px: Sequence[YX],
    negatives_px: Sequence[YX],
    rarity: npt.NDArray[np.floating[Any]],
    *,
    seed: int = 0,
) -> ScoreMap:
    """Probability that each pixel is like the positive clicks and unlike the negative ones.

    Logistic regression on standardised features. A few clicks say little about what the rest of the image is, so
    200 negatives are drawn, seeded, from the bulk: from the least rare patches, away from the positive clicks.

    Parameters
    ----------
    features : of the clicked image.
    positives_px, negatives_px : clicks ``(y, x)`` as image indices; at least one positive.
    rarity : one value a patch, higher is rarer, shape (grid_rows * grid_cols,).
    seed : of the draw.

    Raises
    ------
    InputError
        No positive click, or one that lies outside the image.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if not positives_px:
        raise InputError("no positive click was given: click at least one example (--positive Y,X)")
    positive = _cells(features, positives_px)
    both = np.intersect1d(positive, _cells(features, negatives_px))
    if len(both):
        y, x = features.centers_px()[both[0]]
        raise InputError(f"a place near ({y:g}, {x:g}) was clicked as positive and as negative: keep one of them")
    drawn = _bulk(features, positives_px, rarity, np.random.default_rng(seed))
    negative = np.setdiff1d(np.concatenate([_cells(features, negatives_px), drawn]), positive)
    table = features.table()
    scaler = StandardScaler().fit(table)
    classifier = make_pipeline(scaler, LogisticRegression(C=1.0, class_weight="balanced", max_iter=1000))
    chosen = np.concatenate([positive, negative])
    labels = np.concatenate([np.ones(len(positive)), np.zeros(len(negative))])
    classifier.fit(table[chosen], labels)
    return ScoreMap(
        features.to_pixels(classifier.predict_proba(table)[:, 1]),
        kind="probability",
        label=f"like {len(positives_px)} positive and unlike {len(negatives_px)} negative clicks",
        blur_px=features.step_px,
    )


def _cells(features: FeatureMap, points_px: Sequence[YX]) -> npt.NDArray[np.intp]:
    rows, cols = features.image_shape
    cells = []
    for y, x in points_px:
        if not (-0.5 <= y <= rows - 0.5 and -0.5 <= x <= cols - 0.5):
            raise InputError(f"click ({y:g}, {x:g}) lies outside the image of {rows} x {cols} px: click inside")
        cell_row, cell_col = features.nearest_cell((y, x))
        cells.append(cell_row * features.values.shape[1] + cell_col)
    return np.unique(np.asarray(cells, dtype=np.intp))


def _bulk(
    features: FeatureMap, positives_px: Sequence[YX], rarity: npt.NDArray[np.floating[Any]], rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    centers = features.centers_px()
    keep_away_px = min(KEEP_AWAY_STEPS * features.step_px, min(features.image_shape) / 4)
    away = np.ones(len(centers), bool)
    for point in positives_px:
        away &= np.hypot(*(centers - point).T) > keep_away_px
    common = away & (rarity <= np.quantile(rarity, BULK_SHARE))
    candidates = np.flatnonzero(common if common.any() else away)
    if not len(candidates):
        raise InputError("the clicks leave no background to compare with: use a larger image")
    return rng.choice(candidates, min(BULK_NEGATIVES, len(candidates)), replace=False)
