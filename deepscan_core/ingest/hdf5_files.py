"""HDF5 files, told apart by what is in them: DM5, Nion Swift, TopoStats, GXSM, USID, EMD, HyperSpy, NeXus."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deepscan_core.errors import InputError
from deepscan_core.ingest import nion_files, rosetta, usid
from deepscan_core.ingest.pictures import Picture, damage_refused, facts, length_nm, optional_module, pixel_size, scaled
from deepscan_core.ingest.scanning_probe import gxsm
from deepscan_core.memory import check_memory

HEAP = b"GCOL\x01\0\0\0"


def read_hdf5(path: Path, content: bytes) -> list[Picture]:
    """The images in an HDF5 file of a known layout.

    Raises
    ------
    InputError
        Damaged, an unknown layout, or no image.
    MissingError
        h5py or RosettaSciIO is not installed.
    """
    plain: dict[str, Any] = {}
    images_only: dict[str, Any] = {"select_type": "images"}
    named_data: dict[str, Any] = {"nxdata_only": True}
    h5py = optional_module("h5py", path, "HDF5 files")
    _check_heaps(path, content)
    with damage_refused(path, "HDF5"), h5py.File(io.BytesIO(content), "r") as file:
        _check_size(path, file)
        if "ImageList" in file:
            return _dm5(path, file)
        if "pixel_to_nm_scaling" in file:
            return _topostats(file)
        if nion_files.is_nion_hdf5(file):
            return nion_files.read_nion_hdf5(path, file)
        if gxsm.is_gxsm_hdf5(file):
            return gxsm.read_gxsm_hdf5(path, file)
        tables = usid.main_datasets(file)
        if tables:
            return usid.read_usid(path, tables)
        if ("Data" in file and "Version" in file) or "Data/Image" in file:
            module, kind, options = "emd", "Velox EMD", images_only
        elif "Experiments" in file:
            module, kind, options = "hspy", "HyperSpy", plain
        elif any("emd_group_type" in group.attrs for group in _groups(file)):
            module, kind, options = "emd", "Berkeley EMD", plain
        elif any(group.attrs.get("NX_class") in ("NXentry", b"NXentry") for group in _groups(file)):
            module, kind, options = "nexus", "NeXus", named_data
        else:
            some = ", ".join(sorted(map(str, file))[:5]) or "it is empty"
            raise InputError(
                f"{path}: is an HDF5 file of no known layout ({some}): give a file named in docs/formats.md"
            )
    return rosetta.read_with(path, module, kind, **options)


def _check_heaps(path: Path, content: bytes) -> None:
    """Refuse damaged heaps of strings: HDF5 1.14 follows an object without a size forever."""
    at = content.find(HEAP)
    while at >= 0:
        (size,) = struct.unpack_from("<Q", content.ljust(at + 16), at + 8)
        place, end = at + 16, at + size
        while place + 16 <= min(end, len(content)):
            index, length = struct.unpack_from("<H6xQ", content, place)
            place += 16 + (length + 7) // 8 * 8 if index else length
            if (not length and not index) or place > end:
                raise InputError(f"{path}: cannot be read as HDF5 (a heap is damaged): give an undamaged file")
        at = content.find(HEAP, at + 1)


def _check_size(path: Path, file: Any) -> None:
    """Refuse a file whose data sets, unpacked, would exceed the limit of memory."""
    sizes: list[int] = []
    file.visititems(
        lambda _, item: sizes.append(int(item.size or 0) * item.dtype.itemsize) if hasattr(item, "shape") else None
    )
    check_memory(sum(sizes), f"{path}: what its data sets declare")


def _groups(file: Any, depth: int = 2) -> Iterator[Any]:
    yield file
    if depth:
        for child in file.values():
            if hasattr(child, "keys"):
                yield from _groups(child, depth - 1)


def _dm5(path: Path, file: Any) -> list[Picture]:
    """Gatan's DM5: the images of ``ImageList`` but the thumbnails."""
    thumbnails = {int(t.attrs["ImageIndex"]) for t in file.get("Thumbnails", {}).values() if "ImageIndex" in t.attrs}
    pictures, others = [], []
    for key in sorted(file["ImageList"], key=lambda key: int(key.strip("[]"))):
        image = file["ImageList"][key]
        if int(key.strip("[]")) in thumbnails:
            continue
        array = image["ImageData/Data"][()]
        if array.ndim != 2:
            others.append(" x ".join(map(str, array.shape)))
            continue
        axes = image.get("ImageData/Calibrations/Dimension", {})
        y, x = (axes[f"[{k}]"].attrs if f"[{k}]" in axes else {} for k in (1, 0))  # DM counts x first
        size = pixel_size(length_nm(y.get("Scale"), y.get("Units")), length_nm(x.get("Scale"), x.get("Units")))
        pictures.append(Picture(array, _text(image.attrs.get("Name")), size, _dm5_facts(image)))
    if not pictures:
        raise InputError(f"{path}: holds data of {' and '.join(others) or 'nothing'}, no image: give one with an image")
    return pictures


def _dm5_facts(image: Any) -> dict[str, Any]:
    def tags(place: str) -> Any:
        group = image.get(f"ImageTags/{place}")
        return {} if group is None else group.attrs

    microscope = tags("Microscope Info")
    brightness = image.get("ImageData/Calibrations/Brightness")
    return facts(
        format="DM5",
        instrument=_text(microscope.get("Name") or microscope.get("Microscope")),
        voltage_kv=scaled(microscope.get("Voltage"), 1e-3),
        beam_current_pa=scaled(microscope.get("Probe Current (nA)"), 1e3),
        dwell_time_us=scaled(tags("DigiScan").get("Sample Time"), 1.0),
        magnification=scaled(microscope.get("Indicated Magnification"), 1.0),
        signal_unit="" if brightness is None else _text(brightness.attrs.get("Units")),
    )


def _topostats(file: Any) -> list[Picture]:
    """TopoStats: the levelled image and, if it is there, the original; heights in nm."""
    side = length_nm(file["pixel_to_nm_scaling"][()], "nm")
    known = facts(format="TopoStats", signal_unit="nm")
    return [
        Picture(file[name][()], name, pixel_size(side, side), known)
        for name in ("image", "image_original")
        if name in file and file[name].ndim == 2
    ]


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
