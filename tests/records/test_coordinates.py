"""Coordinates against closed forms and by their symmetries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepscan_core.errors import CalibrationError, InputError
from deepscan_core.records.coordinates import (
    SamplingGrid,
    ScanContext,
    fraction_to_index,
    index_to_fraction,
    rotate_ccw,
)

lengths = st.floats(-100, 100)
angles = st.floats(-math.pi, math.pi)


def test_the_centre_of_the_first_pixel_is_index_zero() -> None:
    assert index_to_fraction(0, 4) == 0.125
    assert index_to_fraction(-0.5, 4) == 0
    assert index_to_fraction(3.5, 4) == 1
    assert fraction_to_index(0.5, 4) == 1.5


def test_counter_clockwise_is_as_seen_on_the_screen() -> None:
    up = rotate_ccw((0.0, 1.0), math.pi / 2)
    assert up == pytest.approx((-1.0, 0.0))
    left = rotate_ccw(up, math.pi / 2)
    assert left == pytest.approx((0.0, -1.0))


def test_golden_example_of_the_docs() -> None:
    """The numbers worked out by hand in docs/coordinates.md."""
    context = ScanContext(
        rows=100, cols=200, fov_y_nm=50, fov_x_nm=100, center_y_nm=7, center_x_nm=-3, rotation_rad=math.radians(30)
    )
    y_nm, x_nm = context.nm_from_px((24.5, 139.5))
    assert (y_nm, x_nm) == pytest.approx((-12.5, 20.0))
    assert context.specimen_from_nm((y_nm, x_nm)) == pytest.approx(
        (7 + 20 * 0.5 - 12.5 * math.sqrt(3) / 2, -3 + 20 * math.sqrt(3) / 2 + 12.5 * 0.5)
    )


def test_a_context_turned_ccw_shows_the_specimen_turned_ccw() -> None:
    """What lies right of the centre on the specimen appears above the centre when the picture is turned by 90°."""
    context = ScanContext(rows=10, cols=10, fov_y_nm=10, fov_x_nm=10, rotation_rad=math.pi / 2)
    assert context.nm_from_specimen((0.0, 1.0)) == pytest.approx((-1.0, 0.0))


@given(y=lengths, x=lengths, cy=lengths, cx=lengths, angle=angles)
def test_specimen_and_context_are_inverse(y: float, x: float, cy: float, cx: float, angle: float) -> None:
    context = ScanContext(rows=8, cols=12, fov_y_nm=3, fov_x_nm=7, center_y_nm=cy, center_x_nm=cx, rotation_rad=angle)
    assert context.nm_from_specimen(context.specimen_from_nm((y, x))) == pytest.approx((y, x), abs=1e-9)
    assert context.nm_from_px(context.px_from_nm((y, x))) == pytest.approx((y, x), abs=1e-9)
    assert context.px_from_fraction(context.fraction_from_px((y, x))) == pytest.approx((y, x), abs=1e-9)


@given(y=lengths, x=lengths, angle=angles)
def test_grid_index_and_plane_are_inverse(y: float, x: float, angle: float) -> None:
    grid = SamplingGrid(rows=9, cols=5, height_nm=4, width_nm=11, center_y_nm=1, center_x_nm=-2, ccw_rad=angle)
    assert grid.plane_nm(grid.index_px((y, x))) == pytest.approx((y, x), abs=1e-9)


def test_mesh_holds_the_same_places_as_single_points() -> None:
    grid = SamplingGrid(rows=3, cols=4, height_nm=6, width_nm=2, center_y_nm=1, center_x_nm=5, ccw_rad=0.7)
    y_nm, x_nm = grid.mesh_nm()
    for i in range(3):
        for j in range(4):
            assert (y_nm[i, j], x_nm[i, j]) == pytest.approx(grid.plane_nm((i, j)))
    rows, cols = grid.indices_px(y_nm, x_nm)
    assert rows == pytest.approx(np.arange(3)[:, None] * np.ones((1, 4)), abs=1e-9)
    assert cols == pytest.approx(np.ones((3, 1)) * np.arange(4), abs=1e-9)


def test_lengths_without_calibration_are_refused() -> None:
    context = ScanContext(rows=8, cols=8)
    with pytest.raises(CalibrationError, match="--pixel-size-nm"):
        context.nm_from_px((0, 0))


@pytest.mark.parametrize(
    "bad",
    [
        {"rows": 0},
        {"rows": 2.5},
        {"fov_y_nm": -1.0, "fov_x_nm": 1.0},
        {"fov_y_nm": 1.0},
        {"rotation_rad": math.nan},
        {"beam_current_pa": 0.0},
    ],
)
def test_impossible_contexts_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(InputError):
        ScanContext(**({"rows": 8, "cols": 8} | bad))
