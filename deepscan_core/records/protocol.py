"""The scan protocol: a plan as a document, plain JSON with a schema, read by people and by instruments.

``docs/protocol.md`` describes every key; ``scan_protocol.schema.json`` beside this file is what is enforced.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema

from deepscan_core.errors import InputError, ProtocolError
from deepscan_core.files import read_file
from deepscan_core.records.coordinates import YX, SamplingGrid, ScanContext, check_count, check_finite, check_positive

SCHEMA_VERSION = "1.0"
#: Written where a limit is given that 1.0 does not have, so that a reader which cannot keep to it refuses the plan.
VERSION_WITH_MORE_LIMITS = "1.1"
# What instruments do unless they say otherwise; the planner keeps to it.
SHORTEST_DWELL_US, LONGEST_DWELL_US = 0.1, 1e6
LARGEST_STEP_SAMPLES = 8192


@dataclass(frozen=True, kw_only=True)
class ScanStep:
    """One rectangle to scan. The keys are those of the JSON document.

    ``center_*_px``, ``height_px``, ``width_px`` are in pixels of the context image; the same four in nm are in the
    context's axes relative to its centre, None without calibration. ``rotation_rad`` turns the rectangle
    counter-clockwise on the context image. ``rows``, ``cols`` are the samples to record.
    """

    order: int
    center_y_px: float
    center_x_px: float
    height_px: float
    width_px: float
    rows: int
    cols: int
    dwell_time_us: float
    rotation_rad: float = 0.0
    center_y_nm: float | None = None
    center_x_nm: float | None = None
    height_nm: float | None = None
    width_nm: float | None = None
    dose_e_per_nm2: float | None = None
    priority: float = 0.0
    reason: str = ""

    def __post_init__(self) -> None:
        check_finite("centre, rotation or priority of a step", self.center_y_px, self.center_x_px)
        check_finite("rotation or priority of a step", self.rotation_rad, self.priority)
        check_positive("size or dwell time of a step", self.height_px, self.width_px, self.dwell_time_us)
        check_count("rows, cols of a step", self.rows, self.cols)

    @property
    def center_nm(self) -> YX:
        """Centre in the context's axes; raises `ProtocolError` without calibration."""
        if self.center_y_nm is None or self.center_x_nm is None:
            raise ProtocolError(f"step {self.order} has no position in nm: plan again with --pixel-size-nm")
        return (self.center_y_nm, self.center_x_nm)

    @property
    def size_nm(self) -> YX:
        """Height and width; raises `ProtocolError` without calibration."""
        if self.height_nm is None or self.width_nm is None:
            raise ProtocolError(f"step {self.order} has no size in nm: plan again with --pixel-size-nm")
        return (self.height_nm, self.width_nm)

    def in_context(self) -> SamplingGrid:
        """The samples of the step in the plane of the context."""
        (y_nm, x_nm), (height_nm, width_nm) = self.center_nm, self.size_nm
        return SamplingGrid(
            rows=self.rows,
            cols=self.cols,
            height_nm=height_nm,
            width_nm=width_nm,
            center_y_nm=y_nm,
            center_x_nm=x_nm,
            ccw_rad=self.rotation_rad,
        )

    def moved(self, context: ScanContext, shift_nm: YX) -> ScanStep:
        """The same step with its centre moved by ``(y, x)`` nm, along the axes of the context that it is planned in."""
        y_nm, x_nm = self.center_nm
        center_nm = (y_nm + shift_nm[0], x_nm + shift_nm[1])
        center_px = context.px_from_nm(center_nm)
        return dataclasses.replace(
            self,
            center_y_nm=center_nm[0],
            center_x_nm=center_nm[1],
            center_y_px=center_px[0],
            center_x_px=center_px[1],
        )

    def holds_px(self, context: ScanContext, point_px: YX) -> bool:
        """Whether an index of the context image lies inside the rectangle, turned as it is."""
        if self.center_y_nm is None or not context.is_calibrated:
            grid = SamplingGrid(
                rows=1,
                cols=1,
                height_nm=self.height_px,
                width_nm=self.width_px,
                center_y_nm=self.center_y_px,
                center_x_nm=self.center_x_px,
                ccw_rad=self.rotation_rad,
            )
            place = grid.index_px(point_px)
        else:
            grid = dataclasses.replace(self.in_context(), rows=1, cols=1)
            place = grid.index_px(context.nm_from_px(point_px))
        return all(abs(part) <= 0.5 for part in place)

    def on_specimen(self, context: ScanContext) -> SamplingGrid:
        """The samples of the step in the plane of the specimen."""
        grid = self.in_context()
        y_nm, x_nm = context.specimen_from_nm((grid.center_y_nm, grid.center_x_nm))
        return dataclasses.replace(
            grid, center_y_nm=y_nm, center_x_nm=x_nm, ccw_rad=grid.ccw_rad - context.rotation_rad
        )


@dataclass(frozen=True, kw_only=True)
class ScanLimits:
    """What a run may not pass; None where not limited.

    Attributes
    ----------
    max_dose_e_per_nm2 : dose of any one place, everything taken together.
    max_time_s : of all: frames, the ways between them, and waiting.
    max_total_electrons : of all that reach the specimen.
    least_wait_s : between the end of an exposure and the beginning of another one near it.
    least_distance_nm : what is nearer than this, edge to edge, is near; without a wait it is not exposed at all. With a
        wait and without a distance everything is near.
    """

    max_dose_e_per_nm2: float | None = None
    max_time_s: float | None = None
    max_total_electrons: float | None = None
    least_wait_s: float | None = None
    least_distance_nm: float | None = None

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if value is not None:
                check_positive(f"a scan limit ({name})", value)

    def to_dict(self) -> dict[str, float | None]:
        """For the JSON document: the two limits of version 1.0, and what else is given."""
        given = dataclasses.asdict(self)
        return {name: value for name, value in given.items() if name in _FIRST_LIMITS or value is not None}

    def narrowed(self, other: ScanLimits) -> ScanLimits:
        """Both together: of each limit the stricter one."""
        ours, theirs = dataclasses.asdict(self), dataclasses.asdict(other)
        chosen: dict[str, float | None] = {}
        for name, value in ours.items():
            known = [one for one in (value, theirs[name]) if one is not None]
            chosen[name] = (max if name.startswith("least") else min)(known) if known else None
        return ScanLimits(**chosen)


_FIRST_LIMITS = ("max_dose_e_per_nm2", "max_time_s")


@dataclass(frozen=True, kw_only=True)
class ScanProtocol:
    """A whole plan: where it came from, the context it refers to, its limits and its steps in visiting order."""

    source_name: str
    source_sha256: str
    context: ScanContext
    steps: tuple[ScanStep, ...]
    limits: ScanLimits = ScanLimits()
    predicted_time_s: float = 0.0
    predicted_electrons: float | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        orders = [step.order for step in self.steps]
        if orders != list(range(1, len(orders) + 1)):
            raise ProtocolError(f"steps are ordered {orders}: number them 1, 2, 3 … in visiting order")

    def to_dict(self) -> dict[str, Any]:
        """The JSON document as plain dicts, valid against the schema."""
        limits = self.limits.to_dict()
        document = {
            "schema_version": SCHEMA_VERSION if set(limits) == set(_FIRST_LIMITS) else VERSION_WITH_MORE_LIMITS,
            "source": {"name": self.source_name, "sha256": self.source_sha256},
            "context": {**dataclasses.asdict(self.context), "channels": list(self.context.channels)},
            "limits": limits,
            "steps": [dataclasses.asdict(step) for step in self.steps],
            "predicted": {"time_s": self.predicted_time_s, "total_electrons": self.predicted_electrons},
            "provenance": dict(self.provenance),
        }
        validate_document(document)
        return document

    def to_json(self) -> str:
        """The JSON document as text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_dict(cls, document: Any) -> ScanProtocol:
        """Read a document; raises `ProtocolError` that names the offending key."""
        validate_document(document)
        context = dict(document["context"])
        context["channels"] = tuple(context["channels"])
        return cls(
            source_name=document["source"]["name"],
            source_sha256=document["source"]["sha256"],
            context=ScanContext(**context),
            limits=ScanLimits(**document["limits"]),
            steps=tuple(ScanStep(**step) for step in document["steps"]),
            predicted_time_s=document["predicted"]["time_s"],
            predicted_electrons=document["predicted"]["total_electrons"],
            provenance=document["provenance"],
        )

    @classmethod
    def from_json(cls, text: str) -> ScanProtocol:
        """Read a document from text; raises `ProtocolError`."""
        try:
            document = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
            json.dumps(document, ensure_ascii=False).encode("utf-8")  # half a surrogate pair could not be written again
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"the protocol is not JSON ({error}): give a scan_protocol.json") from None
        return cls.from_dict(document)

    @classmethod
    def from_file(cls, path: str | Path) -> ScanProtocol:
        """Read a document from a file; raises `ProtocolError`."""
        try:
            text = read_file(path, "give a scan_protocol.json").decode("utf-8")
        except UnicodeDecodeError as error:
            raise ProtocolError(f"{path}: cannot be read as a protocol ({error}): give a scan_protocol.json") from None
        except InputError as error:
            raise ProtocolError(str(error)) from None
        return cls.from_json(text)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        twice = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise ValueError(f"the key {twice!r} stands twice")
    return document


@functools.cache
def schema() -> dict[str, Any]:
    """The JSON Schema of the protocol (draft 2020-12)."""
    text = resources.files(__package__).joinpath("scan_protocol.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def validate_document(document: Any) -> None:
    """Raise `ProtocolError` naming the first key that breaks the schema."""
    validator = jsonschema.Draft202012Validator(schema())
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    if error is not None:
        where = "/".join(str(part) for part in error.absolute_path) or "the document"
        raise ProtocolError(f"protocol: {where}: {error.message}")
