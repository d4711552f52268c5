"""GXSM's netCDF files: scipy reads the classic format, h5py netCDF-4."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
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
        name = _field(path, values, lambda name: len(values[name].shape))
        layers = np.array(values[name].data)  # times, values, rows, columns
        steps = {axis: values[axis].getValue() for axis in ("dx", "dy", "dz") if axis in values}
        return _pictures(layers, steps, _text(getattr(values[name], "unit", b"")))


def is_gxsm_hdf5(file: Any) -> bool:
    """Whether an HDF5 file is netCDF-4 with GXSM's axes."""
    return {"dx", "dy"} <= set(file) and any(name in file for name in FIELDS)


def read_gxsm_hdf5(path: Path, file: Any) -> list[Picture]:
    """The same of a netCDF-4 file."""
    name = _field(path, file, lambda name: file[name].ndim)
    steps = {axis: np.asarray(file[axis][()]).ravel()[0] for axis in ("dx", "dy", "dz") if axis in file}
    return _pictures(np.asarray(file[name][()]), steps, _text(file[name].attrs.get("unit", "")))


def _field(path: Path, values: Any, dimensions: Callable[[str], int]) -> str:
    """The name of the scan's field."""
    name = next((name for name in FIELDS if name in values), None)
    if name is None or not {"dx", "dy"} <= set(values) or dimensions(name) != 4:
        some = ", ".join(list(values)[:5])
        raise InputError(f"{path}: is a netCDF file that GXSM did not write ({some}): give one of GXSM's images")
    return name


def _pictures(layers: np.ndarray[Any, Any], steps: Mapping[str, Any], unit: str) -> list[Picture]:
    side = pixel_size(length_nm(steps["dy"], "Å"), length_nm(steps["dx"], "Å"))
    if "dz" in steps and unit:
        layers = layers * float(steps["dz"])
    known = facts(format="GXSM netCDF", signal_unit=unit if "dz" in steps else "")
    frames = layers.reshape(-1, *layers.shape[2:])
    frames = frames.astype(frames.dtype.newbyteorder("="))
    return [Picture(frame, "" if len(frames) == 1 else f"layer {k}", side, known) for k, frame in enumerate(frames)]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
