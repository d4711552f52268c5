"""Measure something inside real Swift: start it on the simulated microscope, let a script run in it, and get its result."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
VARIABLE = "DEEPSCAN_MEASUREMENT"
PANEL_ID = "deepscan-panel"
SIDE_PX, DWELL_US = 512, 4.0
START_S, ATTEMPTS = 75.0, 4


def measured(script: str, settings: dict[str, Any], *, backbone: str, patience_s: float) -> Any | None:
    """What a script, with its `main`, gives to `give_back`; None where Swift never started or ended early."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runtime, result = folder / "run", folder / "result.json"
        runtime.mkdir(mode=0o700)
        told = json.dumps({**settings, "result": str(result)})
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(runtime), VARIABLE: told}
        paths = [str(ROOT), str(ROOT / "benchmarks"), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
        arguments = ["--project-dir", str(folder / "swift"), "--backbone", backbone, "--script", script]
        command = [sys.executable, "-m", "deepscan_core", "swift", *arguments]
        if shutil.which("xvfb-run"):
            command = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", *command]
        for _ in range(ATTEMPTS):
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
            # Swift 16.16 locks itself up now and then when a first live image arrives; then it is started once more.
            if _wait_for(result, process, START_S) and _wait_for_end(process, patience_s):
                return json.loads(result.read_text(encoding="utf-8"))
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            result.unlink(missing_ok=True)
    print(f"Swift did not start within {START_S:g} s in {ATTEMPTS} attempts", file=sys.stderr)
    return None


def _wait_for(path: Path, process: subprocess.Popen, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.5)
    return path.exists()


def _wait_for_end(process: subprocess.Popen, timeout_s: float) -> bool:
    try:
        return process.wait(timeout_s) == 0
    except subprocess.TimeoutExpired:
        return False


# What follows is for the script that runs inside Swift.


def begin() -> dict[str, Any]:
    """Say that Swift has started; returns the settings."""
    settings: dict[str, Any] = json.loads(os.environ[VARIABLE])
    Path(settings["result"]).write_text("null", encoding="utf-8")
    return settings


def give_back(found: Any) -> None:
    """Hand the result out."""
    Path(json.loads(os.environ[VARIABLE])["result"]).write_text(json.dumps(found), encoding="utf-8")


def slow_down_scan() -> None:
    """512 x 512 samples at 4 µs."""
    from nion.utils import Registry

    scan = Registry.get_component("stem_controller").scan_controller
    parameters = scan.get_frame_parameters(0)
    parameters.pixel_size, parameters.pixel_time_us = (SIDE_PX, SIDE_PX), DWELL_US
    scan.set_frame_parameters(0, parameters)


def click(display_panel: Any, y_px: float, x_px: float) -> None:
    """Click in an image as a mouse does."""
    from nion.ui import CanvasItem
    from nion.utils import Geometry

    place, modifiers = Geometry.FloatPoint(y_px, x_px), CanvasItem.KeyboardModifiers()
    display_panel.image_mouse_pressed(place, modifiers)
    display_panel.image_mouse_released(place, modifiers)
    display_panel.image_clicked(place, modifiers)


async def until(condition: Any, timeout_s: float = 60) -> None:
    for _ in range(round(timeout_s / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"Swift did not get there within {timeout_s:g} s")
