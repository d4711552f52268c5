"""Strategies, hard limits and the books of a run, from the panel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from deepscan_core.acquisition.strategy_names import STRATEGIES
from nionswift_plugin.deepscan import bridge
from nionswift_plugin.deepscan.drawing.annotations import REFERENCE_ID, State, states
from nionswift_plugin.deepscan.view import Phase
from tests.plugin.driving import attach, finish_run, plan, run
from tests.plugin.test_run import Recording, state_of


def fill_in(swift: Any, **fields: str) -> None:
    for name, text in {"amount": "25", "region": "20", "dwell": "4", **fields}.items():
        getattr(swift.handler, name).value = text


@pytest.mark.parametrize("strategy", ["refine", "explore", "coarse_to_fine"])
def test_a_strategy_keeps_to_the_places_of_the_plan_and_leaves_all_as_before(
    swift: Any, crystal: Any, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    live = attach(swift)
    fill_in(swift)
    swift.handler.strategy.value = STRATEGIES.index(strategy)
    plan(swift)
    before = state_of(swift)
    recording = Recording(swift, monkeypatch)
    run(swift)
    finish_run(swift)
    session = swift.handler.session
    assert re.match(r"Done: \d+ frames recorded, beam and live view are as before", swift.handler.status.value)
    planned = [(s.center_y_nm / 16 + 0.5, s.center_x_nm / 16 + 0.5, s.height_nm / 16) for s in session.protocol.steps]
    assert recording.scans
    for scanned in recording.scans:
        y, x = scanned.subscan_fractional_center.as_tuple()
        assert any(max(abs(y - cy), abs(x - cx)) <= side / 2 for cy, cx, side in planned)
    assert len(session.tile_group.data_items) == len(recording.scans)
    assert {control for control, _ in recording.written} == {"C_Blank"}
    assert state_of(swift) == before
    assert State.VISITED in states(swift.display(live)).values()
    assert State.CURRENT not in states(swift.display(live)).values()


def test_explore_may_leave_the_plan_where_a_tick_allows_it(swift: Any, crystal: Any) -> None:
    attach(swift)
    fill_in(swift)
    swift.handler.strategy.value = STRATEGIES.index("explore")
    plan(swift)
    names = []
    for is_ticked in (False, True):
        swift.handler.beyond_plan.value = is_ticked
        run(swift)
        finish_run(swift)
        assert swift.handler.status.value.startswith("Done"), swift.handler.status.value
        names.append(swift.handler.session.runs.visit._survey._strategy_name)
        swift.handler.session.runs._is_confirmed = False
    assert ["beyond the plan" in name for name in names] == [False, True]


def test_the_books_are_told_against_the_limits_and_no_run_passes_them(swift: Any, crystal: Any) -> None:
    attach(swift)
    fill_in(swift)
    plan(swift)
    run(swift)
    finish_run(swift)
    session = swift.handler.session
    limit = 0.7 * session.protocol.predicted_electrons
    count = len(session.protocol.steps)
    assert f"{count} exposures" in swift.handler.books.value
    assert "electrons" in swift.handler.books.value
    fill_in(swift, max_electrons=f"{limit:g}", max_time="500")
    swift.handler.strategy.value = STRATEGIES.index("explore")
    plan(swift)
    assert swift.handler.books.value == "", "another plan, other books"
    before = crystal.generator.frames
    run(swift)
    finish_run(swift)
    assert swift.handler.status.value.startswith("Done"), swift.handler.status.value
    status = session.runs.visit._survey.ledger.status
    assert status.electrons is not None
    # What a step has taken longer than was foreseen is charged after it: then there are fewer, and none after the limit.
    assert 0 < status.exposures < count
    assert status.electrons <= limit or status.exposures < 0.7 * count
    assert crystal.generator.frames - before > 0
    assert " of 500 s" in swift.handler.books.value
    assert re.search(r"of \S+ electrons", swift.handler.books.value)


def test_a_followed_plan_that_would_pass_a_limit_is_planned_smaller(swift: Any, crystal: Any) -> None:
    attach(swift)
    fill_in(swift)
    plan(swift)
    whole = swift.handler.session.protocol
    limit = 0.7 * whole.predicted_electrons
    fill_in(swift, max_electrons=f"{limit:g}")
    plan(swift)
    small = swift.handler.session.protocol
    assert 0 < len(small.steps) < len(whole.steps)
    assert small.predicted_electrons <= limit
    run(swift)
    finish_run(swift)
    assert swift.handler.status.value.startswith("Done"), swift.handler.status.value


@pytest.fixture
def drifting(swift: Any) -> Iterator[Any]:
    """A plan whose regions follow the drift; the live data item."""
    from deepscan_core.simulation.specimens import make_specimen
    from nionswift_plugin.deepscan_simulator.swap import SpecimenSwap

    swap = SpecimenSwap(make_specimen("spots", 3), on_message=pytest.fail, seed=3)
    assert swap.install()
    live = attach(swift)
    parameters = swift.scan.get_frame_parameters(0)
    parameters.pixel_time_us = 8.0  # the overview of the run is as long, and shows more than noise
    swift.scan.set_frame_parameters(0, parameters)
    swift.wait_for(lambda: bridge.dwell_time_us(live.xdata) == 8.0, "a longer frame")
    # So well, and for so long, that it has to be measured again after the first region, on a fast computer as well.
    fill_in(swift, amount="8", drift="0.5", dwell="400")
    plan(swift)
    yield live
    swap.remove()


def test_drift_is_followed_on_a_reference_and_the_regions_stay_those_of_the_plan(
    swift: Any, drifting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, before = drifting, state_of(swift)
    recording = Recording(swift, monkeypatch)
    run(swift)
    finish_run(swift)
    session = swift.handler.session
    count = len(session.protocol.steps)
    assert f"Done: {count} regions recorded" in swift.handler.status.value, swift.handler.log.value
    references = len(session.runs.visit._survey.references)
    assert references >= 2
    last = next(frame.step for frame in reversed(session.runs.visit._survey.references) if frame.step.order < 0)
    (drawn,) = swift.graphics(live, REFERENCE_ID)
    center = (drawn.bounds.center.y * 128 - 0.5, drawn.bounds.center.x * 128 - 0.5)
    assert center == pytest.approx((last.center_y_px, last.center_x_px))
    assert drawn.bounds.height * 128 == pytest.approx(last.height_px)
    assert drawn.label == "⌖ drift"
    assert len(recording.scans) == count + references, "an overview, references and the plan's own regions alone"
    assert {control for control, _ in recording.written} == {"C_Blank"}
    assert session.tile_group.orders == {step.order for step in session.protocol.steps}
    assert set(states(swift.display(live)).values()) == {State.VISITED}
    assert state_of(swift) == before
    plan(swift)
    assert not swift.graphics(live, REFERENCE_ID), "another plan, another reference"


def test_a_run_with_drift_can_be_paused_before_its_first_region(swift: Any, drifting: Any) -> None:
    """While the overview and the reference are recorded, that is."""
    run(swift)
    swift.handler.pause()
    swift.wait_for(lambda: swift.handler.session.view.phase is Phase.PAUSED, "the pause")
    assert swift.handler.pause_text.value == "Resume"
    assert not swift.handler.session.tile_group.data_items
    assert swift.stem.GetVal("C_Blank") == 1.0
    swift.handler.pause()  # which is Resume now
    finish_run(swift)
    assert "regions recorded" in swift.handler.status.value, swift.handler.log.value
