"""Spots of one sign: many of them, judged by noise of the other sign."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from deepscan_core import CalibratedImage, Study
from deepscan_core.scoring.calibration import level_for_false_regions
from deepscan_core.scoring.one_sign import best_of_one_sign, many_of_one_sign, one_sign_surprisal
from deepscan_core.scoring.parts import parts_of

SIDE = 384
MARGIN_PX, SPACING_PX = 20, 22


def residual_with_spots(
    seed: int, height: float, width_px: float = 2.0, n_spots: int = 60
) -> tuple[np.ndarray, np.ndarray]:
    """White noise of unit spread with Gaussian spots here and there, not too near each other, and their places (y, x)."""
    rng = np.random.default_rng(seed)
    places: list[np.ndarray] = []
    while len(places) < n_spots:
        place = rng.integers(MARGIN_PX, SIDE - MARGIN_PX, 2)
        if all(np.abs(place - other).max() >= SPACING_PX for other in places):
            places.append(place)
    rows, cols = np.array(places).T
    drawn = np.zeros((SIDE, SIDE))
    drawn[rows, cols] = height * 2 * np.pi * width_px**2
    return (ndimage.gaussian_filter(drawn, width_px) + rng.normal(0, 1, drawn.shape)).astype(np.float32), np.array(
        places
    )


def peaks(nats: np.ndarray, level: float) -> np.ndarray:
    return np.argwhere((ndimage.maximum_filter(nats, 11) == nats) & (nats > level))


@pytest.mark.parametrize("sign", [1, -1])
def test_many_spots_of_one_sign_do_not_hide_each_other(sign: int) -> None:
    residual, places = residual_with_spots(0, height=2.0)  # a quarter of the places of 24 px hold one
    found = peaks(one_sign_surprisal(sign * residual), level_for_false_regions(1, residual.shape))
    away = np.abs(found[:, None] - places[None]).max(axis=2)
    assert (away.min(axis=0) <= 3).mean() >= 0.95
    assert (away.min(axis=1) > 3).sum() <= 4


def test_wider_spots_are_found_by_a_wider_filter() -> None:
    residual, places = residual_with_spots(1, height=1.4, width_px=3.2)
    found = peaks(one_sign_surprisal(residual), level_for_false_regions(1, residual.shape))
    assert (np.abs(found[:, None] - places[None]).max(axis=2).min(axis=0) <= 4).mean() >= 0.95


def test_of_widths_that_show_as_many_the_narrowest_is_taken() -> None:
    """Bright spots show through every filter; a wide one would merge neighbours."""
    residual, places = residual_with_spots(9, height=12.0, width_px=2.2)
    best = best_of_one_sign(residual)
    assert best is not None
    assert best.width_px == 1.6
    found = np.argwhere(best.are_at(residual))
    away = np.abs(found[:, None] - places[None]).max(axis=2).min(axis=1)
    assert len(found) == pytest.approx(best.surplus, abs=2)
    assert (away <= 2).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_many_points_of_one_sign_are_recognised(sign: int) -> None:
    residual, _ = residual_with_spots(2, height=3.0, width_px=1.5)
    found = many_of_one_sign(sign * residual)
    assert found is not None
    assert found.sign == sign
    assert found.width_px == 1.6
    assert found.surplus >= 40


def test_few_points_objects_both_signs_and_noise_are_no_many_points() -> None:
    few, _ = residual_with_spots(3, height=3.0, width_px=1.5, n_spots=8)
    objects, _ = residual_with_spots(4, height=1.5, width_px=5.0)
    bright, _ = residual_with_spots(5, height=3.0, width_px=1.5, n_spots=30)
    both = bright - residual_with_spots(6, height=3.0, width_px=1.5, n_spots=30)[0]
    noise = np.random.default_rng(7).normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    for residual in (few, objects, both, noise):
        assert many_of_one_sign(residual) is None


def test_plain_defaults_find_many_atoms() -> None:
    """Neither a scorer nor a size is given: the image says that they are atoms, and how large their regions have to be."""
    drawn, places = residual_with_spots(8, height=6.0, width_px=1.5)
    study = Study(CalibratedImage(100 + 5 * drawn), backbone="classical")
    scores = study.surprisal()
    regions = study.regions(scores, expected_false_regions=1)
    assert scores.spot_px == 1.6
    assert {region.size_px for region in regions} == {(11.0, 11.0)}
    centres = np.array([region.center_px for region in regions])
    away = np.abs(centres[:, None] - places[None]).max(axis=2)
    assert (away.min(axis=0) <= 3).mean() >= 0.9
    assert (away.min(axis=1) > 3).sum() <= 4
    taken_apart = parts_of(study._kept.scaled(), study.features)
    assert taken_apart.points_nats is not None
    for place in places[:5]:
        at = (int(place[0]), int(place[1]))
        assert sum(taken_apart.contributions_nats(at).values()) == pytest.approx(scores.values[at], rel=1e-4)


def test_noise_shows_hardly_anything() -> None:
    counts = []
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(0, 1, (SIDE, SIDE)).astype(np.float32)
        counts.append(len(peaks(one_sign_surprisal(noise), level_for_false_regions(1, noise.shape))))
    assert 0.3 <= np.mean(counts) <= 3  # the best of three widths was taken


def test_nothing_in_what_does_not_vary_and_little_to_judge_by() -> None:
    assert not one_sign_surprisal(np.zeros((64, 64), np.float32)).any()
    assert not one_sign_surprisal(np.ones((64, 64), np.float32)).any()


def test_a_study_plans_one_region_an_atom(rng: np.random.Generator) -> None:
    residual, places = residual_with_spots(2, height=2.0, n_spots=40)
    support = ndimage.gaussian_filter(rng.normal(0, 1, residual.shape), 6)
    array = 100 + 4 * residual + support / support.std()
    study = Study(CalibratedImage(array), backbone="classical", scorer="spots")
    regions = study.regions(study.surprisal(), false_share=0.3, region_size_px=15)
    centres = np.array([region.center_px for region in regions])
    near = np.abs(centres[:, None] - places[None]).max(axis=2) <= 4
    assert near.any(axis=0).mean() >= 0.9
    assert near.any(axis=1).mean() >= 0.7
