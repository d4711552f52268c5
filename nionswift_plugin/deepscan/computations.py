"""``deepscan.surprisal``: a computation of Swift that keeps a score map up to date with a live image.

From a script (Run Script, or the console)::

    api.library.create_computation(
        "deepscan.surprisal",
        inputs={"src": data_item, "settings": "{}"},
        outputs={"map": api.library.create_data_item("Surprisal")},
    )

``settings`` is JSON with the keys of `MapSettings`. Saved projects hold these names.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from nion.swift.model import DataItem, Symbolic

from deepscan_core.errors import InputError
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap

from . import bridge, overlay

SURPRISAL = "deepscan.surprisal"


@dataclass(frozen=True, kw_only=True)
class MapSettings:
    """How a map is made.

    Attributes
    ----------
    backbone : of the features; "classical" needs no torch.
    seed : of everything drawn by chance.
    """

    backbone: str = "tf_efficientnet_lite0"
    seed: int = 0

    @classmethod
    def from_json(cls, text: str) -> MapSettings:
        """Read settings; raises `InputError` that lists the keys where one is not known."""
        try:
            values = json.loads(text or "{}")
            return cls(**values)
        except (ValueError, TypeError):
            keys = ", ".join(field.name for field in dataclasses.fields(cls))
            raise InputError(f"settings {text!r}: give a JSON object with keys out of {keys}") from None

    def to_json(self) -> str:
        """The settings as JSON text."""
        return json.dumps(dataclasses.asdict(self))


def surprisal(image: CalibratedImage, settings: MapSettings) -> ScoreMap:
    """The surprisal map of an image: the one core function that the computation calls."""
    from deepscan_core.study import Study  # in the worker: the first call loads the model

    return Study(image, backbone=settings.backbone, seed=settings.seed).surprisal()


class SurprisalComputation(Symbolic.ComputationHandlerLike):
    """Input ``src``, ``settings``; output ``map``."""

    label = "DeepScan surprisal"

    def __init__(self, computation: Any, **kwargs: Any) -> None:
        self.computation = computation
        self._scores: ScoreMap | None = None
        self._data: Any = None

    def execute(self, *, src: Any = None, settings: str = "{}", **kwargs: Any) -> None:
        """In a worker thread: compute the map; a first frame that is not complete yet is left alone."""
        self._scores = None
        source = src.xdata
        image = bridge.as_image(source, "the source of the map")
        if bridge.is_whole(source):
            self._scores = surprisal(image, MapSettings.from_json(settings))
            self._data = bridge.score_data(self._scores, source)

    def commit(self) -> None:
        """In the user interface's thread: hand the map out and paint the overlays of the source."""
        if self._scores is None:
            return
        self.computation.set_referenced_xdata("map", self._data)
        graphics = [graphic for display in _displays(self.computation) for graphic in overlay.overlays(display)]
        if graphics:
            raster = overlay.heat_raster(self._scores.values, self._scores.kind)
            for graphic in graphics:
                graphic.show(raster)


def _sources(computation: Any) -> list[Any]:
    """The data items that a computation (of the model, not of the facade) reads as ``src``."""
    items = computation.get_variable_input_items("src")
    return [item for item in items if isinstance(item, DataItem.DataItem)]


def _displays(computation: Any) -> list[Any]:
    """Everything that shows the source of a computation (of the facade)."""
    channels = [channel for item in _sources(computation._computation) for channel in item.display_data_channels]
    return list({channel.display_item for channel in channels})


def register() -> None:
    """Make the computation known to Swift, before any project is opened."""
    Symbolic.register_computation_type(SURPRISAL, SurprisalComputation)


def follow(document_model: Any, api: Any, data_item: Any, settings: MapSettings) -> Any:
    """The map that follows a data item: the one that is there, with these settings, or a new one.

    Returns
    -------
    The data item (`nion.swift.model.DataItem`) that holds the map.
    """
    for computation in document_model.computations:
        if computation.processing_id == SURPRISAL and _reads(computation, data_item):
            if computation._get_variable("settings").value != settings.to_json():
                computation.set_input_value("settings", settings.to_json())
            return computation.get_output("map")
    from nion.swift import Facade

    target = api.library.create_data_item(f"Surprisal of {data_item.title}")
    api.library.create_computation(
        SURPRISAL,
        inputs={"src": Facade.DataItem(data_item), "settings": settings.to_json()},
        outputs={"map": target},
    )
    map_item = target._data_item
    for display_data_channel in document_model.get_display_item_for_data_item(map_item).display_data_channels:
        display_data_channel.color_map_id = "magma"
    return map_item


def _reads(computation: Any, data_item: Any) -> bool:
    return data_item in _sources(computation) and computation.get_output("map") is not None
