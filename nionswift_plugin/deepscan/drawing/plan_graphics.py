"""Many regions in one graphic, and their route in another.

Swift's inspector builds a form for every graphic of the chosen image, anew at every click in it. A plan of hundreds of
regions is therefore drawn by two graphics. Like the overlay they cover the image and cannot be grabbed; what they draw is
kept in their ``role``, which Swift saves and does not draw.

Swift gives plain, invisible rectangles back when a project is opened again and when a deletion is undone: `revive` and
`keep_painting` put the painting ones in. Swift 16.16 asks a graphic to draw itself, 16.18 for a renderer; both are here.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nion.swift.model import Graphics
from nion.utils import Geometry

from deepscan_core.records.coordinates import YX

from .keeper import Keeper
from .region_looks import (
    LOOKS,
    REGION_ID,
    ROUTE_COLOR,
    ROUTE_ID,
    State,
    label_of,
)

UNSEEN = "rgba(0, 0, 0, 0)"
TAG_COLOR = "rgba(0, 0, 0, 0.6)"
LABEL_FONT = "normal 10px sans-serif"
LABEL_PRIORITY = (State.CURRENT, State.FAILED, State.VISITED, State.SKIPPED, State.PLANNED)
EDGE = 4.0  # px of the screen that a panel's frame may cover
CELL = 4.0  # px of the screen, in which labels are kept apart


@dataclass(frozen=True, kw_only=True)
class DrawnRegion:
    """A region as it is drawn, in fractions of the image."""

    order: int
    center_frac: YX
    size_frac: YX
    rotation_rad: float
    state: State = State.PLANNED

    def to_row(self) -> list[Any]:
        """Plain values for JSON."""
        return [self.order, *self.center_frac, *self.size_frac, self.rotation_rad, self.state.value]

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> DrawnRegion:
        """From what `to_row` gave."""
        order, y, x, height, width, rotation_rad, state = row
        return cls(
            order=order, center_frac=(y, x), size_frac=(height, width), rotation_rad=rotation_rad, state=State(state)
        )


class PlanGraphic(Graphics.RectangleGraphic):
    """Draws all regions of a plan, or its route, by its ``graphic_id``; the mouse reaches what lies below."""

    def __init__(self) -> None:
        super().__init__()
        self.stroke_color = UNSEEN
        self.bounds = Geometry.FloatRect.from_tlhw(0.0, 0.0, 1.0, 1.0)
        self.is_position_locked = self.is_shape_locked = self.is_rotation_locked = True

    @classmethod
    def of(cls, graphic_id: str, regions: Iterable[DrawnRegion]) -> PlanGraphic:
        """One with `REGION_ID` or `ROUTE_ID`, not on any display yet."""
        graphic = cls()
        graphic.graphic_id = graphic_id
        write(graphic, regions)
        return graphic

    def test(self, *args: Any, **kwargs: Any) -> tuple[None, bool]:
        """No part of it is under the mouse, ever."""
        return None, False

    def _draw(self, ctx: Any, ui_settings: Any, mapping: Any, is_selected: bool, is_focused: bool) -> None:
        _Drawing(self).draw(ctx, ui_settings, mapping)

    def get_renderer(self) -> Any:
        """What draws it in Swift 16.18 and later, from a copy of what it needs."""
        return _PlanRenderer(self)


_RendererBase: Any = getattr(Graphics, "RectangleGraphicRenderer", object)


class _PlanRenderer(_RendererBase):  # type: ignore[misc]
    def __init__(self, graphic: PlanGraphic) -> None:
        super().__init__(graphic)
        self._drawing = _Drawing(graphic)

    def draw(self, ctx: Any, ui_settings: Any, mapping: Any, is_selected: bool, is_focused: bool) -> None:
        self._drawing.draw(ctx, ui_settings, mapping)


class _Drawing:
    """What a graphic draws, as a copy; safe in any thread."""

    def __init__(self, graphic: PlanGraphic) -> None:
        self._is_route = graphic.graphic_id == ROUTE_ID
        self._regions = read(graphic)

    def draw(self, context: Any, ui_settings: Any, mapping: Any) -> None:
        with context.saver():
            if self._is_route:
                self._draw_route(context, mapping)
                return
            for state in reversed(LABEL_PRIORITY):
                self._draw_outlines(context, mapping, state)
            self._draw_labels(context, ui_settings, mapping)

    def _draw_route(self, context: Any, mapping: Any) -> None:
        points = [_on_screen(mapping, region.center_frac) for region in self._regions]
        context.begin_path()
        for start, end in itertools.pairwise(points):
            context.move_to(start.x, start.y)
            context.line_to(end.x, end.y)
            Graphics.draw_arrow(context, start, end, 5)
        context.line_width, context.stroke_style = 1.0, ROUTE_COLOR
        context.stroke()

    def _draw_outlines(self, context: Any, mapping: Any, state: State) -> None:
        context.begin_path()
        for region in self._regions:
            if region.state is state:
                corners = _corners(mapping, region)
                context.move_to(*corners[-1])
                for corner in corners:
                    context.line_to(*corner)
        context.line_width, context.stroke_style = LOOKS[state].line_width, LOOKS[state].color
        context.stroke()

    def _draw_labels(self, context: Any, ui_settings: Any, mapping: Any) -> None:
        """Numbers and signs on small tags; where they would cover each other the state that matters most is told."""
        taken: set[tuple[int, int]] = set()
        edge_x = _on_screen(mapping, (0.0, 0.0)).x
        context.font, context.text_baseline, context.text_align = LABEL_FONT, "middle", "center"
        for state in LABEL_PRIORITY:
            tags = []
            for region in self._regions:
                if region.state is state:
                    tag = _Tag.of(region, _on_screen(mapping, _top_left(region)), edge_x, ui_settings)
                    if taken.isdisjoint(tag.cells):
                        taken |= tag.cells
                        tags.append(tag)
            context.begin_path()
            for tag in tags:
                context.rect(tag.x - tag.width / 2, tag.y - tag.height / 2, tag.width, tag.height)
            context.fill_style = TAG_COLOR
            context.fill()
            context.fill_style = LOOKS[state].color
            for tag in tags:
                context.fill_text(tag.text, tag.x, tag.y)


@dataclass(frozen=True, kw_only=True)
class _Tag:
    """A label on the screen, in pixels, with its centre; and which cells of a coarse grid it touches."""

    text: str
    y: float
    x: float
    height: float
    width: float
    cells: frozenset[tuple[int, int]]

    @classmethod
    def of(cls, region: DrawnRegion, corner: Any, edge_x: float, ui_settings: Any) -> _Tag:
        """Above the top left corner of a region, and inside the left edge of the image, where a panel may end."""
        text = label_of(region.order, region.state)
        box = ui_settings.get_font_metrics(LABEL_FONT, text)
        height, width = box.height + 2, box.width + 4
        top, left = corner.y - height - 1, max(corner.x, edge_x + EDGE)
        rows = range(math.floor(top / CELL), math.floor((top + height) / CELL) + 1)
        cols = range(math.floor(left / CELL), math.floor((left + width) / CELL) + 1)
        cells = frozenset(itertools.product(rows, cols))
        return cls(text=text, y=top + height / 2, x=left + width / 2, height=height, width=width, cells=cells)


def _on_screen(mapping: Any, point_frac: YX) -> Any:
    return mapping.map_point_image_norm_to_widget(Geometry.FloatPoint(*point_frac))


def _top_left(region: DrawnRegion) -> YX:
    return (region.center_frac[0] - region.size_frac[0] / 2, region.center_frac[1] - region.size_frac[1] / 2)


def _corners(mapping: Any, region: DrawnRegion) -> list[tuple[float, float]]:
    """(x, y) on the screen, where a rectangle of Swift with this rotation has them: counter-clockwise is positive."""
    center = _on_screen(mapping, region.center_frac)
    corner = _on_screen(mapping, _top_left(region))
    half_y, half_x = center.y - corner.y, center.x - corner.x
    cos, sin = math.cos(region.rotation_rad), math.sin(region.rotation_rad)
    signs = ((-1, -1), (-1, 1), (1, 1), (1, -1))
    offsets = [(sign_y * half_y, sign_x * half_x) for sign_y, sign_x in signs]
    return [(center.x + x * cos + y * sin, center.y - x * sin + y * cos) for y, x in offsets]


def read(graphic: Any) -> tuple[DrawnRegion, ...]:
    """The regions kept with a graphic; none where it is not one of ours, or cannot be read."""
    return _regions_of(graphic.role) if is_for_many(graphic) else ()


@functools.lru_cache(maxsize=8)  # Swift asks for a renderer several times at each change
def _regions_of(role: str) -> tuple[DrawnRegion, ...]:
    try:
        return tuple(DrawnRegion.from_row(row) for row in json.loads(role))
    except (ValueError, TypeError):
        return ()


def write(graphic: Any, regions: Iterable[DrawnRegion]) -> None:
    """Let a graphic draw other regions."""
    role = json.dumps([region.to_row() for region in regions])
    if graphic.role != role:
        graphic.role = role


def mark_in(graphic: Any, order: int, state: State) -> None:
    """Change the state of one of the regions that a graphic draws."""
    regions = read(graphic)
    write(graphic, [dataclasses.replace(one, state=state) if one.order == order else one for one in regions])


def is_for_many(graphic: Any) -> bool:
    """Whether a graphic stands for many regions or for a whole route, painting or given back by Swift as a rectangle."""
    return graphic.graphic_id in (REGION_ID, ROUTE_ID) and bool(graphic.role)


def revive(display_item: Any) -> None:
    """Put painting graphics in where Swift gave plain rectangles back."""
    for index, graphic in enumerate(list(display_item.graphics)):
        if is_for_many(graphic) and not isinstance(graphic, PlanGraphic):
            painting = PlanGraphic.of(graphic.graphic_id, read(graphic))
            display_item.remove_graphic(graphic).close()
            display_item.insert_graphic(index, painting)


def keep_painting(display_item: Any, event_loop: Any) -> Keeper:
    """Lets the plan of a display be painted from now on, also after Undo of a deletion."""
    revive(display_item)

    def is_plain(graphic: Any) -> bool:
        return is_for_many(graphic) and not isinstance(graphic, PlanGraphic)

    return Keeper(display_item, event_loop, is_plain, lambda: revive(display_item))
