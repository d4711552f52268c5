"""GXSM's netCDF files (classic format); scipy reads them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from deepscan_core.errors import InputError
from deepscan_core.ingest.pictures import Picture, damage_refused, facts, length_nm, pixel_size

FIELDS = ("FloatField", "DoubleField", "H", "Intensity", "ByteField", "LongField")


def read_netcdf(path: Path, content: bytes) -> list[Picture]:
    """The layers of the scan; values in the unit of ``dz`` where the field names one."""
    from scipy.io import netcdf_file

    with damage_refused(path, "netCDF"), netcdf_file(io.BytesIO(content), mmap=False) as file:
        values = file.variables
        name = next((name for name in FIELDS if name in values), None)
        if name is None or not {"dx", "dy"} <= set(values) or values[name].data.ndim != 4:
            some = ", ".join(list(values)[:5])
            raise InputError(f"{path}: is a netCDF file that GXSM did not write ({some}): give one of GXSM's images")
        side = pixel_size(*(length_nm(float(values[axis].getValue()), "Å") for axis in ("dy", "dx")))
        layers = np.array(values[name].data)  # times, values, rows, columns
        unit = _text(getattr(values[name], "unit", b""))
        if "dz" in values and unit:
            layers = layers * float(values["dz"].getValue())
        known = facts(format="GXSM netCDF", signal_unit=unit if "dz" in values else "")
    frames = layers.reshape(-1, *layers.shape[2:])
    frames = frames.astype(frames.dtype.newbyteorder("="))
    return [Picture(frame, "" if len(frames) == 1 else f"layer {k}", side, known) for k, frame in enumerate(frames)]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
