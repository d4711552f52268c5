"""Values that can be typed: their form is checked here, their meaning by the core."""

from __future__ import annotations

import argparse
import math
from typing import Any, NamedTuple

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import LARGEST_SEED


def number(text: str) -> float:
    """A finite number."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")
    return value


def channel(text: str) -> int | str:
    """A whole number counts, anything else is a name."""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 10 else text


def crop(text: str) -> Any:
    """``bars`` or ``TOP,LEFT,ROWS,COLS``."""
    from deepscan_core.ingest.cropping import parse_crop

    try:
        return parse_crop(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def point(text: str) -> tuple[float, float]:
    """``Y,X``."""
    parts = text.split(",")
    if len(parts) != 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not Y,X")
    return (number(parts[0]), number(parts[1]))


def four(text: str) -> tuple[float, float, float, float]:
    """Four numbers with commas."""
    parts = text.split(",")
    if len(parts) != 4:
        raise argparse.ArgumentTypeError(f"{text!r} is not four numbers with commas")
    a, b, c, d = (number(part) for part in parts)
    return (a, b, c, d)


class Example(NamedTuple):
    """A click as it was typed: the name of its class, empty where none was given, and ``(y, x)``."""

    class_name: str
    at_px: tuple[float, float]

    def __str__(self) -> str:
        y, x = self.at_px
        return f"{self.class_name}={y:g},{x:g}" if self.class_name else f"{y:g},{x:g}"


def example(text: str) -> Example:
    """``Y,X`` or ``NAME=Y,X``."""
    name, has_name, place = text.rpartition("=")
    if has_name and not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=Y,X")
    return Example(name, point(place))


def size(text: str) -> float | tuple[float, float]:
    """One number, or two with a comma."""
    return point(text) if "," in text else number(text)


def seed(text: str) -> int:
    """A whole number that every generator of random numbers takes."""
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else -1
    if not 0 <= value <= LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"{text!r} is no seed: give a whole number from 0 to {LARGEST_SEED}")
    return value
