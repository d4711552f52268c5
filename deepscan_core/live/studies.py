"""The studies of the last few frames, kept by what they hold, so that a second look costs milliseconds.

Frames of one view also hand on a codebook: what need not be found anew in each of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.ingest.detectors import known_noise
from deepscan_core.live.settings import MapSettings
from deepscan_core.records.image import CalibratedImage
from deepscan_core.scoring.codebook import Codebook
from deepscan_core.study import Study

MOST_STUDIES = 24
MOST_BYTES = 512 * 2**20
MOST_VIEWS = 4
BLOCK_PX = 8
LEAST_ALIKE = 0.7  # correlation of two frames of a view that stands still


class _Entry:
    def __init__(self, study: Study, view: Hashable) -> None:
        self.study = study
        self.view = view
        self.lock = threading.Lock()
        self.held_bytes = study.kept_bytes


class StudyStore:
    """Studies by the content of their image and by their settings; the ones not asked for longest are forgotten first.

    Parameters
    ----------
    most_studies : how many are kept.
    most_bytes : how much memory they may take together; the last one is kept in any case.

    Notes
    -----
    Safe to use from several threads: each study is lent to one of them at a time.
    """

    def __init__(self, *, most_studies: int = MOST_STUDIES, most_bytes: int = MOST_BYTES) -> None:
        self._most_studies, self._most_bytes = most_studies, most_bytes
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._views: OrderedDict[Hashable, Codebook] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)

    @contextlib.contextmanager
    def study(self, image: CalibratedImage, settings: MapSettings) -> Iterator[Study]:
        """Lend the study of an image: the one that is kept, or a new one."""
        key = key_of(image, settings)
        with self._lock:
            entry = self._entries.get(key) or _Entry(
                Study(image, codebook=self._codebook(image, settings), **settings.study_options()),
                _view(image, settings),
            )
            self._entries[key] = entry
            self._entries.move_to_end(key)
        with entry.lock:
            try:
                yield entry.study
            finally:
                entry.held_bytes = entry.study.kept_bytes
                self._forget()

    def frame_before(self, image: CalibratedImage, settings: MapSettings) -> CalibratedImage | None:
        """The latest frame of the same view that clicks can be compared with at once, where the image cannot; else None.

        Whether the view has moved is told by what both frames show: one in which nothing can be seen has none before.
        """
        key, view = key_of(image, settings), _view(image, settings)
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.study.is_ready_for_clicks:
                return None
            free = [one for one in reversed(self._entries.values()) if one.view == view and not one.lock.locked()]
        before = next((one.study.image for one in free if one.study.is_ready_for_clicks), None)
        return before if before is not None and shows_the_same(before.array, image.array) else None

    def forget(self, image: CalibratedImage, settings: MapSettings) -> None:
        """Keep nothing of an image that nobody will ask for again."""
        with self._lock:
            self._entries.pop(key_of(image, settings), None)

    def _codebook(self, image: CalibratedImage, settings: MapSettings) -> Codebook:
        """Of the view that an image belongs to by its name, size and settings; whether it does, the codebook checks."""
        view = _view(image, settings)
        codebook = self._views.setdefault(view, Codebook())
        self._views.move_to_end(view)
        while len(self._views) > MOST_VIEWS:
            self._views.popitem(last=False)
        return codebook

    def _forget(self) -> None:
        with self._lock:
            while len(self._entries) > 1 and (
                len(self._entries) > self._most_studies
                or sum(entry.held_bytes for entry in self._entries.values()) > self._most_bytes
            ):
                self._entries.popitem(last=False)


def _view(image: CalibratedImage, settings: MapSettings) -> Hashable:
    """What frames of one view that are looked at in one way have in common."""
    return (image.name, image.shape, image.pixel_size_nm, settings)


def shows_the_same(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> bool:
    """Whether two frames of one shape (rows, cols) are alike in blocks of `BLOCK_PX`, in which there is little noise."""
    first, second = (_blocks(array) for array in (one, other))
    spread = float(np.std(first) * np.std(second))
    if not np.isfinite(spread) or spread == 0.0:
        return False
    return float(np.mean((first - first.mean()) * (second - second.mean()))) >= LEAST_ALIKE * spread


def _blocks(array: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    rows, cols = (side // BLOCK_PX for side in array.shape)
    cut = array[: rows * BLOCK_PX, : cols * BLOCK_PX].astype(np.float64)
    means: npt.NDArray[np.float64] = cut.reshape(rows, BLOCK_PX, cols, BLOCK_PX).mean(axis=(1, 3))
    return means


def key_of(image: CalibratedImage, settings: MapSettings) -> bytes:
    """The same for images of the same content that are looked at in the same way."""
    noise = known_noise(image.metadata)
    said = (image.content_key, image.pixel_size_nm, noise, sorted(settings.study_options().items()))
    return hashlib.blake2b(repr(said).encode()).digest()
