"""Local statistics against closed forms."""

from __future__ import annotations

import numpy as np

from deepscan_core.features.statistics import statistics_maps


def test_a_turned_image_has_the_same_statistics(rng: np.random.Generator) -> None:
    image = rng.normal(0, 1, (64, 64)).astype(np.float32)
    for plain, turned in zip(statistics_maps(image), statistics_maps(np.rot90(image).copy()), strict=True):
        assert np.allclose(np.rot90(plain.values), turned.values, atol=1e-4)


def test_a_ramp_has_its_slope_and_neither_curvature_nor_an_edge_across() -> None:
    ramp = np.tile(0.002 * np.arange(384, dtype=np.float32), (384, 1))
    for octave, found in enumerate(statistics_maps(ramp)):
        width = 2.0**octave
        middle = found.values[tuple(n // 2 for n in found.values.shape[:2])]
        _, x_px = (found.origin_px + found.step_px * (n // 2) for n in found.values.shape[:2])
        assert np.isclose(middle[0], 0.002 * x_px, atol=1e-3)
        assert np.isclose(middle[1], 0.002 * width, rtol=0.02)
        assert np.allclose(middle[[2, 3, 6]], 0, atol=1e-4)
        assert np.isclose(middle[5], 0.002 * width, rtol=0.02)


def test_small_images_have_all_statistics() -> None:
    for shape in ((2, 2), (3, 17), (16, 9)):
        maps = statistics_maps(np.random.default_rng(0).normal(size=shape).astype(np.float32))
        assert [one.values.shape[2] for one in maps] == [7] * 5
        assert all(one.image_shape == shape and np.isfinite(one.values).all() for one in maps)
