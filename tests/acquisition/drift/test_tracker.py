"""When drift is measured again, what is believed, and when the track is lost."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from deepscan_core.acquisition.drift import DriftSettings, DriftTracker, ReferenceArea, choose_reference, piece_of
from deepscan_core.errors import InputError
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.frames import ScanFrame
from deepscan_core.simulation.physics import AcquisitionPhysics, Drift
from deepscan_core.simulation.specimens import Specimen
from tests.acquisition.drift.drifting import LATTICE_NM, lattice, scattered

CONTEXT = ScanContext(rows=256, cols=256, fov_y_nm=10.24, fov_x_nm=10.24, beam_current_pa=50)


def begin(
    specimen: Specimen, drift: Drift | None = None, *, settings: DriftSettings | None = None
) -> tuple[SimulatedController, DriftTracker]:
    physics = AcquisitionPhysics(drift=drift or Drift())
    controller = SimulatedController(specimen, CONTEXT, dwell_time_us=2.0, physics=physics)
    preview = controller.preview()
    area = choose_reference(preview.values, CONTEXT, side_px=96, dwell_time_us=2.0)
    tracker = DriftTracker(area, settings)
    if not area.is_ambiguous:
        tracker.measure(piece_of(preview, area))
    return controller, tracker


def look(controller: SimulatedController, tracker: DriftTracker) -> ScanFrame:
    return controller.scan(tracker.reference_step(controller.clock_s))


def test_accelerating_drift_is_followed_from_the_preview_on() -> None:
    drift = Drift(rate_nm_per_s=(0.06, -0.05), acceleration_nm_per_s2=(-5e-4, 3e-4))
    controller, tracker = begin(scattered(2), drift)
    for _ in range(8):
        assert tracker.measure(look(controller, tracker)).accepted
        controller.clock_s += 3
    now_s, origin_s = controller.clock_s, tracker.measurements[0].time_s
    truth = [float(b) - float(a) for a, b in zip(drift.at(origin_s), drift.at(now_s), strict=True)]
    assert tracker.predict(now_s).shift_nm == pytest.approx(truth, abs=0.03)
    assert not tracker.is_lost
    assert tracker.why_lost == ""


def test_it_is_due_at_first_and_again_when_a_step_would_pass_what_is_allowed() -> None:
    controller, tracker = begin(scattered(2))
    fresh = DriftTracker(tracker.area)
    assert fresh.due(0.0)
    assert fresh.reference_step(0.0) == tracker.area.step
    with pytest.raises(InputError, match="first"):
        fresh.predict(0.0)
    while tracker.due(controller.clock_s, 1.0):
        tracker.measure(look(controller, tracker))
    now_s = controller.clock_s
    assert not tracker.due(now_s, 1.0)
    assert tracker.due(now_s + 100, 1.0)
    longest = max(t for t in np.arange(1, 60, 0.5) if not tracker.due(now_s, t))
    sure = tracker.settings.allowed_sigmas * tracker.predict(now_s + (longest + 0.5) / 2).sigma_nm
    reach = tracker.settings.search_sigmas * tracker.predict(now_s + longest + 0.5).sigma_nm
    assert sure > tracker.settings.allowed_nm or reach > tracker.area.unambiguous_radius_nm


def test_a_lattice_is_looked_at_before_half_a_repeat_is_possible() -> None:
    controller, tracker = begin(lattice(1), settings=DriftSettings(allowed_nm=5.0))
    assert tracker.area.is_ambiguous
    tracker.measure(look(controller, tracker))
    assert tracker.measure(look(controller, tracker)).accepted
    now_s = controller.clock_s
    longest = max(t for t in np.arange(0.05, 60, 0.05) if not tracker.due(now_s, t))
    assert 4 * tracker.predict(now_s + longest).sigma_nm <= LATTICE_NM / 2 * 1.06
    assert 4 * tracker.predict(now_s + longest + 0.1).sigma_nm > LATTICE_NM / 2 * 0.9


def test_a_lattice_out_of_sight_for_too_long_is_lost_rather_than_mistaken() -> None:
    controller, tracker = begin(lattice(1), Drift(rate_nm_per_s=(0.3, 0.1)))
    tracker.measure(look(controller, tracker))
    controller.clock_s += 20
    for _ in range(tracker.settings.most_rejected):
        assert not tracker.is_lost
        measured = tracker.measure(look(controller, tracker))
        assert not measured.accepted
    assert tracker.is_lost
    assert "ambiguous" in tracker.why_lost
    tracker.forgive()
    assert not tracker.is_lost


def test_a_jump_is_found_where_nothing_repeats() -> None:
    controller, tracker = begin(scattered(2))
    for _ in range(4):
        tracker.measure(look(controller, tracker))
    frame = look(controller, tracker)
    shown = frame.step
    assert shown is not None
    # the specimen jumps by (0.4, -0.56) nm: 10 and 14 samples
    beyond = dataclasses.replace(shown, center_y_nm=shown.center_nm[0] - 0.4, center_x_nm=shown.center_nm[1] + 0.56)
    jumped = dataclasses.replace(controller.scan(dataclasses.replace(beyond, **_px(beyond))), step=shown)
    measured = tracker.measure(jumped)
    assert measured.accepted
    assert "jumped" in measured.reason
    assert measured.shift_nm == pytest.approx((0.4, -0.56), abs=0.02)
    assert tracker.predict(controller.clock_s).shift_nm == pytest.approx((0.4, -0.56), abs=0.03)


def _px(step: object) -> dict[str, float]:
    y_px, x_px = CONTEXT.px_from_nm((step.center_y_nm, step.center_x_nm))  # type: ignore[attr-defined]
    return {"center_y_px": y_px, "center_x_px": x_px}


def test_what_is_not_believed_changes_nothing() -> None:
    controller, tracker = begin(scattered(2))
    tracker.measure(look(controller, tracker))
    before = tracker.predict(controller.clock_s)
    frame = look(controller, tracker)
    noise = np.random.default_rng(0).poisson(12.0, frame.values.shape)
    measured = tracker.measure(dataclasses.replace(frame, values=noise))
    assert not measured.accepted
    assert measured.confidence < tracker.settings.needed_confidence
    after = tracker.predict(controller.clock_s)
    assert after.sigma_nm >= before.sigma_nm
    assert tracker.measurements[-1] is measured


def test_only_frames_of_the_area_are_taken() -> None:
    controller, tracker = begin(scattered(2))
    with pytest.raises(InputError):
        DriftTracker(tracker.area).measure(controller.preview())
    other: ReferenceArea = dataclasses.replace(
        tracker.area, step=dataclasses.replace(tracker.area.step, height_nm=1.0, rows=40)
    )
    with pytest.raises(InputError, match="another rectangle"):
        DriftTracker(other).measure(look(controller, tracker))


@pytest.mark.parametrize(
    "wrong", [{"allowed_nm": 0.0}, {"search_sigmas": -1.0}, {"needed_confidence": 1.0}, {"most_rejected": 0}]
)
def test_settings_that_cannot_be_meant_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        DriftSettings(**wrong)  # type: ignore[arg-type]
