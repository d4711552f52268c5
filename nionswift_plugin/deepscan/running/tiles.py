"""Recorded tiles, kept as data items in one group a run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from nion.swift.model import DataGroup, DataItem

from deepscan_core.records.protocol import ScanProtocol, ScanStep


class TileGroup:
    """A data group that takes the tiles of one run; the group appears with the first tile.

    Parameters
    ----------
    document_model : Swift's library.
    protocol : the plan whose steps arrive.
    """

    def __init__(self, document_model: Any, protocol: ScanProtocol) -> None:
        self._document_model = document_model
        self._digits = len(str(len(protocol.steps)))
        self._group: Any = None
        self.data_items: list[Any] = []
        self.orders: set[int] = set()  # of the steps whose tiles were kept

    @property
    def title(self) -> str:
        """The group's name in Swift, empty before the first tile."""
        return str(self._group.title) if self._group is not None else ""

    def append(self, step: ScanStep, data: Any) -> Any:
        """Keep one tile and return its data item. Call in the user interface's thread."""
        data_item = self._append(f"DeepScan region {step.order:0{self._digits}d}", data)
        self.data_items.append(data_item)
        self.orders.add(step.order)
        return data_item

    def append_mosaic(self, data: Any) -> Any:
        """Keep the picture of the whole run and return its data item. Call in the user interface's thread."""
        return self._append("DeepScan mosaic", data)

    def _append(self, title: str, data: Any) -> Any:
        data_item = DataItem.DataItem()
        data_item.set_xdata(data)
        data_item.title = title
        self._document_model.append_data_item(data_item)
        if self._group is None:
            self._group = DataGroup.DataGroup()
            self._group.title = f"DeepScan {datetime.now():%Y-%m-%d %H:%M:%S}"
            self._document_model.append_data_group(self._group)
        self._group.append_display_item(self._document_model.get_display_item_for_data_item(data_item))
        return data_item
