"""A click as a point graphic of Swift: what is kept in it, what is drawn, and how it is undone.

What a click knows is kept in the graphic's ``role``, which Swift saves and does not draw. A pasted point has neither that
nor our ``graphic_id`` and is not ours. Colour and label are for the eye alone.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from typing import Any

from nion.swift import DisplayPanel
from nion.swift.model import Graphics
from nion.utils import Geometry

from deepscan_core.errors import InputError
from deepscan_core.live.clicks import DEFAULT_CLASS
from deepscan_core.records.coordinates import YX

from .click_records import ClickRecord, is_inside

POSITIVE_ID = "deepscan.positive"
NEGATIVE_ID = "deepscan.negative"
SUGGESTION_ID = "deepscan.suggestion"
SUGGESTION_COLOR = "#FFFFFF"
NEGATIVE_COLOR = "#FF8A5C"
POSITIVE_COLORS = ("#5CFF5C", "#F0E442", "#56B4E9", "#CC79A7", "#E69F00")
UNSEEN = "rgba(0, 0, 0, 0)"


class AddClick(DisplayPanel.InsertGraphicsCommand):
    """Can be undone whatever the scan did to the image meanwhile."""

    def _compare_modified_states(self, state1: Any, state2: Any) -> bool:
        return True

    def _set_modified_state(self, modified_state: Any) -> None:
        """The view may have moved other graphics meanwhile: there is no earlier state to go back to."""


def suggest(display_item: Any, fraction: YX) -> None:
    """Show the place that would teach most; one at a time, and no click: whoever is asked says whether it is one."""
    clear_suggestion([display_item])
    graphic = Graphics.PointGraphic()
    graphic.graphic_id = SUGGESTION_ID
    graphic.position = Geometry.FloatPoint(*fraction)
    graphic.label = "? click here next"
    graphic.stroke_color = SUGGESTION_COLOR
    graphic.is_position_locked = True
    display_item.add_graphic(graphic)


def clear_suggestion(display_items: Iterable[Any]) -> None:
    """Take it away."""
    for display_item in display_items:
        for graphic in [graphic for graphic in display_item.graphics if graphic.graphic_id == SUGGESTION_ID]:
            display_item.remove_graphic(graphic).close()


def new_click(positive: bool, record: ClickRecord) -> Any:
    """A point of Swift for a click, not on any display yet."""
    graphic = Graphics.PointGraphic()
    graphic.graphic_id = POSITIVE_ID if positive else NEGATIVE_ID
    show(graphic, record)
    return graphic


def record_of(graphic: Any) -> ClickRecord | None:
    """What is kept with a graphic, None where it is no click of ours."""
    if graphic.graphic_id not in (POSITIVE_ID, NEGATIVE_ID) or not graphic.role:
        return None
    try:
        return ClickRecord.from_json(graphic.role)
    except InputError:
        return None


def known(graphic: Any) -> ClickRecord | None:
    """What is kept with a graphic, and where a person may have moved it since."""
    record = record_of(graphic)
    return record.moved_to((float(graphic.position[0]), float(graphic.position[1]))) if record is not None else None


def clicks_json(graphics: Iterable[Any]) -> str:
    """The clicks among some graphics as they teach, copies counted once.

    Returns
    -------
    JSON text, a list of ``{"y_frac", "x_frac", "positive", "class", "frame"}``.
    """
    clicks: dict[str, dict[str, Any]] = {}
    for graphic in graphics:
        record = known(graphic)
        if record is not None and is_inside(record.at_frac):
            y_frac, x_frac = record.at_frac
            click = {
                "y_frac": y_frac,
                "x_frac": x_frac,
                "positive": graphic.graphic_id == POSITIVE_ID,
                "class": record.class_name,
                "frame": record.frame,
            }
            clicks.setdefault(record.click_id, click)
    return json.dumps(list(clicks.values()))


def show(graphic: Any, record: ClickRecord) -> None:
    """Write a click into its graphic."""
    positive = graphic.graphic_id == POSITIVE_ID
    sign = "+" if positive else "−"
    graphic.role = record.to_json()
    graphic.position = Geometry.FloatPoint(*record.shown_at_frac)
    graphic.label = None if record.aside else f"{sign} {record.class_name}"
    graphic.stroke_color = UNSEEN if record.aside else _color(positive, record.class_name)
    graphic.is_position_locked = record.aside


def _color(positive: bool, class_name: str) -> str:
    if not positive:
        return NEGATIVE_COLOR
    if class_name == DEFAULT_CLASS:
        return POSITIVE_COLORS[0]
    return POSITIVE_COLORS[1 + zlib.crc32(class_name.encode()) % (len(POSITIVE_COLORS) - 1)]
