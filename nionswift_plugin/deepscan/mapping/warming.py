"""Load networks before anybody waits for them: the first click should not be answered seconds later."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Sequence

from deepscan_core.errors import DeepScanError
from deepscan_core.live.beside import ClosedError
from deepscan_core.live.settings import MapSettings

from . import computing

THREAD = "deepscan-warming"
MOST_PX = 512  # of a side: what is loaded for larger images is no other


class Warmer:
    """Loads what maps will need, in a thread of its own, once for each network.

    What is in memory then is kept out of Python's search for garbage (`gc.freeze`) until `close`: Swift alone is
    hundreds of thousands of objects, and Python holds everything up for a third of a second whenever it looks through
    all of them.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._warmed: set[str] = set()

    def warm(self, settings: MapSettings, shape: Sequence[int]) -> None:
        """Begin, for images of a shape, unless it was done or something is being loaded."""
        is_busy = self._thread is not None and self._thread.is_alive()
        if is_busy or settings.backbone in self._warmed:
            return
        self._warmed.add(settings.backbone)
        self._thread = threading.Thread(
            target=_load,
            args=(settings, tuple(min(side, MOST_PX) for side in shape)),
            name=THREAD,
            daemon=True,
        )
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Wait for what is being loaded."""
        if self._thread is not None:
            self._thread.join(timeout_s)
            gc.unfreeze()


def _load(settings: MapSettings, shape: tuple[int, ...]) -> None:
    # the map itself will say what is missing
    with contextlib.suppress(DeepScanError, ImportError, ClosedError):
        computing.maker().warm(settings, shape=shape)
    gc.freeze()
