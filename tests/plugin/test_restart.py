"""A project that is closed and opened again: everything of DeepScan is there, and alive."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nion.swift import Facade
from nion.swift.model import DataItem, PlugInManager
from nion.swift.test import TestContext
from nion.ui import CanvasItem
from nion.utils import Geometry

from nionswift_plugin.deepscan import DeepScanExtension, computations
from nionswift_plugin.deepscan.drawing import overlay
from nionswift_plugin.deepscan.drawing.annotations import MOST_ALONE, State, mark, states
from nionswift_plugin.deepscan.drawing.plan_graphics import PlanGraphic
from nionswift_plugin.deepscan.mapping import computing
from nionswift_plugin.deepscan.panel.dock_panel import PANEL_ID
from nionswift_plugin.deepscan.view import Phase
from tests.conftest import spot_image

PLACES = [(60.0, 60.0), (60.0, 190.0), (190.0, 60.0), (180.0, 180.0)]
DEADLINE_S = 30.0


class Swift:
    """A window on a project, without a microscope."""

    def __init__(self, window: Any) -> None:
        self.window, self.library = window, window.document_model
        if hasattr(self.library, "start_dispatcher"):  # Swift 16.16 does so when it has opened a project
            self.library.start_dispatcher()
        self.panel = window.find_dock_panel(PANEL_ID).handler

    @property
    def image(self) -> Any:
        return next(item for item in self.library.data_items if item.title == "still")

    @property
    def display(self) -> Any:
        return self.library.get_display_item_for_data_item(self.image)

    def choose_image(self) -> Any:
        """Show it, choose it, and give its display panel."""
        display_panel = self.window.workspace_controller.display_panels[0]
        display_panel.set_display_panel_display_item(self.display)
        self.window.selected_display_panel = display_panel
        return display_panel

    def wait_for(self, condition: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            self.window.periodic()
            assert time.monotonic() < deadline, f"waited in vain for {what}: {self.panel.status.value}"
            time.sleep(0.005)

    def kept(self) -> dict[str, Any]:
        """What the project should keep."""
        return {
            "map": str(self.panel.session.map_item.uuid),
            "clicks": json.loads(self.panel.session.live.clicks),
            "style": self.panel.session.live.style(),
            "fields": [getattr(self.panel, name).value for name in ("mode", "amount", "region", "dwell", "density")],
            "regions": states(self.display),
            "map values": np.array(self.panel.session.map_item.data),
        }


@pytest.fixture
def open_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Opens the one project of a test, as often as it is asked to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPSCAN_BACKBONE", "classical")
    monkeypatch.setenv(computing.VARIABLE, computing.HERE)
    Facade.initialize()
    setup = TestContext.TestSetup(set_global=True)
    extension = DeepScanExtension(PlugInManager.APIBroker())
    with TestContext.create_memory_context() as project:

        @contextlib.contextmanager
        def open_() -> Iterator[Swift]:
            window = project.create_document_controller_with_application(auto_close=False)
            try:
                yield Swift(window)
            finally:
                window.close()

        yield open_
    extension.close()
    del setup


@pytest.mark.parametrize("region_px", ["30", "12"])
def test_what_was_done_is_there_again_and_goes_on(open_project: Any, region_px: str) -> None:
    with open_project() as swift:
        item = DataItem.DataItem(spot_image((256, 256), PLACES))
        item.title = "still"
        swift.library.append_data_item(item)
        display_panel = swift.choose_image()
        swift.panel.attach()
        assert swift.panel.session.view.phase is Phase.ATTACHED, swift.panel.status.value
        swift.panel.arm_positive()
        place = Geometry.FloatPoint(y=PLACES[0][0] + 0.5, x=PLACES[0][1] + 0.5)
        assert display_panel.image_mouse_pressed(place, CanvasItem.KeyboardModifiers())
        display_panel.image_mouse_released(place, CanvasItem.KeyboardModifiers())
        swift.panel.disarm()
        taught = swift.panel.session
        swift.wait_for(lambda: "Like" in taught.map_item.title and taught.map_item.has_data, "the taught map")
        swift.panel.color_map.value, swift.panel.opacity_percent.value = 2, 80
        swift.panel.restyle()
        swift.panel.amount.value, swift.panel.region.value, swift.panel.dwell.value = "8", region_px, "6"
        swift.panel.plan()
        swift.wait_for(lambda: taught.view.phase is not Phase.PLANNING, "the plan")
        assert taught.view.phase is Phase.PLANNED, swift.panel.status.value
        mark(swift.display, 1, State.VISITED)
        before = swift.kept()
        if region_px == "12":
            assert len(before["regions"]) > MOST_ALONE, "drawn by one graphic"
    with open_project() as swift:
        plain = [type(graphic).__name__ for graphic in swift.display.graphics]
        assert "OverlayGraphic" not in plain, "Swift knows its own kinds alone"
        swift.choose_image()
        swift.panel.attach()
        session = swift.panel.session
        assert session.view.phase is Phase.ATTACHED, swift.panel.status.value
        after = swift.kept()
        last_map = before.pop("map values")
        assert np.array_equal(after.pop("map values"), last_map)
        assert after == before
        assert after["regions"][1] is State.VISITED
        if region_px == "12":
            assert sum(isinstance(graphic, PlanGraphic) for graphic in swift.display.graphics) == 2
        (graphic,) = overlay.overlays(swift.display)
        swift.image.set_data(spot_image((256, 256), PLACES[1:], seed=1))  # a new frame
        swift.wait_for(lambda: graphic.raster is not None, "the overlay")
        swift.wait_for(lambda: not np.array_equal(session.map_item.data, last_map), "another map")
        assert sum(c.processing_id == computations.TEACHER for c in swift.library.computations) == 1
        swift.window.handle_undo()  # nothing of the session before can be undone, and nothing breaks
        swift.panel.plan()
        swift.wait_for(lambda: session.view.phase is not Phase.PLANNING, "the next plan")
        assert session.view.phase is Phase.PLANNED, swift.panel.status.value
        assert set(states(swift.display).values()) == {State.PLANNED}
