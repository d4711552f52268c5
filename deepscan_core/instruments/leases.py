"""Who uses which instrument: two runs on one device would scan in turns, blind to each other."""

from __future__ import annotations

import threading
from typing import Any


class Leases:
    """Which controller carries out a plan on which scan device."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: dict[int, object] = {}

    def take(self, source: Any, holder: object) -> bool:
        """Whether the device was free, or this holder's already."""
        with self._lock:
            return self._holders.setdefault(id(source), holder) is holder

    def give_back(self, source: Any, holder: object) -> None:
        """Let others have it."""
        with self._lock:
            if self._holders.get(id(source)) is holder:
                del self._holders[id(source)]
