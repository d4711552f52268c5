"""What ``deepscan swift`` shows: the live scan beside the map, the DeepScan panel, everything attached."""

from __future__ import annotations

import asyncio
import logging
import os
import traceback
import uuid
from pathlib import Path
from typing import Any

from nion.utils import Geometry, Registry

from deepscan_core.errors import DeepScanError, InputError, InstrumentError

from .settings import SimulatorSettings
from .view import look_at

SCRIPT_VARIABLE = "DEEPSCAN_SCRIPT"
RESULT_VARIABLE = "DEEPSCAN_SCRIPT_RESULT"
PANEL_ID = "deepscan-panel"
WORKSPACE_ID = "deepscan.workspace"
SIDE_PANELS_TO_HIDE = ("histogram-panel", "inspector-panel", "info-panel")
PATIENCE_S = 60.0


class DemoSession:
    """Waits for the first window and makes it ready; then runs the start-up script, if there is one.

    Parameters
    ----------
    application : Swift's application.
    settings : what is looked at, and the size of the window.
    """

    def __init__(self, application: Any, settings: SimulatorSettings) -> None:
        self._application = application
        self._settings = settings
        self._task: Any = None
        self._listener = application.document_model_available_event.listen(self._on_document_model)

    def close(self) -> None:
        """Stop listening and drop what has not been done yet."""
        self._listener = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _on_document_model(self, document_model: Any) -> None:
        if self._task is None:
            self._task = self._application.event_loop.create_task(self._start())

    async def _start(self) -> None:
        script = os.environ.get(SCRIPT_VARIABLE)
        try:
            while not self._application.document_controllers:
                await asyncio.sleep(0.1)
            window = self._application.document_controllers[0]
            await make_ready(window, self._settings)
            if script:
                await _run_script(Path(script), window)
            _write_result("ok")
        except Exception as error:
            words = str(error) if isinstance(error, DeepScanError) else traceback.format_exc()
            logging.getLogger("deepscan").error("deepscan swift: %s", words)
            _write_result(words)
            if script:
                for window in self._application.document_controllers:
                    window.queue_request_close()


async def make_ready(window: Any, settings: SimulatorSettings) -> None:
    """Start the scan, lay the window out and attach; raises `DeepScanError` where that is not possible."""
    size = Geometry.IntSize(height=settings.window_height_px, width=settings.window_width_px)
    window.show(size=size, position=Geometry.IntPoint())
    scan = _start_scan(settings.specimen)
    panel = window.find_dock_panel(PANEL_ID)
    if panel is None:
        raise InputError("the DeepScan panel is missing: see Swift's log for why the plug-in was not loaded")
    panel.show()
    for panel_id in SIDE_PANELS_TO_HIDE:
        other = window.find_dock_panel(panel_id)
        if other is not None:
            other.hide()
    await _until(lambda: _live_item(window, scan) is not None, "the live image")
    panel.handler.attach()
    if panel.handler.session.map_item is None:
        raise InputError(panel.handler.status.value)
    _lay_out(window, [_live_item(window, scan), panel.handler.session.map_item])
    window.show(size=size, position=Geometry.IntPoint())  # once more: what was hidden had kept it wider


def _start_scan(specimen: str) -> Any:
    stem = Registry.get_component("stem_controller")
    scan = stem.scan_controller if stem is not None else None
    if scan is None:
        raise InstrumentError("usim has no scan device: pip install nionswift-usim")
    look_at(scan, specimen)
    scan.start_playing()
    return scan


def _live_item(window: Any, scan: Any) -> Any:
    """The data item of the live scan, None as long as it holds nothing."""
    channel_id = scan.get_channel_state(0).channel_id
    item = window.document_model.get_data_item_channel_reference(scan.hardware_source_id, channel_id).data_item
    return item if item is not None and item.has_data else None


def _lay_out(window: Any, data_items: list[Any]) -> None:
    """Two images side by side."""
    names = ["deepscan.live", "deepscan.map"]
    layout = {
        "type": "splitter",
        "orientation": "vertical",
        "splits": [0.58, 0.42],
        "children": [
            {
                "type": "image",
                "uuid": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
                "identifier": name,
                "selected": name == names[0],
            }
            for name in names
        ],
    }
    workspace = window.workspace_controller
    workspace.ensure_workspace("DeepScan", layout, WORKSPACE_ID)
    for display_panel, data_item in zip(workspace.display_panels, data_items, strict=False):
        display_panel.set_display_panel_display_item(window.document_model.get_display_item_for_data_item(data_item))
        display_panel.perform_action("set_fit_mode")


async def _run_script(path: Path, window: Any) -> None:
    """Run ``main(window)`` of a file that the person who started Swift named."""
    namespace: dict[str, Any] = {"__name__": "deepscan_script", "__file__": str(path)}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), namespace)  # noqa: S102  the user's own file
    if "main" not in namespace:
        raise InputError(f"{path} defines no main(window): give a script with 'async def main(window)'")
    await namespace["main"](window)


async def _until(condition: Any, what: str) -> None:
    for _ in range(round(PATIENCE_S / 0.1)):
        if condition():
            return
        await asyncio.sleep(0.1)
    raise InstrumentError(f"waited {PATIENCE_S:g} s in vain for {what}: look at the scan panel")


def _write_result(words: str) -> None:
    """Tell ``deepscan swift`` how it went."""
    path = os.environ.get(RESULT_VARIABLE)
    if path:
        Path(path).write_text(words, encoding="utf-8")
