"""Nearest patches and clicks, by planted features."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.explain.neighbours import PatchSpace
from deepscan_core.records.maps import FeatureMap


def space(odd: dict[tuple[int, int], float]) -> PatchSpace:
    """A grid of 20 x 20 patches with Gaussian features, and some that are moved along the first feature."""
    values = np.random.default_rng(0).normal(size=(20, 20, 6)).astype(np.float32)
    for cell, away in odd.items():
        values[cell] = 0
        values[cell][0] = away
    return PatchSpace(FeatureMap(values, step_px=8.0, origin_px=7.5, image_shape=(168, 168), source="planted"))


def place(cell: tuple[int, int]) -> tuple[float, float]:
    return (7.5 + 8 * cell[0], 7.5 + 8 * cell[1])


def test_the_nearest_patch_of_an_odd_one_is_the_other_odd_one() -> None:
    found = space({(3, 4): 12.0, (15, 9): 12.5}).around(place((3, 4)), (), 16.0)
    assert not found.are_clicks
    assert found.center_px == place((3, 4))
    assert found.nearest[0].center_px == place((15, 9))
    assert found.nearest[0].nearer_share == 0
    assert found.nearest[0].distance < 0.5 < found.nearest[1].distance
    assert found.percentile > 99
    assert found.distance > 3


def test_an_ordinary_patch_is_in_the_middle() -> None:
    found = space({(3, 4): 0.0}).around(place((3, 4)), (), 16.0)
    assert found.percentile < 5
    assert found.distance < 0.5


def test_patches_that_are_shown_overlap_neither_the_place_nor_each_other() -> None:
    smooth = np.indices((20, 20)).sum(axis=0)[..., None].astype(np.float32)
    patches = PatchSpace(FeatureMap(smooth, step_px=8.0, origin_px=7.5, image_shape=(168, 168), source="planted"))
    found = patches.around(place((9, 9)), (), 16.0)
    shown = np.array([found.center_px, *(one.center_px for one in found.nearest)])
    away = np.abs(shown[:, None] - shown[None]).max(axis=2)
    assert (away + 1000 * np.eye(4)).min() >= 16


def test_clicks_are_compared_instead_of_the_rest() -> None:
    clicks = [place((15, 9)), place((10, 10)), place((15, 9))]
    found = space({(3, 4): 12.0, (15, 9): 12.5}).around(place((3, 4)), clicks, 16.0)
    assert found.are_clicks
    assert [one.center_px for one in found.nearest] == [place((15, 9)), place((10, 10))]
    assert found.nearest[0].nearer_share == 0
    assert found.nearest[1].nearer_share > 0.2


def test_bulk_distances_are_about_one() -> None:
    patches = space({})
    found = [patches.around(place((r, c)), (), 16.0) for r in range(0, 20, 3) for c in range(0, 20, 3)]
    assert np.median([one.distance for one in found]) == pytest.approx(1, abs=0.15)


def test_patches_that_are_all_alike_are_no_distance_apart() -> None:
    alike = PatchSpace(
        FeatureMap(np.ones((5, 5, 3), np.float32), step_px=8.0, origin_px=7.5, image_shape=(48, 48), source="planted")
    )
    found = alike.around((20, 20), (), 16.0)
    assert found.distance == 0
    assert all(one.distance == 0 for one in found.nearest)
