"""Whoever clicks is answered before Swift's computation has come so far."""

from __future__ import annotations

import gc
import json
import logging
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

from deepscan_core.errors import InputError
from nionswift_plugin.deepscan import computations
from nionswift_plugin.deepscan.computations import shown
from nionswift_plugin.deepscan.drawing import overlay
from nionswift_plugin.deepscan.mapping import turns
from nionswift_plugin.deepscan.mapping.quick_maps import QuickMaps
from nionswift_plugin.deepscan.mapping.warming import Warmer
from nionswift_plugin.deepscan.soon import Soon
from tests.plugin.test_teaching import PLACES_NM, click, planted


def taught_graphic(swift: Any, live: Any) -> Any:
    return overlay.overlays(swift.display(live))[0]


def test_overlay_and_data_item_show_the_click_while_the_computation_has_not_begun(
    swift: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, swap = planted(swift)
    begin = threading.Event()
    compute = computations.TeacherComputation._compute

    def held_back(self: Any, task: Any) -> None:
        assert begin.wait(30)
        compute(self, task)

    monkeypatch.setattr(computations.TeacherComputation, "_compute", held_back)
    swift.handler.arm_positive()
    click(swift, live, PLACES_NM[0])
    painted = overlay._painted
    swift.wait_for(lambda: painted[swift.display(live)].kind == "probability", "the taught overlay")
    raster = taught_graphic(swift, live).raster
    taught = swift.handler.session.map_item
    assert "Like the clicks" in taught.title
    swift.wait_for(lambda: taught.has_data, "the data item")
    assert taught.metadata["deepscan"]["classes"] == ["target"]
    assert list(taught.xdata.dimensional_calibrations) == list(live.xdata.dimensional_calibrations)
    assert not begin.is_set()
    assert np.ptp(raster) > 0
    begin.set()
    swap.remove()


def test_a_map_of_older_clicks_comes_late_and_not_over_a_newer_one(swift: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    live, swap = planted(swift)
    swift.handler.arm_positive()
    click(swift, live, PLACES_NM[0])
    swift.wait_for(lambda: "Like" in swift.handler.session.map_item.title, "the taught map")
    taught = swift.handler.session.map_item
    swift.wait_for(lambda: taught.has_data, "its data")
    swift.scan.abort_playing(sync_timeout=5)
    late: list[Any] = []

    def of_two_clicks() -> Any:
        made = [one for one in late if one._showing is not None and one._showing[1]["clicks"].count("y_frac") == 2]
        return made[0] if made else None

    with monkeypatch.context() as patch:
        patch.setattr(computations.TeacherComputation, "commit", lambda self: late.append(self))
        patch.setattr(QuickMaps, "ask", lambda quick, *steps: None)
        click(swift, live, PLACES_NM[1])
        swift.wait_for(of_two_clicks, "the map of two clicks")
    click(swift, live, PLACES_NM[2])
    swift.wait_for(lambda: swift.handler.session.live.clicks.count("y_frac") == 3, "the third click")
    computation = computations.computation_of(swift.library, live, computations.TEACHER)
    swift.wait_for(lambda: computation._get_variable("clicks").value.count("y_frac") == 3, "its computation")
    before = taught_graphic(swift, live).raster
    of_two_clicks().commit()
    assert taught_graphic(swift, live).raster is before
    swift.wait_for(lambda: shown.texts_of(computation)["clicks"].count("y_frac") == 3, "the map of three clicks")
    modified = taught.data_modified
    one = of_two_clicks() or late[-1]
    one._showing = (object(), {**shown.present_texts(computation), "clicks": "[]"})
    one.commit()
    assert taught.data_modified == modified, "it is overtaken"
    swap.remove()


def test_the_frame_of_a_click_is_known_at_once_and_soon_in_the_library(swift: Any) -> None:
    live, swap = planted(swift)
    swift.handler.arm_positive()
    click(swift, live, PLACES_NM[0])
    tool = swift.handler.session.live.tool
    name = json.loads(tool.clicks_json)[0]["frame"]
    items = [str(item.uuid) for item in swift.library.data_items]
    assert name not in items
    image, version = tool.frame(name).image, tool.frame(name).version
    swift.wait_for(lambda: name in [str(item.uuid) for item in swift.library.data_items], "the frame")
    assert tool.frame(name).version == version, "what was learned from it counts on"
    np.testing.assert_array_equal(tool.frame(name).image.array, image.array)
    with pytest.raises(InputError, match="is gone"):
        tool.frame(str(live.uuid).replace("-", "")[::-1])
    swap.remove()


class Loop:
    """An event loop that only keeps what it is asked to call."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Any, tuple[Any, ...]]] = []
        self.wakings = 0

    def call_soon(self, function: Any, *arguments: Any) -> None:
        self.waiting.append((function, arguments))

    def call_soon_threadsafe(self, function: Any, *arguments: Any) -> None:
        self.wakings += 1
        self.call_soon(function, *arguments)

    def turn(self) -> None:
        waiting, self.waiting = self.waiting, []
        for function, arguments in waiting:
            function(*arguments)


def in_a_thread(function: Any) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join(10)


def test_soon_calls_once_for_many_and_wakes_the_loop_only_from_other_threads() -> None:
    loop, called = Loop(), []
    soon = Soon(loop, lambda: called.append(1))
    soon.ask("what happened", 3)
    soon.ask()
    assert not called
    loop.turn()
    assert called == [1]
    assert loop.wakings == 0
    in_a_thread(soon.ask)
    assert loop.wakings == 1
    soon.close()
    loop.turn()
    soon.ask()
    assert not loop.waiting
    assert called == [1]


def test_quick_maps_makes_the_latest_of_what_was_asked_for_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    loop, made, begun, go_on = Loop(), [], threading.Event(), threading.Event()

    def slow() -> Any:
        begun.set()
        assert go_on.wait(10)
        return lambda: made.append("first")

    def refused() -> Any:
        raise InputError("a frame is gone")

    def broken() -> Any:
        raise RuntimeError("no such crystal")

    quick = QuickMaps(loop)
    quick.ask(slow, lambda: pytest.fail("so is what was to follow"))
    assert begun.wait(10)
    quick.ask(lambda: pytest.fail("this is out of date"))
    quick.ask(lambda: lambda: made.append("next"), lambda: lambda: made.append("last"))
    go_on.set()
    in_a_thread(lambda: _wait(quick))
    loop.turn()
    assert made == ["first", "next", "last"]
    quick.ask(refused, lambda: pytest.fail("nothing follows"))
    _wait(quick)
    assert not caplog.records
    with caplog.at_level(logging.ERROR, "deepscan"):
        quick.ask(broken)
        _wait(quick)
    assert "no such crystal" in caplog.text
    quick.ask(lambda: lambda: made.append("too late"))
    quick.close(10)
    loop.turn()
    quick.ask(lambda: pytest.fail("it is closed"))
    assert made == ["first", "next", "last"]
    assert quick._thread is not None
    assert not quick._thread.is_alive()


def _wait(quick: QuickMaps) -> None:
    for _ in range(1000):
        with quick._news:
            if not quick._is_busy and not quick._wanted:
                return
        time.sleep(0.01)
    pytest.fail("it is still busy")


def test_threads_take_short_turns_from_the_question_until_the_answer_is_shown() -> None:
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(0.01)
    try:
        turns_s: list[float] = []

        def note() -> None:
            turns_s.append(round(sys.getswitchinterval(), 4))

        def refused() -> None:
            raise InputError("a frame is gone")

        loop, go_on = Loop(), threading.Event()

        def slow() -> Any:
            note()
            assert go_on.wait(10)
            return note

        quick = QuickMaps(loop)
        quick.ask(slow)
        go_on.set()
        _wait(quick)
        note()
        loop.turn()
        note()
        assert turns_s == [turns.HURRIED_TURN_S] * 3 + [0.01]
        quick.ask(refused)
        _wait(quick)
        note()
        assert turns_s[-1] == 0.01, "nothing was made"
        quick.ask(lambda: note)
        _wait(quick)
        quick.close(10)
        note()
        assert turns_s[-1] == 0.01, "nobody waits any more"
    finally:
        sys.setswitchinterval(before_s)


@pytest.mark.parametrize("closes", [True, False])
def test_what_fails_because_the_window_closes_fails_without_a_word(
    caplog: pytest.LogCaptureFixture, closes: bool
) -> None:
    maps = QuickMaps(None)
    begun, go_on = threading.Event(), threading.Event()

    def make() -> Any:
        begun.set()
        assert go_on.wait(10)
        raise KeyError("variables")

    maps.ask(make)
    assert begun.wait(10)
    if closes:
        maps.close(0.0)
    go_on.set()
    _wait(maps)
    maps.close(10)
    assert bool(caplog.records) is not closes


def test_what_is_loaded_is_out_of_the_search_for_garbage_until_the_window_closes() -> None:
    warmer = Warmer()
    assert gc.get_freeze_count() == 0
    warmer.warm(computations.MapSettings(backbone="classical"), (128, 128))
    assert warmer._thread is not None
    warmer._thread.join(30)
    assert gc.get_freeze_count() > 10_000
    warmer.close(10)
    assert gc.get_freeze_count() == 0
