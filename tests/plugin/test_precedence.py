"""The user interface's thread comes first while DeepScan looks on, where that is allowed, and as before afterwards."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("nion.swift", reason="nionswift is not installed")
from nionswift_plugin.deepscan.mapping import precedence, turns
from tests.plugin.driving import attach

OTHER, RR, RESET = 0, 2, 0x40000000  # of Linux


class Threads:
    """What the system knows of threads."""

    def __init__(self, refuses: bool = False, keeps_reset: bool = False) -> None:
        self.refuses, self.keeps_reset = refuses, keeps_reset
        self.policies: dict[int, tuple[int, int]] = {}

    def set(self, thread: int, policy: int, parameters: Any) -> None:
        if self.refuses or (self.keeps_reset and self.policy(thread) & RESET and not policy & RESET):
            raise PermissionError(1, "Operation not permitted")
        self.policies[thread] = (policy, parameters.sched_priority)

    def policy(self, thread: int) -> int:
        return self.policies.get(thread, (OTHER, 0))[0]

    def parameters(self, thread: int) -> Any:
        return SimpleNamespace(sched_priority=self.policies.get(thread, (OTHER, 0))[1])


@pytest.fixture
def linux(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Threads]:
    """Linux as it is for administrators, or for others; on any system."""
    monkeypatch.delenv(precedence.VARIABLE, raising=False)

    def of(**how: bool) -> Threads:
        threads = Threads(**how)
        for name, value in {
            "SCHED_OTHER": OTHER,
            "SCHED_RR": RR,
            "SCHED_RESET_ON_FORK": RESET,
            "sched_param": lambda priority: SimpleNamespace(sched_priority=priority),
            "sched_setscheduler": threads.set,
            "sched_getscheduler": threads.policy,
            "sched_getparam": threads.parameters,
        }.items():
            monkeypatch.setattr(os, name, value, raising=False)
        return threads

    return of


def test_it_comes_first_and_then_as_before_and_what_it_starts_never_does(linux: Any) -> None:
    threads, me = linux(), threading.get_native_id()
    precedence.begin()
    precedence.begin()
    assert threads.policies == {me: (RR | RESET, 1)}
    precedence.end()
    precedence.end()
    assert threads.policies == {me: (OTHER, 0)}


def test_who_is_allowed_it_without_being_administrator_has_the_usual_priority_back(linux: Any) -> None:
    threads = linux(keeps_reset=True)
    precedence.begin()
    precedence.end()
    assert threads.policies == {threading.get_native_id(): (OTHER | RESET, 0)}


def test_nothing_happens_where_it_is_not_allowed_not_wanted_or_chosen_already(
    linux: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = linux(refuses=True)
    precedence.begin()
    precedence.end()
    assert threads.policies == {}
    threads = linux()
    threads.policies[threading.get_native_id()] = (RR, 50)
    precedence.begin()
    precedence.end()
    assert threads.policies == {threading.get_native_id(): (RR, 50)}
    threads = linux()
    monkeypatch.setenv(precedence.VARIABLE, precedence.USUAL)
    precedence.begin()
    assert threads.policies == {}


def test_the_system_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(os, "sched_setscheduler"):
        pytest.skip("this system has no such call")
    monkeypatch.delenv(precedence.VARIABLE, raising=False)
    seen: list[int] = []

    def look() -> None:
        before = os.sched_getscheduler(0)
        precedence.begin()
        seen.append(os.sched_getscheduler(0))
        inherited = threading.Thread(target=lambda: seen.append(os.sched_getscheduler(0)))
        inherited.start()
        inherited.join()
        precedence.end()
        seen.append(os.sched_getscheduler(0))
        assert before & ~os.SCHED_RESET_ON_FORK == os.SCHED_OTHER

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    policies = [policy & ~os.SCHED_RESET_ON_FORK for policy in seen]
    assert policies in ([os.SCHED_RR, os.SCHED_OTHER, os.SCHED_OTHER], [os.SCHED_OTHER] * 3)


def test_it_lasts_from_attach_to_the_last_detach(linux: Any, swift: Any) -> None:
    threads = linux()
    attach(swift)
    assert threads.policy(threading.get_native_id()) == RR | RESET
    swift.handler.session.live.detach()
    assert threads.policy(threading.get_native_id()) == OTHER
    assert not turns._holders
