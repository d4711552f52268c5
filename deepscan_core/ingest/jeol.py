"""JEOL Analysis Station img: a tree of named values behind a short header.

Read here and not with RosettaSciIO, whose reader goes by the extension and follows file names that stand in the file; the
layout is the one found there.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from deepscan_core.errors import InputError
from deepscan_core.ingest.pictures import (
    Picture,
    as_number,
    check_array,
    damage_refused,
    facts,
    length_nm,
    pixel_size,
    scaled,
)

IMG, ASW = 52, 0  # the first number of an image, of a project
DATA_AT = 44  # where the place of the tree stands
TYPES = {1: "u1", 2: "<u2", 3: "<i4", 4: "<f4", 5: "<f8", 6: "u1", 7: "<u2", 8: "<i4", 9: "<f4", 10: "<f8", 14: "<u2"}
DEEPEST = 100


def is_jeol(content: bytes) -> bool:
    """An img or asw file: its first number, and a named value where the tree must begin."""
    if len(content) < DATA_AT + 8:
        return False
    kind, start = _int(content, 0), _int(content, DATA_AT)
    return (kind == IMG and _is_named(content, start + 12)) or (kind == ASW and _is_named(content, 12))


def read_jeol(path: Path, content: bytes) -> list[Picture]:
    """The image; a project names its images and is refused."""
    if _int(content, 0) == ASW:
        raise InputError(f"{path}: is a JEOL Analysis Station project: give one of the img files in its folders")
    with damage_refused(path, "JEOL img"):
        tree = _tree(content, _int(content, DATA_AT) + 12)
        image, instrument = tree["Image"], tree.get("Instrument", {})
        cols, rows = (int(n) for n in image["Size"])
        check_array(path, (rows, cols), 1)
        array = np.asarray(image["Bits"])[: rows * cols].reshape(rows, cols)
        scan, magnification = as_number(instrument.get("ScanSize")), as_number(instrument.get("Mag"))
        # The scan size is one length: in which direction it holds, the file does not say.
        known_scan = scan is not None and magnification and rows == cols
        side = length_nm(scan / magnification / cols, "mm") if known_scan and scan and magnification else None
        title, voltage = image.get("Title"), as_number(instrument.get("AccV"))
    known = facts(format="JEOL img", voltage_kv=scaled(voltage, 1.0), magnification=scaled(magnification, 1.0))
    return [Picture(array, title if isinstance(title, str) else "", pixel_size(side, side), known)]


def _int(content: bytes, place: int) -> int:
    number: int = struct.unpack_from("<I", content, place)[0]
    return number


def _is_named(content: bytes, place: int) -> bool:
    if place + 5 > len(content) or content[place] != 1:
        return False
    length = _int(content, place + 1)
    return 1 < length < 100 and content[place + 5 : place + 4 + length].replace(b"_", b"").isalnum()


def _tree(content: bytes, place: int) -> dict[str, Any]:
    """Named values, each of which opens a level that a mark other than 1 closes."""
    root: dict[str, Any] = {}
    levels = [root]
    while place < len(content) and content[place] in (1, 255) and len(levels) < DEEPEST:
        if content[place] == 255:
            place += 1
            if len(levels) == 1:
                break
            levels.pop()
            continue
        length = _int(content, place + 1)
        name = content[place + 5 : place + 5 + length].split(b"\0")[0].decode("latin-1").rstrip("\xde")
        kind, size = struct.unpack_from("<2I", content, place + 5 + length)
        start = place + 13 + length
        if start + size > len(content):
            raise ValueError(f"{name} reaches beyond the end of the file")
        here: dict[str, Any] = {}
        levels[-1][name] = _value(content[start : start + size], kind) if kind else here
        levels.append(here)
        place = start + size
    return root


def _value(raw: bytes, kind: int) -> Any:
    """Text, one number or several."""
    if kind not in TYPES:
        return raw.split(b"\0")[0].decode("latin-1")
    values = np.frombuffer(raw, TYPES[kind], len(raw) // np.dtype(TYPES[kind]).itemsize)
    return values[0] if values.size == 1 else values
