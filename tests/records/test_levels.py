"""Scores sorted into levels, and what an overlay shows of a map."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.records.levels import DISPLAY_PX, KEPT_RANGE, LEVELS, display_levels, levels_of
from deepscan_core.records.maps import ScoreMap


@pytest.mark.parametrize("kind", list(KEPT_RANGE))
def test_levels_span_the_range_of_their_kind_and_end_there(kind: str) -> None:
    low, high = KEPT_RANGE[kind]
    scores = np.array([[low - 5, low, (low + high) / 2, high, high + 5, np.nan, np.inf]], np.float32)
    middle = round((LEVELS - 1) / 2)
    assert levels_of(scores, kind).values.tolist() == [[0, 0, middle, LEVELS - 1, LEVELS - 1, 0, LEVELS - 1]]
    with pytest.raises(InputError, match="kind of score 'heat'"):
        levels_of(scores, "heat")


@pytest.mark.parametrize("shape", [(900, 600), (512, 512), (401, 200), (1024, 2048), (64, 64)])
def test_a_display_gets_the_highest_of_each_block(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).uniform(0, 12, shape).astype(np.float32)
    shown = display_levels(values, "surprisal").values
    assert max(shown.shape) <= DISPLAY_PX or shown.shape == shape, "unless no block fits"
    side = shape[0] // shown.shape[0]
    assert (shape[0] % shown.shape[0], shape[1]) == (0, side * shown.shape[1])
    everything = levels_of(values, "surprisal").values
    blocks = everything.reshape(shown.shape[0], side, shown.shape[1], side).max(axis=(1, 3))
    assert np.array_equal(shown, blocks)


def test_levels_come_with_pictures_in_the_colours_of_tables() -> None:
    levels = levels_of(np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4), "probability")
    tables = {"up": np.arange(LEVELS, dtype=np.uint32), "down": np.arange(LEVELS, dtype=np.uint32)[::-1]}
    pictured = levels.pictured(tables)
    assert levels.pictures == {}
    assert np.array_equal(pictured.values, levels.values)
    assert np.array_equal(pictured.pictures["up"], levels.values)
    assert np.array_equal(pictured.pictures["down"], LEVELS - 1 - levels.values.astype(int))
    with pytest.raises(InputError, match=r"'short' of shape \(3,\): give one colour for each of 2048"):
        levels.pictured({"short": np.zeros(3, np.uint32)})


def test_what_an_overlay_shows_goes_with_a_map_once_it_is_made() -> None:
    scores = ScoreMap(np.full((512, 512), 3.0, np.float32), kind="surprisal")
    plain, shown = pickle.dumps(scores), scores.display_levels
    assert scores.display_levels is shown
    sent = pickle.loads(pickle.dumps(scores))
    assert "display_levels" in vars(sent)
    assert "display_levels" not in vars(pickle.loads(plain))
    assert np.array_equal(sent.display_levels.values, shown.values)
