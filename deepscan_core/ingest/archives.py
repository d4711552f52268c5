"""Zip archives: Nion Swift's ndata, JPK's archives with an overview image; all others are refused by what they are."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

from deepscan_core.errors import InputError
from deepscan_core.ingest import png_tiff
from deepscan_core.ingest.nion_files import data_item
from deepscan_core.ingest.numpy_files import array_of
from deepscan_core.ingest.pictures import Picture, damage_refused
from deepscan_core.memory import check_memory

OVERVIEWS = (".jpk-qi-image", ".jpk")


def read_zip(path: Path, content: bytes) -> list[Picture]:
    """The images of an ndata file, or the overview of a JPK archive.

    Raises
    ------
    InputError
        Damaged, unpacking it would exceed the limit of memory, or another kind of archive: the message says which.
    """
    with damage_refused(path, "zip"), zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        overviews = [name for name in names if name.endswith(OVERVIEWS)]
        if overviews:
            return png_tiff.read_tiff(path, _member(path, archive, overviews[0]))
        if "data.npy" not in names or "meta_data.npy" in names:
            raise InputError(f"{path}: {_refusal(names)}")
        properties = json.loads(_member(path, archive, "metadata.json")) if "metadata.json" in names else {}
        array = array_of(path, _member(path, archive, "data.npy"))
    return data_item(path, array, properties, "Nion Swift ndata")


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    """One file of an archive, if it is of a size that can be held twice: unpacked, and as an array."""
    check_memory(2 * archive.getinfo(name).file_size, f"{path}: its {name}, unpacked")
    return archive.read(name)


def _refusal(names: Sequence[str]) -> str:
    last = {name.rsplit("/", 1)[-1] for name in names}
    if "meta_data.npy" in names:
        return "is a Panta Rhei prz file, which can hold pickled objects and is not opened: export the image as TIFF"
    if last & {".zgroup", ".zarray", "zarr.json"}:
        return "is a zarr archive (zspy), which can hold pickled objects and is not opened: save it as hspy or TIFF"
    if "header.properties" in names:
        return "is a JPK archive of force curves without an overview image: export the image as TIFF"
    if names and all(name.endswith(".npy") for name in names):
        return "is a NumPy archive (npz): save the image as TIFF"
    some = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"is a zip archive of {some or 'nothing'}: unpack it and give one file"
