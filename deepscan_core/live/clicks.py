"""Clicks as the JSON that saved projects hold: a list of objects with the keys of `KEYS`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX, check_finite, fraction_to_index

KEYS = ("y_frac", "x_frac", "positive", "class", "frame")
DEFAULT_CLASS = "target"


@dataclass(frozen=True, kw_only=True)
class Click:
    """A place that somebody called an example, or not one.

    Attributes
    ----------
    y_frac, x_frac : where in the frame, from 0 to 1: (index + 0.5) / n.
    is_positive : whether it shows what is looked for.
    class_name : of what is looked for; of a negative click None says that it is an example of no class at all.
    frame : name of the frame that was clicked; None for the one that is looked at now.
    """

    y_frac: float
    x_frac: float
    is_positive: bool = True
    class_name: str | None = DEFAULT_CLASS
    frame: str | None = None

    def __post_init__(self) -> None:
        check_finite("y_frac, x_frac of a click", self.y_frac, self.x_frac)
        if not (0 <= self.y_frac <= 1 and 0 <= self.x_frac <= 1):
            raise InputError(
                f"click ({self.y_frac:g}, {self.x_frac:g}) lies outside the frame: give fractions from 0 to 1"
            )

    def at_px(self, shape: tuple[int, int]) -> YX:
        """The image index ``(y, x)`` in a frame of this shape."""
        return (fraction_to_index(self.y_frac, shape[0]), fraction_to_index(self.x_frac, shape[1]))


def clicks_from_json(text: str) -> tuple[Click, ...]:
    """Read clicks; an empty text holds none.

    Raises
    ------
    InputError
        No JSON list of objects, a key that is not known or missing, or a value that cannot be used.
    """
    try:
        values = json.loads(text or "[]")
    except ValueError:
        values = None
    if not isinstance(values, list):
        raise InputError(f"clicks {text!r}: give a JSON list of objects with the keys {', '.join(KEYS)}")
    return tuple(_click(value) for value in values)


def classes_of(clicks: Iterable[Click]) -> tuple[str, ...]:
    """Names of what is looked for, in the order in which it was first clicked; raises `InputError` where it is nothing."""
    names = dict.fromkeys(click.class_name for click in clicks if click.is_positive)
    classes = tuple(name for name in names if name is not None)
    if not classes:
        raise InputError("no positive click was given yet: click at least one example of what you look for")
    return classes


def of_one_class(clicks: Iterable[Click], class_name: str) -> tuple[Click, ...]:
    """The clicks as they teach one class alone: what is an example of another one is none of this one."""
    return tuple(
        click if click.class_name in (None, class_name) else replace(click, is_positive=False, class_name=class_name)
        for click in clicks
        if click.is_positive or click.class_name in (None, class_name)
    )


def clicks_to_json(clicks: Iterable[Click]) -> str:
    """The inverse of `clicks_from_json`."""
    return json.dumps([_as_dict(click) for click in clicks])


def _as_dict(click: Click) -> dict[str, Any]:
    told = {"y_frac": click.y_frac, "x_frac": click.x_frac, "positive": click.is_positive}
    names = {"class": click.class_name, "frame": click.frame}
    return {**told, **{key: name for key, name in names.items() if name is not None}}


def examples_px(clicks: Sequence[Click], class_name: str, shape: tuple[int, int]) -> tuple[list[YX], list[YX]]:
    """Positive and negative places of one class in a frame; what is positive for another class is negative for this one."""
    positives = [c.at_px(shape) for c in clicks if c.is_positive and c.class_name == class_name]
    negatives = [
        c.at_px(shape)
        for c in clicks
        if (c.class_name != class_name if c.is_positive else c.class_name in (None, class_name))
    ]
    return positives, negatives


def _click(value: Any) -> Click:
    if (
        not isinstance(value, dict)
        or not value.keys() <= set(KEYS)
        or not {"y_frac", "x_frac", "positive"} <= value.keys()
    ):
        raise InputError(
            f"click {value!r}: give an object with y_frac, x_frac and positive, and perhaps class and frame"
        )
    positive, frame = value["positive"], value.get("frame")
    class_name = value.get("class", DEFAULT_CLASS if positive else None)
    if not isinstance(positive, bool):
        raise InputError(f"positive is {positive!r} in a click: give true or false")
    for name, text in (("class", class_name), ("frame", frame)):
        if name in value and (not isinstance(text, str) or not text):
            raise InputError(f"{name} is {text!r} in a click: give a name, or leave it out")
    return Click(
        y_frac=value["y_frac"], x_frac=value["x_frac"], is_positive=positive, class_name=class_name, frame=frame
    )
