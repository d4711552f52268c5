"""The chain of pages of a TIFF file, followed before its pages are read: one that bites its tail would never end."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from deepscan_core.errors import InputError


def check_chain(path: Path, file: Any) -> None:
    """Raise `InputError` where a page is said to follow itself.

    Parameters
    ----------
    file : `tifffile.TiffFile`. A chain that leaves the file ends there, and is left to the reader.
    """
    tiff, handle = file.tiff, file.filehandle
    handle.seek(tiff.offsetsize if tiff.is_bigtiff else 4)
    visited: set[int] = set()
    offset = _number(handle, tiff.offsetformat, tiff.offsetsize)
    while offset:
        if offset in visited:
            raise InputError(f"{path}: its page {len(visited)} is followed by an earlier one: give an undamaged file")
        visited.add(offset)
        handle.seek(offset)
        entries = _number(handle, tiff.tagnoformat, tiff.tagnosize)
        handle.seek(offset + tiff.tagnosize + entries * tiff.tagsize)
        offset = _number(handle, tiff.offsetformat, tiff.offsetsize)


def _number(handle: Any, layout: str, size: int) -> int:
    """The next number; 0 at the end of the file."""
    data = handle.read(size)
    return int(struct.unpack(layout, data)[0]) if len(data) == size else 0
