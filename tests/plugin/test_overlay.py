"""The heat map has to be in the picture that Swift draws, not only in Swift's library."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import resvg_py
from nion.swift import DisplayPanel
from nion.swift.model import DataItem, Graphics
from nion.utils import Geometry
from PIL import Image

from nionswift_plugin.deepscan import overlay

SIDE_PX = 256


def picture(display_item: Any) -> np.ndarray:
    """What Swift draws for a display, uint8 ndarray of shape (256, 256, 3)."""
    size = Geometry.IntSize(SIDE_PX, SIDE_PX)
    context = DisplayPanel.preview(DisplayPanel.FixedUISettings(), display_item, size)
    svg = context.to_svg(size, Geometry.IntRect(Geometry.IntPoint(), size))
    png = resvg_py.svg_to_bytes(svg_string=svg)
    return np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGB"))


def image_display(swift: Any) -> Any:
    gray = np.tile(np.linspace(0.0, 1.0, 64, dtype=np.float32), (64, 1))
    data_item = DataItem.DataItem(gray)
    swift.library.append_data_item(data_item)
    return swift.display(data_item)


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
