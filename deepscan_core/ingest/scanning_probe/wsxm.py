"""WSxM stp and top: a text header of known length, then integers or floats."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from deepscan_core.errors import InputError
from deepscan_core.ingest.pictures import Picture, as_number, damage_refused, facts, length_nm, pixel_size

PIXELS = {"short": "<i2", "float": "<f4", "double": "<f8"}


def read_wsxm(path: Path, content: bytes) -> list[Picture]:
    """The image, in its unit where the header gives its range.

    It is stored turned by 180 degrees (as Gwyddion reads and writes it); here row 0 is on top and column 0 on the left.
    """
    with damage_refused(path, "WSxM"):
        if b"SxM Image file" not in content[:200]:
            raise InputError(f"{path}: is a WSxM file without a binary image: give an stp or top file")
        size = re.search(rb"Image header size: (\d+)", content[:400])
        if size is None or int(size[1]) == 0:
            raise InputError(f"{path}: its WSxM header does not say how long it is: give an undamaged file")
        start = int(size[1])
        header = dict(re.findall(r"^\s*([^:\n]+): *(.*?)\s*$", content[:start].decode("latin-1"), re.MULTILINE))
        rows, cols = int(header["Number of rows"]), int(header["Number of columns"])
        kind = header.get("Image Data Type", "short")
        if kind not in PIXELS:
            raise InputError(f"{path}: holds numbers of type {kind}: give a WSxM file of {', '.join(PIXELS)}")
        array = np.frombuffer(content, PIXELS[kind], rows * cols, start).reshape(rows, cols)[::-1, ::-1]
        span, unit = _amount(header.get("Z Amplitude", ""))
        steps = float(array.max()) - float(array.min())
        if span and unit and steps > 0:
            array = array * (span / steps)
        (high, y_unit), (wide, x_unit) = (_amount(header.get(f"{axis} Amplitude", "")) for axis in "YX")
        side = pixel_size(length_nm((high or 0) / rows, y_unit), length_nm((wide or 0) / cols, x_unit))
        known = facts(format="WSxM", instrument=header.get("Head type"), signal_unit=unit if span else "")
        name = " ".join(
            filter(None, [header.get("Acquisition channel"), header.get("X scanning direction", "").lower()])
        )
    return [Picture(array, name, side, known)]


def _amount(text: str) -> tuple[float | None, str]:
    number, _, unit = text.partition(" ")
    return (as_number(number), unit.strip())
