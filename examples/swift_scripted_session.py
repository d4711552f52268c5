"""A session in real Swift without a hand on the mouse: attach, plan, run, look at a tile, close.

    deepscan swift --script examples/swift_scripted_session.py

The scan runs and DeepScan is attached before `main` is called, in Swift's own event loop. With DEEPSCAN_PICTURES naming
a folder, and ImageMagick installed, the screen is photographed at each stage.
"""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

PANEL_ID = "deepscan-panel"


async def main(window):
    panel = window.find_dock_panel(PANEL_ID).handler
    await until(lambda: panel.session.map_item.has_data)
    await asyncio.sleep(3)
    photograph("swift_live_map")

    panel.area.value, panel.region.value, panel.dwell.value = "6", "40", "40"
    panel.plan()
    await until(lambda: panel.may_attach.value)
    print(panel.status.value)
    await asyncio.sleep(1)
    photograph("swift_plan")

    panel.run()
    await until(lambda: panel.progress.value >= 40 or not panel.may_abort.value)
    photograph("swift_running")
    await until(lambda: not panel.may_abort.value)
    print(panel.status.value)

    best = max(panel.session.tile_group.data_items, key=lambda item: item.metadata["deepscan"]["score"])
    right = window.workspace_controller.display_panels[1]
    right.set_display_panel_display_item(window.document_model.get_display_item_for_data_item(best))
    await asyncio.sleep(1)
    photograph("swift_tile")
    window.queue_request_close()


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
