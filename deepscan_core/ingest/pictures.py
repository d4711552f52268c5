"""What every reader hands over: pictures with a name, a pixel size and facts; and the choice of one among them."""

from __future__ import annotations

import contextlib
import importlib
import logging
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import DeepScanError, InputError, MissingError
from deepscan_core.memory import check_memory
from deepscan_core.records.coordinates import YX

LISTED = 24  # choices named in a message
COLOURS = ("red", "green", "blue")
LENGTHS_NM = {"m": 1e9, "cm": 1e7, "mm": 1e6, "µm": 1e3, "um": 1e3, "nm": 1.0, "pm": 1e-3, "Å": 0.1} | {
    "micron": 1e3,
    "microns": 1e3,
    "micrometer": 1e3,
    "micrometers": 1e3,
    "nanometer": 1.0,
    "nanometers": 1.0,
    "angstrom": 0.1,
    "angstroms": 0.1,
}


@dataclass(frozen=True)
class Picture:
    """One image of a file.

    Attributes
    ----------
    array : ndarray of shape (rows, cols).
    name : as the file calls it; empty where it has no name.
    pixel_size_nm : ``(y, x)``, only where the file says so.
    facts : what the file says of the recording, by the names of `facts`.
    """

    array: npt.NDArray[Any]
    name: str = ""
    pixel_size_nm: YX | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def length_nm(value: Any, unit: Any) -> float | None:
    """A length in nm; None where the unit is no length or the value is not a finite number other than zero."""
    name = unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit or "")
    name = name.strip().replace("\N{GREEK SMALL LETTER MU}", "µ").replace("\N{ANGSTROM SIGN}", "Å")
    number = as_number(value)
    factor = LENGTHS_NM.get(name) or LENGTHS_NM.get(name.lower() if len(name) > 3 else name)
    return None if number is None or factor is None or number == 0 else abs(number) * factor


def pixel_size(y_nm: float | None, x_nm: float | None) -> YX | None:
    """Both sides or none."""
    return None if y_nm is None or x_nm is None else (y_nm, x_nm)


def as_number(value: Any) -> float | None:
    """A finite number, from a number or the text of one; else None."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def scaled(value: Any, factor: float) -> float | None:
    """A positive quantity in another unit; zero, nothing and text are None: instruments write 0 for "not known"."""
    number = as_number(value)
    return None if number is None or number == 0 else float(f"{abs(number) * factor:.9g}")


def check_array(path: Path, shape: Sequence[int], itemsize: int) -> None:
    """Refuse an array before it is made, where it would exceed the limit of memory, or has a side that is no size."""
    if any(side < 0 for side in shape):
        raise InputError(f"{path}: declares an array of {' x '.join(map(str, shape))}: give an undamaged file")
    check_memory(math.prod(shape) * itemsize, f"{path}: an array of {' x '.join(map(str, shape))}")


def facts(**known: Any) -> dict[str, Any]:
    """What is known, under the names that `CalibratedImage.metadata` uses; empty and unknown values are left out.

    `instrument`, `detector`, `voltage_kv`, `beam_current_pa`, `dwell_time_us`, `magnification`, `signal_unit`,
    `signal_scale` and `signal_offset` (signal for one grey value, and at 0), `counts_per_electron`, `scale_bar_nm`,
    `image_rows`.
    """
    clean = {name: str(value).strip() if isinstance(value, str | bytes) else value for name, value in known.items()}
    return {name: value for name, value in clean.items() if value is not None and value != ""}


def split_colours(array: npt.NDArray[Any], name: str = "") -> list[tuple[str, npt.NDArray[Any]]]:
    """Name and array of each channel; colour that is grey counts once, an alpha channel not at all."""
    if array.ndim == 3 and array.shape[2] in (2, 4):  # grey + alpha, RGB + alpha
        array = array[..., :-1]
    if array.ndim == 3 and array.shape[2] in (1, 3):
        channels = [array[..., k] for k in range(array.shape[2])]
        if all(np.array_equal(channels[0], other) for other in channels[1:]):
            return [(name, channels[0])]
        return [(f"{name} {colour}".strip(), channel) for colour, channel in zip(COLOURS, channels, strict=True)]
    if array.ndim == 3:
        return [(f"{name} {k}".strip() if name else "", plane) for k, plane in enumerate(array)]
    return [(name, array)]


def choose(path: Path, pictures: Sequence[Picture], channel: int | str | None) -> Picture:
    """The only picture, or the one that `channel` names or counts.

    Raises
    ------
    InputError
        Several pictures and no `channel`, or none of that name or number: the message lists the choices.
    """
    if not pictures:
        raise InputError(f"{path}: holds no image: give a file with one")
    pictures = _told_apart(pictures)
    choices = ", ".join(_choice(k, picture) for k, picture in enumerate(pictures[:LISTED]))
    choices += f", ... up to {len(pictures) - 1}" if len(pictures) > LISTED else ""
    if channel is None:
        if len(pictures) > 1:
            raise InputError(f"{path}: holds {len(pictures)} images: choose one with --channel: {choices}")
        return pictures[0]
    if isinstance(channel, str):
        named = [p for p in pictures if p.name == channel] or [
            p for p in pictures if p.name.casefold() == channel.casefold()
        ]
        if len(named) == 1:
            return named[0]
    elif 0 <= channel < len(pictures):
        return pictures[channel]
    raise InputError(f"{path}: has no channel {channel}: choose one of {choices}")


def _told_apart(pictures: Sequence[Picture]) -> list[Picture]:
    """A name that occurs again is given a number."""
    seen: dict[str, int] = {}
    result = []
    for picture in pictures:
        seen[picture.name] = seen.get(picture.name, 0) + 1
        again = picture.name and seen[picture.name] > 1
        result.append(replace(picture, name=f"{picture.name} ({seen[picture.name]})") if again else picture)
    return result


def _choice(k: int, picture: Picture) -> str:
    name = re.sub(r"[^\x20-\x7e\xa0-\uffff]", "", picture.name)[:60]
    return f"{k} {name!r} " * bool(name) + f"{k} " * (not name) + f"({' x '.join(map(str, picture.array.shape))})"


@contextlib.contextmanager
def damage_refused(path: Path, kind: str) -> Iterator[None]:
    """Whatever a reader raises becomes one `InputError`; its warnings and log lines are kept quiet."""
    loggers = [logging.getLogger(name) for name in ("rsciio", "tifffile", "igor2")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DeepScanError:
        raise
    except Exception as error:  # readers raise nearly anything on damaged files
        raise InputError(f"{path}: cannot be read as {kind} ({first_line(error)}): give an undamaged file") from None
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def optional_module(name: str, path: Path, kind: str) -> Any:
    """A reader's package, imported when it is needed.

    Raises
    ------
    MissingError
        It is not installed: the message says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        package = {"rsciio": "rosettasciio"}.get(name.split(".")[0], name.split(".")[0])
        raise MissingError(
            f"{path}: reading {kind} needs the package {package}: pip install 'nionswift-deepscan[io]'"
        ) from None


def first_line(error: BaseException) -> str:
    """What an exception says, short; some name the object they read from, which says nothing to a person."""
    if "BytesIO" in str(error):
        return "its content is damaged"
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
