"""A computation may sleep until the scan has finished another frame."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("nion.swift", reason="nionswift is not installed")
from nionswift_plugin.deepscan.mapping import whole_frames


class Image:
    """A data item that a scan writes to."""

    is_live = True


class Watch:
    """Says at once, or never, that another frame came."""

    def __init__(self, says: bool) -> None:
        self.says = says
        self.asked = 0

    def wait(self, frame: Any, timeout_s: float) -> bool:
        self.asked += 1
        if not self.says:
            time.sleep(0.005)
        return self.says


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], tuple[Image, Watch]]:
    def of(says: bool) -> tuple[Image, Watch]:
        image, watch = Image(), Watch(says)
        monkeypatch.setitem(whole_frames._watches, image, watch)
        return image, watch

    return of


def test_it_wakes_with_the_next_frame_and_when_nobody_waits_any_more(watched: Any) -> None:
    image, watch = watched(True)
    assert whole_frames.wait_for_another(image, None, is_awaited=lambda: True)
    assert watch.asked == 1
    image, watch = watched(False)
    answers = iter([True, True, False])
    assert not whole_frames.wait_for_another(image, None, is_awaited=lambda: next(answers))
    assert watch.asked == 2


def test_it_does_not_wait_for_what_cannot_come(watched: Any) -> None:
    image, watch = watched(False)
    image.is_live = False
    whole_frames.wait_for_another(image, None, is_awaited=lambda: True)
    whole_frames.wait_for_another(Image(), None, is_awaited=lambda: True)  # no scan writes to it
    assert watch.asked == 0


def test_it_gives_up_after_a_while(watched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_frames, "MOST_WAIT_S", 0.05)
    image, watch = watched(False)
    whole_frames.wait_for_another(image, None, is_awaited=lambda: True)
    assert watch.asked >= 2


def test_threads_of_swift_are_left_for_others(watched: Any) -> None:
    image, watch = watched(False)
    go_on = threading.Event()
    sleepers = [
        threading.Thread(
            target=whole_frames.wait_for_another, args=(image, None), kwargs={"is_awaited": lambda: not go_on.is_set()}
        )
        for _ in range(whole_frames.MOST_WAITING)
    ]
    for sleeper in sleepers:
        sleeper.start()
    deadline_s = time.monotonic() + 10
    while watch.asked < whole_frames.MOST_WAITING and time.monotonic() < deadline_s:
        time.sleep(0.001)
    began_with = watch.asked
    other, one_too_many = watched(False)
    whole_frames.wait_for_another(other, None, is_awaited=lambda: True)
    go_on.set()
    for sleeper in sleepers:
        sleeper.join(10)
    assert began_with >= whole_frames.MOST_WAITING
    assert one_too_many.asked == 0
    other, again = watched(True)
    whole_frames.wait_for_another(other, None, is_awaited=lambda: True)
    assert again.asked == 1


def test_what_rests_sleeps_until_it_is_wanted_or_the_scan_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_frames, "ASK_S", 0.002)
    answers = iter([True, True, True, False])
    whole_frames.rest(Image(), is_awaited=lambda: next(answers))
    assert list(answers) == []
    still = Image()
    still.is_live = False
    whole_frames.rest(still, is_awaited=lambda: pytest.fail("nothing changes any more"))
    monkeypatch.setattr(whole_frames, "MOST_REST_S", 0.02)
    whole_frames.rest(Image(), is_awaited=lambda: True)  # comes back
