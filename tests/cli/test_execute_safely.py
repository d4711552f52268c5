"""``execute`` with faults, with an envelope, and with microscopes that are not there."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from deepscan_core.cli import instruments, main
from deepscan_core.errors import InstrumentError
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.records.protocol import ScanProtocol
from tests.acquisition.faulty import Recorder
from tests.cli.test_execute_and_others import protocol
from tests.cli.test_run import refused

__all__ = ["protocol"]  # the fixture


@pytest.fixture
def nan_at_2(monkeypatch: pytest.MonkeyPatch) -> None:
    original = SimulatedController.scan

    def scan(self: SimulatedController, step: Any) -> Any:
        frame = original(self, step)
        if step.order == 2:
            frame.values[0, 0] = np.nan
        return frame

    monkeypatch.setattr(SimulatedController, "scan", scan)


@pytest.mark.usefixtures("nan_at_2")
def test_what_happened_is_told_everywhere(protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    capsys.readouterr()
    assert main(["execute", str(protocol), "--out", str(out), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    (fault,) = facts["faults"]
    assert (fault["order"], fault["kind"], fault["action"]) == (2, "nan", "skip")
    assert facts["notes"] == ["step 2, nan: 1 of 1600 samples are no numbers: it was skipped"]
    run = json.loads((out / "run.json").read_text())
    assert run["parameters"]["faults"] == facts["faults"]
    assert "1 of 1600 samples are no numbers" in (out / "report.html").read_text(encoding="utf-8")
    assert not (out / "tiles" / "0002.npy").exists()
    assert np.isnan(np.load(out / "tiles" / "0002.attempt-1")).sum() == 1


@pytest.mark.usefixtures("nan_at_2")
def test_what_to_do_can_be_said(protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["execute", str(protocol), "--out", str(tmp_path / "run"), "--on-fault", "nan=pause"]
    line = refused(capsys, arguments, code=3)
    assert "step 2, nan: 1 of 1600" in line
    assert "--resume" in line


@pytest.mark.parametrize("text", ["nan", "nan=hope", "moon=skip"])
def test_what_cannot_be_done_is_refused(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    out = tmp_path / "run"
    refused(capsys, ["execute", str(protocol), "--out", str(out), "--on-fault", text])
    assert not out.exists()


def test_check_tells_of_everything_and_touches_nothing(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dwell_us = ScanProtocol.from_file(protocol).steps[0].dwell_time_us
    (tmp_path / "envelope.toml").write_text(f"longest_dwell_us = {dwell_us / 2}\nmost_steps = 1\n")
    (tmp_path / "lab.toml").write_text("max_dose_e_per_nm2 = 1e-6\n")
    recorders: list[Recorder] = []

    def recorded(*arguments: Any, **named: Any) -> Recorder:
        recorders.append(Recorder(SimulatedController(*arguments, **named)))
        return recorders[-1]

    monkeypatch.setattr(instruments, "SimulatedController", recorded)
    check = ["execute", str(protocol), "--check", "--envelope", str(tmp_path / "envelope.toml")]
    line = refused(capsys, [*check, "--settings", str(tmp_path / "lab.toml"), "--out", str(tmp_path / "run")])
    count = len(ScanProtocol.from_file(protocol).steps)
    assert f"{2 * count + 1} things stand against this plan: (1) " in line
    assert line.count("the envelope allows") == count + 1
    assert line.count("e/nm², more than the limit") == count
    assert not (tmp_path / "run").exists()
    assert {call for recorder in recorders for call in recorder.calls} <= {
        "capabilities",
        "context",
        "costs",
        "parameters",
    }
    assert main([*check, "--json"]) == 2
    facts = json.loads(capsys.readouterr().out)
    assert facts["check"] == "failed"
    assert len(facts["violations"]) == count + 1


def test_an_instrument_that_fails_before_exposing_is_tried_again(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    original, left = SimulatedController.scan, [1]

    def scan(self: SimulatedController, step: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise InstrumentError("not ready", nothing_exposed=True)
        return original(self, step)

    monkeypatch.setattr(SimulatedController, "scan", scan)
    assert main(["execute", str(protocol), "--out", str(tmp_path / "run")]) == 0
    assert "note: step 1, error: not ready: it was tried again" in capsys.readouterr().out


def test_pyjem_says_what_it_needs(
    protocol: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PyJEM", None)
    check = ["execute", str(protocol), "--check", "--controller", "pyjem"]
    assert "--pyjem-field-mm and --pyjem-area-mode" in refused(capsys, check)
    assert main([*check, "--pyjem-field-mm", "100", "--pyjem-area-mode", "3"]) == 2
    said = capsys.readouterr().err
    assert "not yet tried on an instrument" in said
    assert "error: PyJEM is not installed" in said


def test_pyjem_is_checked_through_the_command_line(
    protocol: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.contract.controller_contract import spots_at
    from tests.contract.pyjem_stand_in import StandIn

    stand_in, package = StandIn(spots_at([])), ModuleType("PyJEM")
    vars(package).update(TEM3=stand_in.TEM3, detector=stand_in.detector)
    for name, module in (("PyJEM", package), ("PyJEM.TEM3", stand_in.TEM3), ("PyJEM.detector", stand_in.detector)):
        monkeypatch.setitem(sys.modules, name, module)
    options = ["--controller", "pyjem", "--pyjem-field-mm", "100", "--pyjem-area-mode", "1"]
    assert main(["execute", str(protocol), "--check", *options]) == 2
    said = capsys.readouterr().err
    assert "not yet tried on an instrument" in said
    assert "is not square" in said
    assert "fov_x_nm" in said
    assert stand_in.snapshots == 0


def test_overheads_that_were_measured_are_charged_and_held_against_limits(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = ScanProtocol.from_file(protocol)
    (tmp_path / "costs.toml").write_text("frame_overhead_s = 0.5\nblanks_when_idle = false\n")
    costs = ["--costs", str(tmp_path / "costs.toml")]
    limit = ["--max-time-s", f"{plan.predicted_time_s + 0.5:g}"]
    assert main(["execute", str(protocol), "--check", *limit]) == 0
    line = refused(capsys, ["execute", str(protocol), "--check", *limit, *costs])
    assert "more than its limit" in line
    assert main(["execute", str(protocol), "--out", str(tmp_path / "run"), *costs, "--json"]) == 0
    ledger = json.loads(capsys.readouterr().out)["ledger"]
    assert ledger["time_s"] >= plan.predicted_time_s + 0.48 * len(plan.steps)


@pytest.mark.parametrize(
    "text",
    ["frame_overhead_s = -1", "settle = 0.1", "reserve_s = true", "blanks_when_idle = 1", "= 3", "settle_s = nan"],
)
def test_overheads_that_cannot_be_are_refused(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "costs.toml").write_text(f"{text}\n")
    line = refused(capsys, ["execute", str(protocol), "--check", "--costs", str(tmp_path / "costs.toml")])
    assert "costs.toml" in line


@pytest.fixture
def beyond(protocol: Path, tmp_path: Path) -> Path:
    """The plan with one step more, to the right of the preview."""
    plan = ScanProtocol.from_file(protocol)
    last, fov_nm = plan.steps[-1], plan.context.fov_nm[1]
    center_nm = (last.center_nm[0], last.center_nm[1] + fov_nm)
    center_px = plan.context.px_from_nm(center_nm)
    step = dataclasses.replace(
        last,
        order=len(plan.steps) + 1,
        center_x_nm=center_nm[1],
        center_x_px=center_px[1],
        center_y_px=center_px[0],
    )
    (tmp_path / "beyond").mkdir()
    found = tmp_path / "beyond/scan_protocol.json"
    found.write_text(dataclasses.replace(plan, steps=(*plan.steps, step)).to_json())
    (found.parent / "scan_map.npy").write_bytes((protocol.parent / "scan_map.npy").read_bytes())
    return found


def test_the_stage_moves_only_where_command_line_and_envelope_allow_it(
    beyond: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check, count = (
        ["execute", str(beyond), "--check", "--world", "crystal:3"],
        len(ScanProtocol.from_file(beyond).steps),
    )
    line = refused(capsys, check)
    assert f"step {count} reaches" in line
    assert "outside the context" in line
    assert "--allow-stage" in line
    assert main([*check, "--allow-stage"]) == 0
    (tmp_path / "envelope.toml").write_text("stage_range_nm = 1\n")
    envelope = ["--envelope", str(tmp_path / "envelope.toml")]
    assert "forbids it: write stage_moves = true" in refused(capsys, [*check, *envelope, "--allow-stage"])
    (tmp_path / "envelope.toml").write_text("stage_range_nm = 1\nstage_moves = true\n")
    assert "outside the context" in refused(capsys, [*check, *envelope])
    assert "the envelope allows 1 nm" in refused(capsys, [*check, *envelope, "--allow-stage"])


def test_a_step_beyond_the_preview_is_recorded_charged_and_reported(
    beyond: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, plan = tmp_path / "run", ScanProtocol.from_file(beyond)
    assert main(["execute", str(beyond), "--out", str(out), "--world", "crystal:3", "--allow-stage", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["tiles"] == len(plan.steps)
    assert facts["ledger"]["by_kind"]["idle"]["time_s"] > 1.0  # until the stage stands
    lines = (out / "journal.jsonl").read_text().splitlines()
    entries = [json.loads(line)["entry"] for line in lines]
    assert entries[0]["parameters"]["stage_nm"] == [0.0, 0.0]
    (restored,) = [entry for entry in entries if entry["event"] == "restored"]
    assert restored["parameters"]["stage_nm"] == [0.0, 0.0]
    offsets = {e["order"]: e["metadata"].get("stage_offset_nm") for e in entries if e["event"] == "step"}
    assert offsets[len(plan.steps)] == pytest.approx(list(plan.steps[-1].center_nm))
    assert all(offsets[order] is None for order in range(1, len(plan.steps)))
    assert (out / "report.html").exists()
