"""The frames that were clicked last, at the end of the pipe that learns from them: each comes over it once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

from deepscan_core.records.image import CalibratedImage

MOST_BYTES = 64 * 2**20


class ClickedFrames:
    """Frames by name and version; the ones not asked for longest are forgotten first. Safe in any thread.

    Parameters
    ----------
    most_bytes : how much memory their values may take together; the last one is kept in any case.
    """

    def __init__(self, *, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[tuple[str, str], CalibratedImage] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: str, version: str | None) -> CalibratedImage | None:
        """A frame as it was in that version; None where it is not kept, or nobody says which version."""
        with self._lock:
            if version is None or (name, version) not in self._kept:
                return None
            self._kept.move_to_end((name, version))
            return self._kept[name, version]

    def keep(self, frames: Mapping[str, CalibratedImage], versions: Mapping[str, str]) -> None:
        """Keep frames, each in the version that is said of it."""
        with self._lock:
            for name, frame in frames.items():
                self._kept[name, versions[name]] = frame
                self._kept.move_to_end((name, versions[name]))
            while len(self._kept) > 1 and sum(kept.array.nbytes for kept in self._kept.values()) > self._most_bytes:
                self._kept.popitem(last=False)
