"""What stands out of a support: points as far as they do, texture and rims no more than anything else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from deepscan_core.scoring.filters import signed_spots
from deepscan_core.scoring.self_similarity import Residual
from deepscan_core.scoring.support import are_on_level_ground, point_sigmas
from deepscan_core.scoring.surprisal import many_points

SIDE = 256
Y, X = np.mgrid[:SIDE, :SIDE]


def support(seed: int, points: list[tuple[int, int]], height: float = 0.0, speckle: float = 0.0) -> np.ndarray:
    """Counts of a film with a rim to vacuum on the left, thicker to the right; its upper half is speckled, if at all."""
    rng = np.random.default_rng(seed)
    coarse, fine = (ndimage.gaussian_filter(rng.normal(0, 1, (SIDE, SIDE)), width_px) for width_px in (7, 2))
    texture = 0.1 * coarse / coarse.std() + speckle * fine / fine.std() * (Y < SIDE / 2)
    film = (1 + texture + X / SIDE) / (1 + np.exp(-(X - 50) / 3))
    drawn = np.zeros((SIDE, SIDE))
    for y, x in points:
        drawn[y, x] = height * 2 * np.pi * 2.0**2
    counts = rng.poisson(np.maximum(8 * film, 0) + 0.5 + ndimage.gaussian_filter(drawn, 2.0))
    return (counts / 40).astype(np.float32)


PLACES = [(int(y), int(x)) for y in range(20, SIDE - 12, 30) for x in range(80, SIDE - 12, 30)]


def share_found(sigmas: np.ndarray) -> float:
    """Of as many highest spots as there are points, how many are points."""
    signed = signed_spots(sigmas, 1.6)
    spots = np.argwhere(ndimage.maximum_filter(signed, 15) == signed)
    highest = spots[np.argsort(-signed[tuple(spots.T)])[: len(PLACES)]]
    away = np.abs(highest[:, None] - np.array(PLACES)[None]).max(axis=2)
    return float((away.min(axis=1) <= 3).mean())


def test_more_points_are_found_than_by_self_similarity_alone() -> None:
    """Half of the support is speckled."""
    residuals = [Residual(support(seed, PLACES, height=6.0, speckle=0.3)) for seed in range(4)]
    here, alone = (np.mean([share_found(of(one)) for one in residuals]) for of in (point_sigmas, Residual.sigmas))
    assert here > alone + 0.1


def test_the_spread_is_the_same_in_thin_and_thick_and_at_the_rim_but_not_in_vacuum() -> None:
    sigmas = point_sigmas(Residual(support(1, [])))
    rim, thin, thick = (float(np.std(sigmas[:, part])) for part in (slice(45, 65), slice(70, 130), slice(190, 250)))
    assert thin == pytest.approx(thick, rel=0.1)
    assert 0.75 * thick < rim < 1.1 * thick
    assert float(np.std(sigmas[:, :25])) < 0.9 * thick


@pytest.mark.parametrize("turn", [np.rot90, np.flipud, np.transpose])
def test_a_turned_image_leaves_the_same_turned(turn) -> None:
    scaled = support(2, PLACES, height=5.0)
    turned = point_sigmas(Residual(np.ascontiguousarray(turn(scaled))))
    assert np.corrcoef(turned.ravel(), turn(point_sigmas(Residual(scaled))).ravel())[0, 1] > 0.999


def test_columns_of_a_crystal_are_no_points() -> None:
    wave = 1 + np.cos(np.arange(SIDE) * 2 * np.pi / 16.4)
    counts = np.random.default_rng(3).poisson(2 + 30 * np.outer(wave, wave) / 4)
    residual = Residual((counts / 40).astype(np.float32))
    assert (residual.structure().periodicity == 1).all()
    signed = signed_spots(point_sigmas(residual), 2.2)
    assert signed.max() < 6 * 1.4826 * np.median(np.abs(signed))


def test_points_on_a_support_are_recognised_and_the_bare_one_shows_none() -> None:
    assert many_points(Residual(support(4, PLACES, height=8.0))) is not None
    assert many_points(Residual(support(4, []))) is None


def test_points_at_the_rims_of_objects_are_on_no_level_ground() -> None:
    balls, rims, beside = np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE), bool), np.zeros((SIDE, SIDE), bool)
    for y in range(30, SIDE, 62):
        for x in range(30, SIDE, 62):
            balls[np.hypot(Y - y, X - x) < 10] = 20
            rims[y, x + 10] = rims[y + 10, x] = True
            beside[y + 31, x] = True
    drawn = 10 + ndimage.gaussian_filter(balls, 2.0)
    smooth = Residual((np.random.default_rng(5).poisson(drawn) / 40).astype(np.float32)).structure().smooth
    assert are_on_level_ground(smooth, beside)
    assert not are_on_level_ground(smooth, rims)


@pytest.mark.parametrize("shape", [(3, 50), (9, 9), (30, 41), (101, 77)])
def test_any_size_will_do_and_nothing_stands_out_of_nothing(shape: tuple[int, int], rng: np.random.Generator) -> None:
    sigmas = point_sigmas(Residual(rng.normal(0, 1, shape).astype(np.float32)))
    assert sigmas.shape == shape
    assert np.isfinite(sigmas).all()
    assert not point_sigmas(Residual(np.zeros(shape, np.float32))).any()
