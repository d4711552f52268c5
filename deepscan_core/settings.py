"""A laboratory's defaults in one small TOML file, and where it is looked for.

The keys are those of `Settings`; each is also an option of ``deepscan run``, which comes before the file. The file is the
first of: ``--settings FILE``, the environment variable ``DEEPSCAN_SETTINGS``, ``settings.toml`` in the user's folder for
settings of programs, the same in the computer's.
"""

from __future__ import annotations

import difflib
import math
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, Self

from deepscan_core.errors import InputError
from deepscan_core.files import read_file

VARIABLE = "DEEPSCAN_SETTINGS"
FILE_NAME = "settings.toml"
LARGEST_FILE_BYTES = 100_000

PixelSizeSource = Literal["file", "required", "command"]
PIXEL_SIZE_SOURCES: tuple[PixelSizeSource, ...] = typing.get_args(PixelSizeSource)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What ``deepscan run`` uses where nothing else is said; None stands for "decided by what is looked at".

    Attributes
    ----------
    pixel_size_source : "file" takes it from the image file where it says one; "required" too, and refuses an image
        without; "command" trusts only what is given with ``--pixel-size-nm``.
    beam_current_pa : probe current, where the image file says none.
    dwell_us : dwell time of a sample in planned regions.
    density : samples a pixel of the preview, along each axis.
    max_dose_e_per_nm2, max_time_s, max_electrons : limits of a plan; the first also of every step that is executed.
    max_memory_gb : GB (10⁹ bytes) that looking at one image may take; half of what is free by default.
    area_fraction : share of the image that regions may cover.
    region_size_px : side of a region.
    backbone, backbone_weights, device : of the features.
    clip_model, clip_checkpoint : of the text search; DeepScan's own model by default.
    denoise, clahe : what is done to an image before features are made.
    detector_gain, detector_offset, read_noise : calibration of the detector, in grey values, see `records.noise`; what is
        left out comes from the image file or is estimated from the image.
    """

    pixel_size_source: PixelSizeSource = "file"
    beam_current_pa: float | None = None
    dwell_us: float | None = None
    density: float = 2.0
    max_dose_e_per_nm2: float | None = None
    max_time_s: float | None = None
    max_electrons: float | None = None
    max_memory_gb: float | None = None
    area_fraction: float = 0.15
    region_size_px: float | None = None
    backbone: str = "tf_efficientnet_lite0"
    backbone_weights: Path | None = None
    device: str = "auto"
    clip_model: str | None = None
    clip_checkpoint: Path | None = None
    denoise: str = "none"
    clahe: bool = False
    detector_gain: float | None = None
    detector_offset: float | None = None
    read_noise: float | None = None

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], origin: str, folder: Path | None = None) -> Self:
        """Settings from plain values.

        Parameters
        ----------
        values : names and values as TOML gives them.
        origin : names the file in messages.
        folder : relative paths are taken from here.

        Raises
        ------
        InputError
            An unknown key, or a value of another kind than the key's: the message names both.
        """
        checked = {name: _checked(name, value, origin) for name, value in values.items()}
        for name, value in checked.items():
            if isinstance(value, Path) and folder is not None:
                checked[name] = folder / value
        return cls(**checked)

    @classmethod
    def from_file(cls, path: Path) -> tuple[Self, frozenset[str]]:
        """Settings of a TOML file, and the names that it gives; raises `InputError`."""
        content = read_file(path, "give a readable settings file", largest_bytes=LARGEST_FILE_BYTES)
        try:
            values = tomllib.loads(content.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:  # tomllib's own error is a ValueError
            raise InputError(f"{path}: is not TOML ({error}): write lines such as beam_current_pa = 50") from None
        return cls.from_mapping(values, str(path), path.parent), frozenset(values)


NAMES = tuple(field.name for field in fields(Settings))


def find_file(given: Path | None = None) -> Path | None:
    """The settings file in force, or None; one that was named must exist, which `Settings.from_file` checks."""
    named = given or os.environ.get(VARIABLE)
    if named:
        return Path(named)
    return next((place for place in default_places() if place.is_file()), None)


def default_places() -> tuple[Path, ...]:
    """Where a settings file is looked for: the user's, then the computer's."""
    import platformdirs

    folders = (platformdirs.user_config_path, platformdirs.site_config_path)
    return tuple(folder("deepscan", appauthor=False) / FILE_NAME for folder in folders)


def as_toml(values: Mapping[str, Any], origins: Mapping[str, str]) -> str:
    """The settings as a TOML file, with where each comes from; what is not set is a comment."""
    width = max(len(_line(name, values[name])) for name in NAMES)
    return "".join(f"{_line(name, values[name]):<{width}}  # {origins[name]}\n" for name in NAMES)


def _line(name: str, value: Any) -> str:
    if value is None:
        return f"# {name} ="
    if isinstance(value, bool):
        return f"{name} = {str(value).lower()}"
    if isinstance(value, int | float):
        return f"{name} = {value!r}"
    return f"{name} = {_quoted(str(value))}"


def _quoted(text: str) -> str:
    """A basic string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'


def _checked(name: str, value: Any, origin: str) -> Any:
    """A value of the kind that the key's annotation says."""
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.6)
        remedy = f"did you mean {near[0]}?" if near else f"give one of {', '.join(NAMES)}"
        raise InputError(f"{origin}: the key {name!r} is not known: {remedy}")
    kind = typing.get_type_hints(Settings)[name]
    if isinstance(kind, types.UnionType):
        kind = next(one for one in typing.get_args(kind) if one is not type(None))
    if typing.get_origin(kind) is Literal:
        if value not in typing.get_args(kind):
            raise InputError(f"{origin}: {name} is {value!r}: give one of {', '.join(typing.get_args(kind))}")
        return value
    if kind is float:
        return _positive(name, value, origin)
    wanted = {bool: bool, str: str, Path: str}[kind]
    if not isinstance(value, wanted) or value == "":
        words = "true or false" if kind is bool else "a text in quotes"
        raise InputError(f"{origin}: {name} is {value!r}: give {words}")
    return kind(value)


def _positive(name: str, value: Any, origin: str) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < value <= 1e300 or not math.isfinite(value):
        raise InputError(f"{origin}: {name} is {value!r}: give a number above zero")
    return float(value)
