"""The heat map over the live image: a graphic that paints a raster with per-pixel opacity.

Swift's display layers do not composite on images, hence this (``docs/decisions``). The class derives from Swift's
rectangle: a project opened without DeepScan shows a plain rectangle and loses nothing else; it also
reloads as one, which is why `attach_overlay` puts a fresh graphic in.

Swift 16.16 asks a graphic to draw itself (``_draw``); 16.18 asks for a renderer and ignores ``_draw``. Both are here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from nion.swift.model import Graphics
from nion.utils import Geometry

OVERLAY_ID = "deepscan.overlay"

#: score where the overlay begins to show, and where it is strongest; fixed, so that frames can be compared
SHOWN_RANGE = {"surprisal": (2.5, 6.0), "probability": (0.3, 1.0), "similarity": (0.0, 0.1)}
MOST_OPAQUE = 125  # of 255: the image has to stay visible underneath
#: colours from weak to strong, red green blue
RAMP = np.array([[255, 60, 0], [255, 150, 0], [255, 235, 60]], float)

Raster = npt.NDArray[np.uint32]


def heat_raster(values: npt.NDArray[np.float32], kind: str = "surprisal") -> Raster:
    """Scores as colour and opacity.

    Parameters
    ----------
    values : float32 ndarray of shape (rows, cols).
    kind : of the score, a key of `SHOWN_RANGE`.

    Returns
    -------
    uint32 ndarray of shape (rows, cols), straight alpha, bytes in the order blue, green, red, alpha.
    """
    low, high = SHOWN_RANGE[kind]
    strength = np.clip((values - low) / (high - low), 0.0, 1.0)
    stops = np.linspace(0.0, 1.0, len(RAMP))
    raster = np.empty((*values.shape, 4), np.uint8)
    for byte, channel in enumerate((2, 1, 0)):
        raster[..., byte] = np.interp(strength, stops, RAMP[:, channel])
    raster[..., 3] = MOST_OPAQUE * np.sqrt(strength)
    return raster.view(np.uint32).reshape(values.shape)


def _paint(context: Any, mapping: Any, bounds: Any, raster: Raster | None) -> None:
    if raster is not None:
        top_left = mapping.map_point_image_norm_to_widget(bounds.top_left)
        bottom_right = mapping.map_point_image_norm_to_widget(bounds.bottom_right)
        width, height = bottom_right.x - top_left.x, bottom_right.y - top_left.y
        context.draw_image(raster, top_left.x, top_left.y, width, height)


class OverlayGraphic(Graphics.RectangleGraphic):
    """Paints a raster over the whole image; it cannot be grabbed, so the mouse reaches what lies below."""

    def __init__(self) -> None:
        super().__init__()
        self.raster: Raster | None = None
        self._revision = 0
        self.graphic_id = OVERLAY_ID
        self.bounds = Geometry.FloatRect.from_tlhw(0.0, 0.0, 1.0, 1.0)
        self.is_position_locked = self.is_shape_locked = self.is_rotation_locked = True

    @property
    def modified_count(self) -> int:
        """Swift repaints a graphic only when this number changes."""
        return int(super().modified_count) + self._revision

    def show(self, raster: Raster | None) -> None:
        """Paint another raster, None for nothing. Call in the user interface's thread; nothing is written to disk."""
        self.raster = raster
        self._revision += 1
        self.property_changed_event.fire("raster")

    def test(self, *args: Any, **kwargs: Any) -> tuple[None, bool]:
        """No part of it is under the mouse, ever."""
        return None, False

    def _draw(self, ctx: Any, ui_settings: Any, mapping: Any, is_selected: bool, is_focused: bool) -> None:
        _paint(ctx, mapping, self.bounds, self.raster)

    def get_renderer(self) -> Any:
        """What draws it in Swift 16.18 and later, from a copy of what it needs."""
        return _OverlayRenderer(self)


_RendererBase: Any = getattr(Graphics, "RectangleGraphicRenderer", object)


class _OverlayRenderer(_RendererBase):  # type: ignore[misc]
    def __init__(self, graphic: OverlayGraphic) -> None:
        super().__init__(graphic)
        self._raster, self._bounds = graphic.raster, graphic.bounds

    def draw(self, ctx: Any, ui_settings: Any, mapping: Any, is_selected: bool, is_focused: bool) -> None:
        _paint(ctx, mapping, self._bounds, self._raster)


def overlays(display_item: Any) -> list[OverlayGraphic]:
    """The overlays of a display that can be painted."""
    return [graphic for graphic in display_item.graphics if isinstance(graphic, OverlayGraphic)]


def attach_overlay(display_item: Any) -> OverlayGraphic:
    """The one overlay of a display, below all other graphics; leftovers of an earlier session are replaced."""
    present = overlays(display_item)
    if present:
        return present[0]
    detach_overlay(display_item)
    graphic = OverlayGraphic()
    display_item.insert_graphic(0, graphic)
    return graphic


def detach_overlay(display_item: Any) -> None:
    """Take every overlay off a display, plain rectangles from an earlier session included."""
    for graphic in [graphic for graphic in display_item.graphics if graphic.graphic_id == OVERLAY_ID]:
        display_item.remove_graphic(graphic).close()
