"""Load networks before anybody waits for them: the first click should not be answered seconds later."""

from __future__ import annotations

import contextlib
import gc
import threading

from deepscan_core.errors import DeepScanError
from deepscan_core.live.beside import ClosedError
from deepscan_core.live.settings import MapSettings

from . import computing


class Warmer:
    """Loads what maps will need, in a thread of its own, once for each network.

    What is in memory then is kept out of Python's search for garbage (`gc.freeze`) until `close`: Swift alone is
    hundreds of thousands of objects, and Python holds everything up for a third of a second whenever it looks through
    all of them.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._warmed: set[str] = set()

    def warm(self, settings: MapSettings) -> None:
        """Begin, unless it was done or something is being loaded."""
        is_busy = self._thread is not None and self._thread.is_alive()
        if is_busy or settings.backbone in self._warmed:
            return
        self._warmed.add(settings.backbone)
        self._thread = threading.Thread(target=_load, args=(settings,), name="deepscan-warming", daemon=True)
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Wait for what is being loaded."""
        if self._thread is not None:
            self._thread.join(timeout_s)
            gc.unfreeze()


def _load(settings: MapSettings) -> None:
    # the map itself will say what is missing
    with contextlib.suppress(DeepScanError, ImportError, ClosedError):
        computing.maker().warm(settings)
    gc.freeze()
