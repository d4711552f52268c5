"""Formats of electron microscopes that RosettaSciIO reads: DM3, DM4, EMD, TIA, MRC, HyperSpy, Phenom, Digital Surf ...

Its netCDF and Panta Rhei readers evaluate or unpickle what stands in the file; they are never called here.
"""

from __future__ import annotations

import bz2
import glob
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepscan_core.errors import InputError
from deepscan_core.ingest.pictures import (
    Picture,
    damage_refused,
    facts,
    length_nm,
    optional_module,
    pixel_size,
    scaled,
    split_colours,
)
from deepscan_core.records.coordinates import YX

LARGEST_UNPACKED = 1 << 30  # bytes
ENERGIES = ("eV", "keV")


def _is_dm(content: bytes) -> bool:
    """Version 3 or 4, then a size and a byte order of 0 or 1."""
    version = int.from_bytes(content[:4], "big")
    order = content[8:12] if version == 3 else content[12:16]
    return version in (3, 4) and order in (b"\0\0\0\0", b"\0\0\0\1")


# A test of the content -> the reader's module, what people call the format.
FORMATS: tuple[tuple[Callable[[bytes], bool], str, str], ...] = (
    (_is_dm, "digitalmicrograph", "DigitalMicrograph"),
    (lambda content: content[:4] in (b"II\x97\x01", b"MM\x01\x97"), "tia", "TIA series"),
    (lambda content: content[:4] == b"JK\x00\x02", "tia", "TIA emi"),
    (lambda content: content[:6] == b"IMGBLO", "blockfile", "NanoMegas blockfile"),
    (lambda content: content[:3] == b"BZh", "phenom", "Phenom"),
    (lambda content: content[:12] in (b"DSCOMPRESSED", b"DIGITAL SURF"), "digitalsurf", "Digital Surf"),
    (lambda content: content[208:212] == b"MAP ", "mrc", "MRC"),
)


def is_known(content: bytes) -> bool:
    """Whether one of `FORMATS` fits."""
    return any(fits(content) for fits, _, _ in FORMATS)


def read_rosetta(path: Path, content: bytes) -> list[Picture]:
    """The images in a file of one of `FORMATS`."""
    module, kind = next((module, kind) for fits, module, kind in FORMATS if fits(content))
    if module == "phenom":
        _check_bzip2(path, content)
    if kind == "TIA emi" and not list(path.parent.glob(f"{glob.escape(path.stem)}_[0-9]*.ser")):
        raise InputError(f"{path}: its ser file is not beside it: put {path.stem}_1.ser into the same folder")
    return read_with(path, module, kind)


def _check_bzip2(path: Path, content: bytes) -> None:
    """A bzip2 stream that is whole and not absurdly large: RosettaSciIO waits forever for the rest of a cut one."""
    stream, size = bz2.BZ2Decompressor(), 0
    with damage_refused(path, "Phenom"):
        while not stream.eof and size <= LARGEST_UNPACKED and not (size and stream.needs_input):
            size += len(stream.decompress(b"" if size else content, 1 << 24))
    if not stream.eof:
        raise InputError(
            f"{path}: its bzip2 stream is cut or longer than {LARGEST_UNPACKED >> 20} MB: give a whole file"
        )


def read_with(path: Path, module: str, kind: str, **options: Any) -> list[Picture]:
    """The images among what a reader of RosettaSciIO finds.

    Raises
    ------
    InputError
        Damaged, or nothing in it is an image: the message says what it holds.
    MissingError
        RosettaSciIO is not installed.
    """
    reader = optional_module(f"rsciio.{module}", path, f"{kind} files")
    with damage_refused(path, kind):
        signals = reader.file_reader(str(path), lazy=False, **options)
        pictures = [picture for signal in signals for picture in _pictures(signal, kind)]
        if not pictures:
            held = list(dict.fromkeys(_what(signal) for signal in signals)) or ["nothing that can be read"]
            raise InputError(f"{path}: holds {', '.join(held)}, no image: give a file with an image")
    return pictures


def _pictures(signal: Mapping[str, Any], kind: str) -> list[Picture]:
    """The signal as images: one, one a frame, one a colour, or none."""
    array = np.asarray(signal["data"])
    if not _is_image(signal, array):
        return []
    axes = signal["axes"]
    size = _pixel_size(axes)
    name = str(signal["metadata"].get("General", {}).get("title") or "").strip()
    known = _facts(signal, kind)
    if array.dtype.names:  # colours as fields
        planes = np.stack([array[field] for field in array.dtype.names], axis=-1)
        return [Picture(plane, colour, size, known) for colour, plane in split_colours(planes, name)]
    if array.ndim == 2:
        return [Picture(array, name, size, known)]
    return [Picture(frame, f"{name} frame {k}".strip(), size, known) for k, frame in enumerate(array)]


def _is_image(signal: Mapping[str, Any], array: np.ndarray[Any, Any]) -> bool:
    axes = signal["axes"]
    if _is_spectral(signal) or array.ndim not in (2, 3) or len(axes) != array.ndim:
        return False
    if array.dtype.names and array.ndim != 2:
        return False
    within = sum(not axis.get("navigate") for axis in axes)  # axes of what was recorded at each place
    return within in (0, array.ndim) or (array.ndim == 3 and within == 2)


def _is_spectral(signal: Mapping[str, Any]) -> bool:
    kind = str((signal["metadata"].get("Signal") or {}).get("signal_type", ""))
    return kind.startswith(("EELS", "EDS")) or any(str(axis.get("units")) in ENERGIES for axis in signal["axes"])


def _what(signal: Mapping[str, Any]) -> str:
    """What a signal that is no image is, in words."""
    array = np.asarray(signal["data"])
    shape = " x ".join(map(str, array.shape))
    kind = str((signal["metadata"].get("Signal") or {}).get("signal_type", "")).replace("_", " ")
    if array.ndim < 2:
        return f"{kind} spectrum of {shape}".strip() if _is_spectral(signal) else f"a line of {shape} values"
    if array.ndim > 3:
        return f"{array.ndim}-dimensional {kind} data of {shape}".replace("  ", " ")
    return f"{kind} spectra of {shape}".strip() if _is_spectral(signal) else f"spectra of {shape}"


def _pixel_size(axes: Sequence[Mapping[str, Any]]) -> YX | None:
    """From the last two axes, rows and columns."""
    return pixel_size(*(length_nm(axis.get("scale"), axis.get("units")) for axis in axes[-2:]))


def _facts(signal: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """From the metadata as HyperSpy names them: energies in keV, currents in nA, dwell times in s."""
    original = signal.get("original_metadata") or {}
    known = _mapped(signal.get("mapping") or {}, original)
    for microscope in ("TEM", "SEM"):
        stored = _at(signal["metadata"], f"Acquisition_instrument.{microscope}")
        for name in ("beam_energy", "beam_current", "microscope", "magnification", "dwell_time"):
            value = stored.get(name) if isinstance(stored, Mapping) else None
            known.setdefault(name, value) if value is not None else None
    scanning = "STEM" in str(_at(original, "ObjectInfo.ExperimentalDescription.Mode"))
    dwell_s = known.get("dwell_time") or _at(original, "Scan.DwellTime")
    return facts(
        format=kind,
        instrument=str(known.get("microscope") or ""),
        detector=str(_at(original, "BinaryResult.Detector") or _at(original, "acquisition.scan.detector") or ""),
        voltage_kv=scaled(known.get("beam_energy"), 1.0),
        beam_current_pa=scaled(known.get("beam_current"), 1e3),
        dwell_time_us=scaled(_at(original, "ObjectInfo.AcquireInfo.DwellTimePath") if scanning else dwell_s, 1e6)
        or _phenom_dwell_us(_at(original, "acquisition.scan.dwellTime")),
        magnification=scaled(known.get("magnification"), 1.0),
        signal_unit=_unit_of((signal["metadata"].get("Signal") or {}).get("quantity") or known.get("quantity")),
    )


def _unit_of(quantity: Any) -> str:
    """HyperSpy writes ``Current (nA)``."""
    unit = re.search(r"\(([^()]*)\)\s*$", str(quantity or ""))
    return unit[1] if unit else ""


def _phenom_dwell_us(entry: Any) -> float | None:
    unit = {"ns": 1e-3, "us": 1.0, "µs": 1.0, "ms": 1e3}.get(str(_at(entry, "unit")))
    return scaled(_at(entry, "value"), unit) if unit else None


def _mapped(mapping: Mapping[str, Any], original: Any) -> dict[str, Any]:
    """What RosettaSciIO's mapping finds in the original metadata, by the last word of the place it maps to."""
    found: dict[str, Any] = {}
    for source, (target, convert) in mapping.items():
        value = _at(original, source)
        if value is None or not str(target).startswith(("Acquisition_instrument", "Signal.quantity")):
            continue
        try:
            found[str(target).rsplit(".", 1)[-1]] = value if convert is None else convert(value)
        except Exception:  # noqa: S112 - a conversion that does not fit the file: the fact stays unknown
            continue
    return found


def _at(tree: Any, place: str) -> Any:
    """What stands at a dotted place, or None."""
    for part in place.split("."):
        if not isinstance(tree, Mapping):
            return None
        tree = tree[part] if part in tree else next((tree[key] for key in tree if _spelt(key) == _spelt(part)), None)
    return tree


def _spelt(key: Any) -> str:
    """Makers write spaces where RosettaSciIO's mapping has underscores."""
    return str(key).replace(" ", "_")
