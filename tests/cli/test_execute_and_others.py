"""``execute``, ``demo``, ``models`` and ``swift`` as they are typed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from deepscan_core.cli import main
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.reporting.artifacts import NAMES
from tests.cli.test_run import FAST, refused
from tests.conftest import spot_image

PLACES = [(40.0, 50.0), (110.0, 150.0)]


@pytest.fixture
def protocol(tmp_path: Path) -> Path:
    path = tmp_path / "spots.tif"
    tifffile.imwrite(path, spot_image((160, 200), PLACES).astype(np.float32))
    arguments = ["--pixel-size-nm", "0.1", "--out", str(tmp_path / "plan"), "--region-size-px", "20"]
    assert main(["run", str(path), *arguments, "--area-fraction", "0.05", *FAST]) == 0
    return tmp_path / "plan" / "scan_protocol.json"


def test_a_planted_spot_is_visited_from_file_to_tile(protocol: Path, tmp_path: Path) -> None:
    """File, map, region, protocol, controller: the spot is where the tile's own coordinates say it is."""
    assert main(["execute", str(protocol), "--out", str(tmp_path / "run")]) == 0
    assert {p.name for p in (tmp_path / "run").iterdir()} >= set(NAMES)
    plan = ScanProtocol.from_file(protocol)
    for place in PLACES:
        step = next(s for s in plan.steps if abs(s.center_y_px - place[0]) < 10 and abs(s.center_x_px - place[1]) < 10)
        assert abs(step.center_y_px - place[0]) <= 1
        assert abs(step.center_x_px - place[1]) <= 1
        tile = np.load(tmp_path / f"run/tiles/{step.order:04d}.npy")
        bright = np.clip(tile - np.percentile(tile, 60), 0, None) ** 2
        index = tuple((bright * axis).sum() / bright.sum() for axis in np.mgrid[: step.rows, : step.cols])
        found = plan.context.px_from_nm(step.in_context().plane_nm((float(index[0]), float(index[1]))))
        assert found == pytest.approx(place, abs=1)


def test_check_exposes_nothing_and_writes_nothing(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    capsys.readouterr()
    assert main(["execute", str(protocol), "--check", "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["check"] == "passed"
    assert not out.exists()


def test_a_finished_run_is_refused_resumed_or_replaced(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "run")]
    assert main(["execute", str(protocol), *out]) == 0
    assert "exists" in refused(capsys, ["execute", str(protocol), *out])
    assert main(["execute", str(protocol), *out, "--resume"]) == 0
    assert main(["execute", str(protocol), *out, "--overwrite", "--seed", "5"]) == 0


def test_an_aborted_run_exits_with_3_and_can_be_resumed(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepscan_core.instruments.simulated import SimulatedController

    original = SimulatedController.scan

    def fail_at_second(self: SimulatedController, step: object) -> object:
        if step.order == 2:  # type: ignore[attr-defined]
            self.abort()
        return original(self, step)  # type: ignore[arg-type]

    out = ["--out", str(tmp_path / "run")]
    with monkeypatch.context() as patch:
        patch.setattr(SimulatedController, "scan", fail_at_second)
        assert "aborted" in refused(capsys, ["execute", str(protocol), *out], code=3)
    assert (tmp_path / "run" / "journal.jsonl").exists()
    assert (tmp_path / "run" / "tiles" / "0001.npy").exists()
    assert not (tmp_path / "run" / "report.html").exists()
    assert main(["execute", str(protocol), *out, "--resume"]) == 0
    assert (tmp_path / "run" / "report.html").exists()


def test_what_was_left_out_is_told_everywhere_and_done_with_consent(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    execute = ["execute", str(protocol), "--out", str(out)]
    assert main(execute) == 0
    (out / "tiles" / "0002.npy").unlink()
    capsys.readouterr()
    assert main([*execute, "--resume", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["left_out"] == [2]
    assert "tile tiles/0002.npy is missing" in facts["notes"][0]
    run = json.loads((out / "run.json").read_text())
    assert run["parameters"]["steps_left_out"] == [2]
    assert run["notes"] == facts["notes"]
    assert "tiles/0002.npy is missing" in (out / "report.html").read_text(encoding="utf-8")
    assert main([*execute, "--resume", "--repeat-exposed", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["left_out"], facts["notes"]) == ([], [])
    assert (out / "tiles" / "0002.npy").exists()


def test_the_laboratorys_dose_limit_holds_for_repeats_too(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dose = ScanProtocol.from_file(protocol).steps[1].dose_e_per_nm2
    assert dose is not None
    out = tmp_path / "run"
    for factor, left_out in ((1.9, [2]), (2.1, [])):
        (tmp_path / "lab.toml").write_text(f"max_dose_e_per_nm2 = {factor * dose}\n")
        execute = ["execute", str(protocol), "--out", str(out), "--settings", str(tmp_path / "lab.toml")]
        assert main([*execute, "--overwrite"]) == 0
        (out / "tiles" / "0002.npy").rename(out / "tiles" / "0002.attempt-1")
        capsys.readouterr()
        assert main([*execute, "--resume", "--repeat-exposed", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["left_out"] == left_out


def test_a_damaged_journal_is_told_of_also_where_the_run_fails(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepscan_core.instruments.simulated import SimulatedController

    out = tmp_path / "run"
    execute = ["execute", str(protocol), "--out", str(out)]
    assert main(execute) == 0
    journal = out / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:3]) + b"\0" * 100)
    (out / "tiles" / "0003.npy").unlink()
    capsys.readouterr()
    with monkeypatch.context() as patch:
        original = SimulatedController.scan
        patch.setattr(SimulatedController, "scan", lambda self, step: (self.abort(), original(self, step))[1])
        assert main([*execute, "--resume"]) == 3
    said = capsys.readouterr().err
    assert (
        "note: line 4 of journal.jsonl is cut short: from there on it was set aside into journal.jsonl.set-aside-1"
        in said
    )
    assert "note: step 2 was left out" in said
    assert (out / "journal.jsonl.set-aside-1").read_bytes() == b"\0" * 100


def test_parameters_after_a_crash_are_asked_about_in_one_line(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.acquisition.killed_run import BEFORE, Lasting, run

    out, memory = tmp_path / "run", Lasting(tmp_path)
    execute = ["execute", str(protocol), "--out", str(out)]
    assert run(execute, str(tmp_path)) == 0
    journal = out / "journal.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:3]))
    capsys.readouterr()
    assert run([*execute, "--resume"], str(tmp_path)) == 2
    line = capsys.readouterr().err
    assert line.startswith('deepscan: error: the run ended without restoring the instrument (beam is "blanked" and was')
    assert line.count("\n") == 1
    assert "--restore-parameters" in line
    assert "--keep-parameters" in line
    assert run([*execute, "--resume", "--restore-parameters"], str(tmp_path)) == 0
    assert memory.state() == BEFORE
    assert all(count == 1 for count in memory.exposed().values())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--repeat-exposed"], "--repeat-exposed was given without --resume"),
        (["--restore-parameters"], "--restore-parameters was given without --resume"),
        (["--keep-parameters"], "--keep-parameters was given without --resume"),
        (["--resume", "--keep-parameters", "--restore-parameters"], "not allowed with"),
        (["--world", "cheese"], "cheese"),
        (["--world", "crystal:x"], "no seed"),
        (["--park", "2,0"], "park"),
        (["--controller", "pear"], "pear"),
        (["--resume"], "nothing to resume"),
    ],
)
def test_bad_arguments_of_execute(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    assert named in refused(capsys, ["execute", str(protocol), "--out", str(tmp_path / "run"), *arguments])


def test_a_protocol_without_calibration_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "spots.tif"
    tifffile.imwrite(path, spot_image((96, 96), [(40.0, 50.0)]).astype(np.float32))
    assert main(["run", str(path), "--out", str(tmp_path / "p"), *FAST]) == 0
    line = refused(capsys, ["execute", str(tmp_path / "p/scan_protocol.json"), "--out", str(tmp_path / "r")])
    assert "--pixel-size-nm" in line
    (tmp_path / "not.json").write_text("[")
    assert "not JSON" in refused(capsys, ["execute", str(tmp_path / "not.json")])


def test_the_world_must_be_the_image_the_plan_was_made_on(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(tmp_path / "spots.tif", spot_image((160, 200), []).astype(np.float32))
    assert "--world" in refused(capsys, ["execute", str(protocol), "--out", str(tmp_path / "r")])


def test_the_world_may_be_one_image_of_several(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planes = np.stack([spot_image((160, 200), PLACES), np.zeros((160, 200))]).astype(np.float32)
    metadata = {"axes": "CYX", "Channel": {"Name": ["HAADF", "dark"]}}
    world = tmp_path / "two.ome.tif"
    tifffile.imwrite(world, planes, ome=True, metadata=metadata, photometric="minisblack")
    execute = ["execute", str(protocol), "--check"]
    assert "choose one with --channel" in refused(capsys, [*execute, "--world", str(world)])
    assert "has no channel BF" in refused(capsys, [*execute, "--world", str(world), "--channel", "BF"])
    assert "without --world" in refused(capsys, [*execute, "--channel", "0"])
    mean = {}
    for channel in ("HAADF", "dark"):
        out = tmp_path / channel
        arguments = ["execute", str(protocol), "--world", str(world), "--channel", channel, "--out", str(out)]
        assert main(arguments) == 0
        mean[channel] = float(np.load(out / "tiles" / "0001.npy").mean())
    assert mean["HAADF"] > mean["dark"]


@pytest.mark.parametrize("backbone", ["classical", pytest.param("tf_efficientnet_lite0", marks=pytest.mark.network)])
def test_demo_shows_the_whole_loop(tmp_path: Path, capsys: pytest.CaptureFixture[str], backbone: str) -> None:
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), "--json", "--backbone", backbone]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["tiles"] == facts["regions"] > 10
    assert {p.name for p in out.iterdir()} >= set(NAMES)
    with (out / "efficiency.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["strategy"] == "deepscan"]
    assert {row["basis"] for row in rows} == {"truth"}
    captured = [float(row["captured_fraction"]) for row in rows]
    assert captured == sorted(captured)
    assert float(rows[0]["dose_fraction"]) > 0  # the preview is charged
    assert main(["execute", str(out / "scan_protocol.json"), "--out", str(tmp_path / "again")]) == 0


def test_help_version_and_unknown_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert "fly" in refused(capsys, ["fly"])
    assert refused(capsys, [])


def test_damaged_companions_are_found_before_the_first_exposure(
    protocol: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (protocol.parent / "scan_map.npy").write_bytes(b"junk")
    assert "scan_map.npy" in refused(capsys, ["execute", str(protocol), "--out", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()
    (protocol.parent / "scan_map.npy").unlink()
    assert "nothing to resume" in refused(capsys, ["execute", str(protocol), "--out", str(tmp_path / "r"), "--resume"])
    assert not (tmp_path / "r").exists()
    assert "--seed" in refused(capsys, ["execute", str(protocol), "--seed", "-3"])


def test_executing_the_demo_again_charges_its_preview_too(tmp_path: Path) -> None:
    assert main(["demo", "--out", str(tmp_path / "d"), *FAST]) == 0
    assert main(["execute", str(tmp_path / "d" / "scan_protocol.json"), "--out", str(tmp_path / "e")]) == 0
    first, again = ((tmp_path / n / "efficiency.csv").read_text() for n in ("d", "e"))
    assert first == again
    first, again = ((tmp_path / n / "quantification.csv").read_text() for n in ("d", "e"))
    assert first == again
