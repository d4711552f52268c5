"""Runs that decide as they go: journalled, resumed without loss or second exposure, and never beyond a limit."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from deepscan_core.acquisition.books import DRIFT
from deepscan_core.acquisition.deciding import Decider, Tools
from deepscan_core.acquisition.journal import FILE_NAME, read_lines
from deepscan_core.acquisition.strategies import Strategy, follow
from deepscan_core.errors import DriftLost, InputError, InstrumentError
from deepscan_core.records.protocol import ScanLimits, ScanStep
from deepscan_core.survey import Survey
from tests.acquisition.deciders import NAMES, candidates, decider, drifting, numbered, overview
from tests.acquisition.small_runs import CONTEXT, KINDS, Microscope, plan, recorded
from tests.acquisition.test_any_damage import damaged

PROTOCOL = plan(0)


def run(directory: Path | None, microscope: Microscope, which: Decider, **options: Any) -> Survey:
    survey = Survey(PROTOCOL, microscope, strategy=which, directory=directory, **options)
    with contextlib.suppress(InstrumentError):
        survey.run()
    return survey


def places(survey: Survey) -> list[tuple[float, ...]]:
    """What was recorded, whatever its number."""
    steps = [frame.step for frame in survey.frames if frame.step is not None]
    return [(*step.center_nm, *step.size_nm, step.rows, step.dwell_time_us) for step in steps]


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_was_stopped_anywhere_goes_on_with_its_strategy(name: str, tmp_path: Path) -> None:
    """The noise goes on too, so that a run in two parts must be exactly the run in one part."""
    whole = run(tmp_path / "whole", Microscope(), decider(name))
    count = len(whole.frames)
    assert count >= 3
    for stop_at in (1, 2, count):
        directory = tmp_path / f"{stop_at}"
        microscope = Microscope(stop_at=stop_at, kind="taken")
        first = run(directory, microscope, decider(name))
        assert len(first.frames) == stop_at - 1
        microscope._stop_at = None
        second = run(directory, microscope, decider(name), resume=True)
        assert places(second) == places(whole)
        assert set(microscope.exposed.values()) == {1}
        assert second.ledger.status.electrons == pytest.approx(whole.ledger.status.electrons)
        assert second.ledger.dose_map == pytest.approx(whole.ledger.dose_map)
        assert recorded(directory) == set(range(1, count + 1))


@pytest.mark.parametrize("repeat", [False, True])
def test_what_may_have_been_exposed_is_given_up_or_with_consent_repeated(tmp_path: Path, repeat: bool) -> None:
    microscope = Microscope(stop_at=2, kind="abort")
    run(tmp_path, microscope, decider("explore"))
    microscope._stop_at = None
    survey = run(tmp_path, microscope, decider("explore"), resume=True, repeat_exposed=repeat)
    assert microscope.exposed[2] == 1 + repeat
    assert [one.order for one in survey.left_out] == ([] if repeat else [2])
    assert bool(survey.notes) is not repeat
    assert len(survey.frames) == (9 if repeat else 8)


def test_a_strategy_that_decides_otherwise_still_gets_what_was_recorded(tmp_path: Path) -> None:
    """As after an update of the program: the same places in another order, under other numbers."""
    steps = [candidate.step for candidate in candidates()[:6]]

    def visiting(order: list[int]) -> Decider:
        def make(tools: Tools) -> Strategy:
            return follow(numbered([steps[k] for k in order]))

        return Decider(name="the same", make=make)

    microscope = Microscope(stop_at=4, kind="taken")
    run(tmp_path, microscope, visiting([0, 1, 2, 3, 4, 5]))
    microscope._stop_at = None
    survey = run(tmp_path, microscope, visiting([5, 2, 1, 4, 0, 3]), resume=True)
    assert sorted(places(survey)) == sorted((*s.center_nm, *s.size_nm, s.rows, s.dwell_time_us) for s in steps)
    assert sorted(frame.step.order for frame in survey.frames if frame.step is not None) == [1, 2, 3, 4, 5, 6]
    assert set(microscope.exposed.values()) == {1}


def test_another_strategy_or_plan_is_refused(tmp_path: Path) -> None:
    run(tmp_path, Microscope(), decider("explore"))
    with pytest.raises(InputError, match="was started with the strategy 'explore', not 'refine'"):
        Survey(PROTOCOL, Microscope(), strategy=decider("refine"), directory=tmp_path, resume=True).run()
    with pytest.raises(InputError, match="not 'follow'"):
        Survey(PROTOCOL, Microscope(), directory=tmp_path, resume=True).run()


def test_a_strategy_keeps_within_its_budget_by_itself(tmp_path: Path) -> None:
    limits = ScanLimits(max_time_s=0.12, max_total_electrons=3e6)
    for name in NAMES[1:]:
        survey = run(None, Microscope(), decider(name), limits=limits)
        assert survey.frames
        assert not survey.left_out  # it asked for nothing that it could not have
        status = survey.ledger.status
        assert status.time_s <= 0.12
        assert (status.electrons or 0) <= 3e6


def test_reference_frames_are_numbered_charged_and_replayed(tmp_path: Path) -> None:
    first = Microscope()
    preview = overview(first)
    whole = run(tmp_path / "whole", first, drifting("explore", preview), previews=[preview])
    assert len(whole.frames) == 4
    numbers = [frame.step.order for frame in whole.references if frame.step is not None]
    assert numbers == [-n for n in range(1, len(numbers) + 1)]
    assert len(numbers) >= 2
    charged = whole.ledger.status.by_kind[DRIFT]
    assert charged.electrons == pytest.approx(sum(f.total_electrons or 0 for f in whole.references))
    assert (tmp_path / "whole/tiles/drift-0001.npy").exists()
    for stop_at in (-2, 2, 4):
        microscope = Microscope(stop_at=stop_at, kind="taken")
        preview = overview(microscope)
        directory = tmp_path / f"{stop_at}"
        run(directory, microscope, drifting("explore", preview), previews=[preview])
        microscope._stop_at = None
        survey = run(directory, microscope, drifting("explore", preview), previews=[preview], resume=True)
        assert places(survey) == places(whole)
        assert set(microscope.exposed.values()) == {1}
        assert survey.ledger.status.electrons == pytest.approx(whole.ledger.status.electrons)


def test_a_clock_that_began_anew_does_not_run_backwards(tmp_path: Path) -> None:
    microscope = Microscope(stop_at=3, kind="taken")
    preview = overview(microscope)
    run(tmp_path, microscope, drifting("explore", preview), previews=[preview])
    later = Microscope(microscope)
    later.clock_s = 0.0
    survey = run(tmp_path, later, drifting("explore", preview), previews=[preview], resume=True)
    assert len(survey.frames) == 4
    lines = [json.loads(line)["entry"] for line in (tmp_path / FILE_NAME).read_text().splitlines()]
    clocks = [line["ledger"]["clock_s"] for line in lines if "ledger" in line]
    assert clocks == sorted(clocks)
    assert set(microscope.exposed.values()) == {1}


def test_no_reference_frame_passes_a_limit() -> None:
    microscope = Microscope()
    preview = overview(microscope)
    free = run(None, microscope, drifting("follow", preview), previews=[preview])
    before, spent = preview.total_electrons or 0.0, free.ledger.status.electrons or 0.0
    for share in (0.97, 0.7, 0.4):
        limit = before + share * (spent - before)
        other = Microscope()
        preview = overview(other)
        survey = run(
            None,
            other,
            drifting("follow", preview),
            previews=[preview],
            limits=ScanLimits(max_total_electrons=limit),
        )
        assert other.exposed_electrons <= limit
        assert len(survey.frames) + len(survey.references) < len(free.frames) + len(free.references)
        assert survey.left_out


SESSIONS = st.lists(st.tuples(st.integers(-2, 9), st.sampled_from(KINDS), st.booleans()), min_size=1, max_size=3)


@given(which=st.sampled_from([*NAMES, "drift"]), sessions=SESSIONS, data=st.data(), repeat=st.booleans())
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)
def test_any_adaptive_run_with_any_damage_is_resumed_without_loss_or_second_exposure(
    which: str, sessions: list[tuple[int, str, bool]], data: st.DataObject, repeat: bool
) -> None:
    first = Microscope()
    preview = overview(first)
    chosen = drifting("explore", preview) if which == "drift" else decider(which)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        for number, (stop_at, kind, again) in enumerate(sessions):
            resume = {"resume": True, "repeat_exposed": again, "restore_parameters": False} if number else {}
            microscope = Microscope(first, stop_at=stop_at, kind=kind)
            microscope.clock_s = first.clock_s
            with contextlib.suppress(DriftLost):
                run(directory, microscope, chosen, previews=[preview], **resume)
            first.clock_s = microscope.clock_s
        path = directory / FILE_NAME
        tiles = {tile.name: tile.read_bytes() for tile in directory.glob("tiles/*.npy")}
        exposed = dict(first.exposed)
        wrong, _ = damaged(data, path.read_bytes())
        path.write_bytes(wrong)
        standing = read_lines(wrong)
        last = Microscope(first)
        last.clock_s = first.clock_s
        options = {"previews": [preview], "resume": True, "repeat_exposed": repeat, "restore_parameters": False}
        if not standing.lines:
            with pytest.raises(InputError, match="has no beginning"):
                Survey(PROTOCOL, last, strategy=chosen, directory=directory, **options).run()
            assert dict(first.exposed) == exposed
            return
        survey = run(directory, last, chosen, **options)
        kept = {tile.read_bytes() for tile in directory.glob("tiles/*")}
        assert kept >= set(tiles.values())
        frames = {f.step.order for f in [*survey.frames, *survey.references] if f.step is not None}
        assert frames >= standing.history.recorded
        left_out = {one.order for one in survey.left_out}
        for order in first.exposed:
            times = first.exposed[order] - exposed.get(order, 0)
            if order in standing.history.recorded or (order in left_out and not repeat):
                assert times == 0
            elif exposed.get(order, 0):
                assert times <= repeat
            else:
                assert times == 1
        assert (survey.ledger.status.electrons or 0) >= float(_delivered(first)) * (1 - 1e-6)


def _delivered(microscope: Microscope) -> float:
    """What the microscope's own map of doses holds."""
    y_nm, x_nm = CONTEXT.on_specimen().mesh_nm()
    return float(microscope.dose.at(y_nm, x_nm).sum() * np.prod(CONTEXT.pixel_size_nm)) * 0.98  # of pixels at edges


@pytest.mark.parametrize("content", [b"", b"{}", b'{"event": "exposing"}', b"\xff"])
def test_an_exposure_of_which_nobody_knows_where_it_was_ends_the_run(tmp_path: Path, content: bytes) -> None:
    run(tmp_path, Microscope(stop_at=3, kind="abort"), decider("explore"))
    path = tmp_path / FILE_NAME
    lines = path.read_bytes().splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if b'"exposing"' in line and b'"order": 3' in line)
    path.write_bytes(b"".join(lines[:at]))
    (tmp_path / "tiles/0003.sent-1").write_bytes(content)
    with pytest.raises(InputError, match="step 3 was exposed, but neither they nor the journal tell where"):
        Survey(PROTOCOL, Microscope(), strategy=decider("explore"), directory=tmp_path, resume=True).run()


def test_steps_of_a_strategy_are_checked_like_those_of_a_plan() -> None:
    def make(tools: Tools) -> Strategy:
        yield ScanStep(**{**candidates()[0].step.__dict__, "center_x_nm": 90.0, "center_x_px": 400.0})

    survey = Survey(PROTOCOL, Microscope(), strategy=Decider(name="astray", make=make))
    with pytest.raises(InputError, match="outside the context"):
        survey.run()
    assert not survey.frames
