"""Clicks of several named classes: what is an example of one is none of the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX
from deepscan_core.records.maps import ScoreMap

DEFAULT_CLASS = "target"
LONGEST_NAME = 80


@dataclass(frozen=True, kw_only=True)
class Clicks:
    """What was clicked on one image.

    Attributes
    ----------
    positives_px : places ``(y, x)`` by the name of what they show.
    negatives_px : places that show none of it.
    """

    positives_px: Mapping[str, Sequence[YX]]
    negatives_px: Sequence[YX] = ()

    def __post_init__(self) -> None:
        for name in self.positives_px:
            check_class_name(name)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of what was clicked, in order."""
        return tuple(name for name, places in self.positives_px.items() if places)

    def of(self, class_name: str) -> tuple[list[YX], list[YX]]:
        """Positive and negative places of a class; what is positive for another is negative for this one."""
        others = [at for name, places in self.positives_px.items() if name != class_name for at in places]
        return list(self.positives_px.get(class_name, ())), [*others, *self.negatives_px]


def check_class_name(name: object) -> None:
    """Raise `InputError` for what cannot name a class in a file and in a line of text."""
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(f"class {name!r}: give a name of 1 to {LONGEST_NAME} letters")


def highest_of(maps: Mapping[str, ScoreMap]) -> ScoreMap:
    """Of the maps of several classes the highest probability at each place."""
    found = list(maps.values())
    if len(found) == 1:
        return found[0]
    highest = np.maximum.reduce([one.values for one in found])
    return ScoreMap(highest, kind="probability", label=named(maps), blur_px=max(one.blur_px for one in found))


def named(classes: Iterable[str]) -> str:
    """
    >>> named(["vacancy", "adatom"])
    'like vacancy or adatom'
    """
    return f"like {' or '.join(classes)}"
