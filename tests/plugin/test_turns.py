"""Threads take longer turns while DeepScan looks on, and those of before afterwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from nionswift_plugin.deepscan.mapping import turns
from tests.plugin.driving import attach

USUAL_S = 0.005


@pytest.fixture(autouse=True)
def usual_turns() -> Iterator[None]:
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(USUAL_S)
    yield
    sys.setswitchinterval(before_s)


def turn_s() -> float:
    return round(sys.getswitchinterval(), 6)


def test_turns_are_long_until_the_last_holder_gives_up() -> None:
    one, other = object(), object()
    for holder in (one, one, other):
        turns.lengthen(holder)
        assert turn_s() == turns.TURN_S
    turns.restore(one)
    assert turn_s() == turns.TURN_S
    turns.restore(one)
    turns.restore(other)
    assert turn_s() == USUAL_S


def test_longer_turns_are_left_and_so_are_those_that_somebody_set_meanwhile() -> None:
    sys.setswitchinterval(0.1)
    turns.lengthen(turns)
    assert turn_s() == 0.1
    turns.restore(turns)
    assert turn_s() == 0.1
    sys.setswitchinterval(USUAL_S)
    turns.lengthen(turns)
    sys.setswitchinterval(0.001)
    turns.restore(turns)
    assert turn_s() == 0.001
    turns.lengthen(turns)
    turns.restore(turns)
    assert turn_s() == 0.001


def test_turns_are_short_while_somebody_waits_and_long_again_or_as_before_afterwards() -> None:
    sys.setswitchinterval(0.01)
    turns.hurry("a click")
    turns.hurry("a click")
    assert turn_s() == turns.HURRIED_TURN_S
    turns.lengthen(turns)
    assert turn_s() == turns.HURRIED_TURN_S
    turns.hurry("another")
    turns.take_time("a click")
    assert turn_s() == turns.HURRIED_TURN_S
    turns.take_time("another")
    assert turn_s() == turns.TURN_S
    turns.hurry("a click")
    turns.restore(turns)
    assert turn_s() == turns.HURRIED_TURN_S
    turns.take_time("a click")
    assert turn_s() == 0.01
    turns.hurry("a click")
    sys.setswitchinterval(0.002)
    turns.take_time("a click")
    assert turn_s() == 0.002, "what somebody else has set is left"


def test_attaching_lengthens_turns_until_it_is_detached_or_its_window_goes(swift: Any) -> None:
    attach(swift)
    assert turn_s() == turns.TURN_S
    other = swift.open_window()
    other.handler.attach()
    swift.handler.session.live.detach()
    assert turn_s() == turns.TURN_S
    other.window.request_close()
    assert turn_s() == USUAL_S
    swift.handler.attach()
    assert turn_s() == turns.TURN_S
    swift.handler.session.live.detach()
    assert turn_s() == USUAL_S
