"""The way back into the user interface's thread, once for however many things that happened."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

ASK_S = 0.1


class Soon:
    """Calls a function soon in the user interface's thread, once, however often it is asked to before; ask in any thread.

    Parameters
    ----------
    event_loop : the window's. Make it in the user interface's thread.
    function : what is called.
    rest_s : least time from one call to the next, for things that happen again and again.
    after_s : least time from the question to the call, for what may wait until something else is done.
    """

    def __init__(
        self, event_loop: Any, function: Callable[[], None], *, rest_s: float = 0.0, after_s: float = 0.0
    ) -> None:
        self._event_loop = event_loop
        self._function: Callable[[], None] | None = function
        self._rest_s, self._after_s = rest_s, after_s
        self._not_before_s = 0.0
        self._thread = threading.get_ident()
        self._is_asked = False

    def ask(self, *args: Any) -> None:
        """Call it soon; whatever an event tells is not passed on."""
        if self._is_asked or self._function is None:
            return
        self._is_asked = True
        if threading.get_ident() == self._thread:
            # It is awake, and waking it is a system call, after which a computation may keep the interpreter for 5 ms.
            self._wait()
        else:
            self._event_loop.call_soon_threadsafe(self._wait if self._rest_s or self._after_s else self._call)

    def close(self) -> None:
        """Call nothing any more."""
        self._function = None

    def _wait(self) -> None:
        wait_s = max(self._not_before_s - time.monotonic(), self._after_s)
        if wait_s > 0:
            self._event_loop.call_later(wait_s, self._call)
        else:
            self._event_loop.call_soon(self._call)

    def _call(self) -> None:
        self._is_asked = False
        self._not_before_s = time.monotonic() + self._rest_s
        if self._function is not None:
            self._function()


def is_done(event_loop: Any, function: Callable[[], None], *, is_awaited: Callable[[], bool]) -> bool:
    """Whether the user interface's thread has called a function, waiting for that while it is awaited; in another thread.

    Parameters
    ----------
    event_loop : Swift's. What the function raises, it logs.
    function : what is called. It may be called later, too, where this returned False.
    is_awaited : asked every `ASK_S`.
    """
    done = threading.Event()

    def call() -> None:
        try:
            function()
        finally:
            done.set()

    try:
        event_loop.call_soon_threadsafe(call)
    except RuntimeError:  # Swift has closed it
        return False
    while not done.wait(ASK_S):
        if not is_awaited():
            return False
    return True
