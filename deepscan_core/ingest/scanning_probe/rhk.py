"""RHK sm4 (XPMPro, Rev9): pages, each with a header of fixed fields and a block of 32-bit integers.

Layout as RHK describes it for its customers and as spym and Gwyddion read it.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from deepscan_core.errors import InputError
from deepscan_core.ingest.pictures import Picture, check_array, damage_refused, facts, length_nm, pixel_size

PAGE_INDEX_HEADER, PAGE_INDEX_ARRAY, PAGE_HEADER, PAGE_DATA, STRINGS = 1, 2, 3, 4, 10
IMAGE = 0  # kind of page
LABEL, X_UNIT, Y_UNIT, Z_UNIT = 0, 7, 8, 9  # places in a page's list of strings
WAYS = ("right", "left", "up", "down")
FIXED = struct.Struct("<HH13I11f4I")  # a page's header up to the count of its objects


def is_rhk(content: bytes) -> bool:
    """Whether a file bears RHK's signature, in the old files' ASCII or in UTF-16."""
    return content[:8] == b"STiMage " or content[2:16] == "STiMage".encode("utf-16-le")


def read_rhk(path: Path, content: bytes) -> list[Picture]:
    """Every image page, lying as on the specimen: row 0 on top, column 0 on the left; in its unit."""
    with damage_refused(path, "RHK sm4"):
        signature = content[2:38].decode("utf-16-le", "replace").split()
        if content[:8] == b"STiMage " or int(signature[1].partition(".")[0]) < 5:
            raise InputError(f"{path}: is an RHK file older than sm4: save it as sm4 or export it as TIFF or gwy")
        (size,) = struct.unpack_from("<H", content)
        _, count = struct.unpack_from("<2I", content, 38)
        index = _objects(content, size + 2, count)[PAGE_INDEX_HEADER]
        pages, count = struct.unpack_from("<2I", content, index)
        place = _objects(content, index + 16, count)[PAGE_INDEX_ARRAY]
        pictures, others = [], 0
        for _ in range(pages):
            kind, _, count, _ = struct.unpack_from("<4I", content, place + 16)  # after 16 bytes of identity
            objects = _objects(content, place + 32, count)
            place += 32 + 12 * count
            if kind == IMAGE:
                pictures.append(_picture(path, content, objects))
            else:
                others += 1
        if not pictures:
            raise InputError(f"{path}: holds {others} pages of spectra or text, no image: give a file with an image")
    return pictures


def _objects(content: bytes, place: int, count: int) -> dict[int, int]:
    """Kind and place of each object in a list; absent ones have no size."""
    if count > 1000:
        raise ValueError(f"a list of {count} objects")
    entries = (struct.unpack_from("<3I", content, place + 12 * k) for k in range(count))
    return {kind: start for kind, start, size in entries if size}


def _picture(path: Path, content: bytes, objects: dict[int, int]) -> Picture:
    header = objects[PAGE_HEADER]
    values = FIXED.unpack_from(content, header)
    strings, cols, rows, way = values[1], values[7], values[8], values[10]
    x_scale, y_scale, z_scale, z_offset = values[15], values[16], values[17], values[21]
    check_array(path, (rows, cols), 8)
    stored = np.frombuffer(content, "<i4", rows * cols, objects[PAGE_DATA]).reshape(rows, cols)
    lying = stored[:, ::-1] if x_scale < 0 else stored
    lying = lying[::-1] if y_scale > 0 else lying
    inner = _objects(content, header + FIXED.size + 64, values[-1])
    text = _strings(content, inner[STRINGS], strings) if STRINGS in inner else []
    text += [""] * (Z_UNIT + 1 - len(text))
    side = pixel_size(length_nm(y_scale, text[Y_UNIT]), length_nm(x_scale, text[X_UNIT]))
    name = f"{text[LABEL].strip()} {WAYS[way] if way < len(WAYS) else ''}".strip()
    return Picture(
        lying * np.float64(z_scale) + np.float64(z_offset),
        name,
        side,
        facts(format="RHK sm4", signal_unit=text[Z_UNIT]),
    )


def _strings(content: bytes, place: int, count: int) -> list[str]:
    """Each a 16-bit length and so many 16-bit characters."""
    found = []
    for _ in range(min(count, 100)):
        (length,) = struct.unpack_from("<H", content, place)
        found.append(content[place + 2 : place + 2 + 2 * length].decode("utf-16-le", "replace").rstrip("\0"))
        place += 2 + 2 * length
    return found
