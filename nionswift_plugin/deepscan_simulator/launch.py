"""``python -m nionswift_plugin.deepscan_simulator.launch``: real Swift on the simulator, ready to use.

Swift gets a profile, a project and, on Linux and macOS, a home folder of its own, so that neither the user's projects
nor his plug-ins for a real microscope are touched. Exit status: 0 done; 2 something is missing or wrong, one line says
what; 3 the start-up script failed.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import inspect
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepscan_core.errors import DeepScanError, InputError, MissingError

from .settings import VARIABLE, SimulatorSettings, drift_nm_per_s, window_size_px

APP = "nionswift_plugin.deepscan_simulator.app"
NEEDED = {
    "nion.nionswift_tool": "nionswift-tool",
    "nion.swift": "nionswift",
    "nion.usim_device": "nionswift-usim",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Start Swift and wait until it is closed; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _launch(options)
    except DeepScanError as error:
        print(f"deepscan: error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deepscan swift", description="Nion Swift on a simulated microscope.")
    parser.add_argument("--project-dir", type=Path, help="folder for profile and project (default: a data folder)")
    parser.add_argument("--script", type=Path, help="Python file whose 'async def main(window)' runs inside Swift")
    parser.add_argument("--keep", action="store_true", help="open the project of last time instead of an empty one")
    parser.add_argument("--backbone", help="features of the map; 'classical' needs no torch")
    parser.add_argument("--specimen", default="crystal", help="what lies under the beam (docs/specimens.md)")
    parser.add_argument("--seed", type=int, default=0, help="of specimen and noise")
    parser.add_argument("--drift-nm-per-s", default="0,0", help="Y,X (write =Y,X)")
    parser.add_argument(
        "--critical-dose-e-per-nm2", type=float, help="the beam damages the specimen at about this dose"
    )
    parser.add_argument("--line-jitter-nm", type=float, default=0.0, help="each line is shifted by a random length")
    parser.add_argument("--window", default="1600x1000", help="size, such as 1280x800")
    return parser


def _settings(options: argparse.Namespace) -> SimulatorSettings:
    """What the options say; raises `InputError` where that is not possible."""
    drift_y_nm_per_s, drift_x_nm_per_s = drift_nm_per_s(options.drift_nm_per_s)
    height_px, width_px = window_size_px(options.window)
    return SimulatorSettings(
        specimen=options.specimen,
        seed=options.seed,
        drift_y_nm_per_s=drift_y_nm_per_s,
        drift_x_nm_per_s=drift_x_nm_per_s,
        critical_dose_e_per_nm2=options.critical_dose_e_per_nm2,
        line_jitter_nm=options.line_jitter_nm,
        window_height_px=height_px,
        window_width_px=width_px,
    )


def _launch(options: argparse.Namespace) -> int:
    _check_installed()
    _check_display()
    settings = _settings(options)
    if options.script is not None and not options.script.is_file():
        raise InputError(f"{options.script} does not exist: give a Python file with 'async def main(window)'")
    folder = (options.project_dir or _data_folder()).resolve()
    profile = folder / "profile"
    if not options.keep:
        _remove_own(profile)
    _make_profile(profile)
    result = folder / "script_result.txt"
    result.unlink(missing_ok=True)
    environment = _environment(folder, profile, result, options)
    environment[VARIABLE] = settings.to_json()
    process = subprocess.run([str(_launcher()), sys.prefix, APP], env=environment, check=False)
    outcome = result.read_text(encoding="utf-8").strip() if result.is_file() else ""
    if outcome and outcome != "ok":
        print(f"deepscan: error: {outcome}", file=sys.stderr)  # noqa: T201
        return 3
    if process.returncode != 0 or (options.script is not None and not outcome):
        print(  # noqa: T201
            f"deepscan: error: Swift ended early (status {process.returncode}): its output above says why",
            file=sys.stderr,
        )
        return 3
    return 0


def _check_installed() -> None:
    for module, package in NEEDED.items():
        try:
            found = importlib.util.find_spec(module) is not None
        except ModuleNotFoundError:
            found = False
        if not found:
            raise MissingError(f"{package} is not installed: pip install 'nionswift-deepscan[swift,sim]'")
    if not _launcher().is_file():
        raise MissingError(f"Swift's launcher is not at {_launcher()}: pip install --force-reinstall nionswift-tool")
    if sys.platform == "linux":
        _check_python_library()


def _check_python_library() -> None:
    """Swift's launcher embeds Python, so on Linux it needs the shared library of this very Python."""
    name = f"libpython{sys.version_info.major}.{sys.version_info.minor}.so"
    folders = {sysconfig.get_config_var(key) for key in ("LIBDIR", "LIBPL", "srcdir")} | {
        os.path.join(sys.base_prefix, "lib")
    }
    multiarch = sysconfig.get_config_var("MULTIARCH")
    folders |= {f"/usr/lib/{multiarch}", f"/lib/{multiarch}"} if multiarch else set()
    if not any(list(Path(folder).glob(f"{name}*")) for folder in folders if folder):
        raise MissingError(
            f"this Python has no {name}, which Swift needs: apt install {name[:-3]}, or use another Python"
        )


def _check_display() -> None:
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise InputError("there is no display: start it on a desktop, or with xvfb-run -a deepscan swift")


def _launcher() -> Path:
    """Where nionswift-tool keeps the native program, as its own `nion.nionswift_tool.command` computes it."""
    prefix = Path(sys.exec_prefix)
    if sys.platform == "darwin":
        return prefix / "bin" / "Nion Swift.app" / "Contents" / "MacOS" / "Nion Swift"
    if sys.platform == "win32":
        return prefix / "Scripts" / "NionSwiftLauncher" / "NionSwift.exe"
    return prefix / "bin" / "NionSwiftLauncher" / "NionSwiftLauncher"


def _data_folder() -> Path:
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "deepscan" / "swift"


OWN_MARK = "made-by-deepscan"


def _remove_own(profile: Path) -> None:
    """Remove an earlier profile; raises `InputError` rather than remove a folder that DeepScan did not make."""
    if not profile.exists():
        return
    if not (profile / OWN_MARK).is_file():
        raise InputError(f"{profile} was not made by deepscan swift: give another --project-dir, or --keep")
    shutil.rmtree(profile)


def _make_profile(profile: Path) -> None:
    """A profile that opens an empty project at once, where there is none yet; without it Swift asks with a dialog."""
    if (profile / "Profile.nsproj").exists():
        return
    from nion.swift.model import FileStorageSystem, Profile

    projects = profile / "Projects"
    projects.mkdir(parents=True, exist_ok=True)
    (profile / OWN_MARK).touch()
    path = profile / "Profile.nsproj"
    path.write_text(json.dumps({"version": FileStorageSystem.PROFILE_VERSION, "uuid": str(uuid.uuid4())}), "utf-8")
    storage = FileStorageSystem.make_file_persistent_storage_system(path)
    storage.load_properties()
    loop = asyncio.new_event_loop()
    wants_loop = "event_loop" in inspect.signature(Profile.Profile.__init__).parameters  # Swift 16.18 does
    extra: dict[str, Any] = {"event_loop": loop} if wants_loop else {}
    opened = Profile.Profile(storage_system=storage, cache_dir_path=profile / "Cache", **extra)
    opened.read_profile()
    opened.script_items_updated = True
    project = opened.create_project(projects, "DeepScan")
    if project is None:
        raise InputError(f"no project could be made in {projects}: give another --project-dir")
    opened.last_project_reference = project.uuid
    opened.close()
    loop.close()


def _environment(folder: Path, profile: Path, result: Path, options: argparse.Namespace) -> dict[str, str]:
    """The environment of the Swift process: the simulator on, and a home of its own."""
    environment = {**os.environ, "DEEPSCAN_SIMULATOR": "1", "DEEPSCAN_SWIFT_PROFILE": str(profile)}
    environment["DEEPSCAN_SCRIPT_RESULT"] = str(result)
    # Swift has no translations, but gettext looks for them on the disk at every word, hundreds of times a frame.
    environment.setdefault("LANGUAGE", "C")
    environment.pop("DEEPSCAN_SCRIPT", None)
    if options.script is not None:
        environment["DEEPSCAN_SCRIPT"] = str(options.script.resolve())
    if options.backbone:
        environment["DEEPSCAN_BACKBONE"] = options.backbone
    if sys.platform != "win32":
        home, old_home = folder / "home", Path.home()
        (home / "Documents").mkdir(parents=True, exist_ok=True)
        environment |= {"HOME": str(home), "CFFIXED_USER_HOME": str(home)}
        environment.setdefault("XDG_CACHE_HOME", str(old_home / ".cache"))  # models that were fetched once
        if (old_home / ".Xauthority").is_file():
            environment.setdefault("XAUTHORITY", str(old_home / ".Xauthority"))
        for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
            environment.pop(variable, None)
    return environment


if __name__ == "__main__":
    sys.exit(main())
