"""``deepscan swift`` says in one line what is missing, and touches nothing that it did not make."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nionswift_plugin.deepscan_simulator import launch
from nionswift_plugin.deepscan_simulator.settings import SimulatorSettings


@pytest.fixture
def complain(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the launcher, expect exit status 2, and return its one line."""

    def run(*arguments: str) -> str:
        assert launch.main(list(arguments)) == 2
        line = capsys.readouterr().err
        assert line.startswith("deepscan: error: ")
        assert line.count("\n") == 1
        return line

    return run


@pytest.fixture(autouse=True)
def _display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":77")


def test_a_missing_package_is_named_with_the_remedy(complain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "NEEDED", {"nion.no_such_module": "nionswift-tool"})
    assert "nionswift-tool is not installed: pip install" in complain()


def test_no_display_is_said_before_anything_starts(complain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_check_installed", lambda: None)
    monkeypatch.setattr(launch.sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "there is no display" in complain()


def test_a_script_that_is_not_there(complain: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(launch, "_check_installed", lambda: None)
    assert "does not exist" in complain("--script", str(tmp_path / "no.py"))


def test_a_folder_that_is_not_ours_is_not_removed(
    complain: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(launch, "_check_installed", lambda: None)
    precious = tmp_path / "profile" / "precious.txt"
    precious.parent.mkdir()
    precious.write_text("years of work", encoding="utf-8")
    assert "was not made by deepscan swift" in complain("--project-dir", str(tmp_path))
    assert precious.read_text(encoding="utf-8") == "years of work"


def test_the_profile_opens_a_project_without_a_dialog(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    launch._make_profile(profile)
    written = json.loads((profile / "Profile.nsproj").read_text(encoding="utf-8"))
    assert written["last_project_reference"] == written["project_references"][0]["uuid"]
    assert list((profile / "Projects").glob("DeepScan*"))
    launch._make_profile(profile)  # kept as it is
    assert json.loads((profile / "Profile.nsproj").read_text(encoding="utf-8")) == written
    launch._remove_own(profile)
    assert not profile.exists()


def test_swift_gets_a_home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch.sys, "platform", "linux")
    monkeypatch.setenv("DEEPSCAN_SCRIPT", "left over")
    options = launch._parser().parse_args(["--backbone", "classical"])
    environment = launch._environment(tmp_path, tmp_path / "profile", tmp_path / "result", options)
    assert environment["HOME"] == str(tmp_path / "home")
    assert environment["DEEPSCAN_SIMULATOR"] == "1"
    assert environment["DEEPSCAN_BACKBONE"] == "classical"
    assert "DEEPSCAN_SCRIPT" not in environment


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--specimen", "unobtainium"], "'unobtainium' is not known: give one of agglomerates"),
        (["--window", "large"], "window 'large': give width and height in pixels, such as 1280x800"),
        (["--drift-nm-per-s", "1"], "drift '1': give Y,X"),
        (["--line-jitter-nm", "-1"], "line_jitter_nm -1"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_anything_starts(
    complain: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], words: str
) -> None:
    monkeypatch.setattr(launch, "_check_installed", lambda: None)
    assert words in complain("--project-dir", str(tmp_path), *arguments)
    assert not list(tmp_path.iterdir())


def test_the_options_reach_the_simulator() -> None:
    """Typed as ``deepscan swift`` and read by the launcher; a drift may begin with a minus."""
    from deepscan_core.cli.arguments import build_parser
    from deepscan_core.cli.swift import _line

    typed = ["--specimen", "gold", "--seed", "4", "--drift-nm-per-s=-0.02,0.01", "--window", "1280x800"]
    line = _line(build_parser().parse_args(["swift", *typed, "--critical-dose-e-per-nm2", "1e6"]))
    settings = launch._settings(launch._parser().parse_args(line[3:]))
    assert settings == SimulatorSettings(
        specimen="gold",
        seed=4,
        drift_y_nm_per_s=-0.02,
        drift_x_nm_per_s=0.01,
        critical_dose_e_per_nm2=1e6,
        window_height_px=800,
        window_width_px=1280,
    )
    defaults = _line(build_parser().parse_args(["swift"]))
    assert launch._settings(launch._parser().parse_args(defaults[3:])) == SimulatorSettings()
