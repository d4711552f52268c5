"""Rarity and its calibration, on tables whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from deepscan_core.errors import InputError
from deepscan_core.records.maps import FeatureMap
from deepscan_core.scoring.calibration import level_for_false_regions, surprisal_nats
from deepscan_core.scoring.rarity import level_border, principal_components, rarity, surprisal_map


def features_of(values: np.ndarray) -> FeatureMap:
    n = values.shape[0]
    return FeatureMap(
        values=values.astype(np.float32), step_px=8, origin_px=3.5, image_shape=(8 * n, 8 * values.shape[1]), source="t"
    )


def test_the_odd_patch_is_the_rarest(rng: np.random.Generator) -> None:
    values = rng.normal(0, 1, (24, 24, 6))
    values[9, 14] += 15
    scores = rarity(features_of(values)).reshape(24, 24)
    assert np.unravel_index(scores.argmax(), scores.shape) == (9, 14)
    assert surprisal_map(features_of(values)).values.argmax() // 192 // 8 == 9


def test_equal_patches_surprise_nobody() -> None:
    score_map = surprisal_map(features_of(np.ones((10, 10, 4))))
    assert score_map.values == pytest.approx(np.full((80, 80), math.log(2)))


def test_the_same_seed_gives_the_same_map(rng: np.random.Generator) -> None:
    features = features_of(rng.normal(0, 1, (12, 12, 5)))
    assert np.array_equal(surprisal_map(features, seed=3).values, surprisal_map(features, seed=3).values)


def test_components_do_not_depend_on_units_of_the_features(rng: np.random.Generator) -> None:
    table = rng.normal(0, 1, (200, 4)).astype(np.float32)
    table[:, 1] += table[:, 0]
    scaled = table * np.array([1, 1000, 0.01, 5], np.float32)
    assert np.abs(principal_components(scaled)) == pytest.approx(np.abs(principal_components(table)), abs=1e-2)


def test_surprisal_is_the_tail_probability_where_scores_are_laplace() -> None:
    scores = stats.laplace.ppf((np.arange(20000) + 0.5) / 20000, loc=5, scale=2)
    nats = surprisal_nats(scores)
    assert nats == pytest.approx(-stats.laplace.logsf(scores, loc=5, scale=2), abs=0.05)
    assert np.mean(nats > math.log(100)) == pytest.approx(0.01, abs=0.001)


def test_surprisal_ignores_gain_and_offset_and_keeps_order(rng: np.random.Generator) -> None:
    scores = rng.normal(0, 1, 500)
    assert surprisal_nats(7 * scores - 3) == pytest.approx(surprisal_nats(scores))
    assert np.all(np.diff(surprisal_nats(np.sort(scores))) >= 0)


def test_one_hot_place_does_not_change_the_others(rng: np.random.Generator) -> None:
    """No stretching to the range of the image: what is ordinary stays ordinary beside something extraordinary."""
    scores = rng.normal(0, 1, 1000)
    hot = np.append(scores, 100.0)
    assert surprisal_nats(hot)[:-1] == pytest.approx(surprisal_nats(scores), rel=0.02)


def test_the_border_is_levelled_and_a_defect_in_it_is_not(rng: np.random.Generator) -> None:
    scores = rng.normal(0, 1, (40, 40))
    scores[[0, -1]] += 5
    scores[1:-1, [0, -1]] += 5
    scores[0, 7] += 8
    levelled = level_border(scores, n_rings=3)
    ring = np.concatenate([levelled[0, :7], levelled[0, 8:], levelled[-1], levelled[1:-1, 0], levelled[1:-1, -1]])
    assert abs(np.median(ring) - np.median(scores[3:-3, 3:-3])) < 0.3
    assert levelled[0, 7] == levelled.max()
    assert np.array_equal(levelled[3:-3, 3:-3], scores[3:-3, 3:-3])


def test_levels_for_false_regions() -> None:
    assert level_for_false_regions(1, 100) == pytest.approx(math.log(100))
    assert level_for_false_regions(0.1, 100) > level_for_false_regions(1, 100)
    for bad in (0, -1, math.nan, 100):
        with pytest.raises(InputError, match="expected_false_regions"):
            level_for_false_regions(bad, 100)
