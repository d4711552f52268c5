"""The highest dose of overlapping rectangles, against closed forms and against a fine grid of places."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepscan_core.acquisition.doses import gap_nm, highest_dose
from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.simulation.damage import DoseMap


def rectangle(y_nm: float, x_nm: float, height_nm: float, width_nm: float, ccw_rad: float = 0.0) -> SamplingGrid:
    return SamplingGrid(
        rows=7, cols=5, height_nm=height_nm, width_nm=width_nm, center_y_nm=y_nm, center_x_nm=x_nm, ccw_rad=ccw_rad
    )


def test_closed_forms() -> None:
    square = rectangle(0, 0, 2, 2)
    assert highest_dose(square, []) == 0
    assert highest_dose(square, [(square, 3.0), (square, 4.0)]) == 7
    assert highest_dose(square, [(square, 3.0), (rectangle(0, 2, 2, 2), 4.0)]) == 3  # they share an edge
    assert highest_dose(square, [(square, 3.0), (rectangle(0, 1.99, 2, 2), 4.0)]) == 7
    cross = [(rectangle(0, 0, 10, 0.5), 1.0), (rectangle(0, 0, 0.5, 10), 2.0)]  # no corner lies in the other
    assert highest_dose(square, cross) == 3
    assert highest_dose(rectangle(4, 0, 1, 1), cross) == 1
    assert highest_dose(rectangle(4, 4, 1, 1), cross) == 0
    turned = (rectangle(1.2, 1.2, 2, 2, math.pi / 4), 5.0)  # its corner does not reach the square's, its side does
    assert highest_dose(square, [(square, 1.0), turned]) == 6
    assert highest_dose(square, [(square, 1.0), (rectangle(1.75, 1.75, 2, 2, math.pi / 4), 5.0)]) == 1


SIDES = st.floats(0.5, 4)
RECTANGLES = st.builds(rectangle, st.floats(-2, 2), st.floats(-2, 2), SIDES, SIDES, st.floats(-4, 4))


@given(st.lists(st.tuples(RECTANGLES, st.floats(0.1, 5)), min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_no_place_of_a_fine_grid_has_more(exposures: list[tuple[SamplingGrid, float]]) -> None:
    within = exposures[0][0]
    truth = DoseMap()
    for grid, dose in exposures:
        truth.expose(grid, dose)
    fine = SamplingGrid(
        rows=101,
        cols=101,
        height_nm=within.height_nm,
        width_nm=within.width_nm,
        center_y_nm=within.center_y_nm,
        center_x_nm=within.center_x_nm,
        ccw_rad=within.ccw_rad,
    )
    highest = highest_dose(within, exposures)
    assert np.max(truth.at(*fine.mesh_nm())) <= highest * (1 + 1e-12)
    assert exposures[0][1] <= highest <= sum(dose for _, dose in exposures) * (1 + 1e-12)


@given(RECTANGLES, RECTANGLES)
@settings(max_examples=100, deadline=None)
def test_the_gap_between_rectangles_is_that_of_their_nearest_places(one: SamplingGrid, other: SamplingGrid) -> None:
    def edge_nm(grid: SamplingGrid) -> np.ndarray:
        along = np.linspace(-0.5, 0.5, 81)
        rim = [(side, t) for side in (-0.5, 0.5) for t in along] + [(t, side) for side in (-0.5, 0.5) for t in along]
        return np.array(
            [grid.plane_nm(((grid.rows - 1) / 2 + i * grid.rows, (grid.cols - 1) / 2 + j * grid.cols)) for i, j in rim]
        )

    near_nm = np.hypot(*np.moveaxis(edge_nm(one)[:, None] - edge_nm(other)[None], -1, 0)).min()
    found_nm = gap_nm(one, other)
    assert found_nm == pytest.approx(gap_nm(other, one))
    assert found_nm <= near_nm + 1e-5
    assert found_nm >= near_nm - 0.06 or found_nm == 0


def test_gaps_in_closed_form() -> None:
    square = rectangle(0, 0, 2, 2)
    assert gap_nm(square, rectangle(0, 3, 2, 2)) == pytest.approx(1, abs=1e-5)
    assert gap_nm(square, rectangle(4, 5, 2, 2)) == pytest.approx(math.hypot(2, 3), abs=1e-5)
    assert gap_nm(square, rectangle(0, 0.5, 0.5, 0.5)) == 0  # inside it
    assert gap_nm(rectangle(0, 0, 10, 0.5), rectangle(0, 0, 0.5, 10)) == 0  # no corner lies in the other
    assert gap_nm(square, rectangle(0, 3, 2, 2, math.pi / 4)) == pytest.approx(2 - math.sqrt(2), abs=1e-5)
