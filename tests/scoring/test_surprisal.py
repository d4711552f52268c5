"""The surprisal of whole images: what is found, what is not, and what must not matter."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from deepscan_core import CalibratedImage, Study
from deepscan_core.errors import InputError
from deepscan_core.scoring.filters import lines, spots
from deepscan_core.scoring.names import SCORERS
from deepscan_core.scoring.surprisal import surprisal_map

SIDE = 256


def frame(kind: str, seed: int, *, defect_free: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """A preview of a specimen and the places of its point defects (y, x) in pixels."""
    from deepscan_core.benchmarking.planted_scenes import atomic_scene, clean_scene

    scene = clean_scene(kind, seed, SIDE) if defect_free else atomic_scene(kind, seed, SIDE)
    return np.asarray(scene.preview.array), scene.points_px[scene.d_primes >= 6]


def study_of(array: np.ndarray, scorer: str = "surprisal") -> Study:
    return Study(CalibratedImage(array), backbone="classical", scorer=scorer)


def planted(rng: np.random.Generator) -> tuple[np.ndarray, tuple[int, int]]:
    array = rng.normal(100, 5, (SIDE, SIDE))
    array[140:148, 60:68] += 60
    return array, (144, 64)


@pytest.mark.parametrize("scorer", SCORERS)
def test_every_scorer_finds_a_bright_spot(scorer: str, rng: np.random.Generator) -> None:
    array, place = planted(rng)
    study = study_of(array, scorer)
    score_map = study.surprisal()
    assert score_map.kind == "surprisal"
    region = study.regions(score_map, area_fraction=0.02, region_size_px=24)[0]
    assert np.abs(np.array(region.center_px) - place).max() <= 12


def test_an_unknown_scorer_is_refused_with_the_names() -> None:
    with pytest.raises(InputError, match=r"oracle.*surprisal, self_similarity"):
        Study(CalibratedImage(np.ones((32, 32))), scorer="oracle")


def test_a_crystal_does_not_ask_for_patches() -> None:
    array, _ = frame("srtio3", 0)

    def refuse() -> None:
        raise AssertionError("patches were asked for")

    from deepscan_core.ingest.normalise import normalise

    surprisal_map(normalise(array), refuse)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["srtio3", "mos2", "gold-bicrystal", "gaas-dislocations"])
def test_point_defects_that_can_be_seen_are_found(kind: str) -> None:
    array, places = frame(kind, 1)
    study = study_of(array)
    regions = study.regions(study.surprisal(), area_fraction=0.10, region_size_px=24)
    held = [any(np.abs(np.array(r.center_px) - place).max() <= 12 for r in regions) for place in places]
    assert np.mean(held) >= 0.9


def test_white_noise_shows_about_as_many_regions_as_were_asked_for(rng: np.random.Generator) -> None:
    counts = []
    for _ in range(12):
        study = study_of(rng.normal(100, 10, (SIDE, SIDE)))
        counts.append(len(study.regions(study.surprisal(), expected_false_regions=1, region_size_px=24)))
    assert np.mean(counts) <= 2


@pytest.mark.parametrize("kind", ["srtio3", "graphene"])
def test_a_crystal_without_defects_shows_nothing(kind: str) -> None:
    array, _ = frame(kind, 2, defect_free=True)
    study = study_of(array)
    assert study.regions(study.surprisal(), expected_false_regions=0.1, region_size_px=24) == ()


def test_brightness_and_contrast_do_not_matter(rng: np.random.Generator) -> None:
    array, _ = planted(rng)
    expected = study_of(array).surprisal().values
    for changed in (3 * array, array + 1000):
        assert stats.spearmanr(study_of(changed).surprisal().values, expected, axis=None).statistic >= 0.99


@pytest.mark.parametrize("kind", ["srtio3", "single-atoms"])
@pytest.mark.parametrize("move", [np.rot90, np.fliplr])
def test_a_turned_or_mirrored_image_gives_the_map_turned_or_mirrored(kind: str, move) -> None:
    array, _ = frame(kind, 0)
    expected = move(study_of(array).surprisal().values)
    found = study_of(np.ascontiguousarray(move(array))).surprisal().values
    assert stats.spearmanr(found, expected, axis=None).statistic >= 0.9


def test_spots_of_white_noise_have_the_same_size_up_to_the_edge(rng: np.random.Generator) -> None:
    sizes = np.mean([spots(rng.normal(0, 1, (60, 60)).astype(np.float32), 2.2) for _ in range(400)], axis=0)
    assert sizes.min() > 0.85 * sizes.mean()
    assert sizes.max() < 1.15 * sizes.mean()


@pytest.mark.parametrize("angle_rad", [0.0, 0.6, 1.3, 2.4])
def test_a_faint_line_stands_out_from_noise(angle_rad: float, rng: np.random.Generator) -> None:
    y, x = np.mgrid[:128, :128] - 64.0
    across = np.abs(y * np.cos(angle_rad) - x * np.sin(angle_rad))
    line = (across < 1) & (np.hypot(y, x) < 40)
    noisy = (rng.normal(0, 1, line.shape) - 1.2 * line).astype(np.float32)
    found = lines(noisy)
    assert found[line].mean() > 1.7 * found[~line].mean()


def test_lines_cross_the_seams_of_tiles_unseen(rng: np.random.Generator) -> None:
    from deepscan_core.scoring import filters

    noise = rng.normal(0, 1, (300, 260)).astype(np.float32)
    whole = lines(noise)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filters, "LINE_TILE", 50)
        assert lines(noise)[:, :256] == pytest.approx(whole[:, :256], abs=0.01)
