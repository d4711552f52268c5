"""Parts of a region are replaced by what the rest predicts: the scores are those of the image with that part replaced."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.explain.occlusion import _frame, _replaced, occlude
from deepscan_core.features import classical
from deepscan_core.features.extractor import ExtractorSettings, extract
from deepscan_core.records.maps import FeatureMap
from deepscan_core.scoring.names import FUSED, ISOLATION_FOREST, SPOTS
from deepscan_core.scoring.parts import Parts, parts_of

REGION = (slice(80, 112), slice(96, 128))


def patches(scaled: np.ndarray) -> FeatureMap:
    return extract(scaled, ExtractorSettings(backbone=classical.NAME)).patches(patch_px=16, step_px=8)


def taken_apart(scaled: np.ndarray, scorer: str = FUSED) -> Parts:
    return parts_of(scaled, lambda: patches(scaled), scorer=scorer)


def textured(shape: tuple[int, int] = (193, 192)) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    slope = 0.05 * np.sin(y / 40) * np.sin(x / 60)
    return (np.random.default_rng(4).normal(0.5, 0.1, shape) + slope).astype(np.float32)


def crystal(shape: tuple[int, int] = (192, 192)) -> np.ndarray:
    waves = [1 + np.cos(np.arange(n) * 2 * np.pi / 12.4) for n in shape]
    return (np.random.default_rng(4).poisson(2 + 30 * np.outer(*waves) / 4) / 40).astype(np.float32)


@pytest.mark.parametrize("make", [textured, crystal])
@pytest.mark.parametrize("region", [REGION, (slice(161, 193), slice(0, 32)), (slice(0, 20), slice(160, 192))])
def test_replacing_nothing_leaves_every_part_as_the_whole_image_has_it(make, region: tuple[slice, slice]) -> None:
    parts = taken_apart(make())
    frame = _frame(region, parts.sigmas.shape)
    nothing = np.zeros((1, *(span.stop - span.start for span in frame)), np.float32)
    for name, excess in _replaced(parts, nothing, frame, (region[0], region[1])).items():
        np.testing.assert_allclose(excess[0][: excess[0].shape[0]], parts.excesses[name][region], atol=1e-4)


@pytest.mark.parametrize("make", [textured, crystal])
def test_the_cell_with_the_spot_is_what_raises_the_score(make) -> None:
    scaled = make()
    scaled[98:102, 104:108] += 0.6
    parts = taken_apart(scaled)
    found = occlude(parts, REGION, (100, 106))
    assert found is not None
    assert found.drops_nats.shape == (6, 6)
    row, col = np.unravel_index(int(found.drops_nats.argmax()), (6, 6))
    assert abs(row * 32 / 6 + 80 + 3 - 100) <= 4
    assert abs(col * 32 / 6 + 96 + 3 - 106) <= 4
    highest = float(parts.nats({name: excess[REGION] for name, excess in parts.excesses.items()}).max())
    assert found.left_nats < 0.4 * highest
    far = [found.drops_nats[r, c] for r in range(6) for c in range(6) if max(abs(r - row), abs(c - col)) > 2]
    assert np.abs(far).max() < 0.1 * highest


def test_a_score_is_that_of_the_image_with_the_part_replaced() -> None:
    """The whole map again, on the image in which the region is as predicted: only the spot's own part may differ."""
    scaled = crystal()
    scaled[98:102, 104:108] += 0.6
    parts = taken_apart(scaled)
    found = occlude(parts, REGION, (100, 106))
    assert found is not None
    replaced = scaled.copy()
    replaced[REGION] = parts.predicted[REGION]
    again = taken_apart(replaced)
    highest = float(again.nats({name: excess[REGION] for name, excess in again.excesses.items()}).max())
    assert found.left_nats == pytest.approx(highest, abs=2.0)


def test_of_a_large_region_the_surroundings_of_the_peak_are_looked_at() -> None:
    parts = taken_apart(textured())
    found = occlude(parts, (slice(0, 193), slice(50, 60)), (150, 55))
    assert found is not None
    assert found.rows == slice(97, 193)
    assert found.cols == slice(50, 60)
    assert found.drops_nats.shape == (6, 1)


def test_a_region_of_one_pixel_is_one_cell() -> None:
    found = occlude(taken_apart(textured()), (slice(50, 51), slice(60, 61)), (50, 60))
    assert found is not None
    assert found.drops_nats.shape == (1, 1)


@pytest.mark.parametrize("scorer", [SPOTS, ISOLATION_FOREST])
def test_scores_without_a_kept_residual_are_not_taken_apart_in_space(scorer: str) -> None:
    assert occlude(taken_apart(textured(), scorer), REGION, (100, 100)) is None
