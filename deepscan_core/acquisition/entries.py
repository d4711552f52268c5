"""What the lines of a journal may hold: written from frames and errors here, and checked when they are read."""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import jsonschema

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep, schema

Entry = dict[str, Any]
Parameters = Mapping[str, Any]
VERSION = 2
MOST_METADATA = 16384  # characters of the instrument's own words that are kept
MOST_REASON = 1000


def check_entry(entry: Entry) -> None:
    """Raise `InputError` unless an entry has the keys, types and ranges of its event."""
    event = entry.get("event")
    if event == "start" and entry.get("version") != VERSION:
        raise InputError(f"is of version {entry.get('version')!r} of the journal, this DeepScan reads {VERSION}")
    if not isinstance(event, str) or event not in _definitions():
        raise InputError(f"tells of {event!r}, which is no event of a journal")
    _check(entry, event)
    if event == "exposing":
        _check(entry["sent"], "sent")
    if event == "step":
        _check(entry["read"]["context"], "context")


def start(
    *, at: str, protocol_sha256: str, steps: int, strategy: str, instrument: str, parameters: Parameters
) -> Entry:
    """The first line."""
    return {
        "event": "start",
        "at": at,
        "format": "deepscan journal",
        "version": VERSION,
        "protocol_sha256": protocol_sha256,
        "steps": steps,
        "strategy": strategy,
        "instrument": instrument,
        "parameters": dict(parameters),
    }


def exposing(step: ScanStep, *, at: str, attempt: int, ledger: Entry) -> Entry:
    """Before a step is sent; `ledger` are the totals before it is charged."""
    return {
        "event": "exposing",
        "at": at,
        "order": step.order,
        "attempt": attempt,
        "sent": dataclasses.asdict(step),
        "ledger": ledger,
    }


def step_of(entry: Entry) -> ScanStep:
    """The step of an `exposing` line."""
    return ScanStep(**entry["sent"])


def recorded(frame: ScanFrame, *, at: str, order: int, attempt: int, tile: Entry, charged: Entry) -> Entry:
    """After a step, with what its frame says of itself."""
    grid = frame.in_context()
    return {
        "event": "step",
        "at": at,
        "order": order,
        "attempt": attempt,
        "tile": tile,
        "charged": charged,
        "read": {
            "rows": int(frame.values.shape[0]),
            "cols": int(frame.values.shape[1]),
            "dwell_time_us": frame.dwell_time_us,
            "center_y_nm": grid.center_y_nm,
            "center_x_nm": grid.center_x_nm,
            "height_nm": grid.height_nm,
            "width_nm": grid.width_nm,
            "rotation_rad": grid.ccw_rad,
            "context": {**dataclasses.asdict(frame.context), "channels": list(frame.context.channels)},
        },
        "channel": frame.channel,
        "started_s": frame.started_s,
        "duration_s": frame.duration_s,
        "total_electrons": frame.total_electrons,
        "dose_e_per_nm2": frame.dose_e_per_nm2,
        "metadata": _metadata(frame.metadata),
    }


def frame_of(entry: Entry, step: ScanStep, values: Any) -> ScanFrame:
    """The frame of a `step` line; raises `InputError` where the values do not fit the step."""
    context = dict(entry["read"]["context"])
    context["channels"] = tuple(context["channels"])
    return ScanFrame(
        values=values,
        channel=entry["channel"],
        context=ScanContext(**context),
        step=step,
        dwell_time_us=entry["read"]["dwell_time_us"],
        dose_e_per_nm2=entry["dose_e_per_nm2"],
        total_electrons=entry["total_electrons"],
        started_s=entry["started_s"],
        duration_s=entry["duration_s"],
        metadata=entry["metadata"],
    )


def reason_of(error: BaseException) -> str:
    """One line on why something failed, for a journal."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text.encode("utf-8", "replace").decode("utf-8")[:MOST_REASON]


def _metadata(metadata: Mapping[str, Any]) -> Entry:
    """The instrument's own words, where JSON can hold them and they are not too many."""
    try:
        text = json.dumps(dict(metadata), allow_nan=False)
    except (TypeError, ValueError):
        return {}
    kept: Entry = json.loads(text) if len(text) <= MOST_METADATA else {}
    return kept


def _check(value: Any, name: str) -> None:
    error = jsonschema.exceptions.best_match(_validator(name).iter_errors(value))
    if error is not None:
        where = "/".join(str(part) for part in error.absolute_path) or name
        raise InputError(f"is wrong at {where}: {error.message[:200]}")


@functools.cache
def _definitions() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("journal.schema.json").read_text(encoding="utf-8")
    definitions: dict[str, Any] = json.loads(text)["$defs"]
    return definitions


@functools.cache
def _validator(name: str) -> Any:
    """Of an event; of a step that was sent, or a context, as the scan protocol has them.

    A step that was sent may also be an overview of the context or a drift reference, whose numbers a plan has not.
    """
    protocol = copy.deepcopy(schema()["properties"])
    sent = protocol["steps"]["items"]
    sent["properties"]["order"]["minimum"] = -sent["properties"]["order"]["maximum"]
    own = {"sent": sent, "context": protocol["context"]}
    return jsonschema.Draft202012Validator(own.get(name) or _definitions()[name])
