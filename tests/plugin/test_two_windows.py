"""Two windows of Swift on one project and one microscope: they share the image, and neither breaks the other."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nionswift_plugin.deepscan import computations
from nionswift_plugin.deepscan.drawing import overlay
from nionswift_plugin.deepscan.drawing.annotations import State, states
from nionswift_plugin.deepscan.view import Phase
from tests.plugin.driving import attach, finish_run, map_item, plan, run
from tests.plugin.test_run import Recording, state_of


@pytest.fixture
def other(swift: Any, crystal: Any) -> Iterator[Any]:
    """A second window, closed at the end unless the test closes it."""
    other = swift.open_window()
    yield other
    if other.window in swift.window.app.document_controllers:
        other.window.request_close()


def close(other: Any) -> None:
    """As a person does by the close box."""
    other.window.request_close()


def test_both_windows_attach_and_the_overlay_is_there_once(swift: Any, other: Any) -> None:
    live = attach(swift)
    other.handler.attach()
    assert other.handler.session.view.phase is Phase.ATTACHED, other.handler.status.value
    assert other.handler.session.data_item is swift.handler.session.data_item is live
    assert other.handler.session.map_item is swift.handler.session.map_item
    assert sum(c.processing_id == computations.SURPRISAL for c in swift.library.computations) == 1
    graphics = swift.graphics(live, overlay.OVERLAY_ID)
    assert len(graphics) == 1
    command = swift.window.create_remove_graphics_command(swift.display(live), graphics)
    command.perform()
    swift.window.push_undo_command(command)
    swift.window.handle_undo()  # both windows put the overlay back that Undo leaves as a plain rectangle
    swift.wait_for(lambda: overlay.overlays(swift.display(live)), "the overlay")
    swift.wait_for(lambda: overlay.overlays(swift.display(live))[0].raster is not None, "its picture")
    assert len(swift.graphics(live, overlay.OVERLAY_ID)) == 1


def test_closing_a_window_leaves_the_other_alive_and_forgets_its_own(swift: Any, other: Any) -> None:
    live = attach(swift)
    other.handler.attach()
    plan(other)
    gone = [weakref.ref(other.handler), weakref.ref(other.handler.session), weakref.ref(other.window)]
    close(other)
    other.window = None
    swift.wait_for(lambda: gc.collect() >= 0 and not any(ref() for ref in gone), "the end of the window's objects")
    graphic, first = overlay.overlays(swift.display(live))[0], map_item(swift).data.copy()
    revision = graphic.modified_count
    swift.stem.SetVal("stage_position_m.x", 20e-9)
    swift.wait_for(lambda: not np.array_equal(map_item(swift).data, first), "another map")
    swift.wait_for(lambda: graphic.modified_count > revision, "another overlay")
    plan(swift)
    run(swift)
    finish_run(swift)
    assert swift.handler.status.value.startswith("Done"), swift.handler.status.value


def test_closing_the_window_of_a_run_ends_it_and_restores_the_instrument(
    swift: Any, other: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = attach(swift)
    other.handler.attach()
    other.handler.region.value, other.handler.dwell.value = "16", "400"
    plan(other)
    before = state_of(swift)
    recording = Recording(swift, monkeypatch)
    run(other)
    session = other.handler.session
    swift.wait_for(lambda: len(session.tile_group.data_items) >= 2, "two tiles")
    thread, count = session.desk.worker._thread, len(session.protocol.steps)
    close(other)
    assert not thread.is_alive()
    scanned = len(recording.scans)
    assert scanned < count
    recording.check_it_was_all_of(session.protocol.steps)
    assert state_of(swift) == before
    told = set(states(swift.display(live)).values())
    assert told == {State.VISITED, State.PLANNED}, "no region is left as if it were being recorded"
    visited = sum(state is State.VISITED for state in states(swift.display(live)).values())
    tiles = [item for item in swift.library.data_items if "region" in item.metadata.get("deepscan", {})]
    assert len(tiles) == visited == len(session.runs.visit.frames), "what was recorded is kept"
    first = map_item(swift).data.copy()
    swift.wait_for(lambda: not np.array_equal(map_item(swift).data, first), "the map goes on")
    plan(swift)
    run(swift)
    finish_run(swift)
    assert swift.handler.status.value.startswith("Done"), swift.handler.status.value


def test_a_run_goes_on_when_the_other_window_is_closed(swift: Any, other: Any) -> None:
    attach(swift)
    other.handler.attach()
    swift.handler.region.value, swift.handler.dwell.value = "16", "200"
    plan(swift)
    run(swift)
    swift.wait_for(lambda: swift.handler.session.tile_group.data_items, "the first tile")
    close(other)
    assert swift.handler.session.view.phase is Phase.RUNNING
    finish_run(swift)
    assert swift.handler.status.value.startswith("Done"), swift.handler.status.value
    assert len(swift.handler.session.tile_group.data_items) == len(swift.handler.session.protocol.steps)
