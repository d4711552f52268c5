"""Swift's windows first: while DeepScan looks on their thread runs as soon as it can, where the system allows that.

The thread of the user interface works in many short pieces. Where it shares few cores with the microscope, Swift's other
threads and the process that makes maps, it waits some milliseconds for a core before each piece, a dozen times a picture.
With a fixed priority it does not wait (decision 27). Linux lets administrators do that, and whom they allow to (``rtprio``
in ``limits.conf``); for all others nothing changes. Threads and processes that Swift starts do not inherit it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any

VARIABLE = "DEEPSCAN_PRIORITY"
USUAL = "usual"  # leave the priority alone
LEAST = 1  # of the fixed priorities

_before: list[tuple[int, int, Any]] = []  # thread, policy and parameters, of one thread or none


def begin() -> None:
    """Let the calling thread run first, unless somebody has chosen its policy already."""
    if not hasattr(os, "sched_setscheduler") or os.environ.get(VARIABLE) == USUAL or _before:
        return
    thread = threading.get_native_id()
    with contextlib.suppress(OSError):  # it is not allowed, or not known to this system
        before = os.sched_getscheduler(thread), os.sched_getparam(thread)
        if before[0] & ~os.SCHED_RESET_ON_FORK == os.SCHED_OTHER:
            os.sched_setscheduler(thread, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(LEAST))
            _before.append((thread, *before))


def end() -> None:
    """Let that thread run as before."""
    while _before:
        thread, policy, parameters = _before.pop()
        try:
            os.sched_setscheduler(thread, policy, parameters)
        except PermissionError:  # who is no administrator may not take back that what it starts inherits nothing
            os.sched_setscheduler(thread, policy | os.SCHED_RESET_ON_FORK, parameters)
        except ProcessLookupError:  # the thread has ended
            continue
