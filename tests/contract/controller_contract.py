"""What every `ScanController` has to do.

To test one, derive a class whose name starts with ``Test`` and provide:

``make(specimen, rotation_rad=0.0, allow_stage=False)`` (a fixture returning a callable)
    A fresh controller on `specimen`: a context of 128 x 128 samples over 16 x 16 nm, centred at the origin and turned
    by `rotation_rad`, 200 pA, one detector, a live view that is running, frames that take about as long as they should,
    a blanker.
``exposure(controller)``
    A number that grows with every frame that exposes the specimen.
``is_blanked(controller)``, ``is_viewing(controller)``
    Whether the beam is off the specimen; whether the live view runs.
``start_view(controller)``
    What somebody does who starts the live view; returns when it runs.
``after_a_crash(controller)``
    A new controller of the same instrument, as another process has it after the one of `controller` has died.
``snapshot(controller)`` (optional)
    Everything that `restore` has to put back, as a value that can be compared.
"""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from deepscan_core.acquisition.controller import BEAM_PARAMETERS, BeamRest, ScanController
from deepscan_core.acquisition.runner import Runner, RunState
from deepscan_core.acquisition.strategies import follow
from deepscan_core.errors import (
    InputError,
    InstrumentError,
    InstrumentTaken,
    ProtocolError,
    RunAborted,
    UnsupportedStep,
)
from deepscan_core.records.coordinates import YX, ScanContext
from deepscan_core.records.costs import dose_e_per_nm2, electrons
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep
from deepscan_core.simulation.specimens import Specimen, Spots

Make = Callable[..., ScanController]
ROWS, FOV_NM = 128, 16.0

#: centre (y, x) nm, size (h, w) nm, rows, cols, rotation: off-centre, not square, turned both ways
TILES: tuple[tuple[YX, YX, int, int, float], ...] = (
    ((0.0, 0.0), (4.0, 4.0), 96, 96, 0.0),
    ((-4.5, 3.25), (3.0, 6.0), 64, 128, 0.0),
    ((3.1, -3.7), (6.0, 2.0), 144, 48, 0.5),
    ((-2.9, -3.3), (2.5, 5.0), 60, 120, -1.1),
    ((2.2, 3.4), (3.0, 4.5), 80, 120, 2.4),
)


def spots_at(places_nm: Iterable[YX]) -> Spots:
    """Sharp bright spots at places on the specimen."""
    return Spots(defects_nm=np.array(list(places_nm), float).reshape(-1, 2), sigma_nm=0.16, peak=0.6, background=0.02)


def make_step(
    context: ScanContext,
    center_nm: YX = (0.0, 0.0),
    size_nm: YX = (4.0, 4.0),
    rows: int = 32,
    cols: int = 32,
    rotation_rad: float = 0.0,
    *,
    order: int = 1,
    dwell_time_us: float = 2.0,
) -> ScanStep:
    """A step from lengths in nm in the context's axes."""
    center_px = context.px_from_nm(center_nm)
    pitch_nm = context.pixel_size_nm
    return ScanStep(
        order=order,
        center_y_px=center_px[0],
        center_x_px=center_px[1],
        height_px=size_nm[0] / pitch_nm[0],
        width_px=size_nm[1] / pitch_nm[1],
        center_y_nm=center_nm[0],
        center_x_nm=center_nm[1],
        height_nm=size_nm[0],
        width_nm=size_nm[1],
        rows=rows,
        cols=cols,
        rotation_rad=rotation_rad,
        dwell_time_us=dwell_time_us,
    )


def found_px(values: np.ndarray) -> YX:
    """Centroid of what stands out of a frame."""
    weight = np.clip(values.astype(float) - 0.4 * values.max(), 0, None)
    rows, cols = np.indices(values.shape)
    return (float((rows * weight).sum() / weight.sum()), float((cols * weight).sum() / weight.sum()))


class ControllerContract:
    """Derive from this."""

    def exposure(self, controller: Any) -> float:
        raise NotImplementedError

    def is_blanked(self, controller: Any) -> bool:
        raise NotImplementedError

    def is_viewing(self, controller: Any) -> bool:
        raise NotImplementedError

    def start_view(self, controller: Any) -> None:
        raise NotImplementedError

    def snapshot(self, controller: Any) -> Any:
        return controller.context()

    def after_a_crash(self, controller: Any) -> Any:
        """A controller of the same instrument that was never told of the run."""
        raise NotImplementedError

    def test_capabilities_agree_with_the_context(self, make: Make) -> None:
        controller = make(spots_at([]))
        can, context = controller.capabilities, controller.context()
        assert controller.name
        assert 0 < can.shortest_dwell_us < can.longest_dwell_us
        assert can.largest_frame_px >= max(context.rows, context.cols)
        if not can.center:
            assert (context.center_y_nm, context.center_x_nm) == (0, 0)
        assert (context.rows, context.cols) == (ROWS, ROWS)
        assert context.fov_nm == pytest.approx((FOV_NM, FOV_NM))
        assert context.beam_current_pa == pytest.approx(200.0)

    @pytest.mark.parametrize("rotation_rad", [0.0, 0.35])
    def test_preview_shows_the_context(self, make: Make, rotation_rad: float) -> None:
        place_nm = (-3.2, 4.4)
        controller = make(spots_at([place_nm]), rotation_rad=rotation_rad)
        frame = controller.preview()
        context = controller.context()
        assert frame.step is None
        assert frame.context == context
        assert frame.values.shape == (ROWS, ROWS)
        assert frame.channel in context.channels
        expected_px = frame.in_context().index_px(context.nm_from_specimen(place_nm))
        assert found_px(frame.values) == pytest.approx(expected_px, abs=0.5)

    @pytest.mark.parametrize("rotation_rad", [0.0, 0.35])
    @pytest.mark.parametrize("tile", TILES)
    def test_a_planted_spot_is_where_the_frame_says(
        self, make: Make, tile: tuple[YX, YX, int, int, float], rotation_rad: float
    ) -> None:
        context = ScanContext(rows=ROWS, cols=ROWS, fov_y_nm=FOV_NM, fov_x_nm=FOV_NM, rotation_rad=rotation_rad)
        step = make_step(context, *tile)
        # in one quarter of the tile, so that no mirrored or swapped axis can hide
        place_nm = step.on_specimen(context).plane_nm((step.rows * 0.3, step.cols * 0.8))
        controller = make(spots_at([place_nm]), rotation_rad=rotation_rad)
        controller.prepare()
        if step.rotation_rad and not controller.capabilities.rotation:
            with pytest.raises(UnsupportedStep, match="turn"):
                controller.scan(step)
            controller.restore()
            return
        frame = controller.scan(step)
        controller.restore()
        assert frame.step == step
        assert frame.values.shape == (step.rows, step.cols)
        expected_px = frame.in_context().index_px(frame.context.nm_from_specimen(place_nm))
        assert expected_px == pytest.approx((step.rows * 0.3, step.cols * 0.8))
        assert found_px(frame.values) == pytest.approx(expected_px, abs=1.0)

    def test_dose_and_dwell_time_are_those_of_the_step(self, make: Make) -> None:
        controller = make(spots_at([]))
        step = make_step(controller.context(), (1.0, 2.0), (2.0, 4.0), 32, 64, dwell_time_us=7.0)
        controller.prepare()
        frame = controller.scan(step)
        controller.restore()
        assert frame.dwell_time_us == 7.0
        assert frame.total_electrons == pytest.approx(electrons(32, 64, 7.0, 200.0))
        assert frame.dose_e_per_nm2 == pytest.approx(dose_e_per_nm2(32, 64, 7.0, 200.0, 2.0, 4.0))
        assert frame.duration_s > 0

    def test_noise_depends_on_the_dwell_time(self, make: Make) -> None:
        controller = make(spots_at([]))
        controller.prepare()
        relative = {}
        for dwell_us in (1.0, 25.0):
            values = controller.scan(make_step(controller.context(), dwell_time_us=dwell_us, rows=64, cols=64)).values
            relative[dwell_us] = values.std() / values.mean()
        controller.restore()
        assert relative[1.0] / relative[25.0] == pytest.approx(5.0, rel=0.15)

    def test_what_it_cannot_do_is_refused_and_exposes_nothing(self, make: Make) -> None:
        controller = make(spots_at([]))
        context = controller.context()
        controller.prepare()
        before = self.exposure(controller)
        with pytest.raises(UnsupportedStep, match="dwells"):
            controller.scan(make_step(context, dwell_time_us=controller.capabilities.longest_dwell_us * 2))
        with pytest.raises(UnsupportedStep, match="samples"):
            controller.scan(make_step(context, rows=controller.capabilities.largest_frame_px + 1, cols=1))
        with pytest.raises(ProtocolError, match="outside the context"):
            controller.scan(make_step(context, (7.0, 0.0)))
        if not controller.capabilities.rotation:
            with pytest.raises(UnsupportedStep, match="turn"):
                controller.scan(make_step(context, rotation_rad=0.1))
        assert self.exposure(controller) == before
        controller.restore()

    def test_abort_from_another_thread(self, make: Make) -> None:
        controller = make(spots_at([]))
        step = make_step(controller.context(), rows=256, cols=256, dwell_time_us=100.0)  # some 6.5 s
        controller.prepare()
        timer = threading.Timer(0.3, controller.abort)
        timer.start()
        start_s = time.monotonic()
        with pytest.raises(RunAborted):
            controller.scan(step)
        assert time.monotonic() - start_s < 3.0
        timer.join()
        controller.restore()
        controller.prepare()
        assert controller.scan(make_step(controller.context())).values.shape == (32, 32)
        controller.restore()

    def test_abort_before_a_run_does_not_spoil_it(self, make: Make) -> None:
        controller = make(spots_at([]))
        controller.abort()
        controller.prepare()
        assert controller.scan(make_step(controller.context())).values.shape == (32, 32)
        controller.restore()

    def test_abort_between_steps_stops_the_next_one(self, make: Make) -> None:
        controller = make(spots_at([]))
        controller.prepare()
        before = self.exposure(controller)
        controller.abort()
        with pytest.raises(RunAborted):
            controller.scan(make_step(controller.context()))
        assert self.exposure(controller) == before
        controller.restore()

    def test_a_run_blanks_between_steps_and_stops_the_view(self, make: Make) -> None:
        controller = make(spots_at([]))
        context, before = controller.context(), self.snapshot(controller)
        assert self.is_viewing(controller)  # which the controller need not know
        seen: list[tuple[bool, bool]] = []

        def on_frame(frame: ScanFrame) -> None:
            seen.append((self.is_blanked(controller), self.is_viewing(controller)))

        steps = [make_step(context, (0.0, 3.0 * i), order=i + 1) for i in range(2)]
        runner = Runner(controller, on_frame=on_frame)
        assert runner.run(follow(steps)) == 2
        assert runner.status.state is RunState.DONE
        assert seen == [(True, False)] * 2
        assert self.is_blanked(controller)
        assert not self.is_viewing(controller)
        assert self.snapshot(controller) == before

    def test_everything_is_restored_when_the_run_fails(self, make: Make) -> None:
        controller = make(spots_at([]))
        before = self.snapshot(controller)

        def on_frame(frame: ScanFrame) -> None:
            raise OSError("disk full")

        runner = Runner(controller, on_frame=on_frame)
        with pytest.raises(OSError, match="disk full"):
            runner.run(follow([make_step(controller.context())]))
        assert runner.status.state is RunState.FAILED
        assert self.is_blanked(controller)
        assert self.snapshot(controller) == before

    def test_the_beam_can_be_parked_where_a_person_said(self, make: Make) -> None:
        controller = make(spots_at([]))
        if not controller.capabilities.park:
            with pytest.raises(UnsupportedStep):
                controller.rest(BeamRest(park_fraction=(0.1, 0.9)))
            return
        Runner(controller, rest=BeamRest(park_fraction=(0.1, 0.9))).run(follow([make_step(controller.context())]))
        assert not self.is_viewing(controller)

    def test_a_step_is_scanned_as_planned_or_refused(self, make: Make) -> None:
        """Sizes that are no whole number of context pixels are kept to the digit, never snapped."""
        place_nm = (1.05, -2.3)
        controller = make(spots_at([place_nm]))
        step = make_step(controller.context(), (0.937, -2.411), (1.237, 1.237), 100, 100)
        controller.prepare()
        frame = controller.scan(step)
        controller.restore()
        assert found_px(frame.values) == pytest.approx(step.in_context().index_px(place_nm), abs=1.0)

    def test_errors_are_instrument_errors(self) -> None:
        assert issubclass(UnsupportedStep, InstrumentError)
        assert issubclass(RunAborted, InstrumentError)
        assert dataclasses.is_dataclass(BeamRest)

    def test_beam_and_view_are_as_before_where_that_is_wanted(self, make: Make) -> None:
        controller = make(spots_at([]))
        before = self.snapshot(controller)
        runner = Runner(controller, beam_as_before=True)
        runner.run(follow([make_step(controller.context())]))
        assert runner.status.state is RunState.DONE
        assert not self.is_blanked(controller)
        assert self.is_viewing(controller) is controller.capabilities.view
        assert self.snapshot(controller) == before

    def test_a_paused_run_exposes_nothing_and_goes_on(self, make: Make) -> None:
        controller = make(spots_at([]))
        context = controller.context()
        runner = Runner(controller, on_frame=lambda frame: runner.pause() if frame.step == steps[0] else None)
        steps = [make_step(context, order=order) for order in (1, 2)]
        thread = threading.Thread(target=lambda: runner.run(follow(steps)))
        thread.start()
        wait_for(lambda: runner.status.state is RunState.PAUSED)
        exposed = self.exposure(controller)
        time.sleep(0.05)
        assert self.is_blanked(controller)
        assert self.exposure(controller) == exposed
        runner.resume()
        thread.join(20)
        assert (runner.status.state, runner.status.steps_done) == (RunState.DONE, 2)

    def test_a_paused_run_can_be_aborted(self, make: Make) -> None:
        controller = make(spots_at([]))
        runner = Runner(controller)
        runner.pause()
        ended: list[Exception] = []

        def work() -> None:
            try:
                runner.run(follow([make_step(controller.context())]))
            except RunAborted as error:
                ended.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        wait_for(lambda: runner.status.state is RunState.PAUSED)
        exposed = self.exposure(controller)
        runner.abort()
        thread.join(20)
        assert ended
        assert (runner.status.state, runner.status.steps_done) == (RunState.ABORTED, 0)
        assert self.exposure(controller) == exposed

    def test_somebody_who_starts_the_view_pauses_the_run(self, make: Make) -> None:
        controller = sees_the_view(make(spots_at([])))
        context = controller.context()
        steps = [make_step(context, order=order) for order in (1, 2)]
        runner = Runner(
            controller,
            wait_if_taken=True,
            on_frame=lambda f: self.start_view(controller) if f.step == steps[0] else None,
        )
        thread = threading.Thread(target=lambda: runner.run(follow(steps)))
        thread.start()
        wait_for(lambda: runner.status.state is RunState.PAUSED)
        assert "the run waits" in runner.status.reason
        assert self.is_viewing(controller)
        runner.resume()
        thread.join(20)
        assert (runner.status.state, runner.status.steps_done) == (RunState.DONE, 2)
        assert not self.is_viewing(controller)

    def test_a_run_stays_paused_as_long_as_somebody_records(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        controller = make(spots_at([]))
        refusals = ["it is recording: wait until it is done"] * 2
        take = controller.take

        def busy() -> None:
            if refusals:
                raise InstrumentError(refusals.pop())
            take()

        monkeypatch.setattr(controller, "take", busy)
        runner = Runner(controller, wait_if_taken=True)
        runner.pause()
        thread = threading.Thread(target=lambda: runner.run(follow([make_step(controller.context())])))
        thread.start()
        for left in (1, 0):
            wait_for(lambda: runner.status.state is RunState.PAUSED)
            runner.resume()
            wait_for(lambda left=left: len(refusals) == left and "is recording" in runner.status.reason)
            assert runner.status.state is RunState.PAUSED
        runner.resume()
        thread.join(20)
        assert (runner.status.state, runner.status.steps_done) == (RunState.DONE, 1)

    def test_a_run_that_does_not_wait_fails_when_the_instrument_is_taken(self, make: Make) -> None:
        controller = sees_the_view(make(spots_at([])))
        steps = [make_step(controller.context(), order=order) for order in (1, 2)]
        runner = Runner(controller, on_frame=lambda frame: self.start_view(controller))
        with pytest.raises(InstrumentTaken):
            runner.run(follow(steps))
        assert (runner.status.state, runner.status.steps_done) == (RunState.FAILED, 1)

    def test_parameters_are_json_and_reading_them_changes_nothing(self, make: Make) -> None:
        controller = make(spots_at([]))
        before, exposed = self.snapshot(controller), self.exposure(controller)
        parameters = controller.parameters()
        assert json.loads(json.dumps(parameters, allow_nan=False)) == parameters
        assert parameters.get("viewing") is (True if controller.capabilities.view else None)
        assert set(parameters) & BEAM_PARAMETERS
        controller.restore_parameters(parameters)
        assert controller.parameters() == parameters
        assert self.snapshot(controller) == before
        assert self.is_viewing(controller)
        assert exposed <= self.exposure(controller)  # the view goes on

    def test_a_run_that_was_cut_off_is_undone_by_another_controller(self, make: Make) -> None:
        """As after a crash: the controller that knew what to restore is gone, a file kept the parameters."""
        controller = make(spots_at([]))
        before = self.snapshot(controller)
        kept = json.dumps(controller.parameters())
        controller.prepare()
        controller.rest(BeamRest())
        controller.scan(make_step(controller.context(), (1.0, 2.0), (3.0, 3.0), rows=48, cols=48, dwell_time_us=3.0))
        controller.rest(BeamRest())
        heir = self.after_a_crash(controller)
        beside_the_beam = {k: v for k, v in json.loads(kept).items() if k not in BEAM_PARAMETERS}
        heir.restore_parameters(beside_the_beam)
        assert self.is_blanked(heir)
        assert not self.is_viewing(heir)
        heir.restore_parameters(json.loads(kept))
        assert heir.parameters() == json.loads(kept)
        assert not self.is_blanked(heir)
        assert self.is_viewing(heir) is heir.capabilities.view
        assert self.snapshot(heir) == before

    def test_a_blanked_beam_and_a_stopped_view_are_restored_too(self, make: Make) -> None:
        controller = sees_the_view(make(spots_at([])))
        running = controller.parameters()
        Runner(controller).run(follow([]))
        stopped = controller.parameters()
        assert stopped["viewing"] is False
        controller.restore_parameters(running)
        assert self.is_viewing(controller)
        controller.restore_parameters(stopped)
        assert self.is_blanked(controller)
        assert not self.is_viewing(controller)
        assert controller.parameters() == stopped

    @pytest.mark.parametrize(
        "wrong",
        [
            {"stage_position_m.x": 1e-6},
            {"C10": 0.0, "viewing": False},
            {"viewing": False, "__class__": "x"},
            {"viewing": 1},
            {"viewing": "yes"},
        ],
    )
    def test_parameters_that_are_not_on_the_list_are_refused_and_nothing_is_written(
        self, make: Make, wrong: dict[str, Any]
    ) -> None:
        controller = make(spots_at([]))
        before = controller.parameters()
        with pytest.raises(InputError):
            controller.restore_parameters(wrong)
        assert controller.parameters() == before

    def test_errors_say_whether_anything_can_have_been_exposed(self, make: Make) -> None:
        controller = make(spots_at([]))
        context = controller.context()
        controller.prepare()
        with pytest.raises(UnsupportedStep) as refused:
            controller.scan(make_step(context, dwell_time_us=controller.capabilities.longest_dwell_us * 2))
        assert refused.value.nothing_exposed
        timer = threading.Timer(0.3, controller.abort)
        timer.start()
        with pytest.raises(RunAborted) as cut_off:
            controller.scan(make_step(context, rows=256, cols=256, dwell_time_us=100.0))
        timer.join()
        assert not cut_off.value.nothing_exposed
        controller.restore()
        controller.prepare()
        controller.abort()
        with pytest.raises(RunAborted) as before:
            controller.scan(make_step(context))
        assert before.value.nothing_exposed
        controller.restore()
        sees_the_view(controller).prepare()
        self.start_view(controller)
        with pytest.raises(InstrumentTaken) as taken:
            controller.scan(make_step(context))
        assert taken.value.nothing_exposed
        controller.restore()


def sees_the_view(controller: ScanController) -> ScanController:
    """The controller, if it knows whether a live view runs; else the test ends here."""
    if not controller.capabilities.view:
        pytest.skip("this instrument does not tell whether a live view runs")
    return controller


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain"
        time.sleep(0.005)


__all__ = ["ControllerContract", "Specimen", "make_step", "spots_at"]
