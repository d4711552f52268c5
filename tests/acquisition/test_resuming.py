"""A run that ended half way goes on without exposing anything twice."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepscan_core.acquisition.controller import BeamRest
from deepscan_core.acquisition.journal import FILE_NAME, Journal
from deepscan_core.errors import InputError, InstrumentTaken, RunAborted
from deepscan_core.records.frames import ScanFrame
from deepscan_core.survey import Survey, discard_run
from tests.acquisition.small_runs import Microscope, plan, recorded, session


def entries(directory: Path, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line)["entry"] for line in (directory / FILE_NAME).read_text().splitlines()]
    return [entry for entry in lines if entry["event"] == event]


def test_every_tile_is_kept_and_journalled(tmp_path: Path) -> None:
    protocol = plan()
    frames = Survey(protocol, Microscope(), directory=tmp_path).run()
    assert [frame.step for frame in frames] == list(protocol.steps)
    for frame in frames:
        assert frame.step is not None
        assert np.array_equal(np.load(tmp_path / f"tiles/{frame.step.order:04d}.npy"), frame.values)
    assert recorded(tmp_path) == {1, 2, 3, 4}
    names = [f"{n:04d}.{kind}" for n in (1, 2, 3, 4) for kind in ("npy", "sent-1")]
    assert sorted(p.name for p in (tmp_path / "tiles").iterdir()) == names


def test_a_journal_tells_what_was_sent_and_what_came_back(tmp_path: Path) -> None:
    protocol = plan(1)
    (frame,) = Survey(protocol, Microscope(), directory=tmp_path).run()
    (start,), (sent,), (step,) = (entries(tmp_path, event) for event in ("start", "exposing", "step"))
    assert start["parameters"] == {"beam": "on sample", "viewing": True}
    assert sent["sent"] == dataclasses.asdict(protocol.steps[0])
    assert (step["read"]["rows"], step["read"]["cols"]) == frame.values.shape
    assert step["read"]["dwell_time_us"] == frame.dwell_time_us
    assert step["read"]["context"]["fov_y_nm"] == 16
    assert step["total_electrons"] == frame.total_electrons
    assert step["tile"]["bytes"] == (tmp_path / "tiles/0001.npy").stat().st_size
    order = [json.loads(line)["entry"]["event"] for line in (tmp_path / FILE_NAME).read_text().splitlines()]
    assert order == ["start", "exposing", "step", "restored", "end"]


def test_a_step_is_announced_on_disk_before_it_is_exposed(tmp_path: Path) -> None:
    seen = []

    class Looking(Microscope):
        def scan(self, step: Any) -> ScanFrame:
            seen.append((entries(tmp_path, "exposing")[-1]["order"], sorted(p.name for p in tmp_path.glob("tiles/*"))))
            return super().scan(step)

    Survey(plan(2), Looking(), directory=tmp_path).run()
    first, second = ["0001.attempt-1", "0001.sent-1"], ["0001.npy", "0001.sent-1", "0002.attempt-1", "0002.sent-1"]
    assert seen == [(1, first), (2, second)]


def test_an_aborted_run_is_resumed_without_a_second_exposure(tmp_path: Path) -> None:
    protocol, microscope = plan(), Microscope()

    def stop_after_two(frame: ScanFrame) -> None:
        if frame.step is not None and frame.step.order == 2:
            survey.abort()

    survey = Survey(protocol, microscope, directory=tmp_path, on_frame=stop_after_two)
    with pytest.raises(RunAborted):
        survey.run()
    assert [entry["state"] for entry in entries(tmp_path, "end")] == ["aborted"]
    frames = Survey(protocol, Microscope(microscope), directory=tmp_path, resume=True).run()
    assert [frame.step for frame in frames] == list(protocol.steps)
    assert microscope.exposed == {1: 1, 2: 1, 3: 1, 4: 1}


@pytest.mark.parametrize(("kind", "event"), [("abort", "interrupted"), ("fail", "failed")])
def test_a_step_that_may_have_exposed_is_not_repeated_without_consent(tmp_path: Path, kind: str, event: str) -> None:
    protocol, microscope = plan(), Microscope(stop_at=2, kind=kind)
    session(protocol, tmp_path, microscope)
    assert [entry["order"] for entry in entries(tmp_path, event)] == [2]
    survey = session(protocol, tmp_path, Microscope(microscope), resume=True)
    assert [frame.step.order for frame in survey.frames if frame.step is not None] == [1, 3, 4]
    assert [one.order for one in survey.left_out] == [2]
    assert event in survey.notes[0]
    assert "--repeat-exposed" in survey.notes[0]
    assert microscope.exposed == {1: 1, 2: 1, 3: 1, 4: 1}
    survey = session(protocol, tmp_path, Microscope(microscope), resume=True, repeat_exposed=True)
    assert (survey.left_out, survey.notes) == ((), ())
    assert microscope.exposed[2] == 2
    assert recorded(tmp_path) == {1, 2, 3, 4}


def test_what_certainly_exposed_nothing_is_simply_done_later(tmp_path: Path) -> None:
    protocol, microscope = plan(), Microscope(stop_at=3, kind="taken")
    session(protocol, tmp_path, microscope)
    assert [entry["order"] for entry in entries(tmp_path, "not exposed")] == [3]
    survey = session(protocol, tmp_path, Microscope(microscope), resume=True)
    assert survey.left_out == ()
    assert microscope.exposed == {1: 1, 2: 1, 3: 1, 4: 1}


@pytest.mark.parametrize("damage", ["remove", "change", "shorten"])
def test_a_tile_that_is_not_what_was_recorded_is_told_and_not_repeated(tmp_path: Path, damage: str) -> None:
    protocol, microscope = plan(), Microscope()
    session(protocol, tmp_path, microscope)
    tile = tmp_path / "tiles/0003.npy"
    content = tile.read_bytes()
    if damage == "remove":
        tile.unlink()
    else:
        tile.write_bytes(content[:-1] + b"\1" if damage == "change" else content[:200])
    survey = session(protocol, tmp_path, Microscope(microscope), resume=True)
    assert [one.order for one in survey.left_out] == [3]
    assert "tiles/0003.npy is " + ("missing" if damage == "remove" else "damaged") in survey.notes[0]
    assert microscope.exposed[3] == 1
    session(protocol, tmp_path, Microscope(microscope), resume=True, repeat_exposed=True)
    assert microscope.exposed == {1: 1, 2: 1, 3: 2, 4: 1}
    if damage != "remove":  # what was there is kept beside the new one
        assert (tmp_path / "tiles/0003.set-aside-1").exists()
    tile.write_bytes(tile.read_bytes())
    assert not session(protocol, tmp_path, Microscope(microscope), resume=True).left_out


def test_a_repeat_that_would_pass_the_dose_limit_is_refused_even_with_consent(tmp_path: Path) -> None:
    protocol = plan(3, max_doses=1.5)
    microscope = Microscope(stop_at=2)
    session(protocol, tmp_path, microscope)
    survey = session(protocol, tmp_path, Microscope(microscope), resume=True, repeat_exposed=True)
    assert [one.order for one in survey.left_out] == [2]
    assert "more than the limit" in survey.notes[0]
    assert microscope.exposed == {1: 1, 2: 1, 3: 1}
    # the limit may be wider, and is then reached by the second repeat
    wide, directory, microscope = plan(3, max_doses=2.5), tmp_path / "wide", Microscope(stop_at=2)
    session(wide, directory, microscope)
    for expected in (2, 2):
        session(wide, directory, Microscope(microscope, stop_at=2), resume=True, repeat_exposed=True)
        assert microscope.exposed[2] == expected


def test_a_view_started_in_a_step_does_not_lead_past_the_dose_limit() -> None:
    """Without a journal, too: the panel's Resume repeats the step only where the limit leaves room."""

    class Spoilt(Microscope):
        def scan(self, step: Any) -> ScanFrame:
            super().scan(step)
            survey.resume()
            raise InstrumentTaken("somebody started the view during the step")

    microscope = Spoilt()
    survey = Survey(
        plan(1, max_doses=2.5),
        microscope,
        wait_if_taken=True,
        on_status=lambda status: survey.resume() if status.reason else None,
    )
    assert not survey.run()
    assert microscope.exposed == {1: 2}
    assert "more than the limit" in survey.left_out[0].reason


def test_parameters_of_a_run_that_crashed_are_restored_kept_or_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol = plan(2)
    before = {"beam": "parked (0.25, 0.5)", "viewing": True}

    def crashed(directory: Path) -> Microscope:
        microscope = Microscope()
        microscope.restore_parameters(before)
        session(protocol, directory, microscope)
        path = directory / FILE_NAME
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))  # up to the tile of step 1
        (directory / "tiles/0002.npy").unlink()
        microscope.restore_parameters({"beam": "on sample", "viewing": False})
        return microscope

    microscope = crashed(tmp_path / "asked")
    with pytest.raises(InputError, match=r"beam is \"on sample\" and was .*--restore-parameters .*--keep-parameters"):
        Survey(protocol, microscope, directory=tmp_path / "asked", resume=True).run()
    assert microscope.parameters() == {"beam": "on sample", "viewing": False}
    assert microscope.exposed == {1: 1, 2: 1}
    written = []
    restore, rest = microscope.restore_parameters, microscope.rest

    def writing(parameters: Mapping[str, Any]) -> None:
        written.append(dict(parameters))
        restore(parameters)

    def resting(where: BeamRest) -> None:
        assert not any("beam" in parameters for parameters in written)  # an open beam would wait for the run to begin
        rest(where)

    with monkeypatch.context() as patch:
        patch.setattr(microscope, "restore_parameters", writing)
        patch.setattr(microscope, "rest", resting)
        Survey(protocol, microscope, directory=tmp_path / "asked", resume=True, restore_parameters=True).run()
    assert written[-1] == before
    assert microscope.parameters() == before
    microscope = crashed(tmp_path / "kept")
    Survey(protocol, microscope, directory=tmp_path / "kept", resume=True, restore_parameters=False).run()
    assert microscope.parameters() == {"beam": "blanked", "viewing": False}
    Survey(protocol, microscope, directory=tmp_path / "kept", resume=True).run()  # restored by the session before


def test_a_journal_is_never_mixed_up(tmp_path: Path) -> None:
    protocol = plan(2)
    with pytest.raises(InputError, match="nothing to resume"):
        Journal.resume(tmp_path)
    session(protocol, tmp_path, Microscope())
    with pytest.raises(InputError, match="--resume"):
        Survey(protocol, Microscope(), directory=tmp_path).run()
    with pytest.raises(InputError, match="another protocol"):
        Survey(plan(1), Microscope(), directory=tmp_path, resume=True).run()
    other = Microscope()
    other.name = "another microscope"
    with pytest.raises(InputError, match="was started on 'simulated microscope"):
        Survey(protocol, other, directory=tmp_path, resume=True).run()
    assert not other.exposed
    for options in ({"repeat_exposed": True}, {"restore_parameters": False}):
        with pytest.raises(InputError, match="add --resume"):
            Survey(protocol, other, directory=tmp_path, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\x80\x04K\x01.", b"[" * 100_000])
def test_a_journal_without_a_beginning_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    microscope = Microscope()
    with pytest.raises(InputError, match="has no beginning") as caught:
        Survey(plan(1), microscope, directory=tmp_path, resume=True).run()
    assert "\n" not in str(caught.value)
    assert (tmp_path / FILE_NAME).read_bytes() == content
    assert not microscope.exposed


def test_tiles_without_their_journal_are_not_exposed_anew(tmp_path: Path) -> None:
    protocol, microscope = plan(2), Microscope()
    session(protocol, tmp_path, microscope)
    (tmp_path / FILE_NAME).unlink()
    with pytest.raises(InputError, match="without its journal"):
        Survey(protocol, Microscope(microscope), directory=tmp_path).run()
    assert microscope.exposed == {1: 1, 2: 1}
    discard_run(tmp_path)
    session(protocol, tmp_path, Microscope(microscope))
    assert microscope.exposed == {1: 2, 2: 2}


def test_two_runs_in_one_directory_do_not_both_expose(tmp_path: Path) -> None:
    protocol, microscope = plan(), Microscope(stop_at=3, kind="taken")
    session(protocol, tmp_path, microscope)
    second: list[Survey] = []

    class Overtaken(Microscope):
        def scan(self, step: Any) -> ScanFrame:
            if not second:
                second.append(
                    session(protocol, tmp_path, Microscope(microscope), resume=True, restore_parameters=False)
                )
            return super().scan(step)

    with pytest.raises(InputError, match="changed by another program"):
        Survey(protocol, Overtaken(microscope), directory=tmp_path, resume=True).run()
    assert microscope.exposed[4] == 1
    assert recorded(tmp_path) >= {1, 2, 4}


def test_a_line_that_could_not_be_flushed_is_replaced_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session(plan(1), tmp_path, Microscope())
    journal, before = Journal.resume(tmp_path), (tmp_path / FILE_NAME).read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    long, short = ({"event": "end", "at": "", "state": "failed", "reason": text} for text in ("why " * 100, ""))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            journal.append(long)
    journal.append(short)
    again = Journal.resume(tmp_path)
    assert again.set_aside is None
    assert (tmp_path / FILE_NAME).read_bytes().startswith(before)
    assert entries(tmp_path, "end")[-1] == short
    assert len(entries(tmp_path, "end")) == 2


@pytest.mark.parametrize("first", range(1, 26))
def test_a_disk_that_is_full_for_a_while_leaves_a_journal_that_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    protocol, microscope = plan(), Microscope()
    fsync, calls = os.fsync, []

    def full_for_a_while(descriptor: int) -> None:
        calls.append(descriptor)
        if first <= len(calls) < first + 2:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patch, contextlib.suppress(OSError):
        patch.setattr(os, "fsync", full_for_a_while)
        Survey(protocol, microscope, directory=tmp_path).run()
    assert len(calls) >= first
    exposed = dict(microscope.exposed)
    resume = {"resume": True, "restore_parameters": False} if (tmp_path / FILE_NAME).exists() else {}
    survey = Survey(protocol, Microscope(microscope), directory=tmp_path, **resume)  # type: ignore[arg-type]
    survey.run()
    assert all(microscope.exposed[order] == count for order, count in exposed.items())
    left_out = {one.order for one in survey.left_out}
    assert recorded(tmp_path) | left_out == {1, 2, 3, 4}
    assert not recorded(tmp_path) & left_out
