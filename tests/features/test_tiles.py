"""Large images are seen tile by tile: with the same features as at once."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core import CalibratedImage, Study
from deepscan_core.features import extractor
from deepscan_core.features.extractor import ExtractorSettings, extract, extract_patches


@pytest.mark.parametrize("backbone", ["classical", pytest.param("tf_efficientnet_lite0", marks=pytest.mark.network)])
def test_tiles_give_the_features_of_the_whole(
    backbone: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extractor, "TILE_PX", 192)
    image = rng.random((400, 450)).astype(np.float32)
    image[100:300, 150:200] += 0.5
    settings = ExtractorSettings(backbone=backbone)
    whole = extract(image, settings).patches(patch_px=16, step_px=8)
    tiled = extract_patches(image, settings, patch_px=16, step_px=8)
    assert tiled.values.shape == whole.values.shape
    assert (tiled.step_px, tiled.origin_px, tiled.source) == (whole.step_px, whole.origin_px, whole.source)
    off = np.abs(tiled.values - whole.values) / whole.values.std(axis=(0, 1))
    assert np.median(off) < 0.01
    assert np.quantile(off, 0.99) < 0.2


def test_a_large_image_keeps_no_maps(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    import deepscan_core.kept as kept_module

    monkeypatch.setattr(kept_module, "LARGEST_WHOLE_PX", 100 * 100)
    study = Study(CalibratedImage(rng.random((128, 160))), backbone="classical")
    assert study.features().values.shape[:2] == (16, 20)
    assert study._kept._pyramid is None


def test_a_plain_large_image_has_plain_patches() -> None:
    found = extract_patches(
        np.zeros((64, 64), np.float32), ExtractorSettings(backbone="classical"), patch_px=16, step_px=8
    )
    assert not found.values.any()
