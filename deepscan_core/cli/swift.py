"""``deepscan swift``: real Nion Swift with a simulated microscope, live scan and the DeepScan panel."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys

from deepscan_core.errors import InputError, MissingError

LAUNCHER = "nionswift_plugin.deepscan_simulator.launch"


def command(arguments: argparse.Namespace) -> int:
    """Start Swift in a profile of its own and wait until it is closed."""
    for package, distribution in (("nion.swift", "nionswift"), ("nion.usim_device", "nionswift-usim")):
        if not _is_installed(package):
            raise MissingError(f"{distribution} is not installed: pip install 'nionswift-deepscan[swift,sim]'")
    if arguments.script is not None and not arguments.script.is_file():
        raise InputError(f"{arguments.script} is no file: give a Python script with --script")
    line = [sys.executable, "-m", LAUNCHER]
    if arguments.project_dir is not None:
        line += ["--project-dir", str(arguments.project_dir)]
    if arguments.script is not None:
        line += ["--script", str(arguments.script)]
    if arguments.backbone is not None:
        line += ["--backbone", arguments.backbone]
    if arguments.keep:
        line.append("--keep")
    return subprocess.run(line, check=False).returncode


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False
