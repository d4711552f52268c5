"""Find the computation that follows a data item, or make it."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from deepscan_core.errors import InputError
from deepscan_core.live.settings import MapSettings

from .names import OUTPUTS, QUANTIFY, SURPRISAL, TEACHER, TEXT_SEARCH
from .outputs import sources_of

COLOR_MAP = "magma"


def computation_of(document_model: Any, data_item: Any, kind: str) -> Any | None:
    """The computation (of the model) of a kind that reads a data item and still has its output; None without one.

    Parameters
    ----------
    document_model : Swift's library.
    data_item : of `nion.swift.model`.
    kind : `SURPRISAL`, `TEACHER`, `TEXT_SEARCH` or `QUANTIFY`.
    """
    if kind not in OUTPUTS:
        raise InputError(f"computation {kind!r} is not known: give one of {', '.join(OUTPUTS)}")
    for computation in document_model.computations:
        is_of_kind = computation.processing_id == kind and data_item in sources_of(computation)
        if is_of_kind and computation.get_output(OUTPUTS[kind]) is not None:
            return computation
    return None


def follow(
    document_model: Any,
    api: Any,
    data_item: Any,
    settings: MapSettings,
    *,
    kind: str = SURPRISAL,
    clicks: str = "[]",
    query: str = "",
) -> Any:
    """The output that follows a data item: the one that is there, with these inputs, or a new one.

    Parameters
    ----------
    document_model, data_item, kind : see `computation_of`.
    api : Swift's facade.
    settings : how it is made.
    clicks : of the teacher, as JSON.
    query : of the text search.

    Returns
    -------
    The data item (`nion.swift.model.DataItem`) that holds the map or the table. Call in the user interface's thread.
    """
    texts = {"settings": settings.to_json(), **_own_texts(kind, clicks, query)}
    computation = computation_of(document_model, data_item, kind)
    if computation is None:
        return _made(document_model, api, data_item, kind, texts)
    _be_called(computation, True)
    for name, text in texts.items():
        variable = computation._get_variable(name)
        if variable is None or not _says_the_same(name, variable.value, text):
            computation.set_input_value(name, text)
    return computation.get_output(OUTPUTS[kind])


def rest(document_model: Any, data_item: Any, kind: str) -> None:
    """Let the map of a kind, if there is one, stay as it is until it is followed again: others need the time it takes."""
    computation = computation_of(document_model, data_item, kind)
    variable = None if computation is None else computation._get_variable("settings")
    if computation is None or variable is None:
        return
    with contextlib.suppress(InputError):  # what is wrong with them stands beside the map already
        settings = MapSettings.from_json(variable.value)
        if settings.live:
            _be_called(computation, False)
            computation.set_input_value("settings", replace(settings, live=False).to_json())


def _be_called(computation: Any, is_called: bool) -> None:
    """Whether Swift calls it when its image changes; Swift 16.16 always does, and then it returns at once."""
    if hasattr(computation, "auto_update") and computation.auto_update is not is_called:
        computation.auto_update = is_called


def _own_texts(kind: str, clicks: str, query: str) -> dict[str, str]:
    return {TEACHER: {"clicks": clicks}, TEXT_SEARCH: {"query": query}}.get(kind, {})


def _says_the_same(name: str, present: str, wanted: str) -> bool:
    """Settings of an older DeepScan lack keys that have their default."""
    if name != "settings" or present == wanted:
        return present == wanted
    try:
        return MapSettings.from_json(present) == MapSettings.from_json(wanted)
    except InputError:
        return False


def _made(document_model: Any, api: Any, data_item: Any, kind: str, texts: dict[str, str]) -> Any:
    from nion.swift import Facade

    target = api.library.create_data_item(_title(kind, data_item.title, texts.get("query", "")))
    api.library.create_computation(
        kind, inputs={"src": Facade.DataItem(data_item), **texts}, outputs={OUTPUTS[kind]: target}
    )
    output = target._data_item
    if OUTPUTS[kind] == "map":
        for display_data_channel in document_model.get_display_item_for_data_item(output).display_data_channels:
            display_data_channel.color_map_id = COLOR_MAP
    return output


def _title(kind: str, source: str, query: str) -> str:
    titles = {
        SURPRISAL: f"Surprisal of {source}",
        TEACHER: f"Like the clicks in {source}",
        TEXT_SEARCH: f"“{query}” in {source}",
        QUANTIFY: f"Objects in {source}",
    }
    return titles[kind]
