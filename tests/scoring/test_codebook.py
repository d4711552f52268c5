"""What the frames of a view leave to each other: it must agree with maps from scratch, and give way to what is there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from deepscan_core import CalibratedImage, Study
from deepscan_core.records.maps import FeatureMap
from deepscan_core.scoring import kept_lattices
from deepscan_core.scoring.codebook import Codebook
from deepscan_core.scoring.density import mahalanobis
from deepscan_core.scoring.kept_bulk import next_bulk

SIDE = 320  # four tiles
VACANCY = (204.0, 144.0)


def crystal(seed: int, *, spacing_px: float = 12.0, shift_px: tuple[float, float] = (0.0, 0.0)) -> CalibratedImage:
    """Columns of 20 counts with one of them missing, and new noise."""
    y, x = (np.arange(SIDE) - shift for shift in shift_px)
    waves = [1 + np.cos(2 * np.pi * along / spacing_px) for along in (y, x)]
    counts = 1 + 5 * np.outer(*waves)
    away = ((y - VACANCY[0]) ** 2)[:, None] + ((x - VACANCY[1]) ** 2)[None]
    counts *= 1 - 0.7 * np.exp(-away / (2 * 3.0**2))
    return CalibratedImage(np.random.default_rng(seed).poisson(counts))


def texture(seed: int) -> CalibratedImage:
    array = np.random.default_rng(seed).normal(100, 10, (SIDE, SIDE))
    array[200:208, 140:148] += 25
    return CalibratedImage(array)


def score(image: CalibratedImage, codebook: Codebook | None = None) -> np.ndarray:
    return Study(image, backbone="classical", codebook=codebook).surprisal().values


def agreement(first: np.ndarray, second: np.ndarray) -> float:
    return float(stats.spearmanr(first[::3, ::3].ravel(), second[::3, ::3].ravel()).statistic)


@pytest.mark.parametrize("make", [crystal, texture])
def test_the_first_frame_is_a_map_from_scratch(make: object) -> None:
    image = make(0)  # type: ignore[operator]
    assert np.array_equal(score(image, Codebook()), score(image))


@pytest.mark.parametrize("make", [crystal, texture])
def test_a_defect_that_stays_in_view_stays_as_bright(make: object) -> None:
    codebook = Codebook()
    around = (slice(198, 211), slice(138, 151))
    shares = []
    for seed in range(6):
        image = make(seed)  # type: ignore[operator]
        live, scratch = score(image, codebook), score(image)
        assert agreement(live, scratch) > 0.9
        assert live[around].max() == live.max()
        shares.append(float(live[around].max() / scratch[around].max()))
    assert np.mean(shares[3:]) > 0.9


def test_a_drifting_lattice_is_followed() -> None:
    codebook = Codebook()
    for number in range(6):
        shift = (0.7 * number, -1.1 * number)
        live = score(crystal(number, shift_px=shift), codebook)
        place = np.unravel_index(int(live.argmax()), live.shape)
        assert place == pytest.approx(np.add(VACANCY, shift), abs=3)


def test_what_does_not_hold_any_more_is_found_anew() -> None:
    codebook = Codebook()
    views = [crystal(0), crystal(1), crystal(2, spacing_px=13.5), crystal(3, spacing_px=13.5), texture(4), crystal(5)]
    for image in views:
        assert agreement(score(image, codebook), score(image)) > 0.9


def test_a_view_of_another_size_starts_anew() -> None:
    codebook = Codebook()
    score(crystal(0), codebook)
    other = CalibratedImage(np.asarray(crystal(1).array)[:300, :320])
    assert np.array_equal(score(other, codebook), score(other))


def test_one_tile_a_frame_is_looked_at_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []
    found = kept_lattices._correlation
    monkeypatch.setattr(kept_lattices, "_correlation", lambda smooth, tile: looked.append(tile) or found(smooth, tile))
    codebook = Codebook()
    for seed in range(5):
        score(crystal(seed), codebook)
    assert len(looked) == 4 + 4
    assert len({tile.place for tile in looked[4:]}) == 4  # type: ignore[attr-defined]


def patches(rng: np.random.Generator, source: str = "a") -> FeatureMap:
    """Patches in twelve directions, of which one lies far out."""
    values = rng.normal(0, 1, (32, 32, 12)).astype(np.float32) @ np.diag(np.arange(1, 13)).astype(np.float32)
    values[7, 9] += 20
    return FeatureMap(values=values, step_px=8, origin_px=3.5, image_shape=(256, 256), source=source)


def test_a_patch_that_stays_far_out_does_not_become_ordinary(rng: np.random.Generator) -> None:
    kept = None
    for _ in range(12):
        features = patches(rng)
        distances, kept = next_bulk(kept, features)
        assert int(distances.argmax()) == 7 * 32 + 9
        assert distances == pytest.approx(mahalanobis(features), rel=0.25)
    assert kept is not None
    assert kept.frames == 12


def test_a_bulk_that_does_not_hold_is_fitted_anew(rng: np.random.Generator) -> None:
    _, kept = next_bulk(None, patches(rng))
    wider = patches(rng)
    changed = FeatureMap(values=wider.values**3, step_px=8, origin_px=3.5, image_shape=(256, 256), source=wider.source)
    for features in (patches(rng, source="b"), changed):
        distances, after = next_bulk(kept, features)
        assert after is not None
        assert after.frames == 1
        assert np.array_equal(distances, mahalanobis(features))


def test_equal_patches_leave_nothing() -> None:
    flat = FeatureMap(values=np.ones((8, 8, 3), np.float32), step_px=8, origin_px=3.5, image_shape=(64, 64), source="a")
    distances, kept = next_bulk(None, flat)
    assert kept is None
    assert not distances.any()
