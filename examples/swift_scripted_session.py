"""A session in real Swift without a hand on the mouse: attach, plan, run, look, teach, close.

    deepscan swift --script examples/swift_scripted_session.py

The scan runs and DeepScan is attached before `main` is called, in Swift's own event loop. With DEEPSCAN_PICTURES naming
a folder, and ImageMagick installed, the screen is photographed at each stage.
"""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

from nion.ui import CanvasItem
from nion.utils import Geometry

PANEL_ID = "deepscan-panel"


async def main(window):
    panel = window.find_dock_panel(PANEL_ID).handler
    await until(lambda: panel.session.map_item.has_data)
    await asyncio.sleep(3)
    photograph("swift_live_map")

    panel.tab.value = 1
    panel.amount.value, panel.region.value, panel.dwell.value = "6", "40", "40"
    panel.plan()
    await until(lambda: panel.may_attach.value)
    print(panel.status.value)
    panel.run()
    await asyncio.sleep(1)
    print(panel.status.value)
    photograph("swift_plan")

    panel.tab.value = 3
    panel.confirm()
    await until(lambda: panel.progress.value >= 40 or not panel.may_abort.value)
    photograph("swift_running")
    await until(lambda: not panel.may_abort.value)
    print(panel.status.value)
    panel.row_selected(current_index=0)
    await asyncio.sleep(2)
    photograph("swift_results")

    panel.look_at_all()
    panel.tab.value = 0
    panel.arm_positive()
    place = panel.session.protocol.steps[0]
    click(window.workspace_controller.display_panels[0], place.center_y_px + 0.5, place.center_x_px + 0.5)
    await until(lambda: panel.session.map_item.title.startswith("Like") and panel.session.map_item.has_data)
    await asyncio.sleep(3)
    photograph("swift_teach")
    window.queue_request_close()


def click(display_panel, y, x):
    point, modifiers = Geometry.FloatPoint(y, x), CanvasItem.KeyboardModifiers()
    display_panel.image_mouse_pressed(point, modifiers)
    display_panel.image_mouse_released(point, modifiers)


async def until(condition, timeout_s=120):
    for _ in range(timeout_s * 20):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"Swift did not get there within {timeout_s} s")


def photograph(name):
    folder = os.environ.get("DEEPSCAN_PICTURES")
    if folder and shutil.which("import"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        subprocess.run(["import", "-window", "root", str(Path(folder) / f"{name}.png")], check=False)  # noqa: S607
