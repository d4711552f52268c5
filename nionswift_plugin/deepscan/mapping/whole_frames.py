"""The latest whole frame of a live image.

Swift updates a live image row by row over the frame before, in the very array that a computation reads. A frame is whole
only at the moment when its scan says so, in the thread of the acquisition: there it is copied. A scan that is aborted calls
its last frame complete too, with zeros where it was cut off: that one is not taken.
"""

from __future__ import annotations

import copy
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from nion.utils import ReferenceCounting

from deepscan_core.errors import InputError


class _Watch:
    """Keeps the latest whole frame that a hardware source has put into one data item."""

    def __init__(self, channel_id: str, hardware_source: Any) -> None:
        self._news = threading.Condition()
        self._latest: Any = None
        self._cut_off_at: Any = None
        self._channel_id = channel_id
        self._hardware_source = weakref.ref(hardware_source)
        self._listener = hardware_source.data_channel_updated_event.listen(
            ReferenceCounting.weak_partial(_Watch._on_update, self)
        )

    def newest(self, xdata: Any, *, is_live: bool) -> Any | None:
        """The newest whole frame: the kept one, or what the data item holds where that came by another way."""
        with self._news:
            if is_whole(xdata) and xdata.timestamp != self._cut_off_at and self._is_news(xdata.timestamp, is_live):
                self._latest = copy.deepcopy(xdata)
            return self._latest

    def wait(self, frame: Any, timeout_s: float) -> bool:
        """Wait until another frame is kept; whether one is."""
        with self._news:
            return self._news.wait_for(lambda: self._latest is not frame, timeout_s)

    def holds(self, frame: Any) -> bool:
        """Whether this is the frame that is kept."""
        with self._news:
            return self._latest is frame

    def listens_to(self, hardware_source: Any) -> bool:
        """Whether it would hear of the frames of this hardware source, which may have been registered anew."""
        return self._hardware_source() is hardware_source

    def _is_news(self, timestamp: Any, is_live: bool) -> bool:
        """A live data item may lag behind what is kept; any other change of a still one was meant."""
        if self._latest is None:
            return True
        return bool(timestamp > self._latest.timestamp if is_live else timestamp != self._latest.timestamp)

    def _on_update(self, channel: Any, xdata: Any) -> None:
        hardware_source = self._hardware_source()
        if hardware_source is None or channel.state != "complete" or not is_whole(xdata):
            return
        if channel.data_channel_id == self._channel_id:
            with self._news:
                if hardware_source.is_aborted:
                    self._cut_off_at = xdata.timestamp
                else:
                    self._latest = copy.deepcopy(xdata)
                    self._news.notify_all()


MOST_WAITING, MOST_WAIT_S, MOST_REST_S, ASK_S = 4, 1.5, 30.0, 0.1

_waiting = threading.BoundedSemaphore(MOST_WAITING)
_watches: weakref.WeakKeyDictionary[Any, _Watch] = weakref.WeakKeyDictionary()


def watch(data_item: Any) -> None:
    """Keep the whole frames of a data item from now on, if a scan writes to it. Call in the user interface's thread."""
    acquired = _acquired(data_item.metadata)
    source_id, channel_id = acquired.get("hardware_source_id"), acquired.get("channel_id")
    if source_id is None or channel_id is None or not _is_of(data_item, source_id, channel_id):
        return
    from nion.instrumentation import HardwareSource  # part of every Swift that has a scan

    hardware_source = HardwareSource.HardwareSourceManager().get_hardware_source_for_hardware_source_id(source_id)
    kept = _watches.get(data_item)
    if hardware_source is not None and (kept is None or not kept.listens_to(hardware_source)):
        _watches[data_item] = _Watch(channel_id, hardware_source)


def _is_of(data_item: Any, source_id: str, channel_id: str) -> bool:
    """Whether a scan writes its channel to this very data item, not to one that this is a copy of."""
    document_model = data_item._document_model
    if document_model is None:
        return False
    return document_model.get_data_item_channel_reference(source_id, channel_id).data_item is data_item


def is_kept(data_item: Any, frame: Any) -> bool:
    """Whether this is the copy that is kept of the latest whole frame, which nobody writes to."""
    kept = _watches.get(data_item)
    return kept is not None and kept.holds(frame)


def latest_whole(data_item: Any, xdata: Any) -> Any | None:
    """The frame to compute on: whole, and the newest there is; None where a running scan has not finished one yet.

    Parameters
    ----------
    data_item : the source of a computation.
    xdata : what it holds now.

    Raises
    ------
    InputError
        It holds a part of a frame, and nothing is going on that would complete it.
    """
    kept = _watches.get(data_item)
    whole = xdata if is_whole(xdata) else None
    if kept is not None:
        whole = kept.newest(xdata, is_live=data_item.is_live)
    if whole is None and not data_item.is_live:
        raise InputError(f"{data_item.title} holds only a part of a frame: let the scan finish one")
    return whole


def wait_for_another(data_item: Any, frame: Any, *, is_awaited: Callable[[], bool]) -> bool:
    """Whether a running scan has finished another frame, waiting for it while it is awaited; in a worker's thread.

    Swift calls a computation at every few rows of a live image, which takes its user interface far longer than to let one
    thread sleep. At most `MOST_WAITING` sleep at once, since all computations of Swift share eight threads.

    Parameters
    ----------
    data_item : the source of a computation.
    frame : what `latest_whole` gave before.
    is_awaited : asked every `ASK_S`.
    """
    kept = _watches.get(data_item)
    if kept is None:
        return False
    return _slept_until(lambda: kept.wait(frame, ASK_S), data_item, MOST_WAIT_S, is_awaited)


def rest(data_item: Any, *, is_awaited: Callable[[], bool]) -> None:
    """Sleep while a scan runs and the computation is awaited, for half a minute at most; in a worker's thread.

    For maps that rest: Swift 16.16 calls their computations as it calls others.
    """

    def slept() -> bool:
        time.sleep(ASK_S)
        return False

    _slept_until(slept, data_item, MOST_REST_S, is_awaited)


def _slept_until(has_news: Callable[[], bool], data_item: Any, most_s: float, is_awaited: Callable[[], bool]) -> bool:
    if not _waiting.acquire(blocking=False):
        return False
    try:
        until_s = time.monotonic() + most_s
        while data_item.is_live and is_awaited() and time.monotonic() < until_s:
            if has_news():
                return True
        return False
    finally:
        _waiting.release()


def is_whole(xdata: Any) -> bool:
    """Whether all rows are of one frame."""
    rows = _acquired(xdata.metadata).get("valid_rows")
    return rows is None or rows >= xdata.data.shape[0]


def _acquired(metadata: Any) -> dict[str, Any]:
    return dict(metadata.get("hardware_source", {}))
