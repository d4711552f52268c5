"""The heat map has to be in the picture that Swift draws, not only in Swift's library."""

from __future__ import annotations

import io
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import resvg_py
from nion.data import Calibration
from nion.swift import DisplayPanel
from nion.swift.model import DataItem, Graphics
from nion.swift.test import TestContext
from nion.utils import Geometry
from PIL import Image

from deepscan_core.errors import InputError
from deepscan_core.records.levels import Levels, display_levels
from nionswift_plugin.deepscan.drawing import color_maps, composite, overlay
from nionswift_plugin.deepscan.drawing.overlay import OverlayStyle

SIDE_PX = 256


def picture(display_item: Any) -> np.ndarray:
    """What Swift draws for a display, uint8 ndarray of shape (256, 256, 3)."""
    size = Geometry.IntSize(SIDE_PX, SIDE_PX)
    context = DisplayPanel.preview(DisplayPanel.FixedUISettings(), display_item, size)
    svg = context.to_svg(size, Geometry.IntRect(Geometry.IntPoint(), size))
    png = resvg_py.svg_to_bytes(svg_string=svg)
    return np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGB"))


def levels(values: np.ndarray, kind: str = "surprisal") -> Levels:
    return display_levels(values, kind)


def image_display(swift: Any) -> Any:
    gray = np.tile(np.linspace(0.0, 1.0, 64, dtype=np.float32), (64, 1))
    data_item = DataItem.DataItem(gray)
    swift.library.append_data_item(data_item)
    return swift.display(data_item)


def remove_all_graphics(swift: Any, display_item: Any) -> None:
    """What Select all and Delete do."""
    command = swift.window.create_remove_graphics_command(display_item, list(display_item.graphics))
    command.perform()
    swift.window.push_undo_command(command)


def hot_corner() -> np.ndarray:
    """A score map that is hot in the top right quarter of the top right quarter."""
    values = np.zeros((64, 64), np.float32)
    values[0:16, 48:64] = 20.0
    return values


def coloured(image: np.ndarray) -> np.ndarray:
    """Pixels that are no grey."""
    channels = image.astype(int)
    return (channels[..., 0] - channels[..., 2]) > 30


def test_the_heat_map_is_in_the_picture_at_its_place(swift: Any) -> None:
    display_item = image_display(swift)
    before = picture(display_item)
    assert not coloured(before).any()
    overlay.attach_overlay(display_item).show(overlay.heat_raster(hot_corner()))
    after = picture(display_item)
    inside = coloured(after)
    rows, cols = np.nonzero(inside)
    assert (rows.min(), rows.max()) == pytest.approx((0, 63), abs=3)
    assert (cols.min(), cols.max()) == pytest.approx((192, 255), abs=3)
    assert inside[6:58, 198:250].all()
    left = slice(None), slice(0, 180)
    np.testing.assert_array_equal(before[left], after[left])


def test_the_image_stays_visible_under_the_hottest_place(swift: Any) -> None:
    display_item = image_display(swift)
    overlay.attach_overlay(display_item).show(overlay.heat_raster(np.full((64, 64), 20.0, np.float32)))
    image = picture(display_item).astype(int)
    assert image[128, 240].sum() - image[128, 15].sum() > 150


def test_a_new_raster_is_painted_and_an_empty_one_removes_it(swift: Any) -> None:
    display_item = image_display(swift)
    graphic = overlay.attach_overlay(display_item)
    plain = picture(display_item)
    count = graphic.modified_count
    graphic.show(overlay.heat_raster(hot_corner()))
    assert graphic.modified_count > count, "Swift repaints only when this number changes"
    assert coloured(picture(display_item)).any()
    graphic.show(overlay.heat_raster(np.ascontiguousarray(hot_corner()[::-1])))
    assert np.nonzero(coloured(picture(display_item)))[0].min() > 180
    graphic.show(None)
    np.testing.assert_array_equal(picture(display_item), plain)


def test_the_overlay_is_one_lets_the_mouse_through_and_replaces_leftovers(swift: Any) -> None:
    display_item = image_display(swift)
    leftover = Graphics.RectangleGraphic()  # what a project holds after it was closed and opened again
    leftover.graphic_id = overlay.OVERLAY_ID
    display_item.add_graphic(leftover)
    click = Graphics.PointGraphic()
    display_item.add_graphic(click)
    graphic = overlay.attach_overlay(display_item)
    assert overlay.attach_overlay(display_item) is graphic
    assert list(display_item.graphics) == [graphic, click]
    assert graphic.test(None, None, None, False) == (None, False)
    overlay.detach_overlay(display_item)
    assert list(display_item.graphics) == [click]


def test_swift_keeps_the_overlay_as_a_rectangle_and_its_inspector_takes_it_for_none(swift: Any) -> None:
    """Of a rectangle the inspector writes place and size anew with every few rows of a scan."""
    display_item = image_display(swift)
    graphic = overlay.attach_overlay(display_item)
    assert display_item.write_to_dict()["graphics"][0]["type"] == Graphics.RectangleGraphic().type
    assert not isinstance(graphic, Graphics.RectangleGraphic)


def test_colours_come_from_a_fixed_range() -> None:
    weak = overlay.heat_raster(np.array([[1.0, 2.4]], np.float32)).view(np.uint8).reshape(1, 2, 4)
    assert (weak[..., 3] == 0).all()
    alone = overlay.heat_raster(np.array([[4.0]], np.float32))
    beside = overlay.heat_raster(np.array([[4.0, 40.0]], np.float32))
    assert alone[0, 0] == beside[0, 0]


def test_a_region_turns_the_way_a_step_turns(swift: Any) -> None:
    """Swift draws a rectangle's positive rotation counter-clockwise, as `ScanStep.rotation_rad` means it."""
    display_item = image_display(swift)
    graphic = Graphics.RectangleGraphic()
    graphic.bounds = Geometry.FloatRect.from_tlhw(0.48, 0.2, 0.04, 0.6)
    graphic.rotation = np.pi / 4
    graphic.stroke_color = graphic.fill_color = "#FF0000"
    display_item.add_graphic(graphic)
    rows, cols = np.nonzero(coloured(picture(display_item)))
    assert np.corrcoef(rows, cols)[0, 1] < -0.9, "turned counter-clockwise, its right end goes up"


def test_a_style_is_kept_as_json_and_bad_values_are_refused_in_words() -> None:
    style = OverlayStyle(opacity=0.8, color_map="viridis", threshold=4.0, visible=False)
    assert OverlayStyle.from_json(style.to_json()) == style
    assert OverlayStyle.from_json("{}") == OverlayStyle()
    refused = {
        '{"opacity": 1.5}': "opacity is 1.5",
        '{"color_map": "jet"}': "heat, magma, viridis, cividis",
        '{"threshold": "high"}': "threshold is 'high'",
        '{"visible": 1}': "visible is 1",
        '{"opasity": 1}': "keys out of opacity, color_map, threshold, visible",
        "[": "keys out of opacity",
        '{"opacity": NaN}': "opacity is nan",
    }
    for text, words in refused.items():
        with pytest.raises(InputError, match=words):
            OverlayStyle.from_json(text)
    with pytest.raises(InputError, match="kind of score 'heat'"):
        levels(hot_corner(), "heat")


def test_a_threshold_hides_what_lies_below_it_and_leaves_the_other_colours() -> None:
    scores = np.array([[1.0, 3.0, 4.0, 5.0, 9.0]], np.float32)
    prepared = levels(scores)
    plain = color_maps.raster(prepared, OverlayStyle())
    opacity = color_maps.raster(prepared, OverlayStyle(threshold=4.5)).view(np.uint8).reshape(5, 4)[:, 3]
    assert list(opacity > 0) == [False, False, False, True, True]
    assert (color_maps.raster(prepared, OverlayStyle(threshold=4.5))[0, 3:] == plain[0, 3:]).all()
    lowered = color_maps.raster(prepared, OverlayStyle(threshold=0.5)).view(np.uint8).reshape(5, 4)[:, 3]
    assert (np.diff(lowered.astype(int)[:4]) > 0).all()
    assert lowered[0] > 0
    strict = color_maps.raster(prepared, OverlayStyle(threshold=8.0)).view(np.uint8).reshape(5, 4)[:, 3]
    assert list(strict > 0) == [False, False, False, False, True]


@pytest.mark.parametrize("kind", list(color_maps.SHOWN_RANGE))
def test_opacity_and_colour_grow_with_the_score_in_every_map(kind: str) -> None:
    low, high = color_maps.SHOWN_RANGE[kind]
    scores = np.linspace(low - 0.1, high, 50, dtype=np.float32)[None]
    for name in color_maps.NAMES:
        style = OverlayStyle(opacity=1.0, color_map=name)
        pixels = color_maps.raster(levels(scores, kind), style).view(np.uint8).reshape(50, 4).astype(int)
        assert pixels[0, 3] == 0, "below the range nothing is painted"
        assert pixels[-1, 3] == 255
        luminance = pixels[:, :3] @ [0.0722, 0.7152, 0.2126]
        assert (np.diff(luminance) > -1.0).all(), name
        assert luminance[-1] - luminance[0] > 100, name


def test_what_is_no_number_is_not_painted() -> None:
    scores = np.array([[np.nan, -np.inf, np.inf]], np.float32)
    opacity = overlay.heat_raster(scores).view(np.uint8).reshape(3, 4)[:, 3]
    assert list(opacity) == [0, 0, 125]


def test_a_style_repaints_at_once_from_what_is_kept(swift: Any) -> None:
    display_item = image_display(swift)
    plain = picture(display_item)
    with pytest.raises(InputError, match="press Attach first"):
        overlay.set_style(display_item, OverlayStyle())
    overlay.attach_overlay(display_item)
    assert overlay.paint(display_item, "map", levels(hot_corner()))
    default = picture(display_item)
    assert coloured(default).any()
    overlay.set_style(display_item, OverlayStyle(color_map="viridis", opacity=1.0))
    strongest = picture(display_item)[16, 224].astype(int)
    np.testing.assert_allclose(strongest, (253, 231, 37), atol=3)
    overlay.set_style(display_item, OverlayStyle(visible=False))
    np.testing.assert_array_equal(picture(display_item), plain)
    overlay.set_style(display_item, OverlayStyle())
    np.testing.assert_array_equal(picture(display_item), default)


def test_only_displays_that_follow_a_map_are_painted(swift: Any) -> None:
    follower, other = image_display(swift), image_display(swift)
    untouched = image_display(swift)
    overlay.attach_overlay(follower, uuid.UUID(int=7))
    overlay.attach_overlay(other, uuid.UUID(int=8))
    prepared = levels(hot_corner())
    painted = [overlay.paint(display, uuid.UUID(int=7), prepared) for display in (follower, other, untouched)]
    assert painted == [True, False, False]
    assert coloured(picture(follower)).any()
    assert not coloured(picture(other)).any()
    assert not overlay.overlays(untouched)
    overlay.attach_overlay(other, uuid.UUID(int=7))
    assert overlay.followed_map(other) == str(uuid.UUID(int=7))
    assert overlay.paint(other, uuid.UUID(int=7), prepared)


def test_a_deleted_overlay_comes_back_with_the_next_map_unless_it_is_switched_off(swift: Any) -> None:
    display_item = image_display(swift)
    prepared = levels(hot_corner())
    overlay.attach_overlay(display_item)
    overlay.paint(display_item, None, prepared)
    before = picture(display_item)
    remove_all_graphics(swift, display_item)
    assert not coloured(picture(display_item)).any()
    overlay.paint(display_item, None, prepared)
    np.testing.assert_array_equal(picture(display_item), before)
    overlay.set_style(display_item, OverlayStyle(visible=False))
    remove_all_graphics(swift, display_item)
    overlay.paint(display_item, None, prepared)
    assert not overlay.overlays(display_item)
    overlay.set_style(display_item, OverlayStyle())
    np.testing.assert_array_equal(picture(display_item), before)
    overlay.detach_overlay(display_item)
    assert not overlay.paint(display_item, None, prepared)
    assert not display_item.graphics


def test_attaching_again_writes_nothing_and_a_lost_graphic_comes_back(
    swift: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    display_item = image_display(swift)
    overlay.attach_overlay(display_item, "map")
    overlay.paint(display_item, "map", levels(hot_corner()))
    written: list[str] = []
    monkeypatch.setattr(type(display_item), "set_display_property", lambda self, name, value: written.append(name))
    overlay.attach_overlay(display_item, "map")
    assert not written
    remove_all_graphics(swift, display_item)
    graphic = overlay.attach_overlay(display_item, "map")
    assert graphic.raster is not None
    overlay.attach_overlay(display_item, "another map")
    assert written[-1] == overlay.RECORD


def test_undo_of_a_deletion_gives_the_painting_overlay_back(swift: Any) -> None:
    display_item = image_display(swift)
    overlay.attach_overlay(display_item)
    overlay.paint(display_item, None, levels(hot_corner()))
    before = picture(display_item)
    keeper = overlay.keep_painting(display_item, swift.window.event_loop)
    remove_all_graphics(swift, display_item)
    assert swift.window.handle_undo()
    swift.wait_for(lambda: overlay.overlays(display_item), "the overlay")
    np.testing.assert_array_equal(picture(display_item), before)
    assert len(display_item.graphics) == 1
    keeper.close()
    remove_all_graphics(swift, display_item)
    swift.window.handle_undo()
    swift.window.periodic()
    assert not overlay.overlays(display_item), "a closed keeper leaves Swift's rectangle alone"
    assert not coloured(picture(display_item)).any(), "and that has no visible line"
    overlay.paint(display_item, None, levels(hot_corner()))
    assert len(display_item.graphics) == 1


def test_copies_and_snapshots_of_a_display_do_not_disturb_it(swift: Any) -> None:
    display_item = image_display(swift)
    overlay.attach_overlay(display_item, "map")
    overlay.paint(display_item, "map", levels(hot_corner()))
    before = picture(display_item)
    snapshot = swift.library.get_display_item_snapshot_new(display_item)
    copy = swift.library.get_display_item_copy_new(display_item)
    np.testing.assert_array_equal(picture(snapshot), before)
    flipped = levels(np.ascontiguousarray(hot_corner()[::-1]))
    for each in swift.library.get_display_items_for_data_item(display_item.data_item):
        assert overlay.paint(each, "map", flipped)
    assert copy in swift.library.get_display_items_for_data_item(display_item.data_item)
    np.testing.assert_array_equal(picture(copy), picture(display_item))
    assert not np.array_equal(picture(display_item), before)
    np.testing.assert_array_equal(picture(snapshot), before)
    swift.library.remove_display_item(copy)
    overlay.set_style(display_item, OverlayStyle(visible=False))


def test_style_and_map_survive_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    setup = TestContext.TestSetup(set_global=False)
    style = OverlayStyle(color_map="viridis", threshold=3.0, opacity=0.8)
    with TestContext.create_memory_context() as project:
        library = project.create_document_model(auto_close=False)
        with library.ref():
            data_item = DataItem.DataItem(np.zeros((64, 64), np.float32))
            library.append_data_item(data_item)
            overlay.attach_overlay(library.get_display_item_for_data_item(data_item), "map", style)
        library = project.create_document_model()
        display_item = library.display_items[0]
        assert [type(graphic).__name__ for graphic in display_item.graphics] == ["RectangleGraphic"]
        assert display_item.graphics[0].label is None
        assert not coloured(picture(display_item)).any()
        assert (overlay.followed_map(display_item), overlay.style_of(display_item)) == ("map", style)
        assert overlay.paint(display_item, "map", levels(hot_corner()))
        assert coloured(picture(display_item)).any()
        assert len(display_item.graphics) == 1
    del setup


@pytest.mark.parametrize("side_px", [512, 1024])
def test_painting_and_restyling_take_no_time_that_a_person_sees(swift: Any, side_px: int) -> None:
    data_item = DataItem.DataItem(np.zeros((side_px, side_px), np.float32))
    swift.library.append_data_item(data_item)
    display_item = swift.display(data_item)
    overlay.attach_overlay(display_item)
    prepared = levels(np.random.default_rng(0).gamma(2.0, 1.5, (side_px, side_px)).astype(np.float32))
    times_ms = []
    for n in range(10):
        begin = time.perf_counter()
        overlay.paint(display_item, None, prepared)
        overlay.set_style(display_item, OverlayStyle(color_map="magma", opacity=n / 10))
        times_ms.append((time.perf_counter() - begin) * 1e3)
    assert np.median(times_ms) < 40.0, f"two repaints of 20 ms at {side_px} px"


def test_the_composite_is_what_swift_shows(swift: Any) -> None:
    display_item = image_display(swift)
    display_item.display_data_channels[0].display_limits = (0.02, 0.98)
    style = OverlayStyle(color_map="viridis", opacity=0.7)
    overlay.attach_overlay(display_item, style=style)
    overlay.paint(display_item, None, levels(hot_corner()))
    shown = picture(display_item).astype(int)
    image = display_item.data_item.data
    made = composite.composite_data(image, hot_corner(), "surprisal", style)
    assert made.dtype == np.uint8
    red_green_blue = made[..., ::-1].repeat(4, axis=0).repeat(4, axis=1).astype(int)
    inside = (slice(8, 56), slice(200, 248))
    np.testing.assert_allclose(red_green_blue[inside], shown[inside], atol=6)
    quiet = (slice(70, 180), slice(8, 180))
    np.testing.assert_allclose(red_green_blue[quiet], shown[quiet], atol=6)


def test_a_composite_is_a_calibrated_data_item_beside_the_image(swift: Any) -> None:
    display_item = image_display(swift)
    data_item = display_item.data_item
    data_item.set_dimensional_calibrations([Calibration.Calibration(-1.0, 0.5, "nm")] * 2)
    map_item = DataItem.DataItem(hot_corner())
    map_item.metadata = {"deepscan": {"kind": "surprisal"}}
    swift.library.append_data_item(map_item)
    overlay.attach_overlay(display_item, style=OverlayStyle(color_map="cividis"))
    made = composite.make_composite(swift.library, display_item, map_item)
    assert made in swift.library.data_items
    assert made.xdata.is_data_rgb
    assert list(made.xdata.dimensional_calibrations) == list(data_item.xdata.dimensional_calibrations)
    expected = composite.composite_data(data_item.data, hot_corner(), "surprisal", OverlayStyle(color_map="cividis"))
    np.testing.assert_array_equal(made.data, expected)
    default = composite.make_composite(swift.library, data_item, map_item)
    assert not np.array_equal(default.data, made.data)
    assert coloured(picture(swift.display(default))).any()
    with pytest.raises(InputError, match="wait for the first map"):
        composite.make_composite(swift.library, display_item, None)
    with pytest.raises(InputError, match="two of one shape"):
        composite.composite_data(np.zeros((32, 32)), hot_corner())


def test_what_another_process_has_coloured_is_painted_unless_the_style_has_changed(swift: Any) -> None:
    display = image_display(swift)
    overlay.attach_overlay(display)
    hot = levels(np.eye(64, dtype=np.float32), "probability")
    pictured = hot.pictured(overlay.tables_for([display], "probability"))
    style = overlay.style_of(display)
    assert np.array_equal(color_maps.painted(pictured, style), color_maps.raster(hot, style))
    assert color_maps.painted(pictured, style) is pictured.pictures[style.to_json()]
    other = replace(style, color_map="viridis")
    assert np.array_equal(color_maps.painted(pictured, other), color_maps.raster(hot, other))
    overlay.set_style(display, replace(style, visible=False))
    assert overlay.tables_for([display], "probability") == {}


def test_a_display_gets_the_highest_of_blocks_and_a_picture_gets_everything() -> None:
    values = np.zeros((900, 600), np.float32)
    values[451, 302] = 9.0
    shown = color_maps.painted(levels(values), OverlayStyle())
    assert shown.shape == (300, 200)
    opacity = shown.view(np.uint8).reshape(300, 200, 4)[..., 3]
    assert np.argwhere(opacity).tolist() == [[150, 100]]
    assert overlay.heat_raster(values).shape == (900, 600)
    assert color_maps.painted(levels(values[:, :599]), OverlayStyle()).shape == (900, 599)  # no block fits
    small = levels(values[:300, :300])
    assert color_maps.painted(small, OverlayStyle()).shape == (300, 300)
