"""The contract on a stand-in for PyJEM, and what else is promised of a microscope that nobody has tried."""

from __future__ import annotations

import dataclasses
import math
import sys
import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from deepscan_core.errors import (
    InputError,
    InstrumentError,
    InstrumentTaken,
    MissingError,
    RunAborted,
    UnsupportedStep,
    WrongFrame,
)
from deepscan_core.instruments.pyjem import _LEASES, PyJemController
from deepscan_core.instruments.pyjem_settings import area_of
from deepscan_core.simulation.specimens import Specimen
from tests.contract.controller_contract import ControllerContract, make_step, spots_at
from tests.contract.pyjem_stand_in import CURRENT_PA, FIELD_MM, STAGE_AXES, StandIn
from tests.contract.stage_contract import StageContract


def controller_of(stand_in: Any, **changes: Any) -> PyJemController:
    arguments = {"field_mm": FIELD_MM, "area_mode": 1, "beam_current_pa": CURRENT_PA, "pyjem": stand_in} | changes
    return PyJemController(**arguments)


class TestPyJem(ControllerContract, StageContract):
    @pytest.fixture
    def make(self) -> Callable[..., PyJemController]:
        def build(specimen: Specimen, rotation_rad: float = 0.0, allow_stage: bool = False) -> PyJemController:
            return controller_of(StandIn(specimen, rotation_rad), stage_axes=STAGE_AXES if allow_stage else None)

        return build

    def exposure(self, controller: Any) -> float:
        return float(controller._pyjem.exposed_s)

    def is_blanked(self, controller: Any) -> bool:
        return bool(controller._pyjem.blanked)

    def is_viewing(self, controller: Any) -> bool:
        return bool(controller._pyjem.is_live)

    def start_view(self, controller: Any) -> None:
        controller._pyjem.is_live = True

    def snapshot(self, controller: Any) -> Any:
        return controller.context(), dict(controller._pyjem.settings), controller._pyjem.magnification

    def after_a_crash(self, controller: Any) -> PyJemController:
        _LEASES.give_back(controller._pyjem, controller)  # they die with the process
        return controller_of(controller._pyjem)

    def test_an_abort_takes_the_beam_off_at_once_and_the_next_step_waits(self) -> None:
        stand_in = StandIn(spots_at([]))
        controller = controller_of(stand_in)
        step = make_step(controller.context(), rows=128, cols=128, dwell_time_us=60.0)  # 1 s
        controller.prepare()
        threading.Timer(0.2, controller.abort).start()
        start_s = time.monotonic()
        with pytest.raises(RunAborted):
            controller.scan(step)
        assert time.monotonic() - start_s < 0.45
        assert stand_in.blanked
        controller.restore()
        assert stand_in.exposed_s < 0.35
        assert stand_in.settings["ExposureTimeValue"] == 1.0

    def test_a_frame_says_where_it_was_scanned(self) -> None:
        controller = controller_of(StandIn(spots_at([])))
        step = make_step(controller.context(), (0.937, -2.411), (1.237, 1.237), 100, 100)
        controller.prepare()
        frame = controller.scan(step)
        controller.restore()
        assert frame.scanned is not None
        assert frame.scanned != step.in_context()
        assert frame.scanned.height_nm == pytest.approx(100 * 16 / 1293)
        assert abs(frame.scanned.center_y_nm - 0.937) <= 0.01237

    def test_what_temcenter_makes_something_else_of_is_refused_in_the_dark(self) -> None:
        stand_in = StandIn(spots_at([]))
        original = stand_in.set

        def only_some_sizes(name: str, value: Any) -> Any:
            if name == "ImagingArea":
                value = {**value, "Width": 512, "Height": 512}
            return original(name, value)

        stand_in.set = only_some_sizes  # type: ignore[method-assign]
        controller = controller_of(stand_in)
        controller.prepare()
        with pytest.raises(UnsupportedStep, match="ImagingArea"):
            controller.scan(make_step(controller.context(), size_nm=(3.0, 3.0)))
        assert controller.scan(make_step(controller.context(), size_nm=(1.0, 1.0))).values.shape == (32, 32)
        assert stand_in.snapshots == 1
        controller.restore()

    def test_somebody_who_sets_the_scan_is_noticed(self) -> None:
        stand_in = StandIn(spots_at([]))
        controller = controller_of(stand_in)
        step = make_step(controller.context())
        controller.prepare()
        controller.scan(step)
        stand_in.settings["ExposureTimeValue"] = 7.5
        with pytest.raises(InstrumentTaken) as taken:
            controller.scan(step)
        assert taken.value.nothing_exposed
        controller.take()
        assert controller.scan(step).dwell_time_us == 2.0
        controller.restore()
        assert stand_in.settings["ExposureTimeValue"] == 1.0

    def test_the_number_of_area_is_never_guessed(self) -> None:
        stand_in = StandIn(spots_at([]), area_mode=3)
        controller = controller_of(stand_in, area_mode=3)
        controller.prepare()
        assert controller.scan(make_step(controller.context())).values.shape == (32, 32)
        controller.restore()
        with pytest.raises(InputError, match="1 or 3"):
            controller_of(stand_in, area_mode=0)

    def test_frames_are_not_added_up_in_a_run(self) -> None:
        stand_in = StandIn(spots_at([]))
        stand_in.settings["frameIntegration"] = 20
        controller = controller_of(stand_in)
        step = make_step(controller.context(), rows=64, cols=64, dwell_time_us=10.0)
        controller.prepare()
        controller.scan(step)
        controller.restore()
        assert stand_in.exposed_s < 0.2  # 0.04 s each
        assert stand_in.settings["frameIntegration"] == 20

    def test_a_magnification_that_was_changed_is_told_of(self) -> None:
        stand_in = StandIn(spots_at([]))
        controller = controller_of(stand_in)
        kept = controller.parameters()
        stand_in.magnification *= 2
        stand_in.settings["ScanRotation"] = 30.0
        with pytest.raises(InstrumentError, match="by hand"):
            controller.restore_parameters(kept)
        assert stand_in.settings["ScanRotation"] == 0.0

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (b"", WrongFrame),
            ({"status": "NG"}, WrongFrame),
            (b"\0" * 6, WrongFrame),
            (OSError("gone"), InstrumentError),
        ],
    )
    def test_what_is_no_frame_is_said_and_the_beam_is_off(self, answer: Any, error: type[Exception]) -> None:
        stand_in = StandIn(spots_at([]))

        def snapshot() -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        stand_in.snapshot = snapshot  # type: ignore[method-assign]
        controller = controller_of(stand_in)
        controller.prepare()
        with pytest.raises(error):
            controller.scan(make_step(controller.context()))
        assert stand_in.blanked
        controller.restore()


def test_the_blanker_is_checked() -> None:
    stand_in = StandIn(spots_at([]))
    stand_in.TEM3.Def3.SetBeamBlank = lambda self, sw: None
    controller = controller_of(stand_in)
    controller.prepare()
    with pytest.raises(InstrumentError, match="blanker did not close"):
        controller.scan(make_step(controller.context()))
    assert stand_in.snapshots == 0
    controller.restore()


def test_detectors_are_chosen_by_name() -> None:
    stand_in = StandIn(spots_at([]))
    stand_in.detector.get_attached_detector = lambda: ["camera", "ADF1"]
    with pytest.raises(InputError, match="give one of camera, ADF1"):
        controller_of(stand_in)
    with pytest.raises(InputError, match="no detector 'BF'"):
        controller_of(stand_in, detector="BF")
    assert "ADF1" in controller_of(stand_in, detector="ADF1").name


def test_areas_lie_within_a_sample_or_are_refused() -> None:
    context = controller_of(StandIn(spots_at([]))).context()
    rng = np.random.default_rng(4)
    for _ in range(200):
        rows, cols = (int(n) for n in rng.integers(8, 200, 2))
        pitch_nm = rng.uniform(0.01, 0.04)
        size_nm = (rows * pitch_nm, cols * pitch_nm)
        half = [7.95 - side / 2 for side in size_nm]
        step = make_step(context, tuple(rng.uniform(-h, h) for h in half), size_nm, rows, cols)  # type: ignore[arg-type]
        grid = area_of(step, context).grid(step, context)
        away = max(
            math.dist(step.in_context().plane_nm(corner), grid.plane_nm(corner))
            for corner in ((0, 0), (rows - 1, 0), (rows - 1, cols - 1))
        )
        assert away <= pitch_nm
        assert abs(grid.center_y_nm - step.center_nm[0]) <= 0.51 * pitch_nm
        assert abs(grid.center_x_nm - step.center_nm[1]) <= 0.51 * pitch_nm
    with pytest.raises(UnsupportedStep, match="proportion"):
        area_of(make_step(context, size_nm=(2.0, 4.0), rows=64, cols=64), context)
    with pytest.raises(UnsupportedStep, match="4096"):
        area_of(make_step(context, size_nm=(1.0, 1.0), rows=512, cols=512), context)


def test_without_pyjem_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PyJEM", None)
    with pytest.raises(MissingError, match="TEMCenter"):
        PyJemController(field_mm=100.0, area_mode=1)


def test_it_is_imported_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in, package = StandIn(spots_at([])), ModuleType("PyJEM")
    vars(package).update(TEM3=stand_in.TEM3, detector=stand_in.detector)
    for name, module in (("PyJEM", package), ("PyJEM.TEM3", stand_in.TEM3), ("PyJEM.detector", stand_in.detector)):
        monkeypatch.setitem(sys.modules, name, module)
    controller = PyJemController(field_mm=FIELD_MM, area_mode=1)
    assert controller.context().fov_nm == pytest.approx((16.0, 16.0))
    assert dataclasses.asdict(controller.capabilities)["rotation"] is False
