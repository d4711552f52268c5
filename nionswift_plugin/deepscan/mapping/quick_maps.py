"""Maps for somebody who waits: made beside Swift's computations, and shown as soon as they are there.

A computation begins when the user interface has done what a click makes it do, and at the earliest a tenth of a second
after its last end. Here a thread begins at the click itself; the computation then finds the map made.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

from deepscan_core.errors import DeepScanError

from . import turns

#: shows what was made, in the user interface's thread
Show = Callable[[], None]
#: makes something, in a thread of its own
Make = Callable[[], Show]


class QuickMaps:
    """Makes what was asked for last, step by step, and shows each step as soon as it is there.

    Parameters
    ----------
    event_loop : the window's.
    """

    def __init__(self, event_loop: Any) -> None:
        self._event_loop = event_loop
        self._news = threading.Condition()
        self._wanted: tuple[Make, ...] = ()
        self._thread: threading.Thread | None = None
        self._is_busy = False
        self._posted = 0  # on their way into the user interface's thread
        self._is_closed = False

    def ask(self, *steps: Make) -> None:
        """Begin; what was asked for before ends after the step that is being made.

        Where a step fails nothing more is shown: the computation of the same map says why.
        """
        with self._news:
            if self._is_closed:
                return
            self._wanted = steps
            turns.hurry(self)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="deepscan-quick", daemon=True)
                self._thread.start()
            self._news.notify()

    def close(self, timeout_s: float) -> None:
        """Show nothing any more, and wait for what is being made."""
        with self._news:
            self._is_closed, self._wanted, thread = True, (), self._thread
            self._news.notify()
        if thread is not None:
            thread.join(timeout_s)
        turns.take_time(self)

    def _work(self) -> None:
        """The thread stays, because to start one holds up who clicks until it runs."""
        while True:
            with self._news:
                self._is_busy = False
                self._end_hurry()
                self._news.wait_for(lambda: self._wanted or self._is_closed)
                steps, self._wanted = self._wanted, ()
                if not steps:
                    return
                self._is_busy = True
            self._make(steps)

    def _make(self, steps: tuple[Make, ...]) -> None:
        try:
            with contextlib.suppress(DeepScanError, ImportError):
                for step in steps:
                    self._post(step())
                    if self._wanted or self._is_closed:
                        return
        except Exception:
            if self._is_closed:  # the window went while this was made, and what it needs with it
                return
            logging.getLogger("deepscan").exception("a map could not be made beside Swift's computations")

    def _post(self, show: Show) -> None:
        if self._is_closed:
            return
        with self._news:
            self._posted += 1
        self._event_loop.call_soon_threadsafe(self._hand_over, show)

    def _hand_over(self, show: Show) -> None:
        try:
            if not self._is_closed:
                show()
        finally:
            with self._news:
                self._posted -= 1
                self._end_hurry()

    def _end_hurry(self) -> None:
        """Nobody waits any more, unless something is being made or is on its way."""
        if not (self._is_busy or self._posted or self._wanted):
            turns.take_time(self)
