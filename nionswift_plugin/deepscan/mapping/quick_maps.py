"""Maps for somebody who waits: made beside Swift's computations, and painted as soon as they are there.

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

Make = Callable[[], Any]


class QuickMaps:
    """Makes one thing at a time, and then the latest that was asked for meanwhile.

    Parameters
    ----------
    event_loop : the window's.
    on_made : called with what was made, in the user interface's thread.
    """

    def __init__(self, event_loop: Any, on_made: Callable[[Any], None]) -> None:
        self._event_loop = event_loop
        self._on_made = on_made
        self._news = threading.Condition()
        self._wanted: Make | None = None
        self._thread: threading.Thread | None = None
        self._is_busy = False
        self._posted = 0  # on their way into the user interface's thread
        self._is_closed = False

    def ask(self, make: Make) -> None:
        """Begin. Where it fails nothing is shown: the computation of the same map says why."""
        with self._news:
            if self._is_closed:
                return
            self._wanted = make
            turns.hurry(self)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="deepscan-quick", daemon=True)
                self._thread.start()
            self._news.notify()

    def close(self, timeout_s: float) -> None:
        """Show nothing any more, and wait for what is being made."""
        with self._news:
            self._is_closed, self._wanted, thread = True, None, self._thread
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
                self._news.wait_for(lambda: self._wanted is not None or self._is_closed)
                make, self._wanted = self._wanted, None
                if make is None:
                    return
                self._is_busy = True
            self._make(make)

    def _make(self, make: Make) -> None:
        try:
            with contextlib.suppress(DeepScanError, ImportError):
                made = make()
                if not self._is_closed:
                    self._post(made)
        except Exception:
            if self._is_closed:  # the window went while this was made, and what it needs with it
                return
            logging.getLogger("deepscan").exception("a map could not be made beside Swift's computations")

    def _post(self, made: Any) -> None:
        with self._news:
            self._posted += 1
        self._event_loop.call_soon_threadsafe(self._hand_over, made)

    def _hand_over(self, made: Any) -> None:
        try:
            if not self._is_closed:
                self._on_made(made)
        finally:
            with self._news:
                self._posted -= 1
                self._end_hurry()

    def _end_hurry(self) -> None:
        """Nobody waits any more, unless something is being made or is on its way."""
        if not (self._is_busy or self._posted or self._wanted):
            turns.take_time(self)
