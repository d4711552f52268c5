"""Normalisation by its invariances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepscan_core.errors import InputError
from deepscan_core.ingest.normalise import Preprocessing, normalise

IMAGE = np.random.default_rng(1).normal(50, 7, (64, 64))


@settings(max_examples=25, deadline=None)
@given(gain=st.floats(0.01, 1000), offset=st.floats(-1e4, 1e4))
def test_gain_and_offset_do_not_matter(gain: float, offset: float) -> None:
    assert normalise(IMAGE * gain + offset) == pytest.approx(normalise(IMAGE), abs=2e-2)


def test_the_bulk_lies_between_zero_and_one_and_a_hot_pixel_does_not_rule() -> None:
    plain = normalise(IMAGE)
    hot = IMAGE.copy()
    hot[3, 3] = 1e6
    assert np.mean((plain >= 0) & (plain <= 1)) >= 0.98
    assert normalise(hot)[10:, 10:] == pytest.approx(plain[10:, 10:], abs=0.02)
    assert normalise(hot)[3, 3] > plain.max()


def test_order_of_grey_values_is_kept() -> None:
    order = IMAGE.ravel().argsort()
    assert np.all(np.diff(normalise(IMAGE).ravel()[order]) >= -1e-6)


def test_nan_becomes_ordinary_and_spoils_nothing() -> None:
    holes = IMAGE.copy()
    holes[:5, :5] = np.nan
    holes[6, 6] = np.inf
    result = normalise(holes)
    assert np.isfinite(result).all()
    assert 0.3 < result[:5, :5].mean() < 0.7


def test_the_range_of_the_numbers_does_not_matter() -> None:
    large = (IMAGE.astype(np.float64) - 50) * 1e306
    assert normalise(large) == pytest.approx(normalise(IMAGE), abs=1e-3)
    on_a_high_ground = (IMAGE * 10).astype(np.uint32) + 4_000_000_000
    assert normalise(on_a_high_ground) == pytest.approx(normalise((IMAGE * 10).astype(np.uint32)), abs=1e-3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, bool])
def test_a_constant_image_is_nothing(dtype: type) -> None:
    assert not normalise(np.ones((20, 20), dtype)).any()


@pytest.mark.parametrize("kind", ["gaussian", "median", "tv", "nl_means"])
def test_denoising_lowers_noise_and_keeps_a_step(kind: str) -> None:
    step = np.where(np.arange(64) < 32, 0.0, 60.0)[None, :] + IMAGE
    plain, filtered = normalise(step), normalise(step, Preprocessing(denoise=kind))  # type: ignore[arg-type]
    assert filtered[:, 5:25].std() < 0.8 * plain[:, 5:25].std()
    assert filtered[:, 40:].mean() - filtered[:, :24].mean() > 0.5


def test_clahe_lifts_contrast_in_a_dim_corner() -> None:
    dim = IMAGE.copy()
    dim[:32, :32] = 50 + (dim[:32, :32] - 50) * 0.1
    assert normalise(dim, Preprocessing(clahe=True))[:32, :32].std() > 2 * normalise(dim)[:32, :32].std()


@pytest.mark.parametrize("bad", [{"denoise": "magic"}, {"low_percentile": 90.0, "high_percentile": 10.0}])
def test_unknown_settings_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Preprocessing(**bad)  # type: ignore[arg-type]
