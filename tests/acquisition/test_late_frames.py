"""Frames that take longer than predicted: what is kept free for them, and what is stopped before it passes a limit."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import pytest

from deepscan_core.acquisition.books import FAILED
from deepscan_core.acquisition.runner import RunState, RunStatus
from deepscan_core.errors import InstrumentError, RunAborted
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.records.costs import ScanCosts, electrons_per_second
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanLimits, ScanStep
from deepscan_core.survey import Survey
from tests.acquisition.late import RESERVE_S, LateMicroscope
from tests.acquisition.small_runs import CONTEXT, SPECIMEN, plan

STOPS_WITHIN_S = 1.0  # on the clock of the microscope, which stands while the computer does other things


class Hanging(SimulatedController):
    """Its clock does not run ahead of real time; step 2 goes on for ever, with the beam on, until it is aborted."""

    def __init__(self, *, opens: bool = False, fails: bool = False) -> None:
        costs = ScanCosts(blanks_when_idle=not opens, reserve_s=2 * STOPS_WITHIN_S)
        super().__init__(SPECIMEN, CONTEXT, costs=costs, sleep=time.sleep)
        self._fails = fails

    def scan(self, step: ScanStep) -> ScanFrame:
        frame = super().scan(step)
        while step.order == 2:
            self._idle(0.005)
            if self._abort.is_set():
                if self._fails:
                    raise InstrumentError("the frame was cut off")
                raise RunAborted("aborted during step 2")
        return frame


@pytest.mark.parametrize("fails", [False, True])
def test_a_frame_that_does_not_end_is_stopped_before_the_limit_on_time(fails: bool, tmp_path: Path) -> None:
    controller = Hanging(fails=fails)
    states: list[RunStatus] = []
    limit_s = 2 * STOPS_WITHIN_S + 0.6
    limits = ScanLimits(max_time_s=limit_s)
    survey = Survey(plan(4), controller, directory=tmp_path, limits=limits, on_status=states.append)
    survey.run()
    assert states[-1].state is RunState.DONE
    status = survey.ledger.status
    assert status.by_kind[FAILED].time_s > STOPS_WITHIN_S
    assert status.time_s <= limit_s
    assert [frame.step.order for frame in survey.frames if frame.step is not None][:1] == [1]
    assert 2 in [one.order for one in survey.left_out]
    assert any("step 2 was not done within" in note and "it was stopped" in note for note in survey.notes)
    assert controller.beam == "blanked"
    assert '"interrupted"' in (tmp_path / "journal.jsonl").read_text()
    again = Survey(plan(4), controller, directory=tmp_path, limits=limits, resume=True)
    again.run()
    assert 2 in [one.order for one in again.left_out]


@pytest.mark.parametrize("which", ["electrons", "dose"])
def test_where_the_beam_is_open_a_late_frame_is_stopped_for_its_electrons(which: str) -> None:
    controller = Hanging(opens=True)
    protocol = plan(2)
    first = protocol.steps[0]
    rate = electrons_per_second(CONTEXT.beam_current_pa or 0)
    frame = controller.costs.frame_electrons(first.rows, first.cols, first.dwell_time_us, CONTEXT.beam_current_pa or 0)
    kept = 2 * STOPS_WITHIN_S * rate
    if which == "electrons":
        limits = ScanLimits(max_total_electrons=3 * frame + kept + 0.5 * rate)
    else:
        area_nm2 = first.size_nm[0] * first.size_nm[1]
        limits = ScanLimits(max_dose_e_per_nm2=(frame + kept + 0.5 * rate) / area_nm2)
    survey = Survey(protocol, controller, limits=limits)
    survey.run()
    status = survey.ledger.status
    assert [one.order for one in survey.left_out] == [2]
    assert status.by_kind[FAILED].electrons > STOPS_WITHIN_S * rate
    if limits.max_total_electrons is not None:
        assert (status.electrons or 0) <= limits.max_total_electrons
        assert controller.exposed_electrons <= limits.max_total_electrons
    if limits.max_dose_e_per_nm2 is not None:
        assert (status.highest_dose_e_per_nm2 or 0) <= limits.max_dose_e_per_nm2


def test_a_person_who_aborts_a_late_frame_ends_the_run() -> None:
    controller = Hanging()

    def on_status(status: RunStatus) -> None:
        if status.step is not None and status.step.order == 2:
            survey.abort()

    survey = Survey(plan(4), controller, limits=ScanLimits(max_time_s=30), on_status=on_status)
    with pytest.raises(RunAborted):
        survey.run()
    assert len(survey.frames) == 1


def test_the_most_a_frame_was_late_is_kept_free_and_a_resumed_run_knows_it(tmp_path: Path) -> None:
    class Later(LateMicroscope):
        def scan(self, step: ScanStep) -> Any:
            frame = super().scan(step)
            self.clock_s += 0.05
            return dataclasses.replace(frame, duration_s=self.clock_s - frame.started_s)

    controller = Later(3, opens=False)
    survey = Survey(plan(4), controller, directory=tmp_path, limits=ScanLimits(max_time_s=10))
    assert survey.ledger.remaining().time_s == pytest.approx(10 - RESERVE_S)
    controller.stops_at = {3}
    with pytest.raises(RunAborted):
        survey.run()
    kept_s = 10 - survey.ledger.status.time_s - survey.ledger.remaining().time_s
    assert 0.05 <= kept_s <= 0.05 + RESERVE_S
    again = Survey(plan(4), controller, directory=tmp_path, limits=ScanLimits(max_time_s=10), resume=True)
    again.run()
    assert 10 - again.ledger.status.time_s - again.ledger.remaining().time_s >= kept_s - 1e-9
    assert '"late_s": 0.05' in (tmp_path / "journal.jsonl").read_text()


def test_a_plan_that_fills_its_limit_on_paper_is_not_refused_for_what_is_kept_free() -> None:
    protocol = plan(4)
    controller = LateMicroscope(0, opens=False)
    limits = ScanLimits(max_time_s=protocol.predicted_time_s * (1 + 1e-9))
    survey = Survey(protocol, controller, limits=limits)
    assert not survey.violations()
    survey.run()
    assert survey.ledger.status.time_s <= (limits.max_time_s or 0)
    assert 1 <= len(survey.frames) < 4
    assert [one.order for one in survey.left_out] == list(range(len(survey.frames) + 1, 5))
