"""Bruker and Digital Instruments Nanoscope: a text header of lists, then one block of integers an image."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from deepscan_core.errors import InputError
from deepscan_core.ingest.pictures import Picture, as_number, damage_refused, facts, length_nm, pixel_size
from deepscan_core.records.coordinates import YX

Section = dict[str, str]
IMAGE_LISTS = ("Ciao image list", "AFM image list", "STM image list", "NCAFM image list", "Image list")


def read_nanoscope(path: Path, content: bytes) -> list[Picture]:
    """Every image of the file, in its unit where the header gives a scale, else as stored.

    Lines are stored from the bottom (so Gwyddion and AFMReader turn them over); here row 0 is on top.
    """
    with damage_refused(path, "Nanoscope"):
        sections = _sections(content[: content.index(b"\\*File list end")].decode("latin-1"))
        images = [section for name, section in sections if name in IMAGE_LISTS]
        if not images:
            raise InputError(f"{path}: holds no Nanoscope image (force curves?): give a file with an image")
        general = {
            key: value for name, section in sections if name not in IMAGE_LISTS for key, value in section.items()
        }
        return [_picture(content, section, general) for section in images]


def _sections(text: str) -> list[tuple[str, Section]]:
    sections: list[tuple[str, Section]] = []
    for line in text.splitlines():
        if line.startswith("\\*"):
            sections.append((line[2:].strip(), {}))
        elif sections and line.startswith("\\"):
            key, _, value = re.sub(r"^@\d*:?", "@", line[1:]).partition(": ")
            sections[-1][1].setdefault(key, value.strip())
    return sections


def _picture(content: bytes, section: Section, general: Section) -> Picture:
    cols, rows = int(section["Samps/line"]), int(section["Number of lines"])
    offset, length = int(section["Data offset"]), int(section["Data length"])
    pixel = np.dtype("<i4" if length >= 4 * rows * cols else "<i2")  # "Bytes/pixel" stays 2 in newer files
    stored = np.frombuffer(content, pixel, rows * cols, offset).reshape(rows, cols)[::-1]
    quoted = re.search(r'"(.*)"', section.get("@Image Data", ""))
    name = " ".join(filter(None, [quoted[1] if quoted else "", section.get("Line Direction", "").lower()]))
    scale, unit = _signal(section, general, pixel.itemsize)
    array = stored.astype(np.float64) * scale if unit else stored
    instrument = general.get("Microscope") or general.get("Description")
    return Picture(
        array,
        name,
        _pixel_size(section, rows, cols),
        facts(format="Nanoscope", instrument=instrument, signal_unit=unit),
    )


def _pixel_size(section: Section, rows: int, cols: int) -> YX | None:
    """``Scan size: 15 15 ~m``: columns, rows, unit; one number stands for both where the image is square.

    Newer files write ``Scan Size`` and, where the aspect ratio is not 1:1, give the width twice.
    """
    found = re.match(
        r"([\d.eE+-]+)\s+(?:([\d.eE+-]+)\s+)?(\S+)$", section.get("Scan size", section.get("Scan Size", ""))
    )
    ratio = re.match(r"([\d.]+)\s*:\s*([\d.]+)$", section.get("Aspect ratio", section.get("Aspect Ratio", "")))
    if not found or (found[2] is None and rows != cols and not ratio):
        return None
    unit = found[3].replace("~", "µ")
    wide, high = as_number(found[1]), as_number(found[2] or found[1])
    if wide is None or high is None:
        return None
    if ratio and wide == high and float(ratio[1]) > 0:
        high *= float(ratio[2]) / float(ratio[1])
    return pixel_size(length_nm(high / rows, unit), length_nm(wide / cols, unit))


def _signal(section: Section, general: Section, size: int) -> tuple[float, str]:
    """What one step of the converter means, and its unit; (1, "") where the header does not say."""
    scale = re.search(r"\[(Sens\.[^\]]*)\].*?\)\s*([\d.eE+-]+)\s*V", section.get("@Z scale", ""))
    sensitivity = re.match(r"V\s+([\d.eE+-]+)\s+(\S+)/V", general.get(f"@{scale[1]}", "")) if scale else None
    if not scale or not sensitivity:
        return (1.0, "")
    return (float(scale[2]) / 256.0**size * float(sensitivity[1]), sensitivity[2].replace("~", "µ"))
