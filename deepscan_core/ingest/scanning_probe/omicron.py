"""Omicron SCALA: a text file (par) and beside it one file of big-endian integers a channel and direction."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from deepscan_core.errors import InputError
from deepscan_core.files import read_file
from deepscan_core.ingest.pictures import (
    Picture,
    as_number,
    check_array,
    damage_refused,
    facts,
    length_nm,
    pixel_size,
)

# What the lines below a topographic channel hold, in this order.
LINES = ("direction", "min_raw", "max_raw", "min", "max", "resolution", "unit", "file", "title")


def is_scala(content: bytes) -> bool:
    """Whether the comment at the head of the text names Omicron's program."""
    return content[:1] == b";" and b"Omicron SPM Control" in content[:200]


def read_scala(path: Path, content: bytes) -> list[Picture]:
    """Every topographic channel, in its unit; row 0 on top (they are stored from the bottom)."""
    with damage_refused(path, "Omicron SCALA"):
        values, channels = _header(content.decode("latin-1"))
        rows, cols = int(values["Image Size in Y"]), int(values["Image Size in X"])
        check_array(path, (rows, cols), 8)
        high, wide = as_number(values.get("Field Y Size in nm")), as_number(values.get("Field X Size in nm"))
        side = pixel_size(length_nm((high or 0) / rows, "nm"), length_nm((wide or 0) / cols, "nm"))
        if not channels:
            raise InputError(f"{path}: names no topographic channel (spectra?): give one with an image")
        pictures = []
        for channel in channels:
            stored = np.frombuffer(_beside(path, channel["file"]), ">i2", rows * cols).reshape(rows, cols)[::-1]
            low, high_raw = float(channel["min_raw"]), float(channel["max_raw"])
            step = (float(channel["max"]) - float(channel["min"])) / (high_raw - low)
            array = (stored - low) * step + float(channel["min"])
            name = f"{channel['channel']} {channel['direction'].lower()}"
            known = facts(format="Omicron SCALA", signal_unit=channel["unit"])
            pictures.append(Picture(array, name, side, known))
    return pictures


def _header(text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    values: dict[str, str] = {}
    channels: list[dict[str, str]] = []
    lines = iter(text.splitlines())
    for line in lines:
        key, _, value = line.partition(";")[0].partition(":")
        if key.strip() != "Topographic Channel":
            values.setdefault(key.strip(), value.strip())
            continue
        below = (next(lines).partition(";")[0].strip().lstrip(":").strip() for _ in LINES)
        channels.append({"channel": value.strip()} | dict(zip(LINES, below, strict=True)))
    return values, channels


def _beside(path: Path, name: str) -> bytes:
    """The channel's file, in the same folder and in any case, whatever folder the text names."""
    name = re.split(r"[\\/]", name)[-1]
    there = {other.name.casefold(): other for other in path.parent.iterdir()}
    if name.casefold() not in there:
        raise InputError(f"{path}: its file {name} is not beside it: put {name} into the same folder")
    return read_file(there[name.casefold()], "give a readable one")
