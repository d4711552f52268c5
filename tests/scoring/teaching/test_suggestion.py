"""Clicks that are suggested teach more than clicks at random."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from deepscan_core import CalibratedImage, Study
from deepscan_core.errors import InputError

SIDE_PX, PITCH_PX = 192, 32
CLICKS = 4  # that are answered


def frame(seed: int) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
    """Round bright spots among bright bars and dark spots; the mask of the round ones, and the place of one of them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
    array, mask = rng.normal(100, 6, (SIDE_PX, SIDE_PX)), np.zeros((SIDE_PX, SIDE_PX), bool)
    places = [p + rng.uniform(-6, 6, 2) for p in itertools.product(np.arange(16, SIDE_PX, PITCH_PX), repeat=2)]
    for number, (cy, cx) in enumerate(rng.permutation(places)):
        angle, height = rng.uniform(0, np.pi), rng.uniform(25, 45)
        along = (y - cy) * np.cos(angle) + (x - cx) * np.sin(angle)
        across = (x - cx) * np.cos(angle) - (y - cy) * np.sin(angle)
        long, short = ((3.0, 3.0), (9.0, 2.5), (4.0, 4.0))[number % 3]
        array += (-height if number % 3 == 2 else height) * np.exp(-((along / long) ** 2 + (across / short) ** 2) / 2)
        if number % 3 == 0:
            mask |= np.hypot(y - cy, x - cx) < 2 * long
            first = (float(cy), float(cx))
    return array, mask, first


def average_precision(scores: np.ndarray, mask: np.ndarray) -> float:
    ranked = mask.ravel()[np.argsort(-scores, axis=None, kind="stable")]
    return float((np.cumsum(ranked) / np.arange(1, ranked.size + 1))[ranked].mean())


def after_clicks(seed: int, *, is_suggested: bool, count: int = CLICKS) -> float:
    """Average precision after clicks that were answered truly."""
    array, mask, first = frame(seed)
    study, rng = Study(CalibratedImage(array), backbone="classical"), np.random.default_rng(seed)
    positives, negatives = [first], list[tuple[float, float]]()
    for _ in range(count):
        if is_suggested:
            y, x = study.suggest_click(positives, negatives)
        else:
            y, x = (float(p) for p in rng.uniform(0, SIDE_PX - 1, 2))
        (positives if mask[round(y), round(x)] else negatives).append((y, x))
    return average_precision(study.teach(positives, negatives).values, mask)


@pytest.mark.slow
def test_suggested_clicks_teach_more_than_clicks_at_random() -> None:
    suggested, at_random = (
        [after_clicks(seed, is_suggested=is_suggested) for seed in range(4)] for is_suggested in (True, False)
    )
    assert np.mean(suggested) > np.mean(at_random) + 0.05


def test_a_suggestion_is_a_new_place_and_the_same_again() -> None:
    array, _, first = frame(0)
    study = Study(CalibratedImage(array), backbone="classical")
    y, x = study.suggest_click([first])
    assert study.suggest_click([first]) == (y, x)
    assert np.hypot(y - first[0], x - first[1]) >= 8
    again = study.suggest_click([first], [(y, x)])
    assert np.hypot(again[0] - y, again[1] - x) >= 8


def test_nothing_is_left_to_suggest_in_an_image_full_of_clicks() -> None:
    study = Study(CalibratedImage(np.random.default_rng(0).normal(size=(40, 40))), backbone="classical")
    everywhere = [(float(y), float(x)) for y in range(0, 40, 6) for x in range(0, 40, 6)]
    with pytest.raises(InputError, match="nothing is left to suggest"):
        study.suggest_click([(20.0, 21.0)], everywhere)
