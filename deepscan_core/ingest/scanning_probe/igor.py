"""Asylum Research ibw: Igor binary waves; igor2 reads them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from deepscan_core.errors import InputError
from deepscan_core.ingest.pictures import Picture, damage_refused, facts, length_nm, optional_module, pixel_size

HEADERS, LABEL = 64 + 320, 32  # bytes of the two headers of version 5, of one label


def is_binary_wave(content: bytes) -> bool:
    """Version 2 or 5 in either byte order, and a header whose 16-bit sum is zero."""
    if content[:2] not in (b"\x05\0", b"\0\x05", b"\x02\0", b"\0\x02"):
        return False
    little, version = content[1] == 0, max(content[:2])
    header = content[: {5: HEADERS, 2: 16 + 110}[version]]
    return (
        len(header) % 2 == 0 and int(np.frombuffer(header, "<i2" if little else ">i2").sum(dtype=np.int64)) % 65536 == 0
    )


def read_ibw(path: Path, content: bytes) -> list[Picture]:
    """Every layer, row 0 on top; Igor counts x first and y upwards."""
    binary_wave = optional_module("igor2.binarywave", path, "Igor ibw files")
    with damage_refused(path, "Igor ibw"):
        record = binary_wave.load(io.BytesIO(content))
        wave = record["wave"]
        data = np.asarray(wave["wData"])
        if data.ndim not in (2, 3):
            shape = " x ".join(map(str, data.shape))
            raise InputError(f"{path}: holds waves of {shape}, no image (force curves?): give a file with an image")
        header = wave["wave_header"]
        steps = header.get("sfA", ())
        units = [bytes(b"".join(unit)).decode("latin-1").strip("\0") for unit in header.get("dimUnits", ())]
        side = pixel_size(length_nm(steps[1], units[1]), length_nm(steps[0], units[0])) if len(units) > 1 else None
        names = _labels(content, record) if data.ndim == 3 else [""]
        layers = data if data.ndim == 3 else data[..., None]
    known = facts(format="Igor ibw")
    return [
        Picture(np.ascontiguousarray(layers[..., k].T[::-1]), name, side, known)
        for k, name in zip(range(layers.shape[2]), names + [""] * layers.shape[2], strict=False)
    ]


def _labels(content: bytes, record: dict[str, Any]) -> list[str]:
    """The layers' names, cut at the first NUL (igor2 keeps what an earlier, longer name left behind it)."""
    wave, sizes = record["wave"], record["wave"].get("bin_header")
    if record["version"] != 5 or sizes is None:
        return []
    before = int(sizes["formulaSize"]) + int(sizes["noteSize"]) + int(sizes["dataEUnitsSize"])
    before += sum(int(n) for n in sizes["dimEUnitsSize"]) + sum(int(n) for n in sizes["dimLabelsSize"][:2])
    start = HEADERS + np.asarray(wave["wData"]).nbytes + before
    block = content[start : start + int(sizes["dimLabelsSize"][2])]
    names = [block[k : k + LABEL].split(b"\0")[0].decode("latin-1") for k in range(0, len(block), LABEL)]
    return names[1:]  # the first labels the dimension
