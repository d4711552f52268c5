"""A session in real Swift by real mouse: what a hand does, to see that widgets, windows and events fit together.

    deepscan swift --script examples/swift_by_mouse.py

It needs an X display without anybody's hand on the mouse (``xvfb-run``) and xdotool. Buttons are found by their words.
"""

import asyncio
import json
import shutil
import subprocess

from nion.utils import Geometry, Registry

PANEL_ID = "deepscan-panel"
PLACE_FRAC = (0.3, 0.6)  # y, x of the click in the image
TOLERANCE_FRAC = 0.01
ROW_HEIGHT_PX = 20  # of a list of Swift


async def main(window):
    if shutil.which("xdotool") is None:
        raise RuntimeError("xdotool is not installed: apt install xdotool")
    dock_panel = window.find_dock_panel(PANEL_ID)
    panel, widget = dock_panel.handler, dock_panel.widget
    stem = Registry.get_component("stem_controller")
    await until(lambda: panel.session.map_item.has_data)

    await press(widget, "Attach")
    await press(widget, "+ Example")
    surprisal = panel.session.map_item
    await click_image(window.workspace_controller.display_panels[0], PLACE_FRAC)
    await until(lambda: panel.session.live.clicks != "[]")
    y, x = place_of(json.loads(panel.session.live.clicks)[0])
    await until(lambda: panel.session.map_item is not surprisal and panel.session.map_item.has_data)
    print(f"clicked in the image at {y:.3f}, {x:.3f}: {panel.session.map_item.title}")
    await press(widget, "Done")

    panel.tab.value = 1
    panel.amount.value, panel.region.value, panel.dwell.value = "6", "60", "300"  # time enough for a slow computer
    await press(widget, "Plan")
    await until(lambda: panel.may_run.value)
    print(f"planned: {panel.status.value}")

    await press(widget, "Run")
    print(f"asked: {panel.status.value}")
    await press(widget, "Expose")
    await until(lambda: panel.progress.value > 0)

    await press(widget, "Abort")
    await until(lambda: not panel.may_abort.value)
    print(f"stopped: {panel.status.value}")
    panel.tab.value = 3
    results = next(inner for inner in everything_in(widget) if hasattr(inner, "selected_items"))
    display_item = window.workspace_controller.display_panels[0].display_item
    await asyncio.sleep(0.5)
    await click(results.map_to_global(Geometry.IntPoint(y=ROW_HEIGHT_PX // 2, x=60)))
    await until(lambda: display_item.get_display_property("image_canvas_mode") == "custom")
    print(f"looked at: {panel.rows.value[panel.row.value]}")
    await press(widget, "Whole image")
    await until(lambda: display_item.get_display_property("image_canvas_mode") == "fit")

    print(f"blanker: {stem.TryGetVal('C_Blank')[1]:g} after the run")
    window.queue_request_close()


async def press(widget, words):
    """Click in the middle of the button that shows these words."""
    button = find(widget, words)
    await until(lambda: button.enabled)
    size = button.size
    await click(button.map_to_global(Geometry.IntPoint(y=size.height // 2, x=size.width // 2)))


def find(widget, words):
    """The widget inside this one that shows exactly these words."""
    found = [inner for inner in everything_in(widget) if getattr(inner, "text", None) == words]
    if not found:
        raise RuntimeError(f"the panel shows no {words!r}")
    return found[0]


def everything_in(widget):
    for inner in widget._contained_widgets:
        yield inner
        yield from everything_in(inner)


async def click_image(display_panel, place_frac):
    """Click at a fraction (y, x) of an image that fills its panel."""
    canvas = display_panel.display_canvas_item
    height, width = canvas.canvas_size
    side = min(height, width)
    y, x = (round(length / 2 + (part - 0.5) * side) for length, part in zip((height, width), place_frac, strict=True))
    await click(canvas.map_to_global(Geometry.IntPoint(y=y, x=x)))


def place_of(click):
    """Where Swift took the click to be."""
    found = (click["y_frac"], click["x_frac"])
    if max(abs(a - b) for a, b in zip(found, PLACE_FRAC, strict=True)) > TOLERANCE_FRAC:
        raise RuntimeError(f"a click at {PLACE_FRAC} arrived at {found}")
    return found


async def click(point):
    """Move the mouse there and click, while Swift's event loop goes on."""
    command = ["xdotool", "mousemove", str(point.x), str(point.y), "sleep", "0.2", "click", "1"]
    await asyncio.get_running_loop().run_in_executor(None, subprocess.check_call, command)
    await asyncio.sleep(0.3)


async def until(condition, timeout_s=60):
    for _ in range(timeout_s * 20):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"Swift did not get there within {timeout_s} s")
