"""Nion Swift's data items: nhdf and h5 (HDF5), and what an ndata archive holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.ingest.pictures import Picture, as_number, facts, length_nm, pixel_size, scaled


def read_nion_hdf5(path: Path, file: Any) -> list[Picture]:
    """The data items of an nhdf or h5 file."""
    data = file["data"]
    items = [data] if hasattr(data, "shape") else [data[key] for key in sorted(data)]
    pictures: list[Picture] = []
    refused: list[InputError] = []
    for item in items:
        try:
            properties = json.loads(item.attrs.get("properties", "{}"))
            pictures += data_item(path, item[()], properties, "Nion Swift HDF5")
        except InputError as error:
            refused.append(error)
    if refused and not pictures:
        raise refused[0]
    return pictures


def is_nion_hdf5(file: Any) -> bool:
    """Whether ``data`` is a data set, or a group of data sets, with Swift's properties."""
    data = file.get("data")
    if data is None:
        return False
    return any("properties" in item.attrs for item in ([data] if hasattr(data, "shape") else data.values()))


def data_item(path: Path, array: npt.NDArray[Any], properties: Mapping[str, Any], kind: str) -> list[Picture]:
    """A data item's image, or the frames of its sequence.

    Raises
    ------
    InputError
        It holds spectra or a collection of images.
    """
    collection = int(properties.get("collection_dimension_count") or 0)
    datum = int(properties.get("datum_dimension_count") or min(array.ndim, 2))
    colour = array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] in (3, 4)
    if colour:
        array = array[..., :3].mean(axis=2)
    if datum != 2 or collection > 1 or array.ndim not in (2, 3):
        shape = " x ".join(map(str, array.shape))
        what = "spectra" if datum == 1 else f"{array.ndim}-dimensional data"
        raise InputError(f"{path}: holds {what} of {shape}, no image: give a file with an image")
    title = str(properties.get("title") or "").strip()
    size = _pixel_size(properties.get("dimensional_calibrations") or properties.get("spatial_calibrations") or ())
    known = recording_facts(properties.get("metadata") or {}, properties.get("intensity_calibration") or {}, kind)
    if array.ndim == 2:
        return [Picture(array, title, size, known)]
    return [Picture(frame, f"{title} frame {k}".strip(), size, known) for k, frame in enumerate(array)]


def _pixel_size(calibrations: Sequence[Mapping[str, Any]]) -> tuple[float, float] | None:
    if len(calibrations) < 2:
        return None
    return pixel_size(*(length_nm(c.get("scale"), c.get("units")) for c in calibrations[-2:]))


def recording_facts(
    metadata: Mapping[str, Any], intensity_calibration: Mapping[str, Any], kind: str = "Nion Swift"
) -> dict[str, Any]:
    """What a data item says of its recording, by the names of `pictures.facts`; of a file, or of a live one.

    Parameters
    ----------
    metadata : of the data item, as Swift and its devices write it; what is not there or no mapping is passed over.
    intensity_calibration : with ``units``, ``scale`` and ``offset``, as Swift writes it.
    kind : of the file.
    """
    scan, source, instrument = (_part(metadata, name) for name in ("scan", "hardware_source", "instrument"))
    scanner = _part(
        scan, "scan_device_properties"
    )  # here Swift puts what a scan device says of its own; a camera's is source
    return facts(
        format=kind,
        detector=str(source.get("channel_name") or ""),
        voltage_kv=scaled(instrument.get("high_tension"), 1e-3),
        dwell_time_us=scaled(scan.get("pixel_time_us") or source.get("pixel_time_us"), 1.0),
        counts_per_electron=scaled(source.get("counts_per_electron") or scanner.get("counts_per_electron"), 1.0),
        signal_unit=str(intensity_calibration.get("units") or ""),
        signal_scale=_unless(1.0, as_number(intensity_calibration.get("scale"))),
        signal_offset=_unless(0.0, as_number(intensity_calibration.get("offset"))),
    )


def _part(metadata: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = metadata.get(name)
    return part if isinstance(part, Mapping) else {}


def _unless(usual: float, value: float | None) -> float | None:
    """A calibration's usual value says that nobody calibrated."""
    return None if value == usual else value
