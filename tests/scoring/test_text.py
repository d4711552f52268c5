"""Scores of phrases against other things, in a space made for the purpose."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.records.maps import FeatureMap
from deepscan_core.records.phrases import PhraseVectors
from deepscan_core.scoring.text import Seen, regridded, rivalry, seen, text_map

SCALE, BIAS = 12.0, -6.0
CRACK, PORE, GROUND = np.eye(3, dtype=np.float32)


def phrases(*directions: np.ndarray) -> PhraseVectors:
    return PhraseVectors(
        phrases=tuple(f"phrase {k}" for k in range(len(directions))),
        weights=SCALE * np.stack(directions).astype(np.float32),
        biases=np.full(len(directions), BIAS, np.float32),
    )


OTHERS = phrases(CRACK, PORE, GROUND)


def scene(step_px: float = 2.0, n: int = 8) -> FeatureMap:
    """Ground with a crack above on the left and a pore below in the middle, each a quarter as wide as the image."""
    values, quarter = np.tile(GROUND, (n, n, 1)), n // 4
    values[quarter : 2 * quarter, quarter : 2 * quarter] = CRACK
    values[3 * quarter :, 2 * quarter : 3 * quarter] = PORE
    return FeatureMap(values=values, step_px=step_px, origin_px=(step_px - 1) / 2, image_shape=(16, 16), source="t")


def scored(wanted: PhraseVectors, unwanted: PhraseVectors | None = None) -> np.ndarray:
    found = text_map([seen(scene(), OTHERS)], wanted, unwanted, OTHERS, label="x")
    assert found.kind == "similarity"
    return found.values


def test_what_is_meant_is_above_0_and_everything_else_below() -> None:
    values = scored(phrases(CRACK))
    assert values[5:7, 5:7].max() > 2
    values[2:10, 2:10] = -9
    assert values.max() < -2


def test_what_is_absent_is_below_0_everywhere() -> None:
    assert scored(phrases(np.array([0.0, -0.6, -0.8], np.float32))).max() < 0


def test_either_of_two_wanted_phrases_counts() -> None:
    values = scored(phrases(CRACK, PORE))
    assert values[5:7, 5:7].max() > 2
    assert values[13:15, 9:11].max() > 2


def test_an_unwanted_phrase_takes_away_what_it_explains() -> None:
    wanted = phrases(CRACK, PORE)
    assert scored(wanted)[13:15, 9:11].max() > 0
    refused = scored(wanted, phrases(PORE))
    assert refused[13:15, 9:11].max() < 0
    assert refused[5:7, 5:7].max() == pytest.approx(scored(wanted)[5:7, 5:7].max())


def test_a_kind_of_the_same_meaning_is_no_rival() -> None:
    assert rivalry(phrases(CRACK), OTHERS)[0].tolist() == [0, 1, 1]


def test_scales_are_averaged_place_by_place() -> None:
    scales: list[Seen] = [seen(scene(2.0, 8), OTHERS), seen(scene(4.0, 4), OTHERS)]
    one = text_map(scales[:1], phrases(CRACK), None, OTHERS, label="x").values
    two = text_map(scales, phrases(CRACK), None, OTHERS, label="x").values
    assert two.shape == one.shape
    assert two[5:7, 5:7].max() > 0


def test_regridding_is_exact_for_a_plane() -> None:
    fine, coarse = scene(2.0, 8), scene(4.0, 4)
    y, x = (coarse.centers_px().T.reshape(2, 4, 4)).astype(np.float32)
    plane = regridded((y + 3 * x)[..., None], coarse, fine)[..., 0]
    v, u = fine.centers_px().T.reshape(2, 8, 8)
    inside = (slice(1, 7), slice(1, 7))
    assert plane[inside] == pytest.approx((v + 3 * u)[inside], abs=1e-4)
