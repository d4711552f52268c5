"""The parameters of a Nion scan that a run may change: read by name, checked, and put back."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deepscan_core.errors import InputError
from deepscan_core.instruments.stage import check_position
from deepscan_core.records.coordinates import SamplingGrid, ScanContext, check_count, check_finite, check_positive
from deepscan_core.records.costs import ScanCosts
from deepscan_core.records.protocol import ScanStep

#: Of Nion's frame parameters these are recorded and put back; any other stays as it is.
FRAME = (
    "pixel_size",
    "center_nm",
    "fov_nm",
    "rotation_rad",
    "pixel_time_us",
    "ac_line_sync",
    "ac_frame_sync",
    "flyback_time_us",
    "external_clock_wait_time_ms",
    "external_clock_mode",
    "external_scan_mode",
    "external_scan_ratio",
)
#: What the device scanned last may be a part of the context.
SUBSCAN = (
    "subscan_pixel_size",
    "subscan_fractional_size",
    "subscan_fractional_center",
    "subscan_rotation",
    "subscan_type_partial",
)
#: Everything of an instrument that `restore_parameters` ever writes.
NAMES = ("frame_parameters", "device_parameters", "channels", "probe_position", "blanked", "viewing")


MAINS_US = 20_000.0  # a period of 50 Hz: the longest that a line waits for the mains
RESERVE_S = 0.2  # on usim frames are late by up to 0.08 s, and stop within 0.06 s (benchmarks/usim_overhead.py)
LIT_RESERVE_S = 0.02  # an abort closes the blanker at once


def costs_of(parameters: Mapping[str, Any]) -> ScanCosts:
    """What frames cost beyond their samples.

    The instrument tells the time of its flyback, in some scan units, and whether lines wait for the mains; nothing is said
    of starting a frame and of settling: these are the defaults of `ScanCosts`. The blanker is open for all of a frame.

    Parameters
    ----------
    parameters : Nion's frame parameters, by name.
    """
    costs = ScanCosts(blanks_when_idle=False, reserve_s=RESERVE_S, lit_reserve_s=LIT_RESERVE_S)
    flyback_us = parameters.get("flyback_time_us")
    if isinstance(flyback_us, int | float) and flyback_us > 0:
        costs = dataclasses.replace(costs, flyback_us=float(flyback_us))
    return dataclasses.replace(costs, line_overhead_us=MAINS_US) if parameters.get("ac_line_sync") else costs


@dataclass(frozen=True, kw_only=True)
class Scanned:
    """What the device says it has done, as far as it says so; else what it was asked for."""

    context: ScanContext
    dwell_time_us: float
    grid: SamplingGrid | None


def as_scanned(metadata: Mapping[str, Any], context: ScanContext, step: ScanStep | None, dwell_us: float) -> Scanned:
    """Read a frame's ``scan_device_properties``, which Nion's device kit asks the device for after the frame.

    Parameters
    ----------
    metadata : of the frame.
    context, step, dwell_us : what was asked for.
    """
    told = metadata.get("scan", {}).get("scan_device_properties", {})
    fov_nm = told.get("fov_nm")
    if fov_nm is not None:
        pitch_nm = float(fov_nm) / max(context.rows, context.cols)
        context = dataclasses.replace(
            context,
            fov_y_nm=context.rows * pitch_nm,
            fov_x_nm=context.cols * pitch_nm,
            rotation_rad=float(told.get("rotation_rad", context.rotation_rad)),
        )
    dwell_us = float(told.get("pixel_time_us", dwell_us))
    size, center = told.get("subscan_fractional_size"), told.get("subscan_fractional_center")
    if step is None or fov_nm is None or size is None or center is None:
        return Scanned(context=context, dwell_time_us=dwell_us, grid=None)
    fov_y_nm, fov_x_nm = context.fov_nm
    grid = SamplingGrid(
        rows=step.rows,
        cols=step.cols,
        height_nm=size[0] * fov_y_nm,
        width_nm=size[1] * fov_x_nm,
        center_y_nm=(center[0] - 0.5) * fov_y_nm,
        center_x_nm=(center[1] - 0.5) * fov_x_nm,
        ccw_rad=float(told.get("subscan_rotation", step.rotation_rad)),
    )
    return Scanned(context=context, dwell_time_us=dwell_us, grid=grid)


def frame_parameters(parameters: Any, *, subscan: bool) -> dict[str, Any]:
    """The named ones of Nion's frame parameters, as JSON gives them back."""
    present = parameters.as_dict()
    names = FRAME + SUBSCAN if subscan else FRAME
    return {name: _as_json(present[name]) for name in names if name in present}


def with_frame_parameters(parameters: Any, wanted: Mapping[str, Any], *, subscan: bool) -> Any:
    """A copy of Nion's frame parameters with the named ones as wanted; those that are not wanted are taken out."""
    changed = copy.deepcopy(parameters)
    for name in FRAME + SUBSCAN if subscan else FRAME:
        value = wanted.get(name)
        changed.set_parameter(name, tuple(value) if isinstance(value, list) else value)
    return changed


def check(parameters: Mapping[str, Any], channel_count: int, *, has_stage: bool = False) -> None:
    """Raise `InputError` for a name that is not in `NAMES`, or a value that cannot be."""
    for name, value in parameters.items():
        if name == "stage_nm" and has_stage:
            check_position(value)
        elif name not in NAMES:
            raise InputError(f"parameter {name!r} is none that DeepScan writes: give {', '.join(NAMES)}")
        elif name in ("frame_parameters", "device_parameters"):
            _check_frame(name, value, FRAME + SUBSCAN if name == "device_parameters" else FRAME)
        elif name == "channels":
            if not isinstance(value, list) or not all(_is_index(index, channel_count) for index in value):
                raise InputError(f"channels are {value!r}: give a list of numbers from 0 to {channel_count - 1}")
        elif name == "probe_position":
            _check_place(value)
        elif not isinstance(value, bool) and (name, value) != ("blanked", None):
            raise InputError(f"{name} is {value!r}: give true or false")


def _check_frame(name: str, values: Any, known: tuple[str, ...]) -> None:
    if not isinstance(values, Mapping):
        raise InputError(f"{name} are {values!r}: give an object of names and values")
    for key, value in values.items():
        if key not in known:
            raise InputError(f"{key!r} of {name} is none that DeepScan writes: give {', '.join(known)}")
        wants_pair = key in ("pixel_size", "center_nm") or (key in SUBSCAN and key.endswith(("_size", "_center")))
        if wants_pair and (not isinstance(value, list) or len(value) != 2):
            raise InputError(f"{key} of {name} is {value!r}: give two numbers")
        numbers = value if wants_pair else [value]
        check_finite(f"{key} of {name}", *(int(n) if isinstance(n, bool) and not wants_pair else n for n in numbers))
        if key in ("fov_nm", "pixel_time_us"):
            check_positive(f"{key} of {name}", value)
        if key in ("pixel_size", "subscan_pixel_size"):
            check_count(f"{key} of {name}", *value)


def _check_place(value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, list) or len(value) != 2:
        raise InputError(f"probe_position is {value!r}: give two fractions of the frame, or null")
    check_finite("probe_position", *value)
    if not all(0 <= part <= 1 for part in value):
        raise InputError(f"probe_position is {value!r}: give two fractions of the frame between 0 and 1")


def _is_index(index: Any, count: int) -> bool:
    return isinstance(index, int) and not isinstance(index, bool) and 0 <= index < count


def _as_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
