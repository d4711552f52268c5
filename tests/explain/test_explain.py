"""Why here: numbers and sentences of planted places."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from deepscan_core import CalibratedImage, Study
from deepscan_core.errors import InputError
from deepscan_core.explain import Explanation
from deepscan_core.records.regions import ScanRegion
from deepscan_core.scoring.names import SCORERS
from tests.explain.lattices import HEXAGONAL, SQUARE, crystal, turned

SPOT = (100, 140)


def region_at(center_px: tuple[float, float], size_px: float = 32) -> ScanRegion:
    return ScanRegion(center_px=center_px, size_px=(size_px, size_px), score=1.0)


def study_of(array: np.ndarray, **others) -> Study:
    return Study(CalibratedImage(array, pixel_size_nm=0.02), backbone="classical", **others)


def spot(shape: tuple[int, int], center_px: tuple[float, float], width_px: float) -> np.ndarray:
    """A Gaussian of this full width at half its height, 1 at the centre."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.exp(-4 * math.log(2) * ((y - center_px[0]) ** 2 + (x - center_px[1]) ** 2) / width_px**2)


@pytest.fixture(scope="module")
def of_a_crystal() -> tuple[Study, Explanation]:
    """A dark spot of 6 px in a crystal."""
    array = crystal((256, 256), SQUARE, counts=60, seed=1) * (1 - 0.9 * spot((256, 256), SPOT, 10.0))
    study = study_of(array)
    return study, study.explain(region_at(SPOT))


@pytest.fixture(scope="module")
def of_noise() -> tuple[Study, Explanation]:
    """A bright spot of 8 px in noise."""
    array = np.random.default_rng(2).normal(100, 5, (256, 256)) + 30 * spot((256, 256), SPOT, 8.0)
    study = study_of(array)
    return study, study.explain(region_at(SPOT))


def test_a_dark_place_of_a_crystal_is_told(of_a_crystal: tuple[Study, Explanation]) -> None:
    study, found = of_a_crystal
    assert math.dist(found.peak_px, SPOT) <= 4
    assert found.nats == pytest.approx(float(study.surprisal().values[84:116, 124:156].max()), rel=1e-4)
    assert found.in_crystal
    assert found.oddity.character == "dark spot"
    assert found.oddity.sigmas < -6
    assert set(found.contributions_nats) == {"spots"}
    assert found.spectrum is not None
    assert found.spectrum.crystallinity > 0.8
    assert found.spectrum.lattice is not None
    assert found.spectrum.lattice.spacings_px == pytest.approx((14, 14), abs=0.1)
    assert found.deformation is not None
    assert not found.deformation.is_turned
    first, second = found.sentences
    assert first.startswith("A dark spot ")
    assert "sigma below what the lattice predicts; by chance less than one such place" in first
    assert second.startswith("The lattice here, 14 × 14 px (0.28 × 0.28 nm), holds ")
    assert second.endswith(" %; it is neither turned nor strained.")


def test_a_bright_spot_in_noise_is_told_with_its_width(of_noise: tuple[Study, Explanation]) -> None:
    _, found = of_noise
    assert found.oddity.character == "bright spot"
    assert found.oddity.width_px == pytest.approx(8, abs=1.5)
    assert not found.in_crystal
    assert sum(found.contributions_nats.values()) == pytest.approx(found.nats, abs=1e-4)
    assert found.spectrum is not None
    assert found.spectrum.crystallinity < 0.15
    assert found.deformation is None
    assert len(found.sentences) == 1
    assert "sigma above what the rest of the image predicts" in found.sentences[0]


def test_the_residual_is_observed_less_predicted(of_noise: tuple[Study, Explanation]) -> None:
    residual = of_noise[1].residual
    assert residual.sigmas.shape == (48, 48)
    difference = residual.observed - residual.predicted
    assert np.corrcoef(difference.ravel(), residual.sigmas.ravel())[0, 1] > 0.99
    assert residual.sigmas[24 - 3 : 24 + 3, 24 - 3 : 24 + 3].mean() > 5


def test_chance_counts_places_of_the_image(of_noise: tuple[Study, Explanation]) -> None:
    study, found = of_noise
    assert found.by_chance == pytest.approx(256 * 256 / 24**2 * math.exp(-found.nats))
    ordinary = study.explain(region_at((30, 30)))
    assert ordinary.by_chance > 0.5
    assert ordinary.oddity.character == "unlike its surroundings"


def test_a_turned_grain_is_told() -> None:
    plain, grain = (crystal((512, 512), turned(HEXAGONAL, angle_rad), counts=40) for angle_rad in (0.0, 0.2))
    y, x = np.mgrid[:512, :512]
    inside = np.maximum(abs(y - 256), abs(x - 256)) < 70
    found = study_of(np.where(inside, grain, plain)).explain(region_at((256, 256), 24))
    assert found.deformation is not None
    assert found.deformation.rotation_rad == pytest.approx(0.2, abs=0.01)
    assert any("turned by 11." in sentence and "counter-clockwise" in sentence for sentence in found.sentences)


def test_a_disordered_place_in_a_crystal_is_told() -> None:
    array = crystal((512, 512), SQUARE, counts=40)
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:512, :512]
    away = np.hypot(y - 256, x - 256)
    from scipy import ndimage

    rough = ndimage.gaussian_filter(rng.normal(size=(512, 512)), 4)
    array = np.where(away < 75, np.maximum(40 + 40 * rough / rough.std(), 0), array)
    found = study_of(array).explain(region_at((256, 256), 24))
    assert found.spectrum is not None
    assert found.spectrum.crystallinity < 0.3
    assert found.crystallinity_around is not None
    assert found.crystallinity_around > 0.6
    assert any(sentence.startswith("Here ") and "around it" in sentence for sentence in found.sentences)


@pytest.mark.parametrize("scorer", SCORERS)
def test_every_scorer_is_explained(scorer: str) -> None:
    array = np.random.default_rng(2).normal(100, 5, (128, 128)) + 40 * spot((128, 128), (60, 60), 8.0)
    study = study_of(array, scorer=scorer)
    found = study.explain(region_at((60, 60)))
    assert found.nats == pytest.approx(float(study.surprisal().values[44:76, 44:76].max()), rel=1e-4)
    assert sum(found.contributions_nats.values()) == pytest.approx(found.nats, rel=1e-4)
    assert (found.occlusion is None) == (scorer not in ("surprisal", "self_similarity"))


def test_clicks_are_compared(of_noise: tuple[Study, Explanation]) -> None:
    found = of_noise[0].explain(region_at(SPOT), [(30, 30), (200, 40)])
    assert found.neighbours.are_clicks
    assert len(found.neighbours.nearest) == 2


@pytest.mark.parametrize("shape", [(24, 40), (64, 512), (33, 33), (200, 150)])
def test_images_of_any_shape_are_explained(shape: tuple[int, int]) -> None:
    array = np.random.default_rng(1).normal(10, 1, shape)
    found = study_of(array).explain(region_at((shape[0] / 2, shape[1] / 2), 10))
    assert (found.spectrum is None) == (min(shape) < 32)
    assert found.sentences


def test_a_constant_image_has_nothing_to_explain() -> None:
    found = study_of(np.full((64, 64), 5.0)).explain(region_at((30, 30)))
    assert found.nats == 0
    assert found.oddity.sigmas == 0
    assert found.sentences


@pytest.mark.parametrize("center_px", [(500.0, 10.0), (-40.0, 10.0)])
def test_a_region_outside_is_refused(of_noise: tuple[Study, Explanation], center_px: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="outside the image"):
        of_noise[0].explain(region_at(center_px))


def test_a_click_outside_is_refused(of_noise: tuple[Study, Explanation]) -> None:
    with pytest.raises(InputError, match="click \\(300, 10\\) lies outside"):
        of_noise[0].explain(region_at(SPOT), [(300, 10)])


def test_a_click_that_is_no_pair_is_refused(of_noise: tuple[Study, Explanation]) -> None:
    with pytest.raises(InputError, match="clicks_px"):
        of_noise[0].explain(region_at(SPOT), [(1, 2, 3)])  # type: ignore[list-item]


def test_the_numbers_are_json(of_a_crystal: tuple[Study, Explanation]) -> None:
    found = of_a_crystal[1]
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["surprisal_nats"] == found.nats
    assert told["crystallinity"] > 0.8
    assert len(told["lattice_vectors_px"]) == 2
    assert told["sentences"] == list(found.sentences)


def test_what_is_kept_is_counted_and_serves_the_next_region(of_a_crystal: tuple[Study, Explanation]) -> None:
    study, found = of_a_crystal
    before = study.kept_bytes
    again = study.explain(region_at(SPOT))
    assert study.kept_bytes == before > study.image.array.nbytes
    assert again.sentences == found.sentences


def test_what_the_map_and_its_explanation_share_is_counted_once() -> None:
    study = Study(CalibratedImage(np.random.default_rng(3).normal(100, 5, (96, 96))), backbone="classical")
    study.surprisal()
    before = study.kept_bytes
    study.explain(region_at((40, 40)))
    kept = study._kept.residual()
    shared = {id(array) for array in kept.arrays()}
    assert len(shared) == 4
    grounds = study._grounds
    assert grounds is not None
    own = [array for array in grounds.arrays() if id(array) not in shared and array is not study.features().values]
    assert study.kept_bytes == before + sum(array.nbytes for array in own)
