"""Calibration against closed forms: exponential scores, places of Gaussian noise, and levels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from deepscan_core.errors import InputError
from deepscan_core.scoring.calibration import (
    bulk_excess,
    level_for_false_regions,
    level_for_false_share,
    n_places,
    place_px,
    place_surprisal,
)


def test_excess_is_the_tail_probability_where_scores_are_exponential() -> None:
    ranks = (np.arange(20000) + 0.5) / 20000
    scores = (5 - 2 * np.log1p(-ranks)).astype(np.float32)
    above = ranks > 0.5
    assert bulk_excess(scores)[above] == pytest.approx(-np.log(1 - ranks[above]) - math.log(2), abs=0.02)
    assert not bulk_excess(scores)[~above].any()


def test_excess_ignores_gain_and_offset_and_keeps_order(rng: np.random.Generator) -> None:
    scores = rng.normal(0, 1, 500).astype(np.float32)
    assert bulk_excess(7 * scores - 3) == pytest.approx(bulk_excess(scores), abs=1e-4)
    assert np.all(np.diff(bulk_excess(np.sort(scores))) >= 0)


def test_one_hot_place_does_not_change_the_others(rng: np.random.Generator) -> None:
    """No stretching to the range of the image: what is ordinary stays ordinary beside something extraordinary."""
    scores = rng.exponential(1, (256, 256)).astype(np.float32)
    hot = scores.copy()
    hot[100, 100] = 500
    others = np.ones(scores.shape, bool)
    others[100, 100] = False
    for calibrate in (bulk_excess, place_surprisal):
        assert calibrate(hot)[others] == pytest.approx(calibrate(scores)[others], rel=0.06, abs=0.12)


@pytest.mark.parametrize("level_asked", [1.0, 5.0])
def test_places_of_white_noise_exceed_a_level_as_often_as_it_says(level_asked: float) -> None:
    rng = np.random.default_rng(5)
    counts = []
    for _ in range(30):
        noise = np.abs(ndimage.gaussian_filter(rng.normal(0, 1, (256, 256)), 2)).astype(np.float32)
        nats = place_surprisal(bulk_excess(noise), periodicity=1.0)
        peaks = (ndimage.maximum_filter(nats, 25) == nats) & (nats >= level_for_false_regions(level_asked, noise.shape))
        counts.append(int(peaks.sum()))
    assert level_asked / 2 <= np.mean(counts) <= 2 * level_asked


def test_a_false_share_is_kept() -> None:
    """Ordinary places by the law, and fifty targets: of what lies above the level the share is false, or less."""
    shares = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        nats = np.zeros((480, 480), np.float32)  # 400 places, one peak each
        chance = rng.exponential(1, (20, 20))
        targets = rng.permutation(400).reshape(20, 20) < 50
        nats[12::24, 12::24] = np.where(targets, 30.0, chance)
        level = level_for_false_share(nats, 0.3)
        above = nats[12::24, 12::24] >= level
        shares.append((above & ~targets).sum() / above.sum())
    assert 0.2 <= np.mean(shares) <= 0.35  # 0.3 of ordinary places alone, of which there are 350 here


def test_no_level_where_nothing_stands_out() -> None:
    assert level_for_false_share(np.zeros((96, 96), np.float32), 0.5) == math.inf
    for bad in (0.0, 1.0, math.nan):
        with pytest.raises(InputError, match="false_share"):
            level_for_false_share(np.zeros((96, 96), np.float32), bad)


def test_many_targets_do_not_hide_each_other() -> None:
    rng = np.random.default_rng(6)
    noise = np.abs(ndimage.gaussian_filter(rng.normal(0, 1, (512, 512)), 2)).astype(np.float32)
    crowded = noise.copy()
    places = rng.integers(20, 490, (35, 2))
    crowded[places[:, 0], places[:, 1]] += 11 * noise.std()
    level = level_for_false_regions(1, noise.shape)
    alone = noise.copy()
    alone[tuple(places[0])] += 11 * noise.std()
    assert place_surprisal(bulk_excess(alone))[tuple(places[0])] > level
    found = place_surprisal(bulk_excess(crowded))[places[:, 0], places[:, 1]] > level
    assert found.mean() >= 0.9


def test_nothing_is_surprising_where_nothing_varies() -> None:
    assert not bulk_excess(np.ones((40, 40), np.float32)).any()
    assert not place_surprisal(np.zeros((40, 40), np.float32)).any()


@pytest.mark.parametrize(("shape", "side", "places"), [((512, 512), 24, 455), ((64, 64), 8, 64), ((16, 16), 4, 16)])
def test_small_images_have_small_places(shape: tuple[int, int], side: int, places: int) -> None:
    assert place_px(shape) == side
    assert n_places(shape) == pytest.approx(places, abs=0.5)


def test_levels_for_false_regions() -> None:
    shape = (240, 240)  # 100 places
    assert level_for_false_regions(1, shape) == pytest.approx(math.log(100))
    assert level_for_false_regions(0.1, shape) > level_for_false_regions(1, shape)
    for bad in (0, -1, math.nan, 100):
        with pytest.raises(InputError, match="expected_false_regions"):
            level_for_false_regions(bad, shape)
