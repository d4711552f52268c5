"""Work in one thread beside the caller's, which is kept.

A network's library makes a new team of threads for every thread that calls it, which takes longer than the network itself.
"""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class _KeptThread:
    """One thread, made at the first need."""

    def __init__(self) -> None:
        self.forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.forget)  # a forked process has no threads but its own

    def forget(self) -> None:
        self._executor: ThreadPoolExecutor | None = None

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        if self._executor is None:
            self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="deepscan-network")
        context = contextvars.copy_context()  # limits that hold for the caller hold there as well
        return self._executor.submit(lambda: context.run(work))


_KEPT = _KeptThread()


def beside(work: Callable[[], Result]) -> Future[Result]:
    """Begin some work in the kept thread; one work waits for the other there, and none may begin another."""
    return _KEPT.submit(work)
