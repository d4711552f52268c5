"""From the text of a field to a number, and back; what cannot be meant is said in words."""

from __future__ import annotations

import math

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX


def number(name: str, text: str | None) -> float | None:
    """A number above zero from a field, None from an empty one; raises `InputError`."""
    value = _parsed(text)
    if value is not None and not (math.isfinite(value) and value > 0):
        raise InputError(f"{name} is {text!r}: fill in a number above zero, or nothing")
    return value


def score(name: str, text: str | None) -> float | None:
    """Any finite number from a field, None from an empty one; raises `InputError`."""
    value = _parsed(text)
    if value is not None and not math.isfinite(value):
        raise InputError(f"{name} is {text!r}: fill in a number, or nothing")
    return value


def _parsed(text: str | None) -> float | None:
    """None of an empty field, not-a-number of one that holds something else."""
    if not (text or "").strip():
        return None
    try:
        return float(str(text).replace(",", "."))
    except ValueError:
        return math.nan


def numbers(name: str, text: str | None) -> tuple[float, ...]:
    """Numbers above zero, separated by spaces or semicolons; none from an empty field; raises `InputError`."""
    parts = (text or "").replace(";", " ").split()
    found = [number(name, part) for part in parts]
    return tuple(value for value in found if value is not None)


def pair(name: str, text: str | None) -> YX | None:
    """Two fractions ``y, x`` from a field, None from an empty one; raises `InputError`."""
    if not (text or "").strip():
        return None
    try:
        y, x = (float(part) for part in str(text).split(","))
    except ValueError:
        raise InputError(
            f"{name} is {text!r}: fill in y, x as two fractions of the frame, such as 0.02, 0.98"
        ) from None
    return (y, x)


def as_text(value: float | tuple[float, ...] | None) -> str:
    """What a field shows for a value; a pair with a comma, others as they are typed."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ", ".join(f"{part:g}" for part in value)
    return f"{value:g}"
