"""Maps of several steps seen as one."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.records.maps import FeatureMap
from deepscan_core.records.stacks import FeatureStack

SHAPE = (40, 56)


def ramp(step_px: float, origin_px: float, *slopes: tuple[float, float]) -> FeatureMap:
    """Features that are linear in the place, which interpolation keeps."""
    rows, cols = (int((n - 1 - origin_px) // step_px) + 1 for n in SHAPE)
    y, x = np.meshgrid(*(origin_px + step_px * np.arange(n) for n in (rows, cols)), indexing="ij")
    values = np.stack([a * y + b * x for a, b in slopes], axis=-1).astype(np.float32)
    return FeatureMap(values=values, step_px=step_px, origin_px=origin_px, image_shape=SHAPE, source=f"{step_px}")


def test_features_and_their_sum_agree_with_what_was_planted() -> None:
    stack = FeatureStack((ramp(2, 0.5, (1, 0)), ramp(8, 3.5, (0, 1), (1, 1)), ramp(4, 1.5, (2, -1))))
    points = np.array([(10.25, 20.5), (20.0, 33.0), (5.0, 6.0)])
    y, x = points.T
    assert np.allclose(stack.at(points), np.stack([y, x, y + x, 2 * y - x], axis=1), atol=1e-4)
    assert stack.n_features == 4
    assert stack.source == "2, 8, 4"
    weights = np.array([1.0, 0.5, -1.0, 0.25])
    found = stack.weighted_sum(weights)
    assert found.shape == stack.finest.values.shape[:2] == (20, 28)
    cells = np.array([(4, 5), (10, 12)])
    assert np.allclose(found[tuple(cells.T)], stack.at(0.5 + 2 * cells) @ weights, atol=1e-3)


def test_maps_on_one_grid_are_summed_before_they_are_interpolated() -> None:
    maps = [ramp(2, 0.5, (1, 0)), ramp(4, 1.5, (0, 1)), ramp(4, 1.5, (1, 1), (2, -1)), ramp(2, 0.5, (3, 1))]
    weights = np.array([1.0, 0.5, -1.0, 0.25, 2.0])
    together = FeatureStack(tuple(maps)).weighted_sum(weights)
    shares = np.split(weights, [1, 2, 4])
    fine = FeatureStack((maps[0],))
    apart = [FeatureStack((maps[0], one)).weighted_sum(np.append(0, part)) for one, part in zip(maps, shares)]
    assert np.allclose(together, np.sum(apart, axis=0), atol=1e-3)
    assert together.shape == fine.finest.values.shape[:2]


def test_what_is_no_stack_is_refused() -> None:
    with pytest.raises(InputError, match="no feature maps"):
        FeatureStack(())
    other = FeatureMap(np.zeros((4, 4, 1), np.float32), step_px=2, origin_px=0.5, image_shape=(8, 8), source="t")
    with pytest.raises(InputError, match="of one image"):
        FeatureStack((ramp(2, 0.5, (1, 0)), other))
    with pytest.raises(InputError, match="one a feature"):
        FeatureStack((other,)).weighted_sum(np.ones(2))
