"""Runs that were interrupted go on, from the panel."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepscan_core.acquisition.strategy_names import STRATEGIES
from deepscan_core.records.protocol import ScanProtocol
from nionswift_plugin.deepscan.drawing.annotations import State, states
from nionswift_plugin.deepscan.running import kept_runs
from nionswift_plugin.deepscan.view import Phase
from tests.plugin.driving import attach, finish_run, plan, run
from tests.plugin.test_run import Recording, state_of


@pytest.fixture
def runs(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where runs are kept; the project of the tests is in memory."""
    folder = tmp_path_factory.mktemp("project") / kept_runs.FOLDER
    monkeypatch.setattr(kept_runs, "folder_beside", lambda document_model: folder)
    return folder


def planned(swift: Any, **fields: str) -> Any:
    live = attach(swift)
    for name, text in {"amount": "20", "region": "16", "dwell": "20", **fields}.items():
        getattr(swift.handler, name).value = text
    plan(swift)
    assert len(swift.handler.session.protocol.steps) >= 4
    return live


def interrupt(swift: Any, frames: int = 2) -> None:
    """Abort after some frames."""
    run(swift)
    session = swift.handler.session
    swift.wait_for(lambda: len(session.tile_group.data_items) >= frames, "the first frames")
    assert not session.runs.interrupted(), "a run that goes on is offered to nobody"
    swift.handler.abort()
    finish_run(swift)
    assert "Aborted after" in swift.handler.status.value


def resume(swift: Any) -> None:
    swift.handler.resume_run()
    swift.wait_for(lambda: swift.handler.session.view.phase is not Phase.PLANNING, "the question")
    assert swift.handler.may_confirm.value, swift.handler.status.value


def test_a_run_that_was_aborted_goes_on_where_it_was(
    swift: Any, crystal: Any, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = planned(swift)
    protocol, before = swift.handler.session.protocol, state_of(swift)
    interrupt(swift)
    recorded = len(swift.handler._runs[0].recorded)
    assert 2 <= recorded < len(protocol.steps)
    assert f"{recorded} of {len(protocol.steps)}" in swift.handler.runs.value[0]
    plan(swift)  # another plan is in the way
    resume(swift)
    assert swift.handler.session.protocol.to_json() == protocol.to_json()
    assert f"which has {recorded} frames" in swift.handler.status.value
    recording = Recording(swift, monkeypatch)
    swift.handler.confirm()
    swift.wait_for(lambda: swift.handler.session.view.phase is Phase.RUNNING, "the run")
    assert list(states(swift.display(live)).values()).count(State.VISITED) >= recorded
    finish_run(swift)
    session = swift.handler.session
    assert len(recording.scans) == len(protocol.steps) - recorded - _lost(swift)
    assert session.tile_group.orders == {step.order for step in protocol.steps} - _left_out(swift)
    assert state_of(swift) == before


def _left_out(swift: Any) -> set[int]:
    return {one.order for one in swift.handler.session.runs.visit._survey.left_out}


def _lost(swift: Any) -> int:
    """Steps that were cut off by the abort: they were exposed, and are not exposed again without consent."""
    return len(_left_out(swift))


def test_a_step_that_was_cut_off_is_exposed_again_with_consent_alone(swift: Any, crystal: Any, runs: Path) -> None:
    planned(swift)
    count = len(swift.handler.session.protocol.steps)
    interrupt(swift)
    resume(swift)
    swift.handler.confirm()
    finish_run(swift)
    lost = _lost(swift)
    if lost:
        assert "tick “Expose again" in swift.handler.log.value
        assert "--repeat" not in swift.handler.log.value
        swift.handler.repeat_exposed.value = True
        resume(swift)
        swift.handler.confirm()
        finish_run(swift)
    assert len(swift.handler.session.tile_group.orders) == count
    assert swift.handler.runs.value == ["no interrupted run"]
    swift.handler.resume_run()
    assert "nothing to resume" in swift.handler.status.value


def test_after_a_restart_the_panel_offers_the_run(swift: Any, crystal: Any, runs: Path) -> None:
    """As after a crash: the session knows nothing, the folder does."""
    planned(swift)
    protocol = swift.handler.session.protocol
    interrupt(swift)
    other = swift.open_window()
    try:
        assert other.handler.session.desk.plan is None
        other.handler.attach()
        resume(other)
        assert other.handler.session.protocol.to_json() == protocol.to_json()
        other.handler.decline()
        assert other.handler.session.view.phase is Phase.PLANNED
        assert other.handler.runs.value[0] == swift.handler.runs.value[0]
    finally:
        other.window.request_close()


def test_changed_settings_want_an_answer(swift: Any, crystal: Any, runs: Path) -> None:
    planned(swift)
    interrupt(swift)
    folder = swift.handler._runs[0].folder
    lines = (folder / kept_runs.JOURNAL).read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if '"restored"' not in line]  # as if Swift had crashed, with another setting since
    (folder / kept_runs.JOURNAL).write_text("\n".join(kept) + "\n", encoding="utf-8")
    swift.scan.stop_playing()
    swift.wait_for(lambda: not swift.scan.is_playing, "the end of the view")
    resume(swift)
    swift.handler.confirm()
    finish_run(swift)
    said = swift.handler.log.value
    assert "--" not in said.replace("---", "")
    if "choose “Put back” or “Keep”" in said:
        swift.handler.restore.value = 2
        resume(swift)
        swift.handler.confirm()
        finish_run(swift)
    assert "Done:" in swift.handler.status.value


def test_a_strategy_goes_on_too(swift: Any, crystal: Any, runs: Path) -> None:
    planned(swift)
    swift.handler.strategy.value = STRATEGIES.index("refine")
    interrupt(swift)
    resume(swift)
    swift.handler.confirm()
    finish_run(swift)
    assert "Done:" in swift.handler.status.value


def test_what_is_kept_gives_the_plan_back(swift: Any, crystal: Any, runs: Path) -> None:
    planned(swift)
    session = swift.handler.session
    before, form = session.desk.plan, session.form
    interrupt(swift)
    found, kept_form = kept_runs.plan_of(kept_runs.interrupted(runs, kept_runs.name_of(swift.library))[0])
    assert found.protocol.to_json() == before.protocol.to_json()
    assert np.array_equal(found.image.array, before.image.array)
    assert np.array_equal(found.score_map.values, before.score_map.values)
    assert [region.center_px for region in found.regions] == [region.center_px for region in before.regions]
    assert kept_form == form
    assert found.question == before.question
    assert ScanProtocol.from_file(runs / next(runs.iterdir()).name / kept_runs.PROTOCOL).steps == before.protocol.steps


def test_a_damaged_folder_is_said_in_words(swift: Any, crystal: Any, runs: Path) -> None:
    planned(swift)
    interrupt(swift)
    (swift.handler._runs[0].folder / kept_runs.MAP).write_bytes(b"no array")
    swift.handler.resume_run()
    swift.wait_for(lambda: swift.handler.session.view.phase is not Phase.PLANNING, "the words")
    assert "is damaged: what was recorded lies in its folder tiles" in swift.handler.status.value


def test_a_run_that_is_refused_leaves_no_folder(swift: Any, crystal: Any, runs: Path) -> None:
    planned(swift)
    swift.handler.run()
    assert swift.handler.may_confirm.value, swift.handler.status.value
    swift.set_scan(rotation_rad=0.3)
    swift.handler.confirm()
    finish_run(swift)
    assert "Done" not in swift.handler.status.value
    assert not runs.exists() or not list(runs.iterdir())


def test_a_run_that_is_given_up_is_offered_no_more_and_its_frames_stay(swift: Any, crystal: Any, runs: Path) -> None:
    planned(swift)
    interrupt(swift)
    kept = swift.handler._runs[0]
    swift.handler.give_up_run()
    said = f"The run of {kept.folder.name} is given up; its {len(kept.recorded)} frames stay in {kept.folder}"
    assert swift.handler.status.value.startswith(said)
    assert swift.handler.runs.value == ["no interrupted run"]
    assert len(list((kept.folder / kept_runs.TILES).glob("*.npy"))) == len(kept.recorded)
    swift.handler.give_up_run()
    assert "nothing to give up" in swift.handler.status.value


def test_a_project_is_not_offered_the_runs_of_its_neighbours(swift: Any, crystal: Any, runs: Path) -> None:
    """Swift keeps the projects of a profile in one folder."""
    planned(swift)
    interrupt(swift)
    mine = kept_runs.name_of(swift.library)
    assert len(kept_runs.interrupted(runs, mine)) == 1
    assert kept_runs.interrupted(runs, "another project") == ()


def kept(runs: Path, number: int, *, done: bool = True, begun: bool = True, age_s: float = 0.0) -> Path:
    """A folder as a run leaves it; the higher the number the older it is."""
    folder = runs / f"2026-01-01 00-00-{number:02d}"
    (folder / kept_runs.TILES).mkdir(parents=True)
    when = time.time() - age_s - number
    for name in (kept_runs.FACTS, *([kept_runs.JOURNAL] if begun else []), *([kept_runs.DONE] if done else [])):
        (folder / name).write_text("{}", encoding="utf-8")
        os.utime(folder / name, (when, when))
    return folder


def test_of_done_runs_the_latest_are_kept_and_no_other_is_removed(tmp_path: Path) -> None:
    done = [kept(tmp_path, number) for number in range(kept_runs.MOST_DONE + 3)]
    old_s = 2 * kept_runs.UNBEGUN_S
    unfinished = kept(tmp_path, 70, done=False, age_s=100 * old_s)
    begins_now, never_began = (
        kept(tmp_path, 71, done=False, begun=False),
        kept(tmp_path, 72, done=False, begun=False, age_s=old_s),
    )
    foreign = tmp_path / "somebody's notes"
    foreign.mkdir()
    with kept_runs.in_use(done[-1]):  # it goes on in another window
        assert kept_runs.tidy(tmp_path) == 2
    assert [folder.exists() for folder in done] == [True] * kept_runs.MOST_DONE + [False, False, True]
    assert (unfinished.exists(), begins_now.exists(), foreign.exists()) == (True, True, True)
    assert not never_began.exists()
    assert kept_runs.tidy(tmp_path) == 1


def test_a_run_says_what_it_removed(swift: Any, crystal: Any, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_runs, "MOST_DONE", 1)
    planned(swift, amount="10")
    for _ in range(2):
        run(swift)
        finish_run(swift)
        swift.handler.session.runs._is_confirmed = False
        assert swift.handler.status.value.startswith("Done"), swift.handler.status.value
    assert "The folder of 1 finished run beyond the 1 latest was removed" in swift.handler.log.value
    assert len(list(runs.iterdir())) == 1


def test_a_project_in_memory_keeps_nothing(swift: Any) -> None:
    assert kept_runs.folder_beside(swift.library) is None
    assert kept_runs.folder_for(None) is None
    assert kept_runs.interrupted(None, "project") == ()
