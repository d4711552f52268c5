"""A laboratory's defaults at the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from deepscan_core import settings
from deepscan_core.cli import main
from deepscan_core.settings import NAMES
from tests.cli.test_run import refused
from tests.conftest import spot_image

FEI = "[Beam]\nBeam=EBeam\n[EBeam]\nBeamCurrent=2e-11\n[Scan]\nPixelWidth=5e-10\nPixelHeight=5e-10\n"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "spots.tif"
    tifffile.imwrite(path, spot_image((96, 128), [(40.0, 50.0)]).astype(np.float32))
    return path


@pytest.fixture
def fei(tmp_path: Path) -> Path:
    path = tmp_path / "fei.tif"
    array = spot_image((96, 128), [(40.0, 50.0)]).astype(np.float32)
    tifffile.imwrite(path, array, metadata=None, extratags=[(34682, "s", 0, FEI, True)])
    return path


@pytest.fixture
def laboratory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "lab" / "settings.toml"
    path.parent.mkdir()
    path.write_text('backbone = "classical"\nbeam_current_pa = 30\narea_fraction = 0.05\nregion_size_px = 12\n')
    monkeypatch.setenv(settings.VARIABLE, str(path))
    return path


def plan(folder: Path) -> dict[str, dict[str, object]]:
    return dict(json.loads((folder / "scan_protocol.json").read_text()))


@pytest.mark.usefixtures("laboratory")
def test_the_file_sets_defaults_and_the_command_line_comes_before_it(image: Path, tmp_path: Path) -> None:
    base = ["run", str(image), "--pixel-size-nm", "0.1"]
    assert main([*base, "--out", str(tmp_path / "lab-out")]) == 0
    document = plan(tmp_path / "lab-out")
    assert document["context"]["beam_current_pa"] == 30
    assert document["provenance"]["beam_current"] == "settings"
    assert all(step["height_px"] == 12 for step in document["steps"])
    typed = ["--beam-current-pa", "70", "--region-size-nm", "2", "--level", "0"]
    assert main([*base, "--out", str(tmp_path / "typed"), *typed]) == 0
    document = plan(tmp_path / "typed")
    assert document["context"]["beam_current_pa"] == 70
    assert document["provenance"]["beam_current"] == "given"
    assert all(step["height_px"] == 20 for step in document["steps"]), "nm typed sets px of the file aside"
    covered = sum(step["height_px"] * step["width_px"] for step in document["steps"]) / (96 * 128)
    assert covered > 0.05, "a level typed sets the area of the file aside"


@pytest.mark.usefixtures("laboratory")
def test_the_image_file_knows_its_current_better(fei: Path, tmp_path: Path) -> None:
    assert main(["run", str(fei), "--out", str(tmp_path / "out")]) == 0
    document = plan(tmp_path / "out")
    assert document["context"]["beam_current_pa"] == pytest.approx(20)
    assert document["provenance"]["beam_current"] == "metadata"


def test_settings_are_shown_with_where_they_come_from(laboratory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--show-settings", "--dwell-us", "3", "--no-clahe", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["file"] == str(laboratory)
    assert tuple(shown["settings"]) == NAMES
    assert (shown["settings"]["dwell_us"], shown["from"]["dwell_us"]) == (3.0, "command line")
    assert (shown["settings"]["beam_current_pa"], shown["from"]["beam_current_pa"]) == (30.0, str(laboratory))
    assert (shown["settings"]["density"], shown["from"]["density"]) == (2.0, "default")
    assert shown["from"]["clahe"] == "command line"


def test_what_is_shown_is_a_settings_file(laboratory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--show-settings"]) == 0
    copy = tmp_path / "copy.toml"
    copy.write_text(capsys.readouterr().out)
    assert settings.Settings.from_file(copy)[0] == settings.Settings.from_file(laboratory)[0]


def test_an_unknown_key_and_an_absent_file_are_one_line(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("beam_curent_pa = 50\n")
    out = ["--out", str(tmp_path / "out")]
    assert "did you mean beam_current_pa" in refused(capsys, ["run", str(image), "--settings", str(bad), *out])
    assert "absent.toml" in refused(capsys, ["run", str(image), "--settings", str(tmp_path / "absent.toml"), *out])
    assert not (tmp_path / "out").exists()


def test_weights_of_the_file_belong_to_its_backbone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('backbone = "resnet18"\nbackbone_weights = "resnet.safetensors"\n')
    show = ["run", "--show-settings", "--json", "--settings", str(path)]
    assert main(show) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["backbone_weights"] == str(tmp_path / "resnet.safetensors")
    assert main([*show, "--backbone", "classical"]) == 0
    assert json.loads(capsys.readouterr().out)["settings"]["backbone_weights"] is None


def test_a_pixel_size_is_taken_from_where_the_laboratory_wants_it(
    image: Path, fei: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fast = ["--backbone", "classical", "--out", str(tmp_path / "out"), "--overwrite"]
    assert main(["run", str(fei), "--pixel-size-source", "required", *fast]) == 0
    assert plan(tmp_path / "out")["context"]["fov_x_nm"] == pytest.approx(64)
    assert main(["run", str(fei), "--pixel-size-source", "command", *fast]) == 0
    assert plan(tmp_path / "out")["context"]["fov_x_nm"] is None
    assert main(["run", str(fei), "--pixel-size-source", "command", "--pixel-size-nm", "1", *fast]) == 0
    assert plan(tmp_path / "out")["context"]["fov_x_nm"] == 128
    message = refused(capsys, ["run", str(image), "--pixel-size-source", "required", *fast])
    assert "give it with --pixel-size-nm" in message


def test_the_dose_of_the_laboratory_holds_for_every_protocol(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--pixel-size-nm", "0.1", "--backbone", "classical", "--out", str(tmp_path / "plan")]
    assert main(["run", str(image), *arguments]) == 0
    path = tmp_path / "settings.toml"
    path.write_text("max_dose_e_per_nm2 = 1000\n")
    command = ["execute", str(tmp_path / "plan" / "scan_protocol.json"), "--out", str(tmp_path / "run")]
    assert "more than the limit of 1000 e/nm²" in refused(capsys, [*command, "--settings", str(path)])
    assert not (tmp_path / "run").exists()
    path.write_text("max_dose_e_per_nm2 = 1e9\n")
    assert main([*command, "--settings", str(path)]) == 0


def test_memory_beyond_the_limit_is_refused(image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["run", str(image), "--backbone", "classical", "--out", str(tmp_path / "out")]
    assert "the limit is 10 MB (that was set)" in refused(capsys, [*base, "--max-memory-gb", "0.01"])
    assert "give a number above zero" in refused(capsys, [*base, "--max-memory-gb", "0"])
    assert not (tmp_path / "out").exists()
