"""Longer turns for Python's threads while DeepScan looks on: Swift draws its windows in many short jobs of many threads.

Python takes the interpreter from a thread after 5 ms if another one waits for it. Swift draws in jobs of some 10 ms, in
half a dozen threads beside that of its user interface, which lets go of the interpreter at every little system call: each
time it then waits for 5 ms of somebody else, again and again, and everything that is half done is done late. With turns as
long as such a job, threads mostly hand over where they have to wait anyhow (decision 26).
"""

from __future__ import annotations

import sys
import threading

from . import precedence

TURN_S = 0.020

_lock = threading.Lock()
_holders: set[int] = set()
_before_s: list[float] = []  # one, or none


def lengthen(holder: object) -> None:
    """Lengthen turns, unless they are longer already, until every holder has given up.

    Call in the user interface's thread, which takes precedence as long (``precedence.py``).
    """
    with _lock:
        if not _holders:
            precedence.begin()
        if not _holders and sys.getswitchinterval() < TURN_S:
            _before_s.append(sys.getswitchinterval())
            sys.setswitchinterval(TURN_S)
        _holders.add(id(holder))


def restore(holder: object) -> None:
    """Give up; the last one puts back what was, unless somebody has set it anew meanwhile."""
    with _lock:
        _holders.discard(id(holder))
        if not _holders:
            precedence.end()
            # Python keeps whole microseconds
            is_ours = abs(sys.getswitchinterval() - TURN_S) < 1e-6
            while _before_s:
                before_s = _before_s.pop()
                if is_ours:
                    sys.setswitchinterval(before_s)
