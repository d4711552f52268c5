"""The plan on the image: told apart without colours, redrawn without being made anew, kept by the project."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nion.swift.model import DataItem
from nion.swift.test import TestContext

from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.protocol import ScanProtocol, ScanStep
from nionswift_plugin.deepscan.drawing.annotations import (
    REFERENCE_ID,
    REGION_ID,
    ROUTE_ID,
    State,
    clear_plan,
    mark,
    show_plan,
    show_reference,
    states,
)


def plan(count: int, *, seed: int = 0) -> ScanProtocol:
    rng = np.random.default_rng(seed)
    steps = tuple(
        ScanStep(
            order=order,
            center_y_px=float(rng.uniform(10, 50)),
            center_x_px=float(rng.uniform(10, 110)),
            height_px=8,
            width_px=12,
            rows=8,
            cols=12,
            dwell_time_us=8,
            rotation_rad=0.1 * order,
        )
        for order in range(1, count + 1)
    )
    return ScanProtocol(
        source_name="planned", source_sha256="0" * 64, context=ScanContext(rows=64, cols=128), steps=steps
    )


def new_display(library: Any) -> Any:
    data_item = DataItem.DataItem(np.zeros((64, 128), np.float32))
    library.append_data_item(data_item)
    return library.get_display_item_for_data_item(data_item)


def ours(display_item: Any, graphic_id: str) -> list[Any]:
    return [graphic for graphic in display_item.graphics if graphic.graphic_id == graphic_id]


def test_regions_and_route_lie_where_the_steps_lie(swift: Any) -> None:
    display_item, protocol = new_display(swift.library), plan(4)
    show_plan(display_item, protocol)
    regions, legs = ours(display_item, REGION_ID), ours(display_item, ROUTE_ID)
    assert len(legs) == 3
    for region, step in zip(regions, protocol.steps, strict=True):
        center = ((step.center_y_px + 0.5) / 64, (step.center_x_px + 0.5) / 128)
        assert tuple(region.bounds.center) == pytest.approx(center)
        assert tuple(region.bounds.size) == pytest.approx((8 / 64, 12 / 128))
        assert region.rotation == pytest.approx(step.rotation_rad)
        assert region.label == str(step.order)
        assert region.is_position_locked
    for leg, (start, end) in zip(legs, itertools.pairwise(regions), strict=True):
        assert tuple(leg.start) == pytest.approx(tuple(start.bounds.center))
        assert tuple(leg.end) == pytest.approx(tuple(end.bounds.center))


def test_states_are_told_apart_by_sign_and_line_and_colour(swift: Any) -> None:
    display_item = new_display(swift.library)
    show_plan(display_item, plan(len(State)))
    for order, state in enumerate(State, 1):
        mark(display_item, order, state)
    assert states(display_item) == dict(enumerate(State, 1))
    regions = ours(display_item, REGION_ID)
    signs = {region.label.partition(" ")[2] for region in regions}
    assert len(signs) == len({r.stroke_width for r in regions}) == len({r.stroke_color for r in regions}) == len(State)
    mark(display_item, 1, State.VISITED)
    mark(display_item, 2, State.PLANNED)
    assert states(display_item)[1] is State.VISITED
    assert regions[1].label == "2"


def test_a_plan_shown_again_is_planned_again_with_the_same_graphics(swift: Any) -> None:
    display_item, protocol = new_display(swift.library), plan(6)
    show_plan(display_item, protocol)
    before = list(display_item.graphics)
    mark(display_item, 3, State.VISITED)
    changes = display_item.modified_count
    show_plan(display_item, protocol)
    assert list(display_item.graphics) == before
    assert set(states(display_item).values()) == {State.PLANNED}
    assert display_item.modified_count - changes <= 4, "only the visited region changes"


@pytest.mark.parametrize(("first", "second"), [(6, 3), (3, 6), (5, 1), (2, 0), (30, 3), (3, 30), (30, 40)])
def test_another_plan_takes_the_place_of_the_first(swift: Any, first: int, second: int) -> None:
    display_item, fresh = new_display(swift.library), new_display(swift.library)
    show_plan(display_item, plan(first))
    show_plan(display_item, plan(second, seed=1))
    show_plan(fresh, plan(second, seed=1))
    for graphic_id in (REGION_ID, ROUTE_ID):
        drawn = [(graphic.mime_data_dict(), graphic.role) for graphic in ours(display_item, graphic_id)]
        assert drawn == [(graphic.mime_data_dict(), graphic.role) for graphic in ours(fresh, graphic_id)]
    assert list(states(display_item)) == list(range(1, second + 1))


def test_other_graphics_stay_and_clearing_removes_ours(swift: Any) -> None:
    from nion.swift.model import Graphics

    display_item = new_display(swift.library)
    mine = Graphics.RectangleGraphic()
    mine.label = "2"
    display_item.add_graphic(mine)
    show_plan(display_item, plan(3))
    mark(display_item, 2, State.FAILED)
    assert mine.label == "2"
    clear_plan(display_item)
    assert list(display_item.graphics) == [mine]


def test_a_person_may_delete_undo_and_rename(swift: Any) -> None:
    display_item = new_display(swift.library)
    show_plan(display_item, plan(4))
    mark(display_item, 2, State.VISITED)
    command = swift.window.create_remove_graphics_command(display_item, ours(display_item, REGION_ID)[1:3])
    command.perform()
    swift.window.push_undo_command(command)
    mark(display_item, 3, State.VISITED)  # is not there
    assert sorted(states(display_item)) == [1, 4]
    swift.window.handle_undo()
    assert states(display_item)[2] is State.VISITED
    mark(display_item, 3, State.VISITED)
    ours(display_item, REGION_ID)[0].label = "the good one"
    mark(display_item, 1, State.VISITED)
    assert sorted(states(display_item)) == [2, 3, 4]
    show_plan(display_item, plan(4))
    assert sorted(states(display_item)) == [1, 2, 3, 4]


def test_the_reference_of_drift_is_one_and_goes_with_the_plan(swift: Any) -> None:
    display_item, protocol = new_display(swift.library), plan(3)
    show_plan(display_item, protocol)
    for step in protocol.steps[:2]:
        show_reference(display_item, protocol.context, step)
    (graphic,) = ours(display_item, REFERENCE_ID)
    step = protocol.steps[1]
    center = ((step.center_y_px + 0.5) / 64, (step.center_x_px + 0.5) / 128)
    assert tuple(graphic.bounds.center) == pytest.approx(center)
    assert graphic.rotation == pytest.approx(step.rotation_rad)
    assert (graphic.label, graphic.is_position_locked) == ("⌖ drift", True)
    assert graphic.stroke_color not in {region.stroke_color for region in ours(display_item, REGION_ID)}
    assert sorted(states(display_item)) == [1, 2, 3], "it is no region"
    show_plan(display_item, protocol)
    assert not ours(display_item, REFERENCE_ID)
    show_reference(display_item, protocol.context, step)
    clear_plan(display_item)
    assert not display_item.graphics


def test_the_plan_survives_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    setup = TestContext.TestSetup(set_global=False)
    with TestContext.create_memory_context() as project:
        library = project.create_document_model(auto_close=False)
        with library.ref():
            display_item = new_display(library)
            show_plan(display_item, plan(3))
            mark(display_item, 2, State.FAILED)
        library = project.create_document_model()
        display_item = library.display_items[0]
        assert states(display_item) == {1: State.PLANNED, 2: State.FAILED, 3: State.PLANNED}
        mark(display_item, 1, State.VISITED)
        assert states(display_item)[1] is State.VISITED
        clear_plan(display_item)
        assert not display_item.graphics
    del setup
