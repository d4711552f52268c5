"""Swift's windows first: while DeepScan looks on their thread runs as soon as it can, as far as the system allows that.

The thread of the user interface works in many short pieces. Where it shares few cores with the microscope, Swift's other
threads and the process that makes maps, it waits some milliseconds for a core before each piece, a dozen times a picture.
On Linux two things help (decisions 27 and 29), each until nobody looks on any more:

- A fixed priority, with which it does not wait. Administrators may have it, and whom they allow to (``rtprio`` in
  ``limits.conf``). All others may have shorter slices of a core, which then come sooner.
- Swift's pools of threads, which draw, do not interrupt it when they wake up (``SCHED_BATCH``). Everybody may do that. The
  threads of a microscope are not touched.

Windows lets everybody raise the priority of a thread. macOS prefers the thread of windows by itself.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field

from . import linux_threads, windows_threads
from .linux_threads import LinuxThread
from .windows_threads import WindowsThread

VARIABLE = "DEEPSCAN_PRIORITY"
USUAL = "usual"  # leave all priorities alone
SHARED = "shared"  # no fixed priority, as for those who may not have one


@dataclass(frozen=True, eq=False, kw_only=True)
class _Held:
    """What is other than it was.

    Attributes
    ----------
    first : the thread that comes first, as `LinuxThread` or `WindowsThread`.
    yielding_before : threads that did so beforehand.
    known : threads that `let_pools_yield` has seen.
    """

    first: LinuxThread | WindowsThread
    yielding_before: frozenset[int] = frozenset()
    known: set[int] = field(default_factory=set)


_lock = threading.Lock()
_held: list[_Held] = []  # one or none


def begin() -> None:
    """Let the calling thread run first, unless somebody has chosen its policy already."""
    with _lock:
        first = None if _held or os.environ.get(VARIABLE) == USUAL else _first()
        if first is not None:
            _held.append(_Held(first=first, yielding_before=_yielding()))


def let_pools_yield() -> None:
    """Let Swift's pools of threads not interrupt the thread that comes first, those too that began since the last time.

    Call in a worker's thread: it reads files.
    """
    held = next(iter(_held), None)
    if held is None or not linux_threads.IS_KNOWN:
        return
    new = linux_threads.threads() - held.known
    pools = linux_threads.of_pools(new)
    with _lock:
        if held in _held:  # else nobody looks on any more
            held.known.update(new)
            for thread in pools:
                linux_threads.let_yield(thread)


def end() -> None:
    """Let all threads run as before."""
    with _lock:
        while _held:
            held = _held.pop()
            held.first.as_before()
            for thread in _yielding() - held.yielding_before:  # those too that were started by one that yields
                linux_threads.let_compete(thread)


def _first() -> LinuxThread | WindowsThread | None:
    if linux_threads.IS_KNOWN:
        return LinuxThread.come_first(may_be_fixed=os.environ.get(VARIABLE) != SHARED)
    if windows_threads.IS_KNOWN:
        return WindowsThread.come_first(windows_threads.kernel())
    return None


def _yielding() -> frozenset[int]:
    return frozenset(linux_threads.yielding() if linux_threads.IS_KNOWN else ())
