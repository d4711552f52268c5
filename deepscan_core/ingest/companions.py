"""Text that microscopes write beside a picture (Hitachi, JEOL, TESCAN), or into a tag of it (TESCAN)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepscan_core.files import check_file
from deepscan_core.ingest.pictures import as_number, facts, length_nm, pixel_size, scaled
from deepscan_core.records.coordinates import YX

LONGEST = 1_000_000  # bytes of such a file


@dataclass(frozen=True)
class Companion:
    """What the text says: the pixel size of a picture of some shape, and facts of the recording."""

    pixel_size_nm: Callable[[Any], YX | None]
    facts: Mapping[str, Any]


def read_companion(path: Path, shape: Sequence[int]) -> Companion | None:
    """The text of the same name beside a picture of shape (rows, cols, ...); None where there is none of a known maker."""
    stem, suffix = path.stem, path.suffix.lstrip(".")
    tescan = _start_of(path, f"{stem}-{suffix}.hdr") or _start_of(path, f"{stem}.hdr")
    if tescan.lstrip(b"\xef\xbb\xbf").startswith(b"[MAIN]"):
        return _tescan(tescan.decode("utf-8", "replace"), shape)
    raw = _start_of(path, f"{stem}.txt") or _start_of(path, f"{stem}.TXT")
    text = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1", "replace").lstrip(
        "\ufeff\xef\xbb\xbf"
    )
    if text.startswith("[SemImageFile]"):
        return _hitachi(text, path, shape)
    if text.startswith("$") and "$CM_" in text:
        return _jeol(text, shape)
    return None


def tescan_tag(value: Any, shape: Sequence[int]) -> Companion | None:
    """What TESCAN writes into tag 50431: bytes of its own, then the lines that its hdr file has."""
    raw = value.encode("latin-1", "replace") if isinstance(value, str) else bytes(value or b"")
    start = raw.find(b"AccFrames=")
    return None if start < 0 else _tescan(raw[start : start + LONGEST].decode("utf-8", "replace"), shape)


def _start_of(path: Path, name: str) -> bytes:
    try:
        beside = path.with_name(name)
        check_file(beside, "remove it")
        with beside.open("rb") as file:
            return file.read(LONGEST)
    except (OSError, ValueError):  # absent, unreadable, or no plain file
        return b""


def rows_above_bar(rows: Any, cols: Any, shape: Sequence[int]) -> int | None:
    """Rows of the image itself, where a file says so and its picture is as wide and higher: the rest is a bar."""
    high, wide = as_number(rows), as_number(cols)
    if high is None or wide is None or wide != shape[1] or not 0 < high < shape[0]:
        return None
    return int(high)


def _hitachi(text: str, path: Path, shape: Sequence[int]) -> Companion | None:
    values = dict(re.findall(r"^(\w+)=(.*?)\s*$", text, re.MULTILINE))
    if values.get("ImageName", path.name).casefold() != path.name.casefold():
        return None
    side = length_nm(values.get("PixelSize"), "nm")
    wide, _, high = values.get("DataSize", "").partition("x")
    cols = as_number(wide)
    voltage = re.match(r"(\d+)\s*V", values.get("AcceleratingVoltage", ""))
    return Companion(
        lambda page: pixel_size(side, side) if cols in (None, page.shape[1]) else None,
        facts(
            format="Hitachi picture with its text file",
            instrument=values.get("InstructName"),
            detector=values.get("SignalName"),
            voltage_kv=scaled(voltage[1], 1e-3) if voltage else None,
            magnification=scaled(values.get("Magnification"), 1.0),
            scale_bar_nm=scaled(values.get("MicronMarker"), 1.0),
            image_rows=rows_above_bar(high, wide, shape),
        ),
    )


def _tescan(text: str, shape: Sequence[int]) -> Companion:
    """TESCAN: lengths in m, and how many rows at the bottom are its information strip."""
    values = dict(re.findall(r"^(\w+)=(.*?)\s*$", text, re.MULTILINE))
    size = pixel_size(length_nm(values.get("PixelSizeY"), "m"), length_nm(values.get("PixelSizeX"), "m"))
    strip = as_number(values.get("ImageStripSize")) or 0
    return Companion(
        lambda page: size,
        facts(
            format="TESCAN picture",
            instrument=values.get("Device"),
            detector=values.get("Detector"),
            voltage_kv=scaled(values.get("HV"), 1e-3),
            beam_current_pa=scaled(values.get("PredictedBeamCurrent"), 1e12),
            dwell_time_us=scaled(values.get("DwellTime"), 1e6),
            magnification=scaled(values.get("Magnification"), 1.0),
            image_rows=int(shape[0] - strip) if 0 < strip < shape[0] else None,
        ),
    )


def _jeol(text: str, shape: Sequence[int]) -> Companion:
    """JEOL writes how many pixels its scale bar has, and how long it is: together the pixel size, to a pixel in the bar."""
    values = dict(re.findall(r"^(\${1,2}\w+)[ \t]+(.*?)\s*$", text, re.MULTILINE))
    marker = re.match(r"([\d.]+)\s*(\S+)$", values.get("$$SM_MICRON_MARKER", ""))
    bar_nm = length_nm(marker[1], marker[2].lower().replace("\xb5", "u")) if marker else None
    bar_px = scaled(values.get("$$SM_MICRON_BAR"), 1.0)
    side = bar_nm / bar_px if bar_nm and bar_px else None
    wide, _, high = values.get("$CM_FULL_SIZE", "").partition(" ")
    cols = as_number(wide)
    return Companion(
        lambda page: pixel_size(side, side) if cols in (None, page.shape[1]) else None,
        facts(
            format="JEOL picture with its text file",
            instrument=values.get("$CM_INSTRUMENT"),
            detector=values.get("$CM_SIGNAL"),
            voltage_kv=scaled(values.get("$CM_ACCEL_VOLT"), 1.0),
            magnification=scaled(values.get("$CM_MAG"), 1.0),
            scale_bar_nm=bar_nm,
            image_rows=rows_above_bar(high, wide, shape),
        ),
    )
