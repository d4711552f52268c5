"""The heat map over the live image: a graphic that paints a raster with per-pixel opacity.

Swift's display layers do not composite on images, hence this (``docs/decisions``). It is kept as one of Swift's
rectangles, and Swift gives a plain rectangle back when a project is opened again and when a deletion is undone. Such a
rectangle has no visible line. What the overlay shows, of which map and in which style, is therefore kept by the
display, in the property `RECORD`: it outlives the graphic, and `paint` puts a fresh graphic in where one is missing.

A worker makes what can be painted (`prepare_for`), the user interface's thread paints it (`paint`, `set_style`).
How scores become colours stands in ``color_maps.py``.

Swift 16.16 asks a graphic to draw itself (``_draw``); 16.18 asks for a renderer and ignores ``_draw``. Both are here.
"""

from __future__ import annotations

import gettext
import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from nion.swift.model import Graphics
from nion.utils import Geometry

from deepscan_core.errors import InputError
from deepscan_core.records.levels import Levels, levels_of

from . import color_maps
from .color_maps import OverlayStyle
from .keeper import Keeper

__all__ = [
    "OVERLAY_ID", "RECORD", "OverlayGraphic", "OverlayStyle", "attach_overlay", "detach_overlay", "followed_map",
    "heat_raster", "keep_painting", "overlays", "paint", "prepare_for", "set_style", "style_of", "tables_for",
]  # fmt: skip

_ = gettext.gettext

OVERLAY_ID = "deepscan.overlay"
#: property of a display: {"map": uuid of the map that is followed or None, "style": JSON of `OverlayStyle`}
RECORD = "deepscan_overlay"
UNSEEN = "rgba(0, 0, 0, 0)"

Raster = npt.NDArray[np.uint32]

_painted: weakref.WeakKeyDictionary[Any, Levels] = weakref.WeakKeyDictionary()  # what each display shows


def heat_raster(values: npt.NDArray[np.float32], kind: str = "surprisal") -> Raster:
    """Scores as colour and opacity in the default style.

    Parameters
    ----------
    values : float32 ndarray of shape (rows, cols).
    kind : of the score, a key of `color_maps.SHOWN_RANGE`.

    Returns
    -------
    uint32 ndarray of shape (rows, cols), straight alpha, bytes in the order blue, green, red, alpha.
    """
    return color_maps.raster(levels_of(values, kind), OverlayStyle())


def _draw_raster(context: Any, mapping: Any, bounds: Any, raster: Raster | None) -> None:
    if raster is not None:
        top_left = mapping.map_point_image_norm_to_widget(bounds.top_left)
        bottom_right = mapping.map_point_image_norm_to_widget(bounds.bottom_right)
        width, height = bottom_right.x - top_left.x, bottom_right.y - top_left.y
        context.draw_image(raster, top_left.x, top_left.y, width, height)


class OverlayGraphic(Graphics.RectangleTypeGraphic):
    """Paints a raster over the whole image; it cannot be grabbed, so the mouse reaches what lies below.

    No `RectangleGraphic`: of those Swift's inspector writes places and sizes anew with every few rows of a live image.
    """

    def __init__(self) -> None:
        super().__init__("rect-graphic", _("DeepScan overlay"))
        self.raster: Raster | None = None
        self._revision = 0
        self.graphic_id = OVERLAY_ID
        self.stroke_color = UNSEEN
        self.bounds = Geometry.FloatRect.from_tlhw(0.0, 0.0, 1.0, 1.0)
        self.is_position_locked = self.is_shape_locked = self.is_rotation_locked = True

    @property
    def modified_count(self) -> int:
        """Swift repaints a graphic only when this number changes."""
        return int(super().modified_count) + self._revision

    def deepcopy_from(self, item: Any, memo: Any) -> None:
        """A snapshot of the display keeps the picture."""
        super().deepcopy_from(item, memo)
        self.raster = item.raster

    def show(self, raster: Raster | None) -> None:
        """Paint another raster, None for nothing. Call in the user interface's thread; nothing is written to disk."""
        self.raster = raster
        self._revision += 1
        self.property_changed_event.fire("raster")

    def test(self, *args: Any, **kwargs: Any) -> tuple[None, bool]:
        """No part of it is under the mouse, ever."""
        return None, False

    def _draw(self, ctx: Any, ui_settings: Any, mapping: Any, is_selected: bool, is_focused: bool) -> None:
        _draw_raster(ctx, mapping, self.bounds, self.raster)

    def get_renderer(self) -> Any:
        """What draws it in Swift 16.18 and later, from a copy of what it needs."""
        return _OverlayRenderer(self)


_RendererBase: Any = getattr(Graphics, "RectangleGraphicRenderer", object)


class _OverlayRenderer(_RendererBase):  # type: ignore[misc]
    def __init__(self, graphic: OverlayGraphic) -> None:
        super().__init__(graphic)
        self._raster, self._bounds = graphic.raster, graphic.bounds

    def draw(self, ctx: Any, ui_settings: Any, mapping: Any, is_selected: bool, is_focused: bool) -> None:
        _draw_raster(ctx, mapping, self._bounds, self._raster)


def overlays(display_item: Any) -> list[OverlayGraphic]:
    """The overlays of a display that can be painted."""
    return [graphic for graphic in display_item.graphics if isinstance(graphic, OverlayGraphic)]


def attach_overlay(display_item: Any, map_uuid: object = None, style: OverlayStyle | None = None) -> OverlayGraphic:
    """The one overlay of a display, below all other graphics; leftovers of an earlier session are replaced.

    Parameters
    ----------
    display_item : the display of an image.
    map_uuid : of the data item whose scores it shows, kept in the project; None lets it show any.
    style : how it looks, kept in the project; None leaves it as it was.
    """
    style = style or style_of(display_item)
    record = {"map": str(map_uuid) if map_uuid is not None else None, "style": style.to_json()}
    is_there = bool(overlays(display_item)) and display_item.get_display_property(RECORD) == record
    if not is_there:  # else a file would be written anew at each click
        display_item.set_display_property(RECORD, record)
    graphic = _the_one_graphic(display_item)
    if not is_there:
        _repaint(display_item)
    return graphic


def detach_overlay(display_item: Any) -> None:
    """Take every overlay off a display, plain rectangles from an earlier session included; no map brings it back."""
    display_item.set_display_property(RECORD, None)
    _painted.pop(display_item, None)
    _remove(display_item, _with_our_id(display_item))


def followed_map(display_item: Any) -> str | None:
    """The uuid of the map that the overlay of a display shows, None where it shows any or where there is none."""
    map_uuid = (display_item.get_display_property(RECORD) or {}).get("map")
    return str(map_uuid) if map_uuid is not None else None


def style_of(display_item: Any) -> OverlayStyle:
    """The style kept with a display; the default where none is kept, or one that cannot be read."""
    text = (display_item.get_display_property(RECORD) or {}).get("style", "{}")
    try:
        return OverlayStyle.from_json(text)
    except InputError:
        return OverlayStyle()


def set_style(display_item: Any, style: OverlayStyle) -> None:
    """Keep a style with a display, and repaint at once what it shows; raises `InputError` without an overlay."""
    record = display_item.get_display_property(RECORD)
    if record is None:
        raise InputError(f"{display_item.displayed_title} has no overlay: press Attach first")
    display_item.set_display_property(RECORD, {**record, "style": style.to_json()})
    _repaint(display_item)


def tables_for(display_items: Iterable[Any], kind: str) -> dict[str, Raster]:
    """What `Levels.pictured` needs, so that another process makes what these displays will paint."""
    styles = {style_of(display_item) for display_item in display_items}
    return {style.to_json(): color_maps.lookup_table(kind, style) for style in styles if style.visible}


def prepare_for(display_items: Iterable[Any], levels: Levels) -> Levels:
    """Make what these displays will paint, in a worker's thread; returns the levels."""
    for style in {style_of(display_item) for display_item in display_items}:
        color_maps.painted(levels, style)
    return levels


def paint(display_item: Any, map_uuid: object, levels: Levels) -> bool:
    """Show new scores, in the user interface's thread.

    An overlay that was deleted comes back, unless it is switched off (`OverlayStyle.visible`) or was detached.

    Parameters
    ----------
    display_item : the display of an image.
    map_uuid : of the data item that holds the scores; displays that follow another one are left alone.
    levels : from `prepare_for`.

    Returns
    -------
    Whether the overlay of this display follows this map.
    """
    if display_item.get_display_property(RECORD) is None:
        return False
    if followed_map(display_item) not in (None, str(map_uuid)):
        return False
    _painted[display_item] = levels
    _repaint(display_item)
    return True


def _repaint(display_item: Any) -> None:
    style, levels = style_of(display_item), _painted.get(display_item)
    if not style.visible:
        for graphic in overlays(display_item):
            graphic.show(None)
    elif levels is not None:
        _the_one_graphic(display_item).show(color_maps.painted(levels, style))


def _the_one_graphic(display_item: Any) -> OverlayGraphic:
    present = overlays(display_item)
    graphic = present[0] if present else OverlayGraphic()
    _remove(display_item, [other for other in _with_our_id(display_item) if other is not graphic])
    if not present:
        display_item.insert_graphic(0, graphic)
    return graphic


def _with_our_id(display_item: Any) -> list[Any]:
    return [graphic for graphic in display_item.graphics if graphic.graphic_id == OVERLAY_ID]


def _remove(display_item: Any, graphics: list[Any]) -> None:
    for graphic in graphics:
        display_item.remove_graphic(graphic).close()


def keep_painting(display_item: Any, event_loop: Any) -> Keeper:
    """Puts the painting overlay in as soon as Swift gives a plain rectangle back."""

    def is_plain(graphic: Any) -> bool:
        return graphic.graphic_id == OVERLAY_ID and not isinstance(graphic, OverlayGraphic)

    def revive() -> None:
        is_wanted = display_item.get_display_property(RECORD) is not None
        if is_wanted and any(map(is_plain, display_item.graphics)):
            _the_one_graphic(display_item)
            _repaint(display_item)

    return Keeper(display_item, event_loop, is_plain, revive)
