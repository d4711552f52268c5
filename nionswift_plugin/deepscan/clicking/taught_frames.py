"""The frames that clicks were made on: kept as data items, because the live image goes on."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from nion.data import DataAndMetadata
from nion.swift.model import DataItem

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.image import CalibratedImage

from .. import bridge
from ..mapping import whole_frames
from ..soon import Soon
from .click_records import view_from_dict, view_to_dict

# Swift takes a frame into its library in tens of milliseconds, and whoever clicks waits for the map.
APPEND_AFTER_S = 0.3


@dataclass(frozen=True, kw_only=True)
class TaughtFrame:
    """A frame that clicks were made on.

    Attributes
    ----------
    data_item : holds it, in the library or on its way there.
    version : changes when its data do.
    known_image : what it holds, where no other thread may ask the data item for it.
    """

    data_item: Any
    version: str
    known_image: CalibratedImage | None = None

    @classmethod
    def named(cls, library: Any, name: str) -> TaughtFrame:
        """From the uuid of a data item in Swift's library, or on its way there; raises `InputError` where there is none.

        Safe in any thread.
        """
        on_its_way = _on_their_way.get(name)
        if on_its_way is not None:
            return on_its_way
        try:
            wanted = uuid.UUID(name)
        except ValueError:
            raise InputError(
                f"frame {name!r} in a click is no uuid of a data item: leave it out, or click again"
            ) from None
        data_item = next((item for item in library.data_items if item.uuid == wanted), None)
        if data_item is None or not data_item.has_data:
            raise InputError(f"the frame {name} on which a click was made is gone: remove that click, or click again")
        return cls(data_item=data_item, version=str(data_item.data_modified))

    @property
    def title(self) -> str:
        """What Swift's library calls it."""
        return str(self.data_item.title)

    @property
    def image(self) -> CalibratedImage:
        """What it holds."""
        return self.known_image or bridge.as_image(self.data_item.xdata, self.data_item.title)


_on_their_way: dict[str, TaughtFrame] = {}  # into a library, by the uuids of their data items


class TaughtFrames:
    """The frames kept of one image; several clicks on the same frame share one.

    Parameters
    ----------
    library : Swift's document model.
    data_item : the image, live or not.
    event_loop : of the window.
    """

    def __init__(self, library: Any, data_item: Any, event_loop: Any) -> None:
        self._library = library
        self._data_item = data_item
        self._pending: dict[str, TaughtFrame] = {}  # not in the library yet
        self._newest: TaughtFrame | None = None  # made here; its image need not be read again
        self._soon = Soon(event_loop, self._append_pending, after_s=APPEND_AFTER_S)
        self._latest = self._find_latest()
        self._latest_is_of: Any = None  # the whole frame that the latest holds
        self.seen: Any = None  # the whole frame that was the latest at the last click, as Swift's data

    def close(self) -> None:
        """Put into the library what is not there yet, and wait for nothing."""
        self._soon.close()
        self._append_pending()

    def frame(self, name: str) -> TaughtFrame:
        """A frame by the uuid of its data item; raises `InputError` where it is gone."""
        found = TaughtFrame.named(self._library, name)
        newest = self._newest
        is_newest = newest is not None and (newest.data_item, newest.version) == (found.data_item, found.version)
        return newest if newest is not None and is_newest else found

    def keep(self, view: ScanContext) -> str:
        """The uuid of the data item that holds the latest whole frame, made unless it is there.

        A new one comes into the library soon.

        Raises `InputError` where no frame was finished yet.
        """
        xdata = whole_frames.latest_whole(self._data_item, self._data_item.xdata)
        if xdata is None:
            raise InputError("the scan has not finished a frame yet: click again when it has")
        self.seen = xdata
        if not self._holds(xdata):
            self._latest, self._latest_is_of = self._new(xdata, view), xdata
        return str(self._latest.uuid)

    def view_on_display(self) -> ScanContext | None:
        """The view of the latest frame kept if that is the one on display: the scan has stood still since."""
        return view_from_dict(self._latest.metadata["deepscan"]["view"]) if self._holds(self._data_item) else None

    def _holds(self, frame: Any) -> bool:
        latest = self._latest
        there = latest is not None and (str(latest.uuid) in self._pending or latest in self._library.data_items)
        return there and (self._is_unchanged_of(frame) or np.array_equal(latest.data, frame.data))

    def _is_unchanged_of(self, frame: Any) -> bool:
        """Whether the latest was made of this very frame, and nobody has changed it since."""
        newest = self._newest
        is_same = newest is not None and newest.version == str(self._latest.data_modified)
        return is_same and frame is self._latest_is_of

    def _find_latest(self) -> Any:
        taught_from = str(self._data_item.uuid)
        kept = [
            item
            for item in self._library.data_items
            if item.metadata.get("deepscan", {}).get("taught_from") == taught_from
        ]
        return max(kept, key=lambda item: item.created, default=None)

    def _new(self, xdata: Any, view: ScanContext) -> Any:
        frame = DataItem.DataItem()
        frame.set_xdata(
            DataAndMetadata.new_data_and_metadata(
                np.array(xdata.data),
                intensity_calibration=xdata.intensity_calibration,
                dimensional_calibrations=xdata.dimensional_calibrations,
                metadata={
                    **xdata.metadata,
                    "deepscan": {"taught_from": str(self._data_item.uuid), "view": view_to_dict(view)},
                },
            )
        )
        frame.title = f"DeepScan taught frame {datetime.now():%Y-%m-%d %H:%M:%S}"
        # Swift loses the data of an item that another thread reads while it comes into the library.
        image = bridge.frame_image(self._data_item, xdata)
        self._newest = TaughtFrame(data_item=frame, version=str(frame.data_modified), known_image=image)
        self._pending[str(frame.uuid)] = _on_their_way[str(frame.uuid)] = self._newest
        self._soon.ask()
        return frame

    def _append_pending(self) -> None:
        pending, self._pending = self._pending, {}
        for name, frame in pending.items():
            self._library.append_data_item(frame.data_item)
            _on_their_way.pop(name, None)
