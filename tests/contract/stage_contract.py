"""What every `ScanController` has to do with its stage: nothing, unless that was allowed; then reach, and come back."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepscan_core.acquisition.controller import BEAM_PARAMETERS, ScanController
from deepscan_core.acquisition.envelope import Envelope
from deepscan_core.acquisition.journal import read_lines
from deepscan_core.acquisition.stages import STAGE_OFFSET
from deepscan_core.errors import InstrumentError, ProtocolError, UnsupportedStep
from deepscan_core.instruments import nion_beam, pyjem_settings
from deepscan_core.records.coordinates import YX, ScanContext
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanLimits, ScanProtocol, ScanStep
from deepscan_core.survey import Survey
from tests.contract.controller_contract import FOV_NM, ROWS, found_px, make_step, spots_at

INSIDE: YX = (2.0, -3.0)
BEYOND: tuple[YX, ...] = ((14.0, -11.0), (-30.5, 4.0), (7.5, 0.0))  # the last one straddles the edge
OFFSET: YX = (0.31, -0.22)
SIZE_NM, SAMPLES = 4.0, 64
ALLOWED = Envelope(stage_moves=True)


def settled_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nion_beam, "STAGE_SETTLE_S", 0.02)
    monkeypatch.setattr(pyjem_settings, "STAGE_SETTLE_S", 0.02)


def protocol_of(context: ScanContext, places: tuple[YX, ...]) -> ScanProtocol:
    steps = tuple(
        make_step(context, place, (SIZE_NM, SIZE_NM), rows=SAMPLES, cols=SAMPLES, order=order, dwell_time_us=4.0)
        for order, place in enumerate(places, start=1)
    )
    return ScanProtocol(source_name="live", source_sha256="0" * 64, context=context, steps=steps)


def planted(context: ScanContext, places: tuple[YX, ...]) -> Any:
    """A spot in each place, a little beside its middle; places are in the axes of the context."""
    return spots_at([context.specimen_from_nm((y + OFFSET[0], x + OFFSET[1])) for y, x in places])


class StageContract:
    """Derive from this beside `ControllerContract`."""

    def test_the_stage_stays_where_it_is_unless_that_was_allowed(self, make: Callable[..., ScanController]) -> None:
        controller = make(spots_at([]))
        assert not controller.capabilities.stage
        assert "stage_nm" not in controller.parameters()
        controller.prepare()
        try:
            with pytest.raises(UnsupportedStep, match="no stage"):
                controller.move_stage((1.0, 0.0))
        finally:
            controller.restore(beam=True)
        with pytest.raises(ProtocolError, match="outside the context"):
            Survey(protocol_of(controller.context(), BEYOND[:1]), controller, envelope=ALLOWED).check()

    @pytest.mark.parametrize("rotation_rad", [0.0, 0.4])
    def test_steps_beyond_the_scan_range_lie_where_they_were_planned(
        self,
        make: Callable[..., ScanController],
        rotation_rad: float,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        settled_quickly(monkeypatch)
        places = (INSIDE, BEYOND[0], INSIDE, *BEYOND[1:])
        turned = ScanContext(
            rows=ROWS, cols=ROWS, fov_y_nm=FOV_NM, fov_x_nm=FOV_NM, rotation_rad=rotation_rad, beam_current_pa=200
        )
        controller = make(planted(turned, places), rotation_rad, allow_stage=True)
        assert controller.capabilities.stage
        context, before = controller.context(), dict(controller.parameters())
        assert before["stage_nm"]
        moved: list[bool] = []

        def on_frame(frame: ScanFrame) -> None:
            moved.append(math.dist(controller.parameters()["stage_nm"], before["stage_nm"]) > 1)

        survey = Survey(
            protocol_of(context, places), controller, envelope=ALLOWED, directory=tmp_path / "run", on_frame=on_frame
        )
        frames = survey.run()
        assert moved == [False, True, False, True, True]
        expected = tuple((SAMPLES - 1) / 2 + off * SAMPLES / SIZE_NM for off in OFFSET)
        for frame, place in zip(frames, places, strict=True):
            assert math.dist(found_px(frame.values), expected) < 1.5, place
            assert frame.step is not None
            assert frame.step.center_nm == place
            stood = frame.metadata.get(STAGE_OFFSET, (0.0, 0.0))
            assert stood == pytest.approx((0.0, 0.0) if place == INSIDE else place, abs=1e-6)
        after = controller.parameters()
        assert {k: v for k, v in after.items() if k not in BEAM_PARAMETERS} == {
            k: pytest.approx(v) if k == "stage_nm" else v for k, v in before.items() if k not in BEAM_PARAMETERS
        }
        history = read_lines((tmp_path / "run/journal.jsonl").read_bytes()).history
        assert history.parameters["stage_nm"] == pytest.approx(before["stage_nm"])
        recorded = history.step(2).recorded
        assert recorded is not None
        assert recorded["metadata"][STAGE_OFFSET] == pytest.approx(BEYOND[0], abs=1e-6)
        assert recorded["read"]["center_y_nm"] == pytest.approx(BEYOND[0][0], abs=0.1)

    def test_whatever_ends_a_run_the_stage_comes_back(
        self, make: Callable[..., ScanController], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settled_quickly(monkeypatch)
        controller = make(spots_at([]), allow_stage=True)
        before = controller.parameters()["stage_nm"]

        def on_frame(frame: ScanFrame) -> None:
            raise RuntimeError("somebody's mistake")

        survey = Survey(protocol_of(controller.context(), BEYOND[:1]), controller, envelope=ALLOWED, on_frame=on_frame)
        with pytest.raises(RuntimeError, match="mistake"):
            survey.run()
        assert controller.parameters()["stage_nm"] == pytest.approx(before)

    def test_it_is_put_back_after_a_crash(
        self, make: Callable[..., ScanController], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settled_quickly(monkeypatch)
        controller = make(spots_at([]), allow_stage=True)
        before = dict(controller.parameters())
        controller.prepare()
        assert controller.move_stage((0.0, 40.0)) == pytest.approx((0.0, 40.0), abs=1e-6)
        controller.restore()
        assert controller.parameters()["stage_nm"] == pytest.approx(before["stage_nm"])
        elsewhere = [position + 25.0 for position in before["stage_nm"]]
        controller.restore_parameters({"stage_nm": elsewhere})
        assert controller.parameters()["stage_nm"] == pytest.approx(elsewhere)
        controller.restore_parameters({"stage_nm": before["stage_nm"]})
        assert controller.parameters()["stage_nm"] == pytest.approx(before["stage_nm"])


def test_what_the_envelope_says_of_the_stage() -> None:
    context = ScanContext(rows=64, cols=64, fov_y_nm=16.0, fov_x_nm=16.0, beam_current_pa=50)
    inside, beyond = protocol_of(context, (INSIDE, (3000.0, 4000.0))).steps
    assert not list(Envelope().step_violations(inside, context))
    assert not Envelope().allows("stage_nm")
    assert not list(Envelope(stage_moves=True, stage_range_nm=5000.1).step_violations(beyond, context))
    (too_far,) = Envelope(stage_moves=True, stage_range_nm=4999.0).step_violations(beyond, context)
    assert "needs a stage move of 5000 nm: the envelope allows 4999 nm" in str(too_far)


__all__ = ["ALLOWED", "BEYOND", "INSIDE", "InstrumentError", "ScanLimits", "ScanStep", "StageContract", "protocol_of"]
