"""One job at a time beside the user interface, and the way back into its thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any


class Worker:
    """Runs jobs in a thread.

    Parameters
    ----------
    event_loop : the window's.
    on_error : called in the user interface's thread with whatever a job, or what it posted, raised, and whether that was
        the end of the job.
    """

    def __init__(self, event_loop: Any, on_error: Callable[[Exception, bool], None]) -> None:
        self._event_loop = event_loop
        self._on_error = on_error
        self._thread: threading.Thread | None = None
        self._closed = False

    def start(self, job: Callable[[], None]) -> None:
        """Begin a job; the one before has to be done."""
        self._thread = threading.Thread(target=self._work, args=(job,), name="deepscan", daemon=True)
        self._thread.start()

    def on_ui(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call something in the user interface's thread soon; nothing once the window is closed."""
        if not self._closed:
            self._event_loop.call_soon_threadsafe(self._call, function, arguments)

    def close(self, timeout_s: float) -> None:
        """Post nothing any more, and wait for the job."""
        self._closed = True
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _work(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:
            self.on_ui(self._on_error, error, True)

    def _call(self, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        if self._closed:
            return
        try:
            function(*arguments)
        except Exception as error:
            if function == self._on_error:
                logging.getLogger("deepscan").exception("DeepScan failed")
            else:
                self._on_error(error, False)
