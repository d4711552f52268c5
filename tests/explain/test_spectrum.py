"""The local Fourier transform: a lattice is 1, noise and textures are 0, and vectors are the planted ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from deepscan_core.benchmarking.planted_scenes import atomic_scene, clean_scene, micro_scene
from deepscan_core.explain.spectrum import Spectrum, reduced, spectrum_of
from deepscan_core.ingest.normalise import normalise
from deepscan_core.scoring.noise import estimate_noise
from deepscan_core.scoring.nonlocal_means import prediction
from deepscan_core.scoring.structure import structure_of
from tests.explain.lattices import HEXAGONAL, SQUARE, crystal, turned

SIDE = 128
WHOLE = slice(0, SIDE)


def of(values: np.ndarray, noise_variance: float = 0.0) -> Spectrum:
    return spectrum_of(values.astype(np.float32), WHOLE, WHOLE, noise_variance)


def lengths_and_angle(vectors: np.ndarray) -> tuple[float, float, float]:
    short, long = reduced(np.asarray(vectors, float))
    angle = np.degrees(np.arccos(abs(short @ long) / np.sqrt((short @ short) * (long @ long))))
    return float(np.hypot(*short)), float(np.hypot(*long)), float(angle)


@pytest.mark.parametrize("vectors", [SQUARE, HEXAGONAL, turned(HEXAGONAL, 0.3), np.array([[9.0, 1.0], [2.0, 12.5]])])
@pytest.mark.parametrize(("counts", "off_px"), [(None, 0.02), (5.0, 0.1)])
def test_a_crystal_is_a_lattice_with_its_vectors(vectors: np.ndarray, counts: float | None, off_px: float) -> None:
    found = of(crystal((SIDE, SIDE), vectors, counts=counts), counts or 0.0)
    assert found.crystallinity > 0.95
    assert found.lattice is not None
    expected = lengths_and_angle(vectors)
    assert lengths_and_angle(found.lattice.vectors_px) == pytest.approx(expected, abs=off_px * 10)
    assert found.lattice.spacings_px == pytest.approx(expected[:2], abs=off_px)


def test_fringes_have_one_period() -> None:
    y, x = np.mgrid[:SIDE, :SIDE]
    values = np.cos(2 * np.pi * (0.06 * x + 0.04 * y)) + np.random.default_rng(0).normal(0, 0.5, (SIDE, SIDE))
    found = of(values, 0.25)
    assert found.crystallinity > 0.9
    assert found.lattice is not None
    assert found.lattice.spacings_px == pytest.approx([1 / np.hypot(0.06, 0.04)], rel=0.01)


def test_white_noise_is_no_lattice() -> None:
    rng = np.random.default_rng(1)
    measured = [of(rng.normal(100, 10, (SIDE, SIDE)), 100.0).crystallinity for _ in range(100)]
    assert np.mean(np.array(measured) > 0) <= 0.05  # about one in a hundred
    assert max(measured) < 0.2


@pytest.mark.parametrize("width_px", [1, 2, 4, (1.5, 12)])
def test_amorphous_textures_are_no_lattice(width_px: float | tuple[float, float]) -> None:
    rng = np.random.default_rng(2)
    measured = [of(ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), width_px)).crystallinity for _ in range(30)]
    assert np.quantile(measured, 0.8) < 1e-3
    assert np.mean(measured) < 0.08


def test_streaks_and_edges_are_no_lattice() -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, (SIDE, SIDE))
    y, x = np.mgrid[:SIDE, :SIDE]
    for values in (x > 70.0, np.abs(y - 0.4 * x - 30) < 2, x + y > 100, (y // 40 + x // 57) % 2):
        assert of(noise + values, 0.01).crystallinity < 0.15


def test_half_a_crystal_is_less_of_a_lattice_than_a_whole_one() -> None:
    whole = crystal((SIDE, SIDE), SQUARE)
    rough = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(SIDE, SIDE)), 2)
    rough *= whole.std() / rough.std()
    half = np.where(np.arange(SIDE) < SIDE // 2, whole, rough)
    assert of(half).crystallinity < 0.8 * of(whole).crystallinity


def windows_of(array: np.ndarray) -> list[Spectrum]:
    scaled = normalise(array)
    predicted = prediction(structure_of(scaled))
    variance = estimate_noise(scaled, predicted).variance(predicted)
    corners = [(y, x) for y in range(0, 385, 128) for x in range(0, 385, 128)]
    cuts = [(slice(y, y + SIDE), slice(x, x + SIDE)) for y, x in corners]
    return [spectrum_of(scaled[cut], *cut, variance[cut].astype(np.float32)) for cut in cuts]


@pytest.mark.parametrize("kind", ["srtio3", "gold", "gaas", "mos2"])
def test_simulated_crystals_are_lattices_everywhere(kind: str) -> None:
    measured = [one.crystallinity for one in windows_of(np.asarray(clean_scene(kind, 1, 512).preview.array))]
    assert np.median(measured) > 0.9
    assert min(measured) > 0.6


@pytest.mark.parametrize("kind", ["single-atoms", "powder", "agglomerates", "precipitates", "fibres", "polycrystal"])
def test_simulated_amorphous_specimens_are_not(kind: str) -> None:
    scene = atomic_scene(kind, 1, 512) if kind == "single-atoms" else micro_scene(kind, 1, 512)
    measured = [one.crystallinity for one in windows_of(np.asarray(scene.preview.array))]
    assert np.median(measured) == 0
    assert np.quantile(measured, 0.9) < 0.1


def test_a_window_with_two_grains_is_less_of_a_lattice_than_one_with_one() -> None:
    grains = [crystal((SIDE, SIDE), turned(HEXAGONAL, angle_rad)) for angle_rad in (0.0, 0.3)]
    both = np.where(np.arange(SIDE) < SIDE // 2, *grains)
    assert min(of(grain).crystallinity for grain in grains) > 0.97
    assert of(both).crystallinity < 0.8


def test_nothing_is_found_in_a_constant_window() -> None:
    found = of(np.full((SIDE, SIDE), 3.0))
    assert found.crystallinity == 0
    assert found.lattice is None
    assert len(found.peaks_bins) == 0
    assert found.step_per_px == pytest.approx(1 / SIDE)


def test_power_of_white_noise_is_its_variance() -> None:
    power = of(np.random.default_rng(5).normal(7, 2, (SIDE, SIDE))).power
    assert power.mean() == pytest.approx(4, rel=0.05)
