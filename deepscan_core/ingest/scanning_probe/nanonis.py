"""Nanonis sxm: a text header, then big-endian floats, one block a channel and direction."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from deepscan_core.errors import InputError
from deepscan_core.ingest.pictures import Picture, damage_refused, facts, length_nm, pixel_size

START_OF_DATA = b"\x1a\x04"


def read_sxm(path: Path, content: bytes) -> list[Picture]:
    """Every channel forward and backward, as they lie on the specimen: row 0 on top, column 0 on the left."""
    with damage_refused(path, "Nanonis sxm"):
        end = content.index(START_OF_DATA)
        header = _header(content[:end].decode("latin-1"))
        cols, rows = (int(n) for n in header["SCAN_PIXELS"].split())
        wide_m, high_m = (float(n) for n in header["SCAN_RANGE"].split())
        size = pixel_size(length_nm(high_m / rows, "m"), length_nm(wide_m / cols, "m"))
        kind, order = header["SCANIT_TYPE"].split()
        if kind != "FLOAT":
            raise InputError(f"{path}: holds numbers of type {kind}: give an sxm file of FLOAT")
        pixel = np.dtype(np.float32).newbyteorder(">" if order == "MSBFIRST" else "<")
        planes = [(name, unit, way) for name, unit, ways in _channels(header["DATA_INFO"]) for way in ways]
        count = len(planes) * rows * cols
        data = np.frombuffer(content, pixel, count, end + len(START_OF_DATA)).reshape(len(planes), rows, cols)
    up = header.get("SCAN_DIR", "").strip() == "up"
    pictures = []
    for (name, unit, way), plane in zip(planes, data, strict=True):
        lying = plane[:, ::-1] if way == "backward" else plane  # stored in the order of time
        lying = lying[::-1] if up else lying
        known = facts(format="Nanonis sxm", signal_unit=unit)
        pictures.append(Picture(lying.astype(np.float32), f"{name} {way}", size, known))
    return pictures


def _header(text: str) -> dict[str, str]:
    parts = re.split(r"^:([^\n:][^\n]*):[ \t]*\r?$", text, flags=re.MULTILINE)
    return {name: value.strip("\r\n") for name, value in zip(parts[1::2], parts[2::2], strict=True)}


def _channels(table: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Name, unit and directions of each line below the heading."""
    rows = [line.strip().split("\t") for line in table.strip().splitlines()[1:] if line.strip()]
    return [(row[1], row[2], ("forward", "backward") if row[3] == "both" else (row[3],)) for row in rows]
