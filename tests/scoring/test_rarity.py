"""Rarity on tables whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.records.maps import FeatureMap
from deepscan_core.scoring.rarity import level_border, principal_components, rarity


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


def test_equal_patches_are_equally_rare() -> None:
    assert np.ptp(rarity(features_of(np.ones((10, 10, 4))))) == 0


def test_the_same_seed_gives_the_same_scores(rng: np.random.Generator) -> None:
    features = features_of(rng.normal(0, 1, (12, 12, 5)))
    assert np.array_equal(rarity(features, seed=3), rarity(features, seed=3))


def test_components_do_not_depend_on_units_of_the_features(rng: np.random.Generator) -> None:
    table = rng.normal(0, 1, (200, 4)).astype(np.float32)
    table[:, 1] += table[:, 0]
    scaled = table * np.array([1, 1000, 0.01, 5], np.float32)
    assert np.abs(principal_components(scaled)) == pytest.approx(np.abs(principal_components(table)), abs=1e-2)


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
