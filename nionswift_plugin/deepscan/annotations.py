"""The plan drawn on the image: numbered rectangles, and the route between them, in Swift's own graphics."""

from __future__ import annotations

import itertools
from typing import Any

from nion.swift.model import Graphics
from nion.utils import Geometry

from deepscan_core.records.coordinates import YX
from deepscan_core.records.protocol import ScanProtocol, ScanStep

REGION_ID = "deepscan.region"
ROUTE_ID = "deepscan.route"
PLANNED_COLOR = "#30D5FF"
DONE_COLOR = "#5CFF5C"
ROUTE_COLOR = "rgba(48, 213, 255, 0.8)"


def show_plan(display_item: Any, protocol: ScanProtocol) -> None:
    """Draw the steps of a plan over the image of its context, in place of an earlier plan."""
    with display_item.display_item_changes():
        clear_plan(display_item)
        centers = [_center_frac(step, protocol) for step in protocol.steps]
        for start, end in itertools.pairwise(centers):
            display_item.add_graphic(_leg(start, end))
        for step, center in zip(protocol.steps, centers, strict=True):
            display_item.add_graphic(_region(step, center, protocol))


def mark_done(display_item: Any, order: int) -> None:
    """Colour the rectangle of a step that was recorded."""
    for graphic in display_item.graphics:
        if graphic.graphic_id == REGION_ID and graphic.label == str(order):
            graphic.stroke_color = DONE_COLOR


def clear_plan(display_item: Any) -> None:
    """Remove the rectangles and the route of an earlier plan."""
    for graphic in [graphic for graphic in display_item.graphics if graphic.graphic_id in (REGION_ID, ROUTE_ID)]:
        display_item.remove_graphic(graphic).close()


def _center_frac(step: ScanStep, protocol: ScanProtocol) -> YX:
    return protocol.context.fraction_from_px((step.center_y_px, step.center_x_px))


def _region(step: ScanStep, center_frac: YX, protocol: ScanProtocol) -> Any:
    height, width = step.height_px / protocol.context.rows, step.width_px / protocol.context.cols
    graphic = Graphics.RectangleGraphic()
    graphic.graphic_id = REGION_ID
    graphic.bounds = Geometry.FloatRect.from_center_and_size(
        Geometry.FloatPoint(*center_frac), Geometry.FloatSize(height, width)
    )
    graphic.rotation = step.rotation_rad  # counter-clockwise in Swift as in a step
    graphic.label = str(step.order)
    graphic.stroke_color = PLANNED_COLOR
    return _locked(graphic)


def _leg(start_frac: YX, end_frac: YX) -> Any:
    graphic = Graphics.LineGraphic()
    graphic.graphic_id = ROUTE_ID
    graphic.start, graphic.end = Geometry.FloatPoint(*start_frac), Geometry.FloatPoint(*end_frac)
    graphic.end_arrow_enabled = True
    graphic.stroke_color = ROUTE_COLOR
    return _locked(graphic)


def _locked(graphic: Any) -> Any:
    """The plan is a document: moving a rectangle with the mouse would not move the step."""
    graphic.is_position_locked = graphic.is_shape_locked = True
    if hasattr(graphic, "is_rotation_locked"):
        graphic.is_rotation_locked = True
    return graphic
