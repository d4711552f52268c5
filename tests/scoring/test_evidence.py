"""Evidence of looks, and probabilities of regions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.records.maps import ScoreMap
from deepscan_core.regions.selection import Selection, select_regions
from deepscan_core.scoring.evidence import matched_sigmas, spot_evidence_nats
from deepscan_core.scoring.local_share import region_probabilities


def test_sigmas_of_nothing_have_unit_variance() -> None:
    rng = np.random.default_rng(0)
    expected = np.full((200, 200), 25.0)
    found = matched_sigmas(rng.poisson(expected), expected, expected, smoothing_px=0.8, spot_px=2.0)
    assert float(found[20:-20, 20:-20].std()) == pytest.approx(1.0, abs=0.05)
    assert float(found[20:-20, 20:-20].mean()) == pytest.approx(0.0, abs=0.1)


def test_a_spot_stands_out_by_its_matched_filter() -> None:
    """A Gaussian of the filter's width and height a has a sum-of-squares visibility a * w * sqrt(pi) / sigma."""
    y, x = np.mgrid[:81, :81] - 40.0
    width, height, sigma = math.hypot(0.8, 2.0), 3.0, 5.0
    spot = height * np.exp(-(y**2 + x**2) / (2 * width**2))
    flat = np.full(spot.shape, 100.0)
    found = matched_sigmas(flat + spot, flat, np.full(spot.shape, sigma**2), smoothing_px=0.8, spot_px=2.0)
    assert np.unravel_index(found.argmax(), found.shape) == (40, 40)
    assert found[40, 40] == pytest.approx(height * width * math.sqrt(math.pi) / sigma, rel=1e-2)


def test_evidence_is_the_likelihood_ratio() -> None:
    """For one place and one size: ln cosh(v z) - v² / 2, in either sign."""
    for z in (-3.0, 0.0, 2.0):
        wanted = math.log(math.cosh(2.0 * z)) - 2.0
        assert spot_evidence_nats(np.array([z]), visibilities=(2.0,)) == pytest.approx(wanted)
    cheap = spot_evidence_nats(np.array([2.0]), visibilities=(4.0,), share=0.25)
    assert cheap == pytest.approx(spot_evidence_nats(np.array([2.0]), visibilities=(2.0,)))


def test_evidence_is_calibrated() -> None:
    """Its exponential has a mean of one where nothing is: it is a likelihood ratio."""
    rng = np.random.default_rng(1)
    ratios = [math.exp(spot_evidence_nats(rng.normal(size=4), visibilities=(1.0, 1.5))) for _ in range(20_000)]
    assert float(np.mean(ratios)) == pytest.approx(1.0, abs=0.05)


def test_bad_looks_are_named() -> None:
    with pytest.raises(InputError, match="three of one shape"):
        matched_sigmas(np.zeros((3, 3)), np.zeros((3, 4)), np.ones((3, 3)), smoothing_px=1, spot_px=1)
    with pytest.raises(InputError, match="no place"):
        spot_evidence_nats(np.zeros(0))


def test_probabilities_of_regions_are_those_of_the_mixture() -> None:
    """Chance makes n exp(-s) regions a nat, targets are even from 0 to 2 ln n: the share of targets a bin is known."""
    rng = np.random.default_rng(2)
    shape = (24 * 100, 24 * 100)
    top = 2 * math.log(10_000)
    false, true = rng.exponential(size=10_000), rng.uniform(0, top, 2000)
    scores = np.concatenate([false, true])
    is_true = np.arange(12_000) >= 10_000
    chance = region_probabilities(scores, shape)
    for low, high in ((0.05, 0.3), (0.3, 0.7), (0.7, 0.95)):
        members = (chance >= low) & (chance < high)
        assert float(is_true[members].mean()) == pytest.approx(float(chance[members].mean()), abs=0.06)


def test_nothing_stands_out_of_chance() -> None:
    scores = np.sort(np.random.default_rng(3).exponential(size=10_000))[::-1]
    chance = region_probabilities(scores, (2400, 2400))
    assert (np.diff(chance) <= 0).all()
    assert float((chance > 0.5).mean()) < 0.002
    assert len(region_probabilities(np.zeros(0), (64, 64))) == 0
    with pytest.raises(InputError, match="NaN"):
        region_probabilities(np.array([np.nan]), (64, 64))


def test_regions_come_in_falling_order_of_the_scores_whatever_the_ties() -> None:
    """What the selector did before it sorted once: the first of the highest open scores, again and again."""
    values = np.random.default_rng(4).integers(0, 6, (60, 60)).astype(np.float32)
    found = select_regions(ScoreMap(values, kind="similarity"), Selection(size_px=(5, 5), level=4.0))
    scores = [region.score for region in found]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) >= 4.0
    first = np.unravel_index(int(values.argmax()), values.shape)
    top, left, bottom, right = found[0].bounds_px
    assert top <= first[0] <= bottom
    assert left <= first[1] <= right
