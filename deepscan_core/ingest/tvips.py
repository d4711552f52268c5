"""TVIPS streams: frames of a camera one after the other, each behind a header.

Read here and not with RosettaSciIO, whose reader goes by the file's name; the layout is the one found there.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from deepscan_core.errors import InputError
from deepscan_core.ingest.pictures import Picture, check_array, damage_refused, facts, scaled

HEADER, MODE_AT, DIFFRACTION = 256, 24, 2
OLD_FRAME_HEADER = 12


def is_tvips(content: bytes) -> bool:
    """A header of 256 bytes that is filled up with the maker's name."""
    if len(content) < HEADER or struct.unpack_from("<I", content)[0] != HEADER:
        return False
    return b"TVIPS" in content[52:HEADER] or b"HYPERSPY" in content[52:HEADER]


def read_tvips(path: Path, content: bytes) -> list[Picture]:
    """Every frame of a series of images. The header's pixel size may be that of the camera: it calibrates nothing."""
    with damage_refused(path, "TVIPS"):
        _, version, cols, rows, bits = struct.unpack_from("<5I", content)
        high_tension, magnification, frame_header = struct.unpack_from("<3I", content, 40)
        if version not in (1, 2) or bits not in (8, 16) or not rows * cols:
            raise ValueError(f"version {version} with {bits} bits a pixel")
        before = OLD_FRAME_HEADER if version == 1 else frame_header
        check_array(path, (rows, cols), bits // 8)
        step = before + rows * cols * bits // 8
        count = (len(content) - HEADER) // step
        if version == 2 and count and struct.unpack_from("<I", content, HEADER + MODE_AT)[0] == DIFFRACTION:
            raise InputError(f"{path}: holds {count} diffraction patterns of {rows} x {cols}, no image of a specimen")
        known = facts(
            format="TVIPS stream",
            voltage_kv=scaled(high_tension, 1.0 if high_tension < 1000 else 1e-3),
            magnification=scaled(magnification, 1.0),
        )
        return [
            Picture(
                np.frombuffer(content, f"<u{bits // 8}", rows * cols, HEADER + k * step + before).reshape(rows, cols),
                "" if count == 1 else f"frame {k}",
                None,
                known,
            )
            for k in range(count)
        ]
