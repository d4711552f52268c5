"""What was learned from clicks on the last frames: a new click need not look at the old ones again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping

from deepscan_core.scoring.teaching.examples import Examples

MOST_KEPT = 64  # of about 2 MB each


class ExamplesStore:
    """Examples by class, under any key; the ones not asked for longest are forgotten first. Safe in any thread."""

    def __init__(self, *, most: int = MOST_KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, Mapping[str, Examples]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        with self._lock:
            return len(self._kept)

    def get(self, key: Hashable | None) -> Mapping[str, Examples] | None:
        """What was kept under a key; None where nothing was, or for the key None."""
        with self._lock:
            if key is None or key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def keep(self, key: Hashable | None, found: Mapping[str, Examples]) -> None:
        """Keep something under a key; not under the key None."""
        if key is None:
            return
        with self._lock:
            self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
