"""``deepscan swift``: real Nion Swift with a simulated microscope, live scan and the DeepScan panel."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys

from deepscan_core.errors import InputError, MissingError
from deepscan_core.simulation.specimens import specimen_kind

LAUNCHER = "nionswift_plugin.deepscan_simulator.launch"


def command(arguments: argparse.Namespace) -> int:
    """Start Swift in a profile of its own and wait until it is closed."""
    for package, distribution in (("nion.swift", "nionswift"), ("nion.usim_device", "nionswift-usim")):
        if not _is_installed(package):
            raise MissingError(f"{distribution} is not installed: pip install 'nionswift-deepscan[swift,sim]'")
    if arguments.script is not None and not arguments.script.is_file():
        raise InputError(f"{arguments.script} is no file: give a Python script with --script")
    if arguments.specimen is not None:
        specimen_kind(arguments.specimen)
    return subprocess.run(_line(arguments), check=False).returncode


def _line(arguments: argparse.Namespace) -> list[str]:
    """The launcher, with the options that were given. With ``=``, because a drift may begin with a minus."""
    drift = arguments.drift_nm_per_s
    values = {
        "project-dir": arguments.project_dir,
        "script": arguments.script,
        "backbone": arguments.backbone,
        "specimen": arguments.specimen,
        "seed": arguments.seed,
        "drift-nm-per-s": None if drift is None else f"{drift[0]!r},{drift[1]!r}",
        "critical-dose-e-per-nm2": arguments.critical_dose_e_per_nm2,
        "line-jitter-nm": arguments.line_jitter_nm,
        "window": arguments.window,
    }
    given = [f"--{name}={value}" for name, value in values.items() if value is not None]
    return [sys.executable, "-m", LAUNCHER, *given, *(["--keep"] if arguments.keep else [])]


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False
