"""Steps go where the specimen goes, and no further than the context."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from deepscan_core.acquisition.drift.placing import at_planned_place, moved_into, shifted
from deepscan_core.acquisition.drift.prediction import DriftEstimate
from deepscan_core.acquisition.limits import check_step
from deepscan_core.errors import UnsupportedStep
from deepscan_core.instruments.simulated import EVERYTHING
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.costs import dose_e_per_nm2
from tests.contract.controller_contract import make_step

CONTEXT = ScanContext(rows=80, cols=160, fov_y_nm=20, fov_x_nm=40, beam_current_pa=50, rotation_rad=0.3)
STEP = make_step(CONTEXT, (3.0, -5.0), (2.0, 4.0), 20, 40, rotation_rad=0.4, order=7)


def drifted(y_nm: float, x_nm: float, sigma_nm: tuple[float, float] = (0.0, 0.0)) -> DriftEstimate:
    return DriftEstimate(shift_nm=(y_nm, x_nm), covariance_nm2=np.diag(np.square(sigma_nm)))


def test_a_known_drift_moves_and_does_nothing_else() -> None:
    moved = shifted(STEP, CONTEXT, drifted(1.5, -2.0))
    assert moved.center_nm == pytest.approx((4.5, -7.0))
    assert moved == dataclasses.replace(
        STEP,
        center_y_nm=moved.center_y_nm,
        center_x_nm=moved.center_x_nm,
        center_y_px=moved.center_y_px,
        center_x_px=moved.center_x_px,
    )
    check_step(moved, CONTEXT, EVERYTHING)


def test_the_margin_holds_so_many_sigmas_at_the_same_pitch_and_dose() -> None:
    upright = dataclasses.replace(STEP, rotation_rad=0.0)
    moved = shifted(upright, CONTEXT, drifted(0.0, 0.0, (0.11, 0.34)), margin_sigmas=2.0)
    assert (moved.rows, moved.cols) == (20 + 2 * 3, 40 + 2 * 7)  # 0.22 and 0.68 nm in samples of 0.1 nm
    assert np.divide(moved.size_nm, (moved.rows, moved.cols)) == pytest.approx([0.1, 0.1])
    doses = [dose_e_per_nm2(s.rows, s.cols, s.dwell_time_us, 50, *s.size_nm) for s in (upright, moved)]
    assert doses[1] == pytest.approx(doses[0])
    check_step(moved, CONTEXT, EVERYTHING)


def test_the_margin_of_a_turned_step_lies_along_its_own_sides() -> None:
    quarter = dataclasses.replace(STEP, rotation_rad=math.pi / 2)
    moved = shifted(quarter, CONTEXT, drifted(0.0, 0.0, (0.0, 0.2)), margin_sigmas=2.0)
    assert (moved.rows, moved.cols) == (20 + 2 * 4, 40)


def test_a_margin_that_leaves_the_context_is_left_out() -> None:
    moved = shifted(STEP, CONTEXT, drifted(4.8, 0.0, (0.2, 0.2)))
    assert (moved.rows, moved.cols) == (STEP.rows, STEP.cols)
    check_step(moved, CONTEXT, EVERYTHING)


def test_a_place_that_has_left_the_context_is_named() -> None:
    with pytest.raises(UnsupportedStep, match=r"step 7 has drifted by \(6, 0\) nm"):
        shifted(STEP, CONTEXT, drifted(6.0, 0.0))


def test_a_reference_stays_inside_and_goes_along_as_far_as_it_can() -> None:
    upright = dataclasses.replace(STEP, rotation_rad=0.0)
    assert moved_into(upright, CONTEXT, (2.0, 1.0)).center_nm == pytest.approx((5.0, -4.0))
    assert moved_into(upright, CONTEXT, (30.0, 1.0)).center_nm == pytest.approx((9.0, -4.0))
    assert moved_into(upright, CONTEXT, (0.0, -90.0)).center_nm == pytest.approx((3.0, -18.0))
    check_step(moved_into(STEP, CONTEXT, (50.0, 50.0)), CONTEXT, EVERYTHING)


def test_in_the_plans_coordinates_a_moved_step_is_where_it_was_planned() -> None:
    moved = shifted(STEP, CONTEXT, drifted(1.0, 1.0, (0.2, 0.2)))
    planned = at_planned_place(moved, STEP)
    assert planned.center_nm == STEP.center_nm
    assert planned.rows == moved.rows > STEP.rows
    check_step(planned, CONTEXT, EVERYTHING)
