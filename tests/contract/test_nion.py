"""The contract on Nion's own simulator, with a DeepScan specimen behind its scan."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("nion.usim_device", reason="nionswift-usim is not installed")

from scipy import ndimage

from deepscan_core.errors import InstrumentError, UnsupportedStep
from deepscan_core.instruments.nion import NionScanController
from deepscan_core.records.protocol import ScanStep
from deepscan_core.simulation.specimens import Specimen
from nionswift_plugin.deepscan_simulator.swap import SpecimenSwap
from tests.contract.controller_contract import ControllerContract, make_step, spots_at
from tests.headless import HeadlessSwift, headless_swift


@pytest.fixture
def usim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeadlessSwift]:
    monkeypatch.chdir(tmp_path)
    with headless_swift() as swift:
        yield swift


def _without_channels(parameters: Any) -> dict[str, Any]:
    """Nion writes the channels down in any parameters it touches; they are compared by themselves."""
    return {k: v for k, v in copy.deepcopy(parameters.as_dict()).items() if k != "enabled_channel_indexes"}


class TestNionScanController(ControllerContract):
    @pytest.fixture
    def make(self, usim: HeadlessSwift) -> Iterator[Callable[..., NionScanController]]:
        with contextlib.ExitStack() as stack:

            def make(specimen: Specimen, rotation_rad: float = 0.0) -> NionScanController:
                scan = usim.scan
                usim.set_scan(rotation_rad=rotation_rad)
                self.swap = SpecimenSwap(specimen, on_message=pytest.fail)
                assert self.swap.install()
                stack.callback(self.swap.remove)
                scan.start_playing(sync_timeout=5)
                scan.get_next_xdatas_to_finish(10)
                return NionScanController()

            yield make

    def exposure(self, controller: Any) -> float:
        return self.swap.generator.frames

    def is_blanked(self, controller: Any) -> bool:
        return bool(controller._source.stem_controller.GetVal("C_Blank"))

    def is_viewing(self, controller: Any) -> bool:
        return bool(controller._source.is_playing)

    def snapshot(self, controller: Any) -> Any:
        source = controller._source
        return (
            controller.context(),
            _without_channels(source.get_current_frame_parameters()),
            _without_channels(source.scan_device.current_frame_parameters),
            tuple(source.get_enabled_channel_indexes()),
            source.probe_position,
        )

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
