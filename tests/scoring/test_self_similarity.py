"""Self-similarity on crystals, textures and noise whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from deepscan_core.scoring.lattice import patterns_of, tiles_of
from deepscan_core.scoring.self_similarity import residual_sigmas, sigma_by_level
from deepscan_core.scoring.structure import structure_of

Vacancies = list[tuple[int, int]]


def crystal(
    shape: tuple[int, int] = (256, 256),
    spacing_px: float = 16.0,
    angle_rad: float = 0.3,
    missing: tuple[float, float] | None = None,
) -> np.ndarray:
    """Columns of unit height on a square lattice; one may be missing."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    u = (np.cos(angle_rad) * y + np.sin(angle_rad) * x) / spacing_px
    v = (-np.sin(angle_rad) * y + np.cos(angle_rad) * x) / spacing_px
    width = 0.15
    image = np.exp(-((u - np.rint(u)) ** 2 + (v - np.rint(v)) ** 2) / (2 * width**2))
    if missing is not None:
        row = np.rint((np.cos(angle_rad) * missing[0] + np.sin(angle_rad) * missing[1]) / spacing_px)
        col = np.rint((-np.sin(angle_rad) * missing[0] + np.cos(angle_rad) * missing[1]) / spacing_px)
        image -= np.exp(-((u - row) ** 2 + (v - col) ** 2) / (2 * width**2))
    return image.astype(np.float32)


def counted(image: np.ndarray, counts: float, rng: np.random.Generator) -> np.ndarray:
    return (rng.poisson(counts * (image + 0.1)) / counts).astype(np.float32)


@pytest.mark.parametrize(("spacing_px", "angle_rad"), [(12.0, 0.0), (20.4, 0.3), (27.0, 1.1)])
def test_translations_are_those_of_the_lattice(spacing_px: float, angle_rad: float) -> None:
    image = crystal(spacing_px=spacing_px, angle_rad=angle_rad)
    pattern = patterns_of(image, tiles_of(image.shape), 6)[0][0]
    turned = pattern.translations_px @ np.array(
        [[np.cos(angle_rad), -np.sin(angle_rad)], [np.sin(angle_rad), np.cos(angle_rad)]]
    )
    cells = turned / spacing_px
    assert np.abs(cells - np.rint(cells)).max() * spacing_px < 0.25
    assert np.hypot(*pattern.translations_px.T).min() == pytest.approx(spacing_px, abs=0.25)
    assert pattern.periodicity == 1


def test_noise_and_texture_are_not_periodic(rng: np.random.Generator) -> None:
    white = rng.normal(0, 1, (256, 256)).astype(np.float32)
    for image in (white, ndimage.gaussian_filter(white, 3)):
        assert structure_of(image).periodicity.max() < 0.5
    assert structure_of(crystal()).periodicity.min() == 1


def test_a_missing_column_is_the_most_unpredicted_place(rng: np.random.Generator) -> None:
    image = counted(crystal(missing=(120, 140)), 20, rng)
    smooth = np.abs(ndimage.gaussian_filter(residual_sigmas(structure_of(image)), 2.2))
    y, x = np.unravel_index(smooth.argmax(), smooth.shape)
    complete = counted(crystal(), 20, rng)
    assert smooth.max() > 1.5 * np.abs(ndimage.gaussian_filter(residual_sigmas(structure_of(complete)), 2.2)).max()
    whole = crystal() - crystal(missing=(120, 140))
    assert np.hypot(*(np.array((y, x)) - np.unravel_index(whole.argmax(), whole.shape))) < 3


def test_the_boundary_of_two_grains_does_not_spoil_them(rng: np.random.Generator) -> None:
    image = np.concatenate([crystal((256, 140), angle_rad=0.1), crystal((256, 160), angle_rad=0.5)], axis=1)
    residual = residual_sigmas(structure_of(counted(image, 20, rng)))
    away = np.ones(image.shape[1], bool)
    away[120:160] = False
    assert np.abs(residual[:, away]).mean() < 1.15 * 0.8  # 0.8 is the mean size of a Gaussian of unit width


def test_white_noise_stays_white_with_unit_spread(rng: np.random.Generator) -> None:
    residual = residual_sigmas(structure_of(rng.normal(0, 1, (256, 256)).astype(np.float32)))
    assert np.std(residual) == pytest.approx(1, abs=0.05)
    edges = np.concatenate([residual[0], residual[-1], residual[:, 0], residual[:, -1]])
    assert np.std(edges) < 1.1
    assert np.mean(np.abs(residual) > 4) < 5e-4


def test_sigma_follows_shot_noise(rng: np.random.Generator) -> None:
    level = np.tile(np.linspace(10, 1000, 400, dtype=np.float32), (400, 1))
    residual = (rng.normal(0, 1, level.shape) * np.sqrt(level)).astype(np.float32)
    sigma = sigma_by_level(residual, level)
    middle = slice(100, 300)  # beyond, a level is judged with levels on one side of it only
    assert sigma[0, middle] == pytest.approx(np.sqrt(level[0, middle]), rel=0.1)


def test_gain_and_offset_do_not_matter(rng: np.random.Generator) -> None:
    image = counted(crystal(missing=(120, 140)), 10, rng)
    expected = residual_sigmas(structure_of(image))
    assert residual_sigmas(structure_of(7 * image - 3)) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("turns", [1, 2])
def test_a_turned_image_gives_a_turned_residual(turns: int, rng: np.random.Generator) -> None:
    image = counted(crystal(missing=(120, 140)), 10, rng)
    residual = residual_sigmas(structure_of(image))
    turned = residual_sigmas(structure_of(np.ascontiguousarray(np.rot90(image, turns))))
    assert np.corrcoef(np.rot90(residual, turns).ravel(), turned.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("shape", [(9, 9), (30, 41), (101, 77), (300, 70)])
def test_any_size_will_do(shape: tuple[int, int], rng: np.random.Generator) -> None:
    residual = residual_sigmas(structure_of(rng.normal(0, 1, shape).astype(np.float32)))
    assert residual.shape == shape
    assert np.isfinite(residual).all()


def test_a_perfectly_predicted_image_has_no_residual_to_speak_of() -> None:
    assert not residual_sigmas(structure_of(np.zeros((64, 64), np.float32))).any()


@pytest.mark.parametrize("shape", [(256, 256), (336, 212)])
def test_a_turned_or_mirrored_image_leaves_what_it_left_before(
    shape: tuple[int, int], rng: np.random.Generator
) -> None:
    """Texture with a step: tiles, blocks and samples lie alike from all sides."""
    image = ndimage.gaussian_filter(rng.normal(0, 1, shape), 2.5).astype(np.float32)
    image += 0.3 * (np.mgrid[: shape[0], : shape[1]][1] > 90) + rng.normal(0, 0.05, shape).astype(np.float32)
    usual = residual_sigmas(structure_of(image))
    for turn in (np.rot90, np.flipud, np.fliplr, np.transpose):
        turned = residual_sigmas(structure_of(np.ascontiguousarray(turn(image))))
        correlation = np.corrcoef(turned.ravel(), turn(usual).ravel())[0, 1]
        assert correlation > 0.999
