"""Pooling against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.features.classical import classical_level
from deepscan_core.features.pyramid import FeaturePyramid, Level


def ramp_level(stride: float, origin: float, n: int) -> Level:
    """A level whose value is the y position of its cell's centre."""
    y = origin + stride * np.arange(n)
    return Level(
        values=np.broadcast_to(y[:, None], (n, n)).astype(np.float32)[None].copy(), stride_px=stride, origin_px=origin
    )


@pytest.mark.parametrize(
    ("stride", "origin", "patch"), [(1, 0, 16), (4, 2.5, 16), (8, 3.5, 8), (16, 10.5, 16), (32, 20, 8)]
)
def test_a_ramp_is_pooled_to_the_position_of_the_patch(stride: float, origin: float, patch: float) -> None:
    pyramid = FeaturePyramid(
        levels=(ramp_level(stride, origin, int(256 / stride)),), image_shape=(256, 256), source="t"
    )
    features = pyramid.patches(patch_px=patch, step_px=8)
    expected = features.centers_px()[:, 0].reshape(features.values.shape[:2])
    inner = slice(6, -6)
    # exact where cells tile the patch evenly, within a quarter of a cell otherwise
    assert np.abs(features.values[inner, inner, 0] - expected[inner, inner]).max() <= stride / 4


def test_patches_of_a_constant_are_that_constant_everywhere() -> None:
    level = Level(values=np.full((2, 16, 16), 3, np.float32), stride_px=8, origin_px=5)
    features = FeaturePyramid(levels=(level,), image_shape=(128, 128), source="t").patches(patch_px=16, step_px=4)
    assert features.values == pytest.approx(np.full((32, 32, 2), 3))


def test_a_grid_coarser_than_the_image_is_refused() -> None:
    pyramid = FeaturePyramid(levels=(ramp_level(1, 0, 32),), image_shape=(32, 32), source="t")
    with pytest.raises(InputError, match="64"):
        pyramid.patches(patch_px=8, step_px=64)


def test_classical_features_have_one_cell_a_pixel() -> None:
    level = classical_level(np.random.default_rng(0).random((40, 48)).astype(np.float32))
    assert level.values.shape[1:] == (40, 48)
    assert level.values.dtype == np.float32
    assert np.isfinite(level.values).all()
