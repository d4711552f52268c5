"""Longer turns for Python's threads while DeepScan looks on: Swift draws its windows in many short jobs of many threads.

Python takes the interpreter from a thread after 5 ms if another one waits for it. Swift draws in jobs of some 10 ms, in
half a dozen threads beside that of its user interface, which lets go of the interpreter at every little system call: each
time it then waits for 5 ms of somebody else, again and again, and everything that is half done is done late. With turns as
long as such a job, threads mostly hand over where they have to wait anyhow (decision 26).

While somebody waits for the map of a click turns are short instead: it passes through half a dozen threads' hands, and
each would wait for a long turn of Swift's drawing (decision 28).
"""

from __future__ import annotations

import sys
import threading

from . import precedence

TURN_S = 0.020
HURRIED_TURN_S = 0.005

_lock = threading.Lock()
_holders: set[int] = set()
_hurried: set[int] = set()
_before_s: list[float] = []  # one while turns are other than they were, else none
_set_s: list[float] = []  # what was set in their place


def lengthen(holder: object) -> None:
    """Lengthen turns, unless they are longer already, until every holder has given up.

    Call in the user interface's thread, which takes precedence as long (``precedence.py``).
    """
    with _lock:
        if not _holders:
            precedence.begin()
        _holders.add(id(holder))
        _choose()


def restore(holder: object) -> None:
    """Give up; the last one puts back what was, unless somebody has set it anew meanwhile."""
    with _lock:
        _holders.discard(id(holder))
        _choose()
        if not _holders:
            precedence.end()


def hurry(holder: object) -> None:
    """Shorten turns until every one of these holders has what it waits for; in any thread."""
    with _lock:
        _hurried.add(id(holder))
        _choose()


def take_time(holder: object) -> None:
    """This one waits no more; in any thread."""
    with _lock:
        _hurried.discard(id(holder))
        _choose()


def _choose() -> None:
    """Set what is wanted now, or what was before; leave alone what somebody else has set meanwhile."""
    present_s = sys.getswitchinterval()
    is_ours = not _set_s or _is_same(present_s, _set_s[0])
    if not _before_s and (_holders or _hurried):
        _before_s.append(present_s)
    if is_ours and _before_s:
        wanted_s = max(_before_s[0], TURN_S) if _holders else _before_s[0]
        wanted_s = min(wanted_s, HURRIED_TURN_S) if _hurried else wanted_s
        if not _is_same(present_s, wanted_s):
            sys.setswitchinterval(wanted_s)
        _set_s[:] = [wanted_s]
    if not (_holders or _hurried):
        _before_s.clear()
        _set_s.clear()


def _is_same(one_s: float, other_s: float) -> bool:
    return abs(one_s - other_s) < 2e-6  # Python keeps whole microseconds
