"""Near the edge of an image a residual is larger than inside, and must not count for more."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.scoring.edges import EDGE_PX, level_edges

SIDE = 256


def noise(seed: int, side: int = SIDE) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (side, side)).astype(np.float32)


def test_a_ring_of_larger_spread_is_brought_to_that_of_the_inside() -> None:
    residual = noise(0)
    residual[0] *= 5
    residual[:, -1] *= 5
    level_edges(residual)
    assert np.quantile(np.abs(residual[0]), 0.9) == pytest.approx(np.quantile(np.abs(residual), 0.9), rel=0.25)


def test_slivers_of_cut_objects_are_no_higher_than_what_lies_inside() -> None:
    """Nine caps of particles that the edge cuts: too few for the spread of a ring, too many for the tail."""
    residual = noise(1)
    highest = float(np.abs(residual[EDGE_PX:-EDGE_PX, EDGE_PX:-EDGE_PX]).max())
    for row in range(20, 236, 24):
        residual[row : row + 12, :3] = 15.0
    level_edges(residual)
    assert float(np.abs(residual[:, :EDGE_PX]).max()) <= 1.2 * highest


def test_one_target_at_the_edge_is_kept() -> None:
    residual = noise(2)
    residual[100:105, 2:7] = 9.0
    level_edges(residual)
    assert residual[102, 4] > 6


def test_the_inside_stays_and_nothing_grows() -> None:
    residual = noise(3)
    residual[:6] *= 3
    before = residual.copy()
    level_edges(residual)
    inside = (slice(EDGE_PX, -EDGE_PX),) * 2
    np.testing.assert_array_equal(residual[inside], before[inside])
    assert (np.abs(residual) <= np.abs(before)).all()


def test_a_turned_residual_is_levelled_as_it_was_turned() -> None:
    residual = noise(4)
    residual[:3, 40:90] += 8
    turned = np.rot90(residual).copy()
    level_edges(residual)
    level_edges(turned)
    np.testing.assert_allclose(turned, np.rot90(residual), rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (9, 9), (20, 400)])
def test_small_images_are_levelled_as_far_as_there_is_an_inside(shape: tuple[int, int]) -> None:
    residual = np.random.default_rng(5).normal(0, 1, shape).astype(np.float32)
    level_edges(residual)
    assert np.isfinite(residual).all()


def test_a_flat_residual_stays() -> None:
    residual = np.zeros((64, 64), np.float32)
    level_edges(residual)
    assert not residual.any()
