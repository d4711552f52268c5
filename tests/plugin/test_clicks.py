"""Clicks in a real, headless image display: what they teach, where they lie, and how they follow the sample."""

from __future__ import annotations

import json
import math
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nion.data import Calibration, DataAndMetadata
from nion.swift.model import DataItem, Graphics
from nion.swift.test import TestContext
from nion.ui import CanvasItem, TestUI
from nion.utils import Geometry

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.simulation.specimens import Spots
from nionswift_plugin.deepscan.clicking import clicks, selecting, taught_frames
from nionswift_plugin.deepscan.clicking.click_graphics import NEGATIVE_ID, POSITIVE_ID, AddClick
from nionswift_plugin.deepscan.clicking.click_records import (
    ClickRecord,
    SamplePosition,
    microscope_position,
    place_in,
    view_of,
)
from nionswift_plugin.deepscan.clicking.clicks import Armed, ClickTool


class Desk:
    """One image in the window's first display panel, and a tool that follows it."""

    def __init__(self, swift: Any, *, shape: tuple[int, int] = (64, 128)) -> None:
        self.swift = swift
        self.heard: list[list[dict[str, Any]]] = []
        self.position = SamplePosition()
        self.data_item = DataItem.DataItem(np.random.default_rng(0).normal(size=shape).astype(np.float32))
        swift.library.append_data_item(self.data_item)
        self.panel = swift.window.workspace_controller.display_panels[0]
        self.panel.set_display_panel_display_item(swift.display(self.data_item))
        self.tool = ClickTool(
            swift.window,
            on_changed=lambda text: self.heard.append(json.loads(text)),
            sample_position=lambda: self.position,
        )
        self.tool.attach(self.data_item)

    def click(self, y_px: float, x_px: float, *, shift: bool = False, panel: Any = None) -> bool:
        """Press and release; returns whether the press was taken. Pixel (0, 0) has its centre at (0, 0)."""
        place = Geometry.FloatPoint(y=y_px + 0.5, x=x_px + 0.5)  # Swift counts from the pixel's edge
        modifiers = CanvasItem.KeyboardModifiers(shift=shift)
        panel = panel or self.panel
        taken = panel.image_mouse_pressed(place, modifiers)
        assert panel.image_mouse_released(place, modifiers) is taken
        self.settle()
        return bool(taken)

    def settle(self) -> None:
        for _ in range(3):
            self.swift.window.periodic()

    @property
    def points(self) -> list[Any]:
        graphics = self.swift.display(self.data_item).graphics
        return [graphic for graphic in graphics if graphic.graphic_id in (POSITIVE_ID, NEGATIVE_ID)]

    @property
    def frames(self) -> list[Any]:
        return [item for item in self.swift.library.data_items if item.title.startswith("DeepScan taught frame")]

    def scanned(self, *, fov_nm: float = 32.0, rotation_rad: float = 0.0) -> None:
        """Make the image one of a scan, and tell the tool that there is a new frame."""
        cols = self.data_item.data_shape[1]
        self.data_item.set_xdata(
            DataAndMetadata.new_data_and_metadata(
                self.data_item.data + 1.0,
                dimensional_calibrations=[Calibration.Calibration(0.0, fov_nm / cols, "nm")] * 2,
                metadata={"scan": {"fov_nm": fov_nm, "rotation": rotation_rad}},
            )
        )
        self.settle()


@pytest.fixture
def desk(swift: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(taught_frames, "APPEND_AFTER_S", 0.0)
    monkeypatch.setattr(selecting, "SELECT_AFTER_S", 0.0)
    desk = Desk(swift)
    yield desk
    desk.tool.close()


def at(point: Any) -> tuple[float, float]:
    return (float(point.position.y), float(point.position.x))


def test_a_click_becomes_a_point_that_teaches_its_frame(desk: Desk) -> None:
    desk.tool.arm(True)
    assert desk.click(15, 31)
    (point,) = desk.points
    assert point.graphic_id == POSITIVE_ID
    assert at(point) == (15.5 / 64, 31.5 / 128)
    (frame,) = desk.frames
    np.testing.assert_array_equal(frame.data, desk.data_item.data)
    expected = {
        "y_frac": 15.5 / 64,
        "x_frac": 31.5 / 128,
        "positive": True,
        "class": "target",
        "frame": str(frame.uuid),
    }
    assert desk.heard == [[expected]]
    assert json.loads(desk.tool.clicks_json) == [expected]


def test_what_a_click_teaches_is_told_before_swift_draws_it(desk: Desk) -> None:
    points_then: list[int] = []
    desk.tool.close()
    desk.tool = ClickTool(
        desk.swift.window,
        on_changed=lambda text: (points_then.append(len(desk.points)), desk.heard.append(json.loads(text)))[0],
        sample_position=lambda: desk.position,
    )
    desk.tool.attach(desk.data_item)
    desk.tool.arm(True)
    desk.click(15, 31)
    desk.click(16, 32)
    assert points_then == [0, 1]
    assert [len(clicks) for clicks in desk.heard] == [1, 2]
    assert desk.heard[-1] == json.loads(desk.tool.clicks_json)


def test_the_latest_click_is_selected_once_the_map_had_its_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting: list[Any] = []
    display_item = desk.swift.display(desk.data_item)
    monkeypatch.setattr(
        desk.tool._latest_selected, "_soon", types.SimpleNamespace(ask=lambda: waiting.append(1), close=lambda: None)
    )
    desk.tool.arm(True)
    desk.click(15, 31)
    desk.click(20, 40)
    assert waiting == [1, 1]
    assert display_item.selected_graphics == []
    desk.tool._latest_selected._select()
    assert display_item.selected_graphics == [desk.points[1]]
    desk.click(30, 50)
    desk.swift.window.handle_undo()
    desk.tool._latest_selected._select()
    assert display_item.selected_graphics == [desk.points[1]], "what is gone is not selected"
    desk.click(40, 60)
    desk.swift.library.remove_data_item(desk.data_item)
    desk.tool._latest_selected._select()


def test_a_click_that_swift_cannot_take_is_taken_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any) -> None:
        raise RuntimeError("Swift is closing")

    no_keys = CanvasItem.KeyboardModifiers()
    desk.tool.arm(True)
    desk.click(15, 31)
    monkeypatch.setattr(AddClick, "perform", refuse)
    with pytest.raises(RuntimeError, match="closing"):
        desk.tool._pressed(desk.panel, desk.swift.display(desk.data_item), Geometry.FloatPoint(20.0, 20.0), no_keys)
    assert [len(clicks) for clicks in desk.heard] == [1, 2, 1]
    assert desk.tool.clicked_frame is None


def test_a_real_mouse_press_on_the_canvas_is_taken(desk: Desk) -> None:
    root = getattr(desk.panel, "root_container", desk.panel)  # Swift 16.18 has no container around it
    root.layout_immediate(Geometry.IntSize(1000, 1000))
    desk.panel.refresh_layout_immediate()
    canvas_item = desk.panel.display_canvas_item
    middle = canvas_item.canvas_bounds.center
    desk.tool.arm(True)
    canvas_item.simulate_click(middle)
    desk.settle()
    (point,) = desk.points
    assert at(point) == pytest.approx((0.5, 0.5), abs=0.01)
    assert desk.swift.display(desk.data_item).selected_graphics == [point]
    desk.tool.disarm()
    canvas_item.simulate_click(middle)
    assert len(desk.points) == 1


def test_it_stays_armed_until_escape_and_shift_turns_the_sign(desk: Desk) -> None:
    armed: list[Armed | None] = []
    desk.tool._on_armed = armed.append
    assert not desk.click(5, 5), "not armed: the mouse is Swift's"
    desk.tool.arm(True, "vacancy")
    desk.click(5, 5)
    desk.click(6, 9, shift=True)
    desk.tool.arm(False, "vacancy")
    desk.click(7, 7)
    escape = TestUI.Key(None, "escape", CanvasItem.KeyboardModifiers())
    assert desk.panel._handle_key_pressed(escape)
    assert desk.tool.armed is None
    assert not desk.panel._handle_key_pressed(escape), "the second Escape is Swift's"
    assert not desk.click(8, 8)
    assert [point.graphic_id for point in desk.points] == [POSITIVE_ID, NEGATIVE_ID, NEGATIVE_ID]
    assert {point.label for point in desk.points} == {"+ vacancy", "− vacancy"}
    assert len({point.stroke_color for point in desk.points}) == 2
    assert armed == [Armed(positive=True, class_name="vacancy"), Armed(positive=False, class_name="vacancy"), None]


def test_several_classes(desk: Desk) -> None:
    for row, name in enumerate(("target", "vacancy", "dumbbell")):
        desk.tool.arm(True, name)
        desk.click(5 + row, 5)
    assert [click["class"] for click in desk.heard[-1]] == ["target", "vacancy", "dumbbell"]
    with pytest.raises(InputError, match="give what you click a name"):
        desk.tool.arm(True, "  ")


def test_clicks_elsewhere_are_swifts(desk: Desk, swift: Any) -> None:
    desk.tool.arm(True)
    assert not desk.click(-3, 5)
    assert not desk.click(5, 128)
    other = DataItem.DataItem(np.zeros((64, 128), np.float32))
    swift.library.append_data_item(other)
    desk.panel.set_display_panel_display_item(swift.display(other))
    assert not desk.click(5, 5)
    assert not desk.points
    assert not swift.display(other).graphics
    with pytest.raises(InputError, match="no two-dimensional image"):
        desk.tool.attach(DataItem.DataItem(np.zeros(16)))

    class OtherWindow:
        document_controller = object()

    place = Geometry.FloatPoint(y=5, x=5)
    display_item = swift.display(desk.data_item)
    assert not desk.tool._pressed(OtherWindow(), display_item, place, CanvasItem.KeyboardModifiers())


def test_nothing_can_be_armed_without_an_image(desk: Desk) -> None:
    desk.tool.detach()
    with pytest.raises(InputError, match="press Attach first"):
        desk.tool.arm(True)


def test_undo_takes_a_click_away_and_redo_gives_it_back(desk: Desk) -> None:
    desk.tool.arm(True)
    desk.click(5, 5)
    desk.click(9, 9)
    both = desk.heard[-1]
    desk.data_item.set_data(desk.data_item.data + 1.0)  # the scan goes on
    desk.settle()
    assert desk.swift.window.handle_undo()
    desk.settle()
    assert desk.heard[-1] == both[:1]
    desk.swift.window.handle_redo()
    desk.settle()
    assert desk.heard[-1] == both
    assert desk.swift.window.handle_undo()
    assert desk.swift.window.handle_undo()
    desk.settle()
    assert desk.heard[-1] == []


def test_moving_deleting_and_clearing_in_swift_change_the_clicks(desk: Desk) -> None:
    desk.tool.arm(True)
    desk.click(5, 5)
    desk.click(9, 9)
    heard = len(desk.heard)
    for step in range(5):  # as a drag does
        desk.points[0].position = Geometry.FloatPoint(0.5, 0.1 * (step + 1))
    desk.settle()
    assert len(desk.heard) == heard + 1, "one message for many small moves"
    assert (desk.heard[-1][0]["y_frac"], desk.heard[-1][0]["x_frac"]) == (0.5, 0.5)
    desk.swift.display(desk.data_item).remove_graphic(desk.points[1]).close()
    desk.settle()
    assert len(desk.heard[-1]) == 1
    desk.tool.clear()
    assert desk.heard[-1] == []
    assert desk.swift.window.handle_undo()
    desk.settle()
    assert desk.heard[-1][0]["x_frac"] == 0.5


def test_a_pasted_point_and_points_of_others_are_not_ours(desk: Desk) -> None:
    desk.tool.arm(True)
    desk.click(5, 5)
    display_item = desk.swift.display(desk.data_item)
    pasted = Graphics.PointGraphic()
    pasted.read_from_mime_data(desk.points[0].mime_data_dict())
    foreign = Graphics.PointGraphic()
    foreign.graphic_id, foreign.role = POSITIVE_ID, "{}"
    for graphic in (pasted, foreign):
        display_item.add_graphic(graphic)
    desk.settle()
    assert len(desk.heard) == 1
    desk.points[0].stroke_color = desk.points[0].label = None
    desk.settle()
    assert len(desk.heard) == 1, "the class is in neither colour nor label"


def test_clicks_on_the_same_frame_share_it_and_a_new_frame_is_kept_anew(desk: Desk) -> None:
    desk.tool.arm(True)
    first = desk.data_item.data.copy()
    desk.click(5, 5)
    desk.click(9, 9)
    assert len(desk.frames) == 1
    desk.data_item.set_data(first[::-1].copy())
    desk.settle()
    desk.click(20, 20)
    frames = [click["frame"] for click in desk.heard[-1]]
    assert frames[0] == frames[1] != frames[2]
    held = {str(frame.uuid): frame.data for frame in desk.frames}
    np.testing.assert_array_equal(held[frames[0]], first)
    np.testing.assert_array_equal(held[frames[2]], first[::-1])


def test_a_frame_that_somebody_has_changed_is_kept_anew(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = desk.data_item.xdata
    monkeypatch.setattr(taught_frames.whole_frames, "latest_whole", lambda data_item, xdata: whole)
    desk.tool.arm(True)
    desk.click(5, 5)
    desk.click(9, 9)
    (frame,) = desk.frames
    frame.set_data(frame.data + 1.0)
    desk.click(20, 20)
    first, second, third = [click["frame"] for click in desk.heard[-1]]
    assert first == second == str(frame.uuid) != third
    np.testing.assert_array_equal(desk.tool.frame(third).image.array, whole.data)
    np.testing.assert_array_equal(desk.tool.frame(first).image.array, whole.data + 1.0)


def test_several_displays_of_the_image(desk: Desk) -> None:
    desk.tool.arm(True)
    desk.click(5, 5)
    copy = desk.swift.library.get_display_item_copy_new(desk.swift.display(desk.data_item))
    desk.settle()
    assert len(desk.heard[-1]) == 1, "a copied click is one click"
    desk.panel.set_display_panel_display_item(copy)
    assert desk.click(40, 40)
    assert len(desk.heard[-1]) == 2
    snapshot = desk.swift.library.get_display_item_snapshot_new(copy)
    desk.panel.set_display_panel_display_item(snapshot)
    assert not desk.click(50, 50), "a snapshot is another image"
    desk.panel.set_display_panel_display_item(None)
    desk.swift.library.remove_display_item(copy)
    desk.settle()
    assert len(desk.heard[-1]) == 1


def test_deleting_the_image_and_closing_end_it_quietly(desk: Desk) -> None:
    desk.tool.arm(True)
    desk.click(5, 5)
    desk.panel.set_display_panel_display_item(None)
    desk.swift.library.remove_data_item(desk.data_item)
    desk.settle()
    assert desk.heard[-1] == []
    assert desk.tool.armed is None
    desk.tool.close()


def test_a_closed_tool_hears_nothing(desk: Desk) -> None:
    desk.tool.arm(True)
    desk.click(5, 5)
    desk.points[0].position = Geometry.FloatPoint(0.3, 0.3)
    desk.tool.close()
    desk.settle()
    assert not desk.click(9, 9)
    assert len(desk.heard) == 1


def test_clicks_survive_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    setup = TestContext.TestSetup(set_global=False)
    heard: list[str] = []
    with TestContext.create_memory_context() as project:
        window = project.create_document_controller_with_application(auto_close=False)
        data_item = DataItem.DataItem(np.ones((64, 64), np.float32))
        window.document_model.append_data_item(data_item)
        tool = ClickTool(window, on_changed=heard.append)
        tool.attach(data_item)
        tool.arm(True, "vacancy")
        display_item = window.document_model.get_display_item_for_data_item(data_item)
        panel = window.workspace_controller.display_panels[0]
        panel.set_display_panel_display_item(display_item)
        panel.image_mouse_pressed(Geometry.FloatPoint(y=16.0, x=48.0), CanvasItem.KeyboardModifiers())
        window.periodic()
        tool.close()
        window.close()
        window = project.create_document_controller_with_application(auto_close=False)
        again: list[str] = []
        tool = ClickTool(window, on_changed=again.append)
        tool.attach(next(item for item in window.document_model.data_items if item.uuid == data_item.uuid))
        assert again == heard[-1:]
        assert json.loads(again[0])[0]["class"] == "vacancy"
        tool.close()
        window.close()
    del setup


VIEW = ScanContext(rows=100, cols=200, fov_y_nm=10.0, fov_x_nm=20.0)


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (ScanContext(rows=100, cols=200, fov_y_nm=10.0, fov_x_nm=20.0, center_x_nm=5.0), (0.75, 0.5)),
        (ScanContext(rows=100, cols=200, fov_y_nm=10.0, fov_x_nm=20.0, center_y_nm=-1.0), (0.85, 0.75)),
        (ScanContext(rows=100, cols=200, fov_y_nm=20.0, fov_x_nm=40.0), (0.625, 0.625)),
        (ScanContext(rows=50, cols=50, fov_y_nm=20.0, fov_x_nm=20.0), (0.625, 0.75)),
        # a quarter turn counter-clockwise: 2.5 nm down, 5 nm right become 5 nm up, 2.5 nm right
        (ScanContext(rows=9, cols=9, fov_y_nm=20.0, fov_x_nm=20.0, rotation_rad=math.pi / 2), (0.25, 0.625)),
        (ScanContext(rows=9, cols=9), None),
    ],
)
def test_a_place_of_the_sample_in_another_view(view: ScanContext, expected: tuple[float, float] | None) -> None:
    place = place_in(view, VIEW, (0.75, 0.75))
    assert place == (expected if expected is None else pytest.approx(expected))
    if place is not None:
        assert place_in(VIEW, view, place) == pytest.approx((0.75, 0.75))


def test_a_record_is_kept_as_json_and_follows_only_what_is_more_than_noise() -> None:
    record = ClickRecord.new("vacancy", "a-frame", VIEW, (1 / 3, 0.75))
    assert ClickRecord.from_json(record.to_json()) == record
    noise = ScanContext(rows=100, cols=200, fov_y_nm=10.0, fov_x_nm=20.0, center_x_nm=0.02)
    assert record.seen_in(noise) is record
    away = ScanContext(rows=100, cols=200, fov_y_nm=10.0, fov_x_nm=20.0, center_x_nm=50.0)
    assert record.seen_in(away).aside
    assert record.seen_in(away).seen_in(away) == record.seen_in(away)
    assert record.seen_in(away).seen_in(VIEW) == record
    blind = ScanContext(rows=100, cols=200)
    assert record.seen_in(blind).aside
    assert record.seen_in(blind).seen_in(VIEW) == record
    with pytest.raises(InputError, match="click again"):
        ClickRecord.from_json("[]")


def test_clicks_stay_on_the_sample_and_go_aside_without_being_forgotten(desk: Desk) -> None:
    desk.scanned(fov_nm=32.0)  # 16 nm high
    desk.tool.arm(True)
    desk.click(31.5, 63.5)  # the centre
    taught = desk.heard[-1]
    (point,) = desk.points
    desk.position = SamplePosition(stage_nm=(0.0, 8.0))  # shows a place 8 nm to the left
    desk.scanned(fov_nm=32.0)
    assert at(point) == pytest.approx((0.5, 0.75))
    desk.scanned(fov_nm=64.0)
    assert at(point) == pytest.approx((0.5, 0.625))
    desk.position = SamplePosition(beam_shift_nm=(0.0, 40.0))
    desk.scanned(fov_nm=32.0)
    assert (point.label, point.is_position_locked) == (None, True)
    assert at(point) == pytest.approx((0.5, -0.75))
    assert desk.heard == [taught], "what is taught never changed"
    desk.position = SamplePosition()
    desk.scanned(fov_nm=32.0)
    assert at(point) == (0.5, 0.5)
    assert point.label == "+ target"


def test_a_click_moved_in_another_view_teaches_the_right_place(desk: Desk) -> None:
    desk.scanned(fov_nm=32.0)
    desk.tool.arm(True)
    desk.click(31.5, 63.5)
    (first,) = desk.heard[-1]
    desk.position = SamplePosition(stage_nm=(0.0, 8.0))
    desk.scanned(fov_nm=32.0)
    desk.points[0].position = Geometry.FloatPoint(0.5, 0.5)  # 8 nm to the left of where it was
    desk.settle()
    (moved,) = desk.heard[-1]
    assert moved["frame"] == first["frame"]
    assert (moved["y_frac"], moved["x_frac"]) == pytest.approx((0.5, 0.25))
    desk.points[0].position = Geometry.FloatPoint(0.5, 0.125)  # out of the frame that it teaches
    desk.settle()
    (retaught,) = desk.heard[-1]
    assert retaught["frame"] != first["frame"]
    assert (retaught["y_frac"], retaught["x_frac"]) == (0.5, 0.125)
    np.testing.assert_array_equal(desk.frames[-1].data, desk.data_item.data)


@pytest.mark.parametrize("rotation_rad", [0.0, 0.6])
def test_on_the_microscope_a_click_follows_its_spot(swift: Any, rotation_rad: float) -> None:
    from nionswift_plugin.deepscan_simulator.swap import SpecimenSwap

    swap = SpecimenSwap(
        Spots(defects_nm=np.array([(1.0, 2.0)]), sigma_nm=0.4, peak=0.6, background=0.02), on_message=pytest.fail
    )
    assert swap.install()
    swift.set_scan(rotation_rad=rotation_rad)
    live = swift.start_scan()
    heard: list[str] = []
    tool = ClickTool(swift.window, on_changed=heard.append)
    tool.attach(live)
    tool.arm(True)
    panel = swift.window.workspace_controller.display_panels[0]
    panel.set_display_panel_display_item(swift.display(live))
    y, x = brightest(live)
    panel.image_mouse_pressed(Geometry.FloatPoint(y=y + 0.5, x=x + 0.5), CanvasItem.KeyboardModifiers())
    (point,) = swift.graphics(live, POSITIVE_ID)
    swift.stem.SetVal("stage_position_m.x", 3e-9)
    swift.stem.SetVal("CSH.y", 1e-9)
    assert microscope_position() == SamplePosition(stage_nm=(0.0, pytest.approx(3.0)), beam_shift_nm=(1.0, 0.0))
    expected = place_in(view_of(live.xdata, microscope_position()), view_of(live.xdata, SamplePosition()), (0.5, 0.5))
    assert expected is not None
    assert math.dist(expected, (0.5, 0.5)) > 0.1

    def follows() -> bool:
        return math.dist((at(point)[0] * 128 - 0.5, at(point)[1] * 128 - 0.5), brightest(live)) < 3.0

    swift.wait_for(lambda: math.dist(brightest(live), (y, x)) > 15 and follows(), "the click at its spot")
    assert len(heard) == 1
    tool.close()
    swap.remove()


def brightest(live: Any) -> tuple[int, int]:
    row, col = np.unravel_index(np.argmax(live.data), live.data_shape)
    return int(row), int(col)


def test_a_frame_in_the_same_view_costs_next_to_nothing(desk: Desk) -> None:
    desk.scanned()
    desk.tool.arm(True)
    for _ in range(20):
        desk.click(20, 20)
    view = view_of(desk.data_item.xdata, SamplePosition())
    begin = time.perf_counter()
    for _ in range(10):
        desk.tool.remap(view)
    assert (time.perf_counter() - begin) / 10 < 0.02


def test_a_running_scan_is_looked_at_five_times_a_second_and_clicks_still_follow(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Swift tells of every few rows; the microscope is asked, and clicks are placed, far more seldom."""
    monkeypatch.setattr(type(desk.data_item), "is_live", True)
    desk.scanned(fov_nm=32.0)
    desk.tool.arm(True)
    desk.click(31.5, 63.5)  # the centre
    (point,) = desk.points
    asked = []
    monkeypatch.setattr(desk.tool, "_sample_position", lambda: asked.append(1) or desk.position)
    begin = time.monotonic()
    for _ in range(12):
        desk.scanned(fov_nm=32.0)
    assert len(asked) <= 2 + (time.monotonic() - begin) / clicks.LOOK_AGAIN_S
    desk.position = SamplePosition(stage_nm=(0.0, 8.0))  # shows a place 8 nm to the left
    desk.scanned(fov_nm=32.0)
    desk.swift.wait_for(lambda: at(point) == pytest.approx((0.5, 0.75)), "the click to follow")
