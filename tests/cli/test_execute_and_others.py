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


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
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
