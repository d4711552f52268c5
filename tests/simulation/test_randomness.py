"""Numbers that belong to places: even, normal, smooth, and the same from wherever they are asked."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.simulation.randomness import BandNoise, hashed_normal, hashed_uniform


def test_hashed_numbers_are_even_and_independent_of_their_neighbours() -> None:
    i, j = np.mgrid[-300:300, -300:300]
    numbers = hashed_uniform(3, i, j)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert numbers.mean() == pytest.approx(0.5, abs=0.003)
    assert numbers.var() == pytest.approx(1 / 12, rel=0.01)
    for one, other in ((numbers[1:], numbers[:-1]), (numbers[:, 1:], numbers[:, :-1])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.01
    assert abs(np.corrcoef(numbers.ravel(), hashed_uniform(4, i, j).ravel())[0, 1]) < 0.01


def test_hashed_numbers_belong_to_their_indices() -> None:
    whole = hashed_normal(5, np.arange(-20, 20)[:, None], np.arange(-20, 20)[None, :])
    part = hashed_normal(5, np.arange(-3, 9)[:, None], np.arange(2, 7)[None, :])
    assert np.array_equal(whole[17:29, 22:27], part)
    assert np.abs(whole).max() <= 3
    assert whole.std() == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("ridged", [False, True])
def test_noise_is_standardised_and_does_not_depend_on_the_field_of_view(ridged: bool) -> None:
    noise = BandNoise(seed=2, longest_nm=7.0, octaves=3, ridged=ridged)
    y, x = np.meshgrid(np.arange(0, 400.0), np.arange(0, 400.0), indexing="ij")
    whole = noise(y, x)
    assert whole.mean() == pytest.approx(0, abs=0.1)
    assert whole.std() == pytest.approx(1, abs=0.1)
    assert np.allclose(noise(y[40:60, 300:310], x[40:60, 300:310]), whole[40:60, 300:310], atol=1e-9)
    assert noise(y[7, 9], x[7, 9]) == pytest.approx(whole[7, 9])


def test_noise_is_smooth_and_limited_to_its_band() -> None:
    noise = BandNoise(seed=2, longest_nm=10.0)
    line = noise(np.zeros(8000), np.arange(8000) * 0.25)
    assert np.abs(np.diff(line)).max() < 0.25  # a fortieth of a knot's distance
    power = np.abs(np.fft.rfft(line - line.mean())) ** 2
    waves_per_nm = np.fft.rfftfreq(8000, 0.25)
    assert power[waves_per_nm > 0.1].sum() < 0.02 * power.sum()


def test_noise_refuses_what_makes_no_sense() -> None:
    with pytest.raises(InputError, match="octaves"):
        BandNoise(seed=0, longest_nm=1.0, octaves=0)
    with pytest.raises(InputError, match="too large"):
        BandNoise(seed=0, longest_nm=1e-3)(np.array([0.0, 1e4]), np.array([0.0, 1e4]))
