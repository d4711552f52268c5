"""Waiting in a thread for what the user interface's thread does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("nion.swift", reason="nionswift is not installed")
from nionswift_plugin.deepscan import soon


@pytest.fixture
def event_loop() -> Iterator[Any]:
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)
    yield loop
    loop.close()


def asked_from_a_thread(loop: Any, function: Any, is_awaited: Any = lambda: True) -> bool:
    return bool(
        loop.run_until_complete(asyncio.wait_for(loop.run_in_executor(None, ask, loop, function, is_awaited), 10))
    )


def ask(loop: Any, function: Any, is_awaited: Any) -> bool:
    return soon.is_done(loop, function, is_awaited=is_awaited)


def test_the_function_is_called_in_the_thread_of_the_loop(event_loop: Any) -> None:
    called: list[int] = []
    assert asked_from_a_thread(event_loop, lambda: called.append(threading.get_ident()))
    assert called == [threading.get_ident()]


def test_what_may_wait_is_called_once_and_not_before_its_time(event_loop: Any) -> None:
    called: list[float] = []
    late = soon.Soon(event_loop, lambda: called.append(event_loop.time()), after_s=0.05)
    began = event_loop.time()
    late.ask()
    late.ask()
    thread = threading.Thread(target=late.ask)
    thread.start()
    thread.join()
    event_loop.run_until_complete(asyncio.sleep(0.1))
    assert len(called) == 1
    assert called[0] - began >= 0.05
    thread = threading.Thread(target=late.ask)
    thread.start()
    event_loop.run_until_complete(asyncio.sleep(0.02))
    assert len(called) == 1
    late.close()
    event_loop.run_until_complete(asyncio.sleep(0.1))
    assert len(called) == 1


def test_an_error_does_not_let_anybody_wait_for_ever(event_loop: Any) -> None:
    assert asked_from_a_thread(event_loop, lambda: 1 / 0)


def test_nobody_waits_for_a_loop_that_stands_or_is_closed(event_loop: Any) -> None:
    answers = iter([True, False])
    called: list[int] = []
    assert not ask(event_loop, lambda: called.append(1), lambda: next(answers))
    assert called == []
    event_loop.close()
    assert not ask(event_loop, lambda: called.append(1), lambda: pytest.fail("there is nothing to wait for"))
