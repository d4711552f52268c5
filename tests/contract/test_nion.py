"""The contract on Nion's own simulator, with a DeepScan specimen behind its scan."""

from __future__ import annotations

import contextlib
import copy
import json
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("nion.usim_device", reason="nionswift-usim is not installed")

from scipy import ndimage

from deepscan_core.errors import InputError, InstrumentError, InstrumentTaken, RunAborted, UnsupportedStep
from deepscan_core.instruments.nion import _LEASES, NionScanController
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanProtocol, ScanStep
from deepscan_core.simulation.specimens import Specimen
from deepscan_core.survey import Survey
from nionswift_plugin.deepscan_simulator.swap import SpecimenSwap
from tests.contract.controller_contract import ControllerContract, make_step, spots_at
from tests.contract.stage_contract import StageContract
from tests.headless import HeadlessSwift, headless_swift


@pytest.fixture
def usim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeadlessSwift]:
    monkeypatch.chdir(tmp_path)
    with headless_swift() as swift:
        yield swift


def _without_channels(parameters: Any) -> dict[str, Any]:
    """Nion writes the channels down in any parameters it touches; they are compared by themselves."""
    return {k: v for k, v in copy.deepcopy(parameters.as_dict()).items() if k != "enabled_channel_indexes"}


class TestNionScanController(ControllerContract, StageContract):
    @pytest.fixture
    def make(self, usim: HeadlessSwift) -> Iterator[Callable[..., NionScanController]]:
        with contextlib.ExitStack() as stack:

            def make(specimen: Specimen, rotation_rad: float = 0.0, allow_stage: bool = False) -> NionScanController:
                scan = usim.scan
                usim.set_scan(rotation_rad=rotation_rad)
                self.swap = SpecimenSwap(specimen, on_message=pytest.fail)
                assert self.swap.install()
                stack.callback(self.swap.remove)
                scan.start_playing(sync_timeout=5)
                scan.get_next_xdatas_to_finish(10)
                return NionScanController(allow_stage=allow_stage)

            yield make

    def exposure(self, controller: Any) -> float:
        return self.swap.generator.frames

    def is_blanked(self, controller: Any) -> bool:
        return bool(controller._source.stem_controller.GetVal("C_Blank"))

    def is_viewing(self, controller: Any) -> bool:
        return bool(controller._source.is_playing)

    def start_view(self, controller: Any) -> None:
        controller._source.start_playing(sync_timeout=5)

    def snapshot(self, controller: Any) -> Any:
        source = controller._source
        return (
            controller.context(),
            _without_channels(source.get_current_frame_parameters()),
            _without_channels(source.scan_device.current_frame_parameters),
            tuple(source.get_enabled_channel_indexes()),
            source.probe_position,
        )

    def after_a_crash(self, controller: Any) -> Any:
        _LEASES.give_back(controller._source, controller)  # they die with the process
        return NionScanController()

    @pytest.mark.parametrize(
        "wrong",
        [
            {"frame_parameters": {"fov_nm": "8"}},
            {"frame_parameters": {"fov_nm": -8.0}},
            {"frame_parameters": {"pixel_size": [128]}},
            {"frame_parameters": {"pixel_size": [128, 64.5]}},
            {"frame_parameters": {"subscan_rotation": 0.1}},
            {"frame_parameters": [1]},
            {"device_parameters": {"enabled_channel_indexes": [0]}},
            {"channels": [7]},
            {"channels": "0"},
            {"probe_position": [0.5, 1.5]},
            {"probe_position": [0.5, float("nan")]},
            {"blanked": 1.0},
        ],
        ids=str,
    )
    def test_values_that_cannot_be_are_refused(
        self, make: Callable[..., NionScanController], wrong: dict[str, Any]
    ) -> None:
        controller = make(spots_at([]))
        before = self.snapshot(controller)
        with pytest.raises(InputError):
            controller.restore_parameters({"viewing": False, **wrong})
        assert self.snapshot(controller) == before
        assert self.is_viewing(controller)

    def test_a_changed_scan_is_restored_and_only_the_blanker_is_written(
        self, make: Callable[..., NionScanController], usim: HeadlessSwift, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        controller = make(spots_at([]))
        usim.scan.set_enabled_channels([0, 1])
        usim.scan.probe_position = (0.25, 0.75)
        before, kept = self.snapshot(controller), controller.parameters()
        usim.scan.abort_playing(sync_timeout=5)
        usim.set_scan(size=(64, 64), fov_nm=40.0, rotation_rad=0.2)
        usim.scan.set_enabled_channels([1])
        usim.scan.probe_position = None
        usim.stem.SetVal("C_Blank", 1.0)
        written = []
        original = type(usim.stem).SetVal

        def write(stem: Any, control: str, value: Any) -> Any:
            written.append((control, value))
            return original(stem, control, value)

        monkeypatch.setattr(type(usim.stem), "SetVal", write)
        NionScanController().restore_parameters(kept)
        assert controller.parameters() == kept
        assert self.snapshot(controller) == before
        assert written == [("C_Blank", 0.0)]
        NionScanController().restore_parameters(kept)
        assert len(written) == 1

    def test_parameters_of_an_instrument_in_a_run_are_not_restored(
        self, make: Callable[..., NionScanController]
    ) -> None:
        controller = make(spots_at([]))
        parameters = controller.parameters()
        controller.prepare()
        with pytest.raises(InstrumentTaken, match="another run"):
            NionScanController().restore_parameters(parameters)
        controller.restore()

    def test_a_run_whose_program_died_is_resumed(self, make: Callable[..., NionScanController], tmp_path: Path) -> None:
        controller = make(spots_at([]))
        context = controller.context()
        steps = tuple(make_step(context, (0.0, 3.0 * i), order=i + 1) for i in range(3))
        protocol = ScanProtocol(source_name="live", source_sha256="0" * 64, context=context, steps=steps)
        before, kept, out = self.snapshot(controller), controller.parameters(), tmp_path / "run"

        def stop(frame: ScanFrame) -> None:
            if frame.step == steps[1]:
                survey.abort()

        survey = Survey(protocol, controller, directory=out, on_frame=stop)
        with pytest.raises(RunAborted):
            survey.run()
        journal = out / "journal.jsonl"
        lines = journal.read_bytes().splitlines(keepends=True)
        journal.write_bytes(b"".join(lines[:4]))  # the program dies while step 2 is exposed
        assert b'"exposing"' in lines[3]
        (out / "tiles" / "0002.npy").rename(out / "tiles" / "0002.attempt-1")
        assert json.loads(lines[0])["entry"]["parameters"] == kept
        read = json.loads(lines[2])["entry"]
        assert read["metadata"]["scan"]["subscan_fractional_size"] == [0.25, 0.25]
        frames = self.exposure(controller)
        with pytest.raises(
            InputError, match=r"blanked is true and was false, viewing is false and was true.*--restore"
        ):
            Survey(protocol, NionScanController(), directory=out, resume=True).run()
        again = Survey(protocol, NionScanController(), directory=out, resume=True, restore_parameters=True)
        assert [frame.step for frame in again.run()] == [steps[0], steps[2]]
        assert [one.order for one in again.left_out] == [2]
        assert np.array_equal(again.frames[0].values, survey.frames[0].values)
        assert self.exposure(controller) > frames
        assert self.snapshot(controller) == before
        assert controller.parameters() == kept

    def test_two_pitches_are_refused(self, make: Callable[..., NionScanController]) -> None:
        controller = make(spots_at([]))
        controller.prepare()
        before = self.exposure(controller)
        with pytest.raises(UnsupportedStep, match="one pitch"):
            controller.scan(make_step(controller.context(), size_nm=(2.0, 4.0), rows=64, cols=64))
        assert self.exposure(controller) == before
        controller.restore()

    def test_a_parked_probe_stays_parked(self, make: Callable[..., NionScanController]) -> None:
        from deepscan_core.acquisition.controller import BeamRest

        controller = make(spots_at([]))
        controller.prepare()
        controller.rest(BeamRest(park_fraction=(0.25, 0.75)))
        controller.restore()
        source = controller._source
        assert source.probe_state == "parked"
        assert tuple(source.probe_position) == (0.25, 0.75)

    def test_another_detector_by_name_and_back(self, make: Callable[..., NionScanController]) -> None:
        make(spots_at([]))
        controller = NionScanController(channel="MAADF")
        controller.prepare()
        assert controller.scan(make_step(controller.context())).channel == "MAADF"
        controller.restore()
        assert controller.context().channels == ("HAADF",)
        wrong = NionScanController(channel="SE")
        with pytest.raises(InstrumentError, match=r"no detector 'SE'.*HAADF, MAADF"):
            wrong.preview()

    def test_a_blanked_beam_detects_nothing(self, make: Callable[..., NionScanController]) -> None:
        controller = make(spots_at([(0.0, 0.0)]))
        controller.prepare()
        source = controller._source
        source.stem_controller.SetVal("C_Blank", 1.0)
        recorded = source.record_immediate(source.get_current_frame_parameters())
        assert recorded[0].data.max() == 0
        assert controller.scan(make_step(controller.context())).values.max() > 0  # opens it, and closes it again
        assert self.is_blanked(controller)
        controller.restore()


def test_no_stem_controller_is_said_in_words() -> None:
    with pytest.raises(InstrumentError, match="no STEM controller is registered"):
        NionScanController().context()


def test_a_context_that_is_not_square_is_refused(usim: HeadlessSwift) -> None:
    usim.set_scan(size=(64, 128))
    controller = NionScanController()
    assert (controller.context().fov_y_nm, controller.context().fov_x_nm) == (8.0, 16.0)
    with pytest.raises(UnsupportedStep, match="not square"):
        controller.preview()


@pytest.mark.parametrize(("context_rad", "step_rad"), [(0.0, 0.6), (0.0, -0.6), (0.3, 0.5)])
def test_usims_own_specimen_agrees_on_the_sign_of_rotation(
    usim: HeadlessSwift, context_rad: float, step_rad: float
) -> None:
    """A turned sub-scan looks like the same rectangle cut out of the context image, with nothing of ours in between."""
    usim.set_scan(rotation_rad=context_rad, size=(256, 256), fov_nm=120.0)
    controller = NionScanController()
    context_image = controller.preview().values
    context = controller.context()
    step = make_step(context, (9.0, -12.0), (40.0, 60.0), 120, 180, step_rad)
    controller.prepare()
    tile = ndimage.gaussian_filter(controller.scan(step).values, 2)
    controller.restore()
    agreement = {sign: _correlation(tile, context_image, step, context, sign) for sign in (1, -1)}
    assert agreement[1] > 0.8
    assert agreement[1] > agreement[-1] + 0.1


def _correlation(tile: np.ndarray, context_image: np.ndarray, step: ScanStep, context: Any, sign: int) -> float:
    import dataclasses

    grid = dataclasses.replace(step, rotation_rad=sign * step.rotation_rad).in_context()
    y_nm, x_nm = grid.mesh_nm()
    pitch_y_nm, pitch_x_nm = context.pixel_size_nm
    rows = y_nm / pitch_y_nm + context.rows / 2 - 0.5
    cols = x_nm / pitch_x_nm + context.cols / 2 - 0.5
    cut = ndimage.map_coordinates(ndimage.gaussian_filter(context_image, 1), [rows, cols], order=1)
    assert math.isfinite(float(cut.sum()))
    return float(np.corrcoef(cut.ravel(), tile.ravel())[0, 1])


def test_a_view_that_starts_during_a_step_spoils_it(usim: HeadlessSwift) -> None:
    """Nion's device kit runs both at once; the frame may hold lines of either."""
    usim.set_scan()
    usim.start_scan()
    controller = NionScanController(usim.scan)
    step = make_step(controller.context(), rows=64, cols=64, dwell_time_us=60.0)
    controller.prepare()
    starter = threading.Timer(0.1, usim.scan.start_playing)
    starter.start()
    with pytest.raises(InstrumentTaken, match="during step 1"):
        controller.scan(step)
    starter.join()
    controller.take()
    assert not usim.scan.is_playing
    assert controller.scan(step).values.shape == (64, 64)
    controller.restore()
