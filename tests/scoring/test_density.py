"""Densities against closed forms and planted outliers."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.records.maps import FeatureMap
from deepscan_core.scoring.density import leading_components, mahalanobis, nearest_neighbours


def features_of(values: np.ndarray) -> FeatureMap:
    rows, cols = values.shape[:2]
    return FeatureMap(
        values=values.astype(np.float32), step_px=8, origin_px=3.5, image_shape=(8 * rows, 8 * cols), source="t"
    )


@pytest.mark.parametrize("density", [mahalanobis, nearest_neighbours])
def test_the_odd_patch_is_the_farthest(density, rng: np.random.Generator) -> None:
    values = rng.normal(0, 1, (24, 24, 6))
    values[9, 14] += 8
    scores = density(features_of(values)).reshape(24, 24)
    assert np.unravel_index(scores.argmax(), scores.shape) == (9, 14)


def test_mahalanobis_is_the_distance_in_units_of_the_covariance(rng: np.random.Generator) -> None:
    mixed = rng.normal(0, 1, (80, 80, 3)) @ np.array([[3, 1, 0], [0, 0.2, 0.1], [0, 0, 1]])
    scores = mahalanobis(features_of(mixed))
    flat = mixed.reshape(-1, 3) - mixed.mean(axis=(0, 1))
    expected = np.sqrt(np.einsum("ij,jk,ik->i", flat, np.linalg.inv(np.cov(flat.T)), flat))
    assert np.corrcoef(scores, expected)[0, 1] > 0.98


@pytest.mark.parametrize("density", [mahalanobis, nearest_neighbours])
def test_units_of_the_features_do_not_matter(density, rng: np.random.Generator) -> None:
    values = rng.normal(0, 1, (16, 16, 4))
    scaled = values * np.array([1, 1000, 0.01, 5])
    assert density(features_of(scaled)) == pytest.approx(density(features_of(values)), rel=1e-2)


@pytest.mark.parametrize("density", [mahalanobis, nearest_neighbours])
def test_equal_patches_are_equally_far(density) -> None:
    assert np.ptp(density(features_of(np.ones((10, 10, 4))))) == 0


def test_nobody_is_a_neighbour_of_itself(rng: np.random.Generator) -> None:
    assert nearest_neighbours(features_of(rng.normal(0, 1, (12, 12, 5)))).min() > 0


def test_components_are_uncorrelated_and_in_falling_order(rng: np.random.Generator) -> None:
    table = (rng.normal(0, 1, (300, 8)) @ rng.normal(0, 1, (8, 8))).astype(np.float32)
    turned = leading_components(table, 5)
    covariance = np.cov(turned.T)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-3 * covariance.max()
    assert np.all(np.diff(np.diag(covariance)) <= 1e-6)
