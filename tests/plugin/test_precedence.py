"""The user interface's thread comes first while DeepScan looks on, as far as that is allowed, and as before afterwards."""

from __future__ import annotations

import _thread
import os
import platform
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("nion.swift", reason="nionswift is not installed")
from nionswift_plugin.deepscan.mapping import linux_threads, precedence, turns, windows_threads
from tests.plugin.driving import attach

OTHER, RR, BATCH, RESET = 0, 2, 3, 0x40000000  # of Linux
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="this system runs threads in another way")


class Threads:
    """What the system knows of threads."""

    def __init__(self, refuses: bool = False, keeps_reset: bool = False) -> None:
        self.refuses, self.keeps_reset = refuses, keeps_reset
        self.policies: dict[int, tuple[int, int]] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.has_reset = False

    def set(self, thread: int, policy: int, parameters: Any) -> None:
        is_kept = self.keeps_reset and self.policy(thread) & RESET and not policy & RESET
        if is_kept or (self.refuses and policy & ~RESET == RR):
            raise PermissionError(1, "Operation not permitted")
        self.policies[thread] = (policy, parameters.sched_priority)

    def policy(self, thread: int) -> int:
        return self.policies.get(thread, (OTHER, 0))[0]

    def parameters(self, thread: int) -> Any:
        return SimpleNamespace(sched_priority=self.policies.get(thread, (OTHER, 0))[1])

    def call(self, number: int, thread: int, attributes: bytes) -> int:
        resets = struct.unpack("=IIQiIQQQ", attributes)[2]
        if self.keeps_reset and self.has_reset and not resets:
            return -1
        self.has_reset = bool(resets)
        self.calls.append((number, thread, attributes))
        return 0


@pytest.fixture
def linux(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Threads]]:
    """Linux as it is for administrators, or for others; on any system."""
    monkeypatch.delenv(precedence.VARIABLE, raising=False)

    def of(**how: bool) -> Threads:
        threads = Threads(**how)
        for name, value in {
            "SCHED_OTHER": OTHER,
            "SCHED_RR": RR,
            "SCHED_BATCH": BATCH,
            "SCHED_RESET_ON_FORK": RESET,
            "PRIO_PROCESS": 0,
            "getpriority": lambda which, thread: 3,
            "sched_param": lambda priority: SimpleNamespace(sched_priority=priority),
            "sched_setscheduler": threads.set,
            "sched_getscheduler": threads.policy,
            "sched_getparam": threads.parameters,
        }.items():
            monkeypatch.setattr(os, name, value, raising=False)
        monkeypatch.setattr(linux_threads, "IS_KNOWN", True)
        monkeypatch.setattr(linux_threads, "threads", lambda: {thread.native_id for thread in threading.enumerate()})
        monkeypatch.setattr(linux_threads, "_system_call", threads.call)
        monkeypatch.setattr(platform, "machine", lambda: "x86_64")
        return threads

    yield of
    precedence.end()


@pytest.fixture
def elsewhere() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Call something in a thread that takes precedence, so that this one does not; what it raises is raised here."""

    def call(function: Callable[[], None]) -> None:
        with ThreadPoolExecutor(1, thread_name_prefix="first") as pool:
            pool.submit(function).result()

    yield call
    precedence.end()


def test_it_comes_first_and_then_as_before_and_what_it_starts_never_does(linux: Any) -> None:
    threads, me = linux(), threading.get_native_id()
    precedence.begin()
    precedence.begin()
    assert threads.policies == {me: (RR | RESET, 1)}
    precedence.end()
    precedence.end()
    assert threads.policies == {me: (OTHER, 0)}
    assert not threads.calls, "shorter slices besides would change nothing"


@pytest.mark.parametrize("is_administrator", [True, False])
def test_who_may_not_come_first_has_the_shortest_slices(linux: Any, is_administrator: bool) -> None:
    threads, me = linux(refuses=True, keeps_reset=not is_administrator), threading.get_native_id()
    precedence.begin()
    precedence.end()
    assert [(number, thread) for number, thread, _ in threads.calls] == [(314, me)] * 2, "sched_setattr(2) of x86_64"
    # 0: the usual slice. What the thread starts inherits no short ones; only an administrator may take that back.
    expected = [(100_000, 1), (0, 0 if is_administrator else 1)]
    for (_, _, attributes), (slice_ns, resets) in zip(threads.calls, expected, strict=True):
        size, policy, flags, nice, priority, *runtime = struct.unpack("=IIQiIQQQ", attributes)
        assert (size, policy, flags, nice, priority) == (48, OTHER, resets, 3, 0), "nothing else changes"
        assert runtime == [slice_ns, 0, 0]
    assert threads.policies == {}


def test_shorter_slices_can_be_tried_where_more_is_allowed(linux: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = linux()
    monkeypatch.setenv(precedence.VARIABLE, precedence.SHARED)
    precedence.begin()
    assert len(threads.calls) == 1
    assert threads.policies == {}


def test_other_processors_go_without(linux: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = linux(refuses=True)
    monkeypatch.setattr(platform, "machine", lambda: "a new one")
    precedence.begin()
    assert not threads.calls


def test_who_is_allowed_it_without_being_administrator_has_the_usual_priority_back(linux: Any) -> None:
    threads = linux(keeps_reset=True)
    precedence.begin()
    precedence.end()
    assert threads.policies == {threading.get_native_id(): (OTHER | RESET, 0)}


def test_nothing_happens_where_it_is_not_wanted_or_chosen_already(linux: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = linux()
    threads.policies[threading.get_native_id()] = (RR, 50)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(int).result()
        precedence.begin()
        precedence.let_pools_yield()
        precedence.end()
        assert threads.policies == {threading.get_native_id(): (RR, 50)}
        threads = linux()
        monkeypatch.setenv(precedence.VARIABLE, precedence.USUAL)
        precedence.begin()
        precedence.let_pools_yield()
        assert threads.policies == {}
    assert not threads.calls


@on_linux
def test_the_system_takes_shorter_slices_and_gives_the_usual_ones_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(precedence.VARIABLE, precedence.SHARED)
    seen: list[str | None] = []

    def slice_ns() -> str | None:
        with open(f"/proc/self/task/{threading.get_native_id()}/sched", encoding="utf-8") as facts:
            return next((line.split(":")[1].strip() for line in facts if line.startswith("se.slice")), None)

    def look_in_another() -> None:
        other = threading.Thread(target=lambda: seen.append(slice_ns()))
        other.start()
        other.join()

    def look() -> None:
        for do in (int, precedence.begin, look_in_another, precedence.end):
            do()
            seen.append(slice_ns())

    try:
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    finally:
        precedence.end()
    if None in seen or tuple(map(int, platform.release().split(".")[:2])) < (6, 12):
        pytest.skip("this Linux does not tell, or has no slices of several lengths")
    before, first, inherited, still, after = map(float, filter(None, seen))
    assert first == still == 100_000 < before == after == inherited


@on_linux
def test_pools_yield_until_the_end_and_what_they_start_as_well(monkeypatch: pytest.MonkeyPatch, elsewhere: Any) -> None:
    monkeypatch.setenv(precedence.VARIABLE, precedence.SHARED)
    go_on = threading.Event()
    started: list[threading.Thread] = []

    def start() -> None:
        started.append(threading.Thread(target=go_on.wait))
        started[0].start()

    def ids(pool: ThreadPoolExecutor) -> int:
        return pool.submit(threading.get_native_id).result()

    with ThreadPoolExecutor(1) as drawing, ThreadPoolExecutor(1, thread_name_prefix="microscope") as other:
        drawing_id, other_id = ids(drawing), ids(other)
        precedence.let_pools_yield()
        assert os.sched_getscheduler(drawing_id) == OTHER, "nobody looks on yet"
        elsewhere(precedence.begin)
        precedence.let_pools_yield()
        assert os.sched_getscheduler(drawing_id) == BATCH
        assert os.sched_getscheduler(other_id) == OTHER
        with ThreadPoolExecutor(1) as later:
            later_id = ids(later)
            precedence.let_pools_yield()
            assert os.sched_getscheduler(later_id) == BATCH, "it began after the others"
        drawing.submit(start).result()
        started_id = started[0].native_id
        assert started_id is not None
        assert os.sched_getscheduler(started_id) == BATCH, "Linux lets it inherit that"
        precedence.end()
        assert {os.sched_getscheduler(one) for one in (drawing_id, other_id, started_id)} == {OTHER}
        precedence.let_pools_yield()
        assert os.sched_getscheduler(drawing_id) == OTHER, "nobody looks on any more"
        go_on.set()
        started[0].join()


@on_linux
def test_a_thread_that_yielded_before_does_so_afterwards(monkeypatch: pytest.MonkeyPatch, elsewhere: Any) -> None:
    monkeypatch.setenv(precedence.VARIABLE, precedence.SHARED)
    with ThreadPoolExecutor(1) as pool:
        thread = pool.submit(threading.get_native_id).result()
        os.sched_setscheduler(thread, BATCH, os.sched_param(0))
        elsewhere(precedence.begin)
        precedence.let_pools_yield()
        precedence.end()
        assert os.sched_getscheduler(thread) == BATCH


@on_linux
@pytest.mark.parametrize(("name", "is_of_pool"), [("Thread (pooled)", True), ("QXcbEventQueue", False)])
def test_pools_of_qt_are_known_by_their_name(name: str, is_of_pool: bool) -> None:
    go_on, numbers = threading.Event(), []

    def run() -> None:
        numbers.append(threading.get_native_id())
        go_on.wait()

    _thread.start_new_thread(run, ())  # Python does not list it, as it lists none of Qt's
    while not numbers:
        pass
    try:
        with open(f"/proc/self/task/{numbers[0]}/comm", "w", encoding="utf-8") as comm:
            comm.write(name)
        assert linux_threads.of_pools({numbers[0]}) == ({numbers[0]} if is_of_pool else set())
    finally:
        go_on.set()


@on_linux
def test_a_thread_that_has_ended_is_left_alone() -> None:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    assert thread.native_id is not None
    linux_threads.let_yield(thread.native_id)
    assert not linux_threads.of_pools({thread.native_id})


class Kernel:
    """Windows as far as it knows threads."""

    def __init__(self, priority: int = 0, has_ended: bool = False) -> None:
        self.priority, self.has_ended, self.open = priority, has_ended, 0
        self.OpenThread = self._Open(self)

    class _Open:
        restype: Any = None

        def __init__(self, kernel: Kernel) -> None:
            self.kernel = kernel

        def __call__(self, access: int, inherits: bool, number: int) -> int:
            assert access == 0x60
            assert number == threading.get_native_id()
            self.kernel.open += not self.kernel.has_ended
            return 0 if self.kernel.has_ended else 1 << 40

    def GetThreadPriority(self, handle: Any) -> int:
        assert handle.value == 1 << 40
        return self.priority

    def SetThreadPriority(self, handle: Any, priority: int) -> int:
        assert handle.value == 1 << 40
        self.priority = priority
        return 1

    def CloseHandle(self, handle: Any) -> int:
        assert handle.value == 1 << 40
        self.open -= 1
        return 1


def test_on_windows_it_comes_before_the_usual_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel()
    monkeypatch.delenv(precedence.VARIABLE, raising=False)
    monkeypatch.setattr(linux_threads, "IS_KNOWN", False)
    monkeypatch.setattr(windows_threads, "IS_KNOWN", True)
    monkeypatch.setattr(windows_threads, "kernel", lambda: kernel)
    precedence.begin()
    precedence.begin()
    precedence.let_pools_yield()
    assert kernel.priority == 1
    precedence.end()
    assert (kernel.priority, kernel.open) == (0, 0)


@pytest.mark.parametrize("kernel", [Kernel(priority=15), Kernel(has_ended=True)])
def test_windows_leaves_a_thread_alone_that_has_another_priority_or_is_not_there(kernel: Kernel) -> None:
    before = kernel.priority
    assert windows_threads.WindowsThread.come_first(kernel) is None
    assert (kernel.priority, kernel.open) == (before, 0)


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
