"""Planted shifts come back within their standard errors, and what cannot be told is not told."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepscan_core.acquisition.drift.correlation import Match, match, match_itself
from deepscan_core.acquisition.drift.spectra import is_blank, overlap, spectrum_of
from deepscan_core.acquisition.drift.surfaces import SearchArea, confidence_of
from deepscan_core.errors import InputError
from deepscan_core.simulation.specimens.plain import make_crystal
from tests.acquisition.drift.drifting import LATTICE_PX, lattice, picture, scattered

NEEDED = 0.2


def matched(first: np.ndarray, second: np.ndarray, search: SearchArea) -> Match:
    return match(first, second, search)


@pytest.mark.parametrize("shape", [(96, 96), (64, 112)])
@pytest.mark.parametrize("moved", [(0.0, 0.0), (0.37, -0.81), (-6.2, 9.55)])
def test_a_planted_shift_comes_back_to_a_twentieth_of_a_pixel(
    shape: tuple[int, int], moved: tuple[float, float]
) -> None:
    found = matched(picture(scattered(), shape), picture(scattered(), shape, moved), SearchArea.circle(14))
    assert math.dist(found.shift_px, moved) < 0.05
    assert found.confidence > NEEDED
    back = matched(picture(scattered(), shape, moved), picture(scattered(), shape), SearchArea.circle(14))
    assert back.shift_px == pytest.approx([-found.shift_px[0], -found.shift_px[1]], abs=0.02)


@pytest.mark.parametrize("specimen", [scattered(1), lattice(1)], ids=["scattered", "lattice"])
@pytest.mark.parametrize("dwell_us", [0.5, 4.0])
def test_standard_errors_are_true(specimen: object, dwell_us: float) -> None:
    rng = np.random.default_rng(3)
    scores = []
    for _ in range(24):
        moved = tuple(rng.uniform(-1.5, 1.5, 2))
        pair = (picture(specimen, moved_px=at, dwell_us=dwell_us, rng=rng) for at in ((0.0, 0.0), moved))
        found = matched(*pair, SearchArea.circle(3))
        assert found.confidence > NEEDED
        error = np.subtract(found.shift_px, moved)
        scores.append(error @ np.linalg.solve(found.covariance_px2, error))
    assert 0.5 < np.mean(scores) < 4.0  # chi squared of two degrees of freedom has mean 2


def test_a_perfect_lattice_is_ambiguous_where_a_repeat_lies_in_the_search_area() -> None:
    """Also without noise: neither the window nor the edges may tell one repeat from another."""
    moved = (1.2, -0.7)
    for rng in (None, np.random.default_rng(1)):
        first, second = picture(lattice(2), rng=rng), picture(lattice(2), moved_px=moved, rng=rng)
        near = matched(first, second, SearchArea.circle(LATTICE_PX / 2))
        assert math.dist(near.shift_px, moved) < 0.1
        assert near.confidence > 0.5
        wide = matched(first, second, SearchArea.circle(1.5 * LATTICE_PX))
        assert wide.confidence < NEEDED
        assert wide.rival_px is not None


def test_a_repeat_beside_the_search_area_does_not_disturb_and_an_ellipse_is_enough() -> None:
    """Only the direction in which the prediction is bad must not hold a repeat."""
    along_y, along_x = 14.0, LATTICE_PX / 3
    stripes = np.broadcast_to(np.sin(2 * np.pi * np.arange(96) / LATTICE_PX), (96, 96))
    waves = stripes + 0.5 * np.random.default_rng(0).normal(size=(96, 1)).repeat(96, axis=1)
    found = matched(
        waves, np.roll(waves, 5, axis=0), SearchArea(center_px=(0, 0), spread_px2=np.diag([along_y, along_x]) ** 2)
    )
    assert math.dist(found.shift_px, (5, 0)) < 0.2


def test_a_shift_outside_the_search_area_is_not_believed() -> None:
    found = matched(picture(scattered()), picture(scattered(), moved_px=(4.0, 0.0)), SearchArea.circle(2.5))
    assert found.confidence < NEEDED


@pytest.mark.parametrize("radius_px", [1.0, 3.0, 16.0])
def test_noise_alone_is_not_believed(radius_px: float) -> None:
    rng = np.random.default_rng(5)
    worst = max(
        matched(*rng.poisson(6.0, (2, 64, 64)).astype(float), SearchArea.circle(radius_px)).confidence
        for _ in range(40)
    )
    assert worst < NEEDED


def test_flaws_make_a_lattice_unambiguous() -> None:
    """The weighting without a lattice sees what the other does not."""
    flawed = make_crystal(3, defects_per_1000_nm2=200, extent_nm=30)
    rng = np.random.default_rng(2)
    moved = (5.3, -8.1)
    first = picture(flawed, (192, 192), dwell_us=20, rng=rng)
    second = picture(flawed, (192, 192), moved, dwell_us=20, rng=rng)
    found = matched(first, second, SearchArea.circle(24))
    assert math.dist(found.shift_px, moved) < 0.1
    assert found.confidence > NEEDED


def test_a_picture_knows_its_repeats() -> None:
    rng = np.random.default_rng(4)
    repeating = match_itself(spectrum_of(picture(lattice(2), rng=rng)), 0.25)
    assert repeating.repeat_px is not None
    assert math.hypot(*repeating.repeat_px) == pytest.approx(LATTICE_PX, rel=0.06)
    assert repeating.confidence < NEEDED
    free = match_itself(spectrum_of(picture(scattered(), (160, 160), rng=rng)), 0.25)
    assert free.repeat_px is None or math.hypot(*free.repeat_px) > 4 * LATTICE_PX
    assert free.confidence > NEEDED


def test_the_nearest_repeat_is_the_nearest_in_nm() -> None:
    """Pixels need not be square."""
    rows, cols = np.mgrid[:96, :96]
    picture_ = np.sin(2 * np.pi * rows / 8) + np.sin(2 * np.pi * cols / 12)
    spectrum = spectrum_of(picture_ + np.random.default_rng(0).normal(0, 0.3, picture_.shape))
    square, flat = match_itself(spectrum, 0.25), match_itself(spectrum, 0.25, (3.0, 1.0))
    assert np.abs(square.repeat_px) == pytest.approx([8, 0], abs=0.6)
    assert np.abs(flat.repeat_px) == pytest.approx([0, 12], abs=0.6)


def test_expected_and_measured_standard_errors_agree() -> None:
    rng = np.random.default_rng(8)
    one, other = (picture(lattice(), rng=rng) for _ in range(2))
    expected = match_itself(spectrum_of(one), 0.25).covariance_px2
    measured = matched(one, other, SearchArea.circle(3)).covariance_px2
    assert np.sqrt(np.trace(expected)) == pytest.approx(np.sqrt(np.trace(measured)), rel=0.5)


@pytest.mark.parametrize(
    ("best", "rival", "chance", "expected"),
    [(2.0, 0.0, 0.0, 1.0), (2.0, 1.0, 0.5, 0.25), (2.0, 2.0, 0.0, 0.0), (2.0, -3.0, 1.0, 0.5), (0.0, 0.0, 0.0, 0.0)],
)
def test_confidence(best: float, rival: float, chance: float, expected: float) -> None:
    assert confidence_of(best, rival, chance) == pytest.approx(expected)


def test_windows_overlap_fully_at_no_shift_and_ever_less() -> None:
    shares = overlap((64, 64), np.arange(0.0, 40.0), 0.0)
    assert shares[0] == pytest.approx(1)
    assert (np.diff(shares) < 0).all()


def test_what_cannot_be_used_is_refused() -> None:
    with pytest.raises(InputError, match="32 px"):
        spectrum_of(np.zeros((31, 64)))
    with pytest.raises(InputError, match="ellipse"):
        SearchArea(center_px=(0, 0), spread_px2=np.diag([1.0, np.nan]))
    blank, flawed = np.full((32, 32), 7.0), np.random.default_rng(0).normal(size=(32, 32))
    assert is_blank(blank)
    assert not is_blank(flawed)
    flawed[3, 3] = np.nan
    assert is_blank(flawed)


def test_a_search_area_is_never_too_small_for_a_peak() -> None:
    assert SearchArea(center_px=(0, 0), spread_px2=np.zeros((2, 2))).reach_px == pytest.approx((1.0, 1.0))
    turned = SearchArea(center_px=(2.0, 1.0), spread_px2=np.array([[5.0, 3.0], [3.0, 5.0]]))
    assert turned.holds(2 + 1.9, 1 + 1.9)
    assert not turned.holds(2 + 1.9, 1 - 1.9)
    assert turned.size_px2 == pytest.approx(4 * math.pi)
