"""How Linux runs threads: policies (sched(7)) and slices (sched_setattr(2)), most of which everybody may choose."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
import sys
import threading
from dataclasses import dataclass, replace
from typing import Any

IS_KNOWN = sys.platform == "linux"
LEAST = 1  # of the fixed priorities
SHORT_SLICE_NS = 100_000  # the shortest there is; the usual one is 1 to 3 ms
USUAL_SLICE = 0
RESET_ON_FORK = 1  # SCHED_FLAG_RESET_ON_FORK: threads and processes that it starts do not inherit that
SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274}  # numbers of the system call, which has no other name
ATTRIBUTES = struct.Struct("=IIQiIQQQ")  # struct sched_attr in its first version
PYTHON_POOL, QT_POOL = "ThreadPoolExecutor", "Thread (pooled)"


@dataclass(frozen=True, kw_only=True)
class LinuxThread:
    """A thread that comes first, and how it was run before.

    Attributes
    ----------
    number : of the thread.
    policy, parameters : before.
    has_fixed_priority : now; else it has short slices.
    """

    number: int
    policy: int
    parameters: Any
    has_fixed_priority: bool = False

    @classmethod
    def come_first(cls, *, may_be_fixed: bool = True) -> LinuxThread | None:
        """Let the calling thread have a fixed priority or, where it may not, short slices.

        Returns
        -------
        None where somebody has chosen its policy already, or the system does not tell.
        """
        with contextlib.suppress(OSError):
            number = threading.get_native_id()
            found = cls(number=number, policy=os.sched_getscheduler(number), parameters=os.sched_getparam(number))
            if found.policy & ~os.SCHED_RESET_ON_FORK != os.SCHED_OTHER:
                return None
            if may_be_fixed and _fix(number):
                return replace(found, has_fixed_priority=True)
            found._slice(SHORT_SLICE_NS, RESET_ON_FORK)
            return found
        return None

    def as_before(self) -> None:
        """Run it as before; its slices are the usual ones again."""
        with contextlib.suppress(ProcessLookupError):  # the thread has ended
            resets = RESET_ON_FORK if self.policy & os.SCHED_RESET_ON_FORK else 0
            # who is no administrator may not take back that what it starts inherits nothing
            if not self.has_fixed_priority:
                if not self._slice(USUAL_SLICE, resets):
                    self._slice(USUAL_SLICE, RESET_ON_FORK)
                return
            try:
                os.sched_setscheduler(self.number, self.policy, self.parameters)
            except PermissionError:
                os.sched_setscheduler(self.number, self.policy | os.SCHED_RESET_ON_FORK, self.parameters)

    def _slice(self, slice_ns: int, flags: int) -> bool:
        """Whether the system took it; Linux before 6.12 does and changes nothing."""
        call = SCHED_SETATTR.get(platform.machine())
        if call is None:
            return False
        nice = os.getpriority(os.PRIO_PROCESS, self.number)
        parts = (ATTRIBUTES.size, os.SCHED_OTHER, flags, nice, 0, slice_ns, 0, 0)
        return _system_call(call, self.number, ATTRIBUTES.pack(*parts)) == 0


def threads() -> set[int]:
    """The numbers of all threads of this process."""
    return {int(name) for name in os.listdir("/proc/self/task")}


def yielding() -> set[int]:
    """Threads of this process that do not interrupt others when they wake up."""
    return {thread for thread in threads() if _policy(thread) == os.SCHED_BATCH}


def of_pools(among: set[int]) -> set[int]:
    """Those of the threads that belong to a pool of Python or of Qt."""
    names = {each.native_id: each.name for each in threading.enumerate()}
    of_python = {thread for thread in among & names.keys() if names[thread].startswith(PYTHON_POOL)}
    return of_python | {thread for thread in among - names.keys() if _name(thread) == QT_POOL}


def _name(thread: int) -> str:
    """What Linux calls a thread; empty where it has ended."""
    try:
        with open(f"/proc/self/task/{thread}/comm", encoding="utf-8", errors="replace") as name:
            return name.read().strip()
    except OSError:
        return ""


def let_yield(thread: int) -> None:
    """Let a thread of the usual policy wait for its turn when it wakes up, instead of interrupting another one."""
    if _policy(thread) == os.SCHED_OTHER:
        _set_policy(thread, os.SCHED_BATCH)


def let_compete(thread: int) -> None:
    """Give a thread the usual policy."""
    _set_policy(thread, os.SCHED_OTHER)


def _policy(thread: int) -> int | None:
    """None where the thread has ended."""
    try:
        return os.sched_getscheduler(thread)
    except OSError:
        return None


def _set_policy(thread: int, policy: int) -> None:
    with contextlib.suppress(OSError):  # it has ended, or a sandbox forbids it
        os.sched_setscheduler(thread, policy, os.sched_param(0))


def _fix(thread: int) -> bool:
    """Whether it could be given the lowest fixed priority. Threads and processes that it starts do not inherit that."""
    try:
        os.sched_setscheduler(thread, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(LEAST))
    except OSError:
        return False
    return True


def _system_call(call: int, thread: int, attributes: bytes) -> int:
    parts = (ctypes.c_long(call), ctypes.c_int(thread), ctypes.c_char_p(attributes), ctypes.c_uint(0))
    return int(ctypes.CDLL(None).syscall(*parts))
