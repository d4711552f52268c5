"""A headless Swift for tests: memory storage, no Qt, usim as the microscope."""

from __future__ import annotations

import contextlib
import copy
import functools
import os
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

DEADLINE_S = 30.0


class HeadlessSwift:
    """One window, and what tests ask of it."""

    def __init__(self, context: Any) -> None:
        self.window = context.document_controller
        self.library = context.document_model
        self.scan = context.scan_hardware_source
        self.stem = context.instrument

    def wait_for(self, condition: Callable[[], Any], what: str = "") -> Any:
        """Let the window work until the condition holds, and return what it returned."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            self.window.periodic()
            result = condition()
            if result:
                return result
            assert time.monotonic() < deadline, f"waited {DEADLINE_S:g} s in vain for {what or condition}"
            time.sleep(0.005)

    def open_window(self) -> HeadlessSwift:
        """Another window on the same project, to be closed with its ``window.request_close()``."""
        other = copy.copy(self)
        other.window = self.window.app.create_document_controller(self.library, "library")
        return other

    @property
    def handler(self) -> Any:
        """What the panel's widgets are bound to."""
        from nionswift_plugin.deepscan.panel.dock_panel import PANEL_ID

        return self.window.find_dock_panel(PANEL_ID).handler

    def set_scan(self, *, size: tuple[int, int] = (128, 128), fov_nm: float = 16.0, rotation_rad: float = 0.0) -> None:
        parameters = self.scan.get_frame_parameters(0)
        parameters.pixel_size = size
        parameters.fov_nm = fov_nm
        parameters.pixel_time_us = 1.0
        parameters.rotation_rad = rotation_rad
        self.scan.set_frame_parameters(0, parameters)
        self.scan.set_selected_profile_index(0)
        self.scan.set_current_frame_parameters(parameters)

    def start_scan(self) -> Any:
        """Start the live view and return its data item once a whole frame is in it."""
        from nionswift_plugin.deepscan.mapping import whole_frames

        self.scan.start_playing(sync_timeout=5)
        self.scan.get_next_xdatas_to_finish(10)

        def live() -> Any:
            channel_id = self.scan.get_channel_state(0).channel_id
            item = self.library.get_data_item_channel_reference(self.scan.hardware_source_id, channel_id).data_item
            return item if item is not None and item.has_data and whole_frames.is_whole(item.xdata) else None

        return self.wait_for(live, "the live data item")

    def display(self, data_item: Any) -> Any:
        return self.library.get_display_item_for_data_item(data_item)

    def graphics(self, data_item: Any, graphic_id: str) -> list[Any]:
        return [graphic for graphic in self.display(data_item).graphics if graphic.graphic_id == graphic_id]


_made_once: dict[str, Callable[[float], Any]] = {}


@contextlib.contextmanager
def usim_samples_made_once() -> Iterator[None]:
    """Half of the time that usim takes to start goes into samples of fixed seeds, which nobody changes."""
    from nion.usim_device import SampleSimulator

    for name in ("AmorphousSample", "CombinedTestSample"):
        _made_once.setdefault(name, functools.cache(getattr(SampleSimulator, name)))
    with mock.patch.multiple(SampleSimulator, **_made_once):
        yield


@contextlib.contextmanager
def headless_swift() -> Iterator[HeadlessSwift]:
    """One window of Swift with usim registered. Enter it in an empty folder: usim empties ``./test_data``."""
    from nion.instrumentation.test import AcquisitionTestContext
    from nion.swift import Facade
    from nion.swift.test import TestContext
    from nion.usim_device import DeviceConfiguration

    if os.listdir():
        raise RuntimeError("headless Swift wants an empty working folder: chdir to tmp_path first")
    Facade.initialize()
    setup = TestContext.TestSetup(set_global=False)  # an application and an event loop
    with usim_samples_made_once():
        configuration = DeviceConfiguration.AcquisitionContextConfiguration()
    with AcquisitionTestContext.test_context(configuration, is_app=True) as context:
        try:
            yield HeadlessSwift(context)
        finally:
            context.scan_hardware_source.abort_playing(sync_timeout=5)
    del setup
