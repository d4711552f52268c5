"""What a computation hands to Swift: maps and tables with metadata, and the raster of the overlay."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from nion.data import DataAndMetadata
from nion.swift.model import DataItem

from deepscan_core.live.clicks import Click, classes_of
from deepscan_core.live.tables import COLUMNS, table_of, unit_of
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.regions import RegionMeasurement

from .. import bridge
from ..drawing import overlay
from . import identifiers

ORIGIN = "computation"  # the key under which Swift notes it


def map_data(scores: ScoreMap, source: Any, **told: Any) -> Any:
    """A score map as Swift's data, to be handed out; what is told besides stands in the metadata. In a worker's thread."""
    identifiers.make()
    data = bridge.score_data(scores, source)
    data._set_metadata({"deepscan": {**data.metadata["deepscan"], **told}})
    return data


def taught_data(scores: ScoreMap, source: Any, clicks: Sequence[Click]) -> Any:
    """The map of a teacher as Swift's data, with the classes that it has learned; see `map_data`."""
    return map_data(scores, source, classes=list(classes_of(clicks)))


def table_data(objects: Sequence[RegionMeasurement]) -> Any:
    """Measured objects as Swift's data: a row each; the metadata say how many there are, and what the columns are."""
    columns = [{"name": name, "units": unit_of(name)} for name in COLUMNS]
    return DataAndMetadata.new_data_and_metadata(
        table_of(objects), metadata={"deepscan": {"kind": "table", "n_objects": len(objects), "columns": columns}}
    )


def hand_out(computation: Any, name: str, data: Any, *, is_live: bool) -> None:
    """Give an output of a computation (of the facade) its data; Swift hears once of data and metadata together.

    What Swift notes beside about the origin, inputs and instrument, it copies a dozen times whenever it shows the data: a
    live map goes without until the image stands still (`complete`).
    """
    item = computation._computation.get_output(name)
    with identifiers.at_hand(), item.data_item_changes() if item is not None else contextlib.nullcontext():
        if is_live and item is not None:
            item.set_xdata(data)
        else:
            computation.set_referenced_xdata(name, data)


def complete(computation: Any, name: str) -> None:
    """Let Swift note the origin of an output that was handed out without, if it is one."""
    item = computation._computation.get_output(name)
    if item is None or not item.has_data:
        return
    noted = item.metadata
    if "deepscan" in noted and ORIGIN not in noted:
        hand_out(computation, name, item.xdata, is_live=False)


def overlay_raster(computation: Any, scores: ScoreMap) -> Any:
    """What overlays paint; made in the worker's thread, because it takes longer than a user interface may wait."""
    return overlay.prepare_for(displays_of(computation), scores.display_levels)


def hand_to_overlays(computation: Any, prepared: Any) -> None:
    """Paint the overlays that follow this map on everything that shows its source, in the user interface's thread."""
    map_item = computation.get_output("map")
    if map_item is not None:
        for display_item in displays_of(computation):
            overlay.paint(display_item, map_item.uuid, prepared)


def sources_of(computation: Any) -> list[Any]:
    """The data items that a computation (of the model, not of the facade) reads as ``src``."""
    items = computation.get_variable_input_items("src")
    return [item for item in items if isinstance(item, DataItem.DataItem)]


def displays_of(computation: Any) -> list[Any]:
    """Everything that shows the source of a computation (of the model)."""
    channels = [channel for item in sources_of(computation) for channel in item.display_data_channels]
    return list({channel.display_item for channel in channels})
