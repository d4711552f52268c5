"""Shifts come out in nm of the context, however the reference and the context are turned."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from deepscan_core.acquisition.drift.measuring import ReferencePicture, middle_s, nm_a_px
from deepscan_core.errors import InputError
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.records.coordinates import ScanContext, rotate_ccw
from deepscan_core.records.frames import ScanFrame
from deepscan_core.simulation.physics import AcquisitionPhysics, Drift
from tests.acquisition.drift.drifting import scattered
from tests.contract.controller_contract import make_step

CONTEXT = ScanContext(
    rows=200, cols=300, fov_y_nm=10, fov_x_nm=18, beam_current_pa=50, rotation_rad=0.6, center_y_nm=2.0
)
TURNED = make_step(CONTEXT, (0.5, -1.0), (4.0, 5.6), 96, 112, rotation_rad=-0.8, dwell_time_us=4.0)
RATE = (0.9, -0.6)  # on the specimen
WIDE_NM2 = np.eye(2)


def on(physics: AcquisitionPhysics) -> SimulatedController:
    return SimulatedController(scattered(3), CONTEXT, seed=2, physics=physics)


@pytest.mark.parametrize("followed", [(0.0, 0.0), (0.3, 0.25)])
def test_the_drift_that_was_planted_is_measured_in_the_axes_of_the_context(followed: tuple[float, float]) -> None:
    """Wherever the later frame was scanned: how far it was moved on purpose is no drift."""
    controller = on(AcquisitionPhysics(drift=Drift(rate_nm_per_s=RATE)))
    first = controller.scan(TURNED)
    controller.clock_s += 0.4
    later_step = make_step(
        CONTEXT, (0.5 + followed[0], -1.0 + followed[1]), (4.0, 5.6), 96, 112, rotation_rad=-0.8, dwell_time_us=4.0
    )
    later = controller.scan(later_step)
    passed_s = middle_s(later) - middle_s(first)
    expected = rotate_ccw((RATE[0] * passed_s, RATE[1] * passed_s), CONTEXT.rotation_rad)
    found = ReferencePicture(first).shift_to(later, (0.0, 0.0), WIDE_NM2)
    assert found.confidence > 0.2
    error = np.subtract(found.shift_nm, expected)
    assert np.hypot(*error) < 0.02
    assert error @ np.linalg.solve(found.covariance_nm2, error) < 14  # 0.1 % of two degrees of freedom


def test_a_sample_in_nm_is_turned_with_the_step() -> None:
    down, right = nm_a_px(TURNED.in_context()).T
    assert down == pytest.approx(rotate_ccw((4.0 / 96, 0.0), -0.8))
    assert right == pytest.approx(rotate_ccw((0.0, 5.6 / 112), -0.8))


def test_blank_and_broken_frames_have_no_confidence() -> None:
    first = on(AcquisitionPhysics()).scan(TURNED)
    picture = ReferencePicture(first)
    dark = np.zeros_like(first.values)
    broken = first.values.copy()
    broken[5] = np.nan
    for values in (dark, broken):
        found = picture.shift_to(dataclasses.replace(first, values=values), (0.1, 0.2), WIDE_NM2)
        assert found.confidence == 0
        assert found.shift_nm == (0.1, 0.2)


def test_other_frames_are_refused() -> None:
    controller = on(AcquisitionPhysics())
    first = controller.scan(TURNED)
    picture = ReferencePicture(first)
    wider = controller.scan(make_step(CONTEXT, (0.5, -1.0), (4.4, 5.6), 96, 112, rotation_rad=-0.8))
    elsewhere = dataclasses.replace(first, context=dataclasses.replace(CONTEXT, rotation_rad=0.0))
    for later, words in (
        (wider, "same rectangle"),
        (elsewhere, "context scan has changed"),
        (controller.preview(), "piece_of"),
    ):
        with pytest.raises(InputError, match=words):
            picture.shift_to(later, (0.0, 0.0), WIDE_NM2)
    with pytest.raises(InputError, match="one value everywhere"):
        ReferencePicture(dataclasses.replace(first, values=np.ones_like(first.values)))
    small = make_step(CONTEXT, (0.0, 0.0), (1.0, 1.0), 31, 40)
    with pytest.raises(InputError, match="too small"):
        ReferencePicture(ScanFrame(values=np.eye(31, 40), channel="a", context=CONTEXT, step=small, dwell_time_us=1.0))
