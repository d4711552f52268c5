"""The plan drawn on the image: numbered rectangles, and the route between them, in Swift's own graphics.

The state of a region is told three times, so that nobody needs to see colours: by a sign behind its number, by the width
of its line, and by its colour. The signs are also where the state is kept: a project that is opened again, an Undo and
a person who deletes a region need nothing else.

Swift's inspector builds a form for every graphic of the chosen image. Graphics that are there already are therefore
moved and relabelled instead of being made anew, and only where they differ; and many regions are drawn by one graphic
(``plan_graphics.py``).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from nion.swift.model import Graphics
from nion.utils import Geometry

from deepscan_core.records.coordinates import YX, ScanContext
from deepscan_core.records.protocol import ScanProtocol, ScanStep

from .plan_graphics import (
    DrawnRegion,
    PlanGraphic,
    is_for_many,
    mark_in,
    read,
    write,
)
from .region_looks import (
    DONE_COLOR,
    LOOKS,
    PLANNED_COLOR,
    REFERENCE_COLOR,
    REFERENCE_ID,
    REFERENCE_LABEL,
    REGION_ID,
    ROUTE_COLOR,
    ROUTE_ID,
    State,
    label_of,
)

__all__ = [
    "DONE_COLOR", "MOST_ALONE", "PLANNED_COLOR", "REFERENCE_ID", "REGION_ID", "ROUTE_ID", "State", "clear_plan", "mark",
    "selected_order", "show_plan", "show_reference", "sign", "states",
]  # fmt: skip

MOST_ALONE = 12  # regions that are one graphic each, with as many for the route

_KINDS: dict[str, Any] = {
    REGION_ID: Graphics.RectangleGraphic,
    ROUTE_ID: Graphics.LineGraphic,
    REFERENCE_ID: Graphics.RectangleGraphic,
}


def show_plan(display_item: Any, protocol: ScanProtocol) -> None:
    """Draw the steps of a plan over the image of its context, all of them planned, in place of an earlier plan.

    Up to `MOST_ALONE` regions are a rectangle each, with an arrow to the next one; more are drawn by one graphic, and
    their route by another.
    """
    regions = [_drawn(protocol.context, step) for step in protocol.steps]
    with display_item.display_item_changes():
        _remove(display_item, _ours(display_item, REFERENCE_ID))
        if len(regions) > MOST_ALONE:
            _show_many(display_item, regions)
        else:
            _show_each(display_item, regions)


def _show_many(display_item: Any, regions: Sequence[DrawnRegion]) -> None:
    for graphic_id in (ROUTE_ID, REGION_ID):
        present = [graphic for graphic in _ours(display_item, graphic_id) if isinstance(graphic, PlanGraphic)]
        _remove(display_item, [other for other in _ours(display_item, graphic_id) if other not in present[:1]])
        if present:
            write(present[0], regions)
        else:
            display_item.add_graphic(PlanGraphic.of(graphic_id, regions))


def _show_each(display_item: Any, regions: Sequence[DrawnRegion]) -> None:
    legs = _exactly(display_item, ROUTE_ID, max(len(regions) - 1, 0))
    for leg, (start, end) in zip(legs, itertools.pairwise(regions), strict=True):
        _draw_leg(leg, start.center_frac, end.center_frac)
    rectangles = _exactly(display_item, REGION_ID, len(regions))
    for rectangle, region in zip(rectangles, regions, strict=True):
        _draw_region(rectangle, region)
    for graphic in [*legs, *rectangles]:
        if graphic.container is None:
            display_item.add_graphic(graphic)


def show_reference(display_item: Any, context: ScanContext, step: ScanStep) -> None:
    """Draw the place by which drift is measured, in place of where it was before; the next plan takes it away.

    Parameters
    ----------
    display_item : of the image.
    context : of the plan.
    step : that records the place.
    """
    with display_item.display_item_changes():
        (graphic,) = _exactly(display_item, REFERENCE_ID, 1)
        _place(graphic, _drawn(context, step))
        _set(graphic, label=REFERENCE_LABEL, stroke_color=REFERENCE_COLOR)
        if graphic.container is None:
            display_item.add_graphic(graphic)


def mark(display_item: Any, order: int, state: State) -> None:
    """Show what became of a step; a region that a person deleted is left alone."""
    for graphic in _ours(display_item, REGION_ID):
        if is_for_many(graphic):
            mark_in(graphic, order, state)
        elif _order(graphic) == order:
            _show_state(graphic, order, state)


def sign(state: State) -> str:
    """What stands for a state beside a number; empty for a region that is planned."""
    return LOOKS[state].sign


def states(display_item: Any) -> dict[int, State]:
    """What the regions on a display say, by the order of their steps."""
    found = {}
    for graphic in _ours(display_item, REGION_ID):
        found.update({region.order: region.state for region in read(graphic)})
        if not is_for_many(graphic) and (order := _order(graphic)) is not None:
            found[order] = _state(graphic)
    return found


def selected_order(display_item: Any) -> int | None:
    """The number of the region that is selected on a display; None where none is, or several are."""
    graphics = [graphic for graphic in display_item.selected_graphics if graphic.graphic_id == REGION_ID]
    if len(graphics) != 1 or is_for_many(graphics[0]):
        return None
    return _order(graphics[0])


def clear_plan(display_item: Any) -> None:
    """Remove the rectangles and the route of an earlier plan."""
    with display_item.display_item_changes():
        for graphic_id in _KINDS:
            _remove(display_item, _ours(display_item, graphic_id))


def _drawn(context: ScanContext, step: ScanStep) -> DrawnRegion:
    return DrawnRegion(
        order=step.order,
        center_frac=context.fraction_from_px((step.center_y_px, step.center_x_px)),
        size_frac=(step.height_px / context.rows, step.width_px / context.cols),
        rotation_rad=step.rotation_rad,
    )


def _ours(display_item: Any, graphic_id: str) -> list[Any]:
    return [graphic for graphic in display_item.graphics if graphic.graphic_id == graphic_id]


def _remove(display_item: Any, graphics: Sequence[Any]) -> None:
    for graphic in graphics:
        display_item.remove_graphic(graphic).close()


def _exactly(display_item: Any, graphic_id: str, count: int) -> list[Any]:
    """So many graphics: those on the display, all others removed, the missing made but not yet added."""
    ours, kind = _ours(display_item, graphic_id), _KINDS[graphic_id]
    kept = [graphic for graphic in ours if type(graphic) is kind and not is_for_many(graphic)][:count]
    _remove(display_item, [graphic for graphic in ours if graphic not in kept])
    return kept + [_locked(kind(), graphic_id) for _ in range(count - len(kept))]


def _draw_leg(graphic: Any, start_frac: YX, end_frac: YX) -> None:
    start, end = Geometry.FloatPoint(*start_frac), Geometry.FloatPoint(*end_frac)
    if (graphic.start, graphic.end) != (start, end):
        graphic.vector = (start_frac, end_frac)
    _set(graphic, end_arrow_enabled=True, stroke_color=ROUTE_COLOR)


def _draw_region(graphic: Any, region: DrawnRegion) -> None:
    _place(graphic, region)
    _show_state(graphic, region.order, State.PLANNED)


def _place(graphic: Any, region: DrawnRegion) -> None:
    bounds = Geometry.FloatRect.from_center_and_size(
        Geometry.FloatPoint(*region.center_frac), Geometry.FloatSize(*region.size_frac)
    )
    if graphic.bounds != bounds:
        graphic.bounds = bounds
    _set(graphic, rotation=region.rotation_rad)  # counter-clockwise in Swift as in a step


def _show_state(graphic: Any, order: int, state: State) -> None:
    look = LOOKS[state]
    _set(graphic, label=label_of(order, state), stroke_color=look.color, stroke_width=look.line_width)


def _set(graphic: Any, **properties: Any) -> None:
    for name, value in properties.items():
        if getattr(graphic, name) != value:
            setattr(graphic, name, value)


def _order(graphic: Any) -> int | None:
    """The number on a region, None where a person wrote something else there."""
    number = (graphic.label or "").partition(" ")[0]
    return int(number) if number.isdecimal() else None


def _state(graphic: Any) -> State:
    sign = (graphic.label or "").partition(" ")[2]
    return next((state for state, look in LOOKS.items() if look.sign == sign), State.PLANNED)


def _locked(graphic: Any, graphic_id: str) -> Any:
    """The plan is a document: moving a rectangle with the mouse would not move the step."""
    graphic.graphic_id = graphic_id
    graphic.is_position_locked = graphic.is_shape_locked = graphic.is_rotation_locked = True
    return graphic
