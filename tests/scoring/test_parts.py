"""A surprisal taken apart: it is the same surprisal, and the part that saw a planted thing gets its nats."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.features import classical
from deepscan_core.features.extractor import ExtractorSettings, extract
from deepscan_core.records.maps import FeatureMap
from deepscan_core.scoring.names import FUSED, SCORERS, SELF_SIMILARITY
from deepscan_core.scoring.parts import Parts, parts_of
from deepscan_core.scoring.surprisal import surprisal_map


def noise(side_px: int = 192) -> np.ndarray:
    return np.random.default_rng(3).normal(0.5, 0.1, (side_px, side_px)).astype(np.float32)


def lattice(side_px: int = 192) -> np.ndarray:
    wave = 1 + np.cos(np.arange(side_px) * 2 * np.pi / 12.4)
    counts = np.random.default_rng(3).poisson(2 + 30 * np.outer(wave, wave) / 4)
    return (counts / 40).astype(np.float32)


def patches(scaled: np.ndarray) -> FeatureMap:
    pyramid = extract(scaled, ExtractorSettings(backbone=classical.NAME))
    return pyramid.patches(patch_px=16, step_px=8)


def taken_apart(scaled: np.ndarray, scorer: str = FUSED) -> Parts:
    return parts_of(scaled, lambda: patches(scaled), scorer=scorer)


@pytest.mark.parametrize("scorer", SCORERS)
@pytest.mark.parametrize("make", [noise, lattice])
def test_the_parts_make_the_map(scorer: str, make) -> None:
    scaled = make()
    scaled[60:64, 100:104] += 0.5
    parts = taken_apart(scaled, scorer)
    expected = surprisal_map(scaled, lambda: patches(scaled), scorer=scorer).values
    np.testing.assert_allclose(parts.nats(parts.excesses), expected, atol=1e-4, rtol=1e-5)
    highest = np.unravel_index(int(expected.argmax()), expected.shape)
    for at in ((int(highest[0]), int(highest[1])), (5, 7), (150, 40)):
        assert sum(parts.contributions_nats(at).values()) == pytest.approx(float(expected[at]), abs=1e-4)


def test_the_part_that_sees_a_thing_gets_its_nats() -> None:
    spot, line, bright = noise(), noise(), noise()
    spot[80:85, 80:85] += 0.5
    y, x = np.mgrid[:192, :192]
    away, end = y - 60 - 0.35 * (x - 80), np.exp(-(((x - 80) / 30.0) ** 6))
    line -= (end * 0.4 * (np.exp(-(away**2) / 2) - np.exp(-(away**2) / 18) / 3)).astype(np.float32)  # as bright in all
    bright += 0.12 * np.exp(-((y - 100) ** 2 + (x - 100) ** 2) / (2 * 12.0**2)).astype(np.float32)
    for scaled, at, names in (
        (spot, (82, 82), {"spots", "fine spots"}),
        (line, (60, 80), {"lines"}),
        (bright, (100, 100), {"brightness"}),
    ):
        contributions = taken_apart(scaled).contributions_nats(at)
        best = max(contributions, key=lambda name: contributions[name])
        assert best in names, contributions
        assert contributions[best] > 0.4 * sum(contributions.values())


def test_of_a_crystal_only_spots_count_and_no_features_are_asked_for() -> None:
    def never() -> FeatureMap:
        raise AssertionError("the network is not needed")

    assert set(parts_of(lattice(), never).excesses) == {"spots"}
    assert set(parts_of(noise(), never, scorer=SELF_SIMILARITY).excesses) == {"spots", "fine spots", "lines"}


def test_what_is_kept_is_counted() -> None:
    parts = taken_apart(noise())
    assert sum(array.nbytes for array in parts.arrays()) == 4 * 192 * 192 * 13


def test_nothing_stands_out_of_a_constant_image() -> None:
    parts = parts_of(np.zeros((64, 64), np.float32), lambda: patches(np.zeros((64, 64), np.float32)))
    assert not parts.nats(parts.excesses).any()
    assert set(parts.contributions_nats((3, 3)).values()) == {0.0}


def test_an_unknown_scorer_is_refused() -> None:
    with pytest.raises(InputError, match="isolation_forest"):
        parts_of(noise(), lambda: patches(noise()), scorer="oddness")
