"""Many regions in few graphics: drawn, marked, deleted, undone and reopened as single ones are."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nion.swift import DisplayPanel
from nion.swift.model import Graphics
from nion.swift.test import TestContext
from nion.utils import Geometry

from nionswift_plugin.deepscan.drawing import plan_graphics
from nionswift_plugin.deepscan.drawing.annotations import (
    MOST_ALONE,
    REGION_ID,
    ROUTE_ID,
    State,
    clear_plan,
    mark,
    show_plan,
    states,
)
from nionswift_plugin.deepscan.drawing.plan_graphics import PlanGraphic, keep_painting
from tests.plugin.driving import attach
from tests.plugin.test_annotations import new_display, ours, plan
from tests.plugin.test_overlay import picture

MANY = MOST_ALONE + 180


def drawn(display_item: Any) -> np.ndarray:
    """The rows of the image in Swift's picture, int ndarray of shape (120, 256, 3); the image itself is grey."""
    return picture(display_item)[68:188].astype(int)


def strokes(image: np.ndarray) -> int:
    """How many pixels have a colour."""
    return int((image.max(axis=-1) - image.min(axis=-1) > 40).sum())


def test_hundreds_of_regions_are_two_graphics(swift: Any) -> None:
    display_item = new_display(swift.library)
    show_plan(display_item, plan(MOST_ALONE))
    assert len(ours(display_item, REGION_ID)) == MOST_ALONE
    show_plan(display_item, plan(MANY))
    assert [graphic.graphic_id for graphic in display_item.graphics] == [ROUTE_ID, REGION_ID]
    assert states(display_item) == dict.fromkeys(range(1, MANY + 1), State.PLANNED)
    before = list(display_item.graphics)
    for order, state in ((7, State.VISITED), (MANY, State.FAILED), (MANY + 1, State.VISITED)):
        mark(display_item, order, state)
    told = states(display_item)
    assert (told.pop(7), told.pop(MANY), set(told.values())) == (State.VISITED, State.FAILED, {State.PLANNED})
    show_plan(display_item, plan(MANY))
    assert list(display_item.graphics) == before
    assert set(states(display_item).values()) == {State.PLANNED}
    clear_plan(display_item)
    assert not display_item.graphics


@pytest.mark.parametrize("state", State)
def test_regions_look_as_they_do_alone(swift: Any, monkeypatch: pytest.MonkeyPatch, state: State) -> None:
    """Without labels both ways give the same picture, but for the arrow that Swift puts into a rectangle."""
    monkeypatch.setattr(
        "nionswift_plugin.deepscan.drawing.plan_graphics._Drawing._draw_labels", lambda *arguments: None
    )
    alone, together = new_display(swift.library), new_display(swift.library)
    protocol = plan(5, seed=4)
    show_plan(alone, protocol)
    monkeypatch.setattr("nionswift_plugin.deepscan.drawing.annotations.MOST_ALONE", 2)
    show_plan(together, protocol)
    assert len(together.graphics) == 2
    for order in (2, 4):
        mark(alone, order, state)
        mark(together, order, state)
    for graphic in alone.graphics:
        graphic.label = None
    expected, found = drawn(alone), drawn(together)
    bare = drawn(new_display(swift.library))
    differs, painted = (np.abs(expected - other).max(axis=-1) > 60 for other in (found, bare))
    assert painted.sum() > 500
    assert differs.sum() < 0.15 * painted.sum()
    mark(together, 1, State.SKIPPED)
    assert not np.array_equal(drawn(together), found), "a mark is drawn at once"


class Screen:
    """A canvas and its coordinates, 1000 px wide, that notes the tags and what is written on them."""

    def __init__(self) -> None:
        self.tags: list[tuple[float, float, float, float]] = []
        self.written: list[str] = []

    def rect(self, *tag: float) -> None:
        self.tags.append(tag)

    def fill_text(self, text: str, x: float, y: float) -> None:
        self.written.append(text)

    def saver(self) -> Any:
        return contextlib.nullcontext()

    def map_point_image_norm_to_widget(self, point: Any) -> Any:
        return Geometry.FloatPoint(point.y * 500, point.x * 1000)

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


def test_numbers_do_not_cover_each_other_and_the_present_region_is_told(swift: Any) -> None:
    display_item, screen = new_display(swift.library), Screen()
    show_plan(display_item, plan(MANY))
    mark(display_item, 150, State.CURRENT)
    mark(display_item, 151, State.FAILED)
    (graphic,) = ours(display_item, REGION_ID)
    plan_graphics._Drawing(graphic).draw(screen, DisplayPanel.FixedUISettings(), screen)
    assert len(screen.tags) == len(screen.written) == len(set(screen.written))
    assert screen.written[:2] == ["150 ▶", "151 ✗"]
    assert 30 < len(screen.written) < MANY
    for one, other in itertools.combinations(screen.tags, 2):
        apart_x = one[0] + one[2] <= other[0] or other[0] + other[2] <= one[0]
        assert apart_x or one[1] + one[3] <= other[1] or other[1] + other[3] <= one[1]


def test_a_number_at_the_edge_of_the_image_stays_inside(swift: Any) -> None:
    region, screen = (
        plan_graphics.DrawnRegion(order=5, center_frac=(0.5, 0.01), size_frac=(0.1, 0.1), rotation_rad=0),
        Screen(),
    )
    graphic = PlanGraphic.of(REGION_ID, [region])
    plan_graphics._Drawing(graphic).draw(screen, DisplayPanel.FixedUISettings(), screen)
    ((x, *_),) = screen.tags
    assert x == plan_graphics.EDGE


def test_the_mouse_reaches_what_lies_below(swift: Any) -> None:
    display_item = new_display(swift.library)
    show_plan(display_item, plan(MANY))
    assert [graphic.test() for graphic in display_item.graphics] == [(None, False)] * 2


def test_undo_of_a_deletion_gives_the_painting_graphics_back(swift: Any) -> None:
    display_item = new_display(swift.library)
    keeper = keep_painting(display_item, swift.window.event_loop)
    show_plan(display_item, plan(MANY))
    mark(display_item, 3, State.VISITED)
    before = picture(display_item)
    command = swift.window.create_remove_graphics_command(display_item, list(display_item.graphics))
    command.perform()
    swift.window.push_undo_command(command)
    mark(display_item, 4, State.VISITED)  # is not there
    assert states(display_item) == {}
    swift.window.handle_undo()
    swift.wait_for(lambda: [type(graphic) for graphic in display_item.graphics] == [PlanGraphic] * 2, "the painting")
    told = states(display_item)
    assert (told[3], told[4]) == (State.VISITED, State.PLANNED)
    assert np.array_equal(picture(display_item), before)
    keeper.close()


def test_attach_revives_what_a_reopened_project_holds(swift: Any, crystal: Any) -> None:
    live = attach(swift)
    display_item = swift.display(live)
    show_plan(display_item, plan(MANY))
    roles = [graphic.role for graphic in (*ours(display_item, ROUTE_ID), *ours(display_item, REGION_ID))]
    swift.handler.session.live._drop_keepers()
    clear_plan(display_item)
    for graphic_id, role in zip((ROUTE_ID, REGION_ID), roles, strict=True):
        plain = Graphics.RectangleGraphic()
        plain.graphic_id, plain.role = graphic_id, role
        display_item.add_graphic(plain)
    assert len(states(display_item)) == MANY
    swift.handler.attach()
    for graphic_id, role in zip((ROUTE_ID, REGION_ID), roles, strict=True):
        (graphic,) = ours(display_item, graphic_id)
        assert (type(graphic), graphic.role) == (PlanGraphic, role)


def test_many_regions_survive_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    setup = TestContext.TestSetup(set_global=False)
    with TestContext.create_memory_context() as project:
        library = project.create_document_model(auto_close=False)
        with library.ref():
            display_item = new_display(library)
            show_plan(display_item, plan(MANY))
            mark(display_item, 2, State.FAILED)
            before = picture(display_item)
        library = project.create_document_model()
        display_item = library.display_items[0]
        mark(display_item, 5, State.VISITED)  # before anything is attached
        assert {states(display_item)[order] for order in (2, 5)} == {State.FAILED, State.VISITED}
        assert strokes(drawn(display_item)) == 0, "a frame around the image would be in the way"
        mark(display_item, 5, State.PLANNED)
        keep_painting(display_item, None).close()
        assert np.array_equal(picture(display_item), before)
        show_plan(display_item, plan(3))
        assert len(display_item.graphics) == 5
    del setup


def test_what_cannot_be_read_is_no_plan(swift: Any) -> None:
    display_item = new_display(swift.library)
    for role in ("mask", "[[1, 2]]", "{}", '[[1, 0, 0, 0, 0, 0, "lost"]]'):
        graphic = Graphics.RectangleGraphic()
        graphic.graphic_id, graphic.role = REGION_ID, role
        display_item.add_graphic(graphic)
        mark(display_item, 1, State.VISITED)
        assert states(display_item) == {}
        clear_plan(display_item)
