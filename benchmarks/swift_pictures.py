"""The pictures of docs/swift.md: real Swift on the simulated crystal, driven by script, on a virtual display.

    python benchmarks/swift_pictures.py [--out docs/pictures]

It takes xvfb-run. Look at each of them: nothing clipped, doubled or unreadable.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PANEL_ID = "deepscan-panel"
VARIABLE = "DEEPSCAN_PICTURES"
LOOK, PLAN, RUN, RESULTS = range(4)
PLACE_PX = (90.0, 120.0)
GRAB = "import sys; from PIL import ImageGrab; ImageGrab.grab().save(sys.argv[1], optimize=True)"
SIZES = {
    "1280x800": ("swift_live_map", "swift_plan", "swift_resume", "swift_results", "swift_teach"),
    "1920x1080": ("swift_running",),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures")
    options = parser.parse_args()
    if shutil.which("xvfb-run") is None:
        sys.exit("xvfb-run is not installed: apt install xvfb")
    options.out.mkdir(parents=True, exist_ok=True)
    return max(session(size, names, options.out) for size, names in SIZES.items())


def session(size: str, names: tuple[str, ...], out: Path) -> int:
    """Real Swift once, in a window of a size, for some of the pictures; returns its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        runtime = Path(folder) / "run"
        runtime.mkdir(mode=0o700)
        told = json.dumps({"out": str(out.resolve()), "names": names})
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(runtime), VARIABLE: told}
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        swift = [sys.executable, "-m", "deepscan_core", "swift", "--project-dir", str(Path(folder) / "swift")]
        swift += ["--script", __file__, "--window", size]
        screen = ["xvfb-run", "-a", "-s", f"-screen 0 {size}x24"]
        return subprocess.run([*screen, *swift], env=environment, check=False).returncode


# What follows runs inside Swift.


async def script_main(window) -> None:
    panel = window.find_dock_panel(PANEL_ID).handler
    session = panel.session
    await until(lambda: session.map_item is not None and session.map_item.has_data)
    await asyncio.sleep(3)
    await picture("swift_live_map")

    panel.tab.value = PLAN
    panel.amount.value, panel.dwell.value, panel.max_time.value = "8", "40", "120"
    panel.plan()
    await until(lambda: panel.may_run.value)
    panel.run()
    await asyncio.sleep(1)
    await picture("swift_plan")

    panel.tab.value = RUN
    panel.confirm()
    await until(lambda: panel.progress.value >= 40)
    await picture("swift_running")
    if "swift_resume" in json.loads(os.environ[VARIABLE])["names"]:
        panel.abort()
        await until(lambda: not panel.may_abort.value)
        panel.resume_run()
        await until(lambda: panel.may_confirm.value)
        await asyncio.sleep(1)
        await picture("swift_resume")
        panel.confirm()
    await until(lambda: panel.progress.value == 100 and not panel.may_abort.value)
    panel.tab.value = RESULTS
    panel.measure()
    await until(lambda: "object" in panel.objects.value or "nothing" in panel.objects.value)
    show(window, session.data_item, session.map_item)
    await asyncio.sleep(2)
    await picture("swift_results")

    panel.tab.value = LOOK
    panel.arm_positive()
    click(window.workspace_controller.display_panels[0], *PLACE_PX)
    await until(lambda: "Like" in session.map_item.title and session.map_item.has_data)
    await asyncio.sleep(3)
    await picture("swift_teach")
    panel.disarm()
    window.queue_request_close()


def show(window, *data_items) -> None:
    for display_panel, item in zip(window.workspace_controller.display_panels, data_items, strict=False):
        display_panel.set_display_panel_display_item(window.document_model.get_display_item_for_data_item(item))


def click(display_panel, y_px: float, x_px: float) -> None:
    from nion.ui import CanvasItem
    from nion.utils import Geometry

    place, modifiers = Geometry.FloatPoint(y_px, x_px), CanvasItem.KeyboardModifiers()
    display_panel.image_mouse_pressed(place, modifiers)
    display_panel.image_mouse_released(place, modifiers)


async def picture(name: str) -> None:
    told = json.loads(os.environ[VARIABLE])
    if name in told["names"]:
        command = [sys.executable, "-c", GRAB, f"{Path(told['out']) / name}.png"]
        await asyncio.get_running_loop().run_in_executor(None, subprocess.check_call, command)


async def until(condition, timeout_s: float = 120) -> None:
    for _ in range(round(timeout_s / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"Swift did not get there within {timeout_s:g} s")


if __name__ == "__main__":
    sys.exit(main())
main = script_main
