"""Faults on the simulated microscope: what is done, what is told, and that everything is as before."""

from __future__ import annotations

import dataclasses
import errno
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepscan_core.acquisition.faults import Action, FaultFound, FaultKind, FaultPolicy, Reaction, fault_of
from deepscan_core.acquisition.inspection import Brightness, FrameInspector, pile_up
from deepscan_core.acquisition.runner import Runner, RunState
from deepscan_core.acquisition.strategies import follow
from deepscan_core.acquisition.tiles import TileFolder
from deepscan_core.acquisition.watchdog import Watchdog
from deepscan_core.errors import InputError, InstrumentError, ProtocolError, RunAborted, StepSkipped, TimedOut
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep
from deepscan_core.survey import Survey
from tests.acquisition.fault_cases import CASES, check_case, exploring, wait_until
from tests.acquisition.faulty import QUICK, Faulty
from tests.acquisition.small_runs import Microscope, plan

DECIDING = [(*case, True) for case in CASES if case[1] in ("retry-exposed:1", "skip")]


@pytest.mark.parametrize(("kind", "action", "explores"), [*((*case, False) for case in CASES), *DECIDING])
def test_every_fault_and_every_action(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, action: str, explores: bool
) -> None:
    preview = Microscope().preview()
    check_case(
        Faulty(Microscope(), kind),
        plan(3),
        kind,
        action,
        tmp_path,
        monkeypatch,
        preview=preview.values,
        preview_dwell_us=preview.dwell_time_us,
        strategy=exploring(plan(3)) if explores else None,
    )


def survey_of(controller: Any, *faults: str, count: int = 3, **options: Any) -> Survey:
    return Survey(plan(count), controller, policy=FaultPolicy.parse(faults), watchdog=QUICK, **options)


def test_a_step_that_was_or_may_have_been_exposed_is_not_repeated_without_consent() -> None:
    controller = Faulty(Microscope(), "error")
    survey = survey_of(controller, "error=retry:3:skip")
    survey.run()
    assert controller.exposed[2] == 1
    assert [fault.action for fault in survey.faults] == [Action.SKIP]


def test_what_certainly_exposed_nothing_is_tried_again_by_default() -> None:
    class Shy(Microscope):
        failures = 2

        def scan(self, step: ScanStep) -> ScanFrame:
            if step.order == 2 and self.failures:
                self.failures -= 1
                raise InstrumentError("not ready", nothing_exposed=True)
            return super().scan(step)

    survey = survey_of(Shy())
    assert len(survey.run()) == 3
    assert [fault.action for fault in survey.faults] == [Action.RETRY] * 2
    worse = Shy()
    worse.failures = 3
    with pytest.raises(InstrumentError, match="not ready"):
        survey_of(worse).run()


@pytest.mark.parametrize(("doses", "expected"), [(1.5, 1), (2.5, 2), (3.5, 3)])
def test_no_retry_passes_the_dose_limit(doses: float, expected: int) -> None:
    controller = Faulty(Microscope(), "nan", times=9)
    survey = Survey(
        plan(3, max_doses=doses), controller, policy=FaultPolicy.parse(["nan=retry-exposed:9:skip"]), watchdog=QUICK
    )
    survey.run()
    assert controller.exposed[2] == expected
    assert survey.faults[-1].action is Action.SKIP
    assert "more than the limit" in survey.faults[-1].words


def test_a_pause_that_nobody_can_end_ends_the_run() -> None:
    controller = Faulty(Microscope(), "mismatch")
    with pytest.raises(InstrumentError, match=r"step 2, mismatch: .*the run was ended; .*--resume"):
        survey_of(controller).run()


def test_too_many_skips_in_a_row_are_no_fault_of_the_steps() -> None:
    class Blind(Microscope):
        def scan(self, step: ScanStep) -> ScanFrame:
            return dataclasses.replace(super().scan(step), values=np.full((step.rows, step.cols), np.nan, np.float32))

    survey = Survey(plan(4), Blind(), watchdog=QUICK)
    with pytest.raises(InstrumentError, match="step 4, nan"):
        survey.run()
    assert [fault.action for fault in survey.faults] == [Action.SKIP] * 3 + [Action.ABORT]


def test_a_strategy_is_told_of_a_skipped_step() -> None:
    steps, told = plan(3).steps, []

    def strategy() -> Any:
        for step in steps:
            try:
                told.append((yield step).step.order)
            except StepSkipped:
                told.append(-step.order)

    Runner(Faulty(Microscope(), "empty"), watchdog=QUICK).run(strategy())
    assert told == [1, -2, 3]
    with pytest.raises(StepSkipped):
        Runner(Faulty(Microscope(), "empty"), watchdog=QUICK).run(step for step in steps)


def test_a_full_disk_before_a_step_exposes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, left = TileFolder.announce, [1]

    def announce(self: TileFolder, sent: dict[str, Any], order: int, attempt: int) -> None:
        if order == 2 and left[0]:
            left[0] -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(self, sent, order, attempt)

    monkeypatch.setattr(TileFolder, "announce", announce)
    controller = Faulty(Microscope(), "disk")
    survey = survey_of(controller, "disk=retry", directory=tmp_path)
    assert len(survey.run()) == 3
    assert controller.exposed[2] == 1


def test_a_tile_whose_line_could_not_be_written_is_not_written_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepscan_core.acquisition.journal import Journal

    original, left = Journal.append, [1]

    def append(self: Journal, entry: dict[str, Any]) -> None:
        if entry["event"] == "step" and entry["order"] == 2 and left[0]:
            left[0] -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(self, entry)

    monkeypatch.setattr(Journal, "append", append)
    survey = survey_of(Microscope(), "disk=retry", directory=tmp_path)
    assert len(survey.run()) == 3
    assert sorted(p.name for p in (tmp_path / "tiles").glob("*.npy")) == [f"{n:04d}.npy" for n in (1, 2, 3)]
    assert not list((tmp_path / "tiles").glob("*.attempt-*"))


def test_what_somebody_changed_between_steps_is_put_back(tmp_path: Path) -> None:
    controller = Faulty(Microscope(), "none")

    def meddle(frame: ScanFrame) -> None:
        if frame.step is not None and frame.step.order == 1:
            controller.dial = 9.0

    survey = survey_of(controller, "changed=retry", directory=tmp_path, on_frame=meddle)
    assert len(survey.run()) == 3
    (fault,) = survey.faults
    assert (fault.order, fault.nothing_exposed) == (2, True)
    assert "dial is 9.0 and was 3.5" in fault.words
    assert controller.exposed == {1: 1, 2: 1, 3: 1}
    assert controller.dial == 3.5


def test_beam_and_view_are_as_before_also_when_the_instrument_was_put_back() -> None:
    controller = Faulty(Microscope(), "changed")
    before = controller.parameters()
    survey_of(controller, "changed=retry-exposed", beam_as_before=True).run()
    assert controller.parameters() == before


class Hanging(Microscope):
    """Does not even answer an abort."""

    def __init__(self, *, everything: bool = False) -> None:
        super().__init__()
        self.released, self._everything, self._is_stuck = threading.Event(), everything, False

    def scan(self, step: ScanStep) -> ScanFrame:
        if step.order == 2:
            self._is_stuck = True
            self.released.wait(30)
        return super().scan(step)

    def abort(self) -> None:
        self.released.wait(30)

    def restore(self, *, beam: bool = False) -> None:
        if self._everything and self._is_stuck:
            self.released.wait(30)
        super().restore(beam=beam)


@pytest.mark.parametrize("everything", [False, True])
def test_the_run_does_not_wait_for_an_instrument_that_hangs(everything: bool) -> None:
    controller = Hanging(everything=everything)
    watchdog = Watchdog(factor=1.0, slack_s=0.1, grace_s=0.2, call_s=0.3)
    survey = Survey(plan(3), controller, watchdog=watchdog, policy=FaultPolicy.parse(["time-out=retry-exposed"]))
    start_s = time.monotonic()
    with pytest.raises(InstrumentError, match=r"did not stop within 0\.2 s of an abort") as caught:
        survey.run()
    assert time.monotonic() - start_s < 5
    assert ("could not be put back" in str(caught.value)) is everything
    assert isinstance(caught.value, TimedOut) is not everything
    assert controller.beam == "blanked"
    controller.released.set()


def test_the_watchdog_aborts_within_a_line() -> None:
    """A frame of some minutes, on an instrument that is slower than predicted."""

    class Slow(Microscope):
        def _line(self, seconds: float) -> None:
            if self._order:
                time.sleep(0.02)

    controller = Slow()
    step = dataclasses.replace(plan(1).steps[0], rows=4096, cols=40)
    watchdog = Watchdog(factor=1.0, slack_s=0.01, grace_s=5.0)
    start_s = time.monotonic()
    with pytest.raises(TimedOut, match=r"took longer than .* and was aborted"):
        Runner(controller, watchdog=watchdog).run(follow([step]))
    assert time.monotonic() - start_s < watchdog.limit_s(step) + 0.5
    assert controller.beam == "blanked"


def test_an_abort_from_any_thread_still_stops_a_watched_step() -> None:
    class Slow(Microscope):
        def _line(self, seconds: float) -> None:
            if self._order:
                time.sleep(0.02)

    runner = Runner(Slow())
    ended: list[BaseException] = []

    def work() -> None:
        try:
            runner.run(follow([dataclasses.replace(plan(1).steps[0], rows=8192)]))
        except RunAborted as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: runner.status.step is not None)
    time.sleep(0.05)
    start_s = time.monotonic()
    runner.abort()
    thread.join(10)
    assert ended
    assert time.monotonic() - start_s < 0.25
    assert runner.status.state is RunState.ABORTED


def frame(values: np.ndarray, **changes: Any) -> tuple[ScanFrame, ScanStep]:
    step = dataclasses.replace(plan(1).steps[0], rows=values.shape[0], cols=values.shape[1])
    made = ScanFrame(
        values=values,
        channel="HAADF",
        context=Microscope().context(),
        step=step,
        dwell_time_us=step.dwell_time_us,
    )
    return dataclasses.replace(made, **changes), step


def found_in(inspector: FrameInspector, values: np.ndarray, **changes: Any) -> FaultKind | None:
    made, step = frame(values, **changes)
    try:
        inspector.inspect(made, step)
    except FaultFound as error:
        return error.kind
    return None


@pytest.mark.parametrize("scale", [0.01, 1.0, 300.0])
def test_dark_and_saturated_are_judged_by_the_preview_whatever_its_unit(scale: float) -> None:
    rng = np.random.default_rng(5)
    structure = 20 + 15 * np.sin(np.arange(128) / 9)
    preview = scale * rng.poisson(structure, (128, 128))
    dwell_us = plan(1).steps[0].dwell_time_us
    brightness = Brightness.of(preview, place_px=20, dwell_time_us=dwell_us)
    inspector = FrameInspector(plan(1).context, brightness)
    for expected in (structure.min(), structure.mean(), structure.max()):
        assert found_in(inspector, scale * rng.poisson(expected, (40, 40))) is None
    lost = scale * rng.normal(0.5, 0.1, (40, 40))
    assert found_in(inspector, lost) is FaultKind.DARK
    bright = scale * rng.poisson(60, (40, 40))
    assert found_in(inspector, bright) is None
    assert found_in(inspector, np.minimum(bright, scale * 62)) is FaultKind.SATURATED


def test_no_dark_frame_is_told_of_a_specimen_with_holes() -> None:
    rng = np.random.default_rng(6)
    level = np.where(np.arange(128) < 40, 0.0, 30.0)
    brightness = Brightness.of(rng.poisson(level, (128, 128)), place_px=20, dwell_time_us=None)
    assert found_in(FrameInspector(plan(1).context, brightness), np.zeros((40, 40))) is None


def test_few_counts_do_not_pile_up() -> None:
    rng = np.random.default_rng(7)
    for mean in (0.01, 0.3, 1.0, 5.0, 200.0):
        assert pile_up(rng.poisson(mean, (64, 64))) == 0
    assert pile_up(np.minimum(rng.poisson(200, (64, 64)), 200)) > 0.4


def test_a_place_that_is_half_a_sample_off_is_right_and_a_whole_one_is_not() -> None:
    _, step = frame(np.ones((40, 40)))
    pitch_nm = step.size_nm[0] / 40
    values = np.random.default_rng(1).poisson(9, (40, 40))
    inspector = FrameInspector(plan(1).context)
    grid = step.in_context()
    for samples, expected in ((0.4, None), (1.1, FaultKind.MISMATCH)):
        there = dataclasses.replace(grid, center_x_nm=grid.center_x_nm + samples * pitch_nm)
        assert found_in(inspector, values, scanned=there) is expected
    turned = dataclasses.replace(grid, ccw_rad=0.1)
    assert found_in(inspector, values, scanned=turned) is FaultKind.MISMATCH
    context = dataclasses.replace(Microscope().context(), fov_x_nm=17.0)
    assert found_in(inspector, values, context=context) is FaultKind.MISMATCH


@pytest.mark.parametrize(
    ("text", "reaction"),
    [
        ("skip", Reaction(action=Action.SKIP)),
        ("retry", Reaction(action=Action.RETRY, times=2, then=Action.ABORT)),
        ("retry:5", Reaction(action=Action.RETRY, times=5)),
        ("retry-exposed:1:pause", Reaction(action=Action.RETRY, times=1, repeat_exposed=True, then=Action.PAUSE)),
    ],
)
def test_reactions_are_read(text: str, reaction: Reaction) -> None:
    assert Reaction.parse(text) == reaction
    assert FaultPolicy.parse([f"dark={text}"]).reactions[FaultKind.DARK] == reaction


@pytest.mark.parametrize(
    "text",
    [
        "dark", "dark=", "dark=hope", "night=skip", "dark=skip:2", "dark=retry:0", "dark=retry:x", "dark=retry:1:retry",
        "dark=retry:1:skip:3", "dark=retry:1000",
    ],
)  # fmt: skip
def test_reactions_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        FaultPolicy.parse([text])
    with pytest.raises(InputError, match="twice"):
        FaultPolicy.parse(["dark=skip", "dark=abort"])


def test_outcomes_are_no_faults() -> None:
    for error in (RunAborted("x"), ProtocolError("x"), KeyboardInterrupt()):
        assert fault_of(error, 1) is None
    assert fault_of(ValueError(""), 4).words == "ValueError"  # type: ignore[union-attr]
