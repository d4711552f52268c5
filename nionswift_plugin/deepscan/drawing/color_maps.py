"""Scores as colours: the colour maps, the style of an overlay, and the quick way from one to the other.

Colour maps, by name: "heat" is red to yellow and stands out from every grey. "magma", "viridis" and "cividis" are
perceptually uniform (equal steps of the score look like equal steps), and "cividis" looks the same to colour-blind
people. Their stops are those of matplotlib's maps of these names (public domain), kept to within 11 of 255.

The colours have a fixed meaning, so that frames can be compared: a kind of score begins to show at one value and is
strongest at another, whatever else is in the frame (`SHOWN_RANGE`).
"""

from __future__ import annotations

import dataclasses
import functools
import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_finite
from deepscan_core.records.levels import KEPT_RANGE, LEVELS, Levels

#: score where the overlay begins to show, and where it is strongest; fixed, so that frames can be compared. After few
#: clicks no probability is near 1; similarities are log-odds.
SHOWN_RANGE = {"surprisal": (2.5, 6.0), "probability": (0.15, 0.8), "similarity": (0.0, 3.0)}

#: colours from weak to strong at equal distances, red green blue in hexadecimal
_STOPS = {
    "heat": "FF3C00 FF9600 FFEB3C",
    "magma": (
        "000004 0A0822 1D1147 36106B 51127C 6A1C81 832681 9C2E7F B73779 "
        "D0416F E75263 F56B5C FC8961 FEA772 FEC488 FDE2A3 FCFDBF"
    ),
    "viridis": (
        "440154 48186A 472D7B 424086 3B528B 33638D 2C728E 26828E 21918C "
        "1FA088 28AE80 3FBC73 5EC962 84D44B ADDC30 D8E219 FDE725"
    ),
    "cividis": (
        "00224E 002E6A 1A386F 32436D 434E6C 535A6D 61656F 6F7073 7D7C78 "
        "8C8878 9B9476 ABA072 BCAE6C CDBB63 DEC958 F0D846 FEE838"
    ),
}
NAMES = tuple(_STOPS)


def check_color_map(name: object) -> None:
    """Raise `InputError`, listing the names, unless there is such a colour map."""
    if name not in NAMES:
        raise InputError(f"color map {name!r}: take one of {', '.join(NAMES)}")


def colors(name: str, positions: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Colours of a map.

    Parameters
    ----------
    name : one of `NAMES`.
    positions : ndarray of shape (n,), 0 weak to 1 strong.

    Returns
    -------
    uint8 ndarray of shape (n, 3), red green blue.
    """
    check_color_map(name)
    stops = np.array([list(bytes.fromhex(stop)) for stop in _STOPS[name].split()], float)
    places = np.linspace(0.0, 1.0, len(stops))
    channels = [np.interp(positions, places, stops[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


@dataclass(frozen=True, kw_only=True)
class OverlayStyle:
    """How an overlay looks.

    Attributes
    ----------
    opacity : of the strongest colour, 0 to 1; below 1 the image stays visible underneath.
    color_map : one of `NAMES`.
    threshold : score below which nothing is painted; None where the kind of score begins to show. A threshold above
        that leaves the other colours as they are, one below lets the colours begin there.
    visible : whether anything is painted.
    """

    opacity: float = 0.49
    color_map: str = "heat"
    threshold: float | None = None
    visible: bool = True

    def __post_init__(self) -> None:
        check_finite("opacity", self.opacity)
        if not 0.0 <= self.opacity <= 1.0:
            raise InputError(f"opacity is {self.opacity!r}: give a number from 0 (clear) to 1 (opaque)")
        check_color_map(self.color_map)
        if self.threshold is not None:
            check_finite("threshold", self.threshold)
        if not isinstance(self.visible, bool):
            raise InputError(f"visible is {self.visible!r}: give true or false")

    @classmethod
    def from_json(cls, text: str) -> OverlayStyle:
        """Read a style; raises `InputError` that names the bad value, or the keys where one is not known."""
        try:
            return cls(**json.loads(text or "{}"))
        except InputError:
            raise
        except (ValueError, TypeError):
            keys = ", ".join(field.name for field in dataclasses.fields(cls))
            raise InputError(f"overlay style {text!r}: give a JSON object with keys out of {keys}") from None

    def to_json(self) -> str:
        """The style as JSON text."""
        return json.dumps(dataclasses.asdict(self))


@functools.lru_cache(maxsize=8)
def lookup_table(kind: str, style: OverlayStyle) -> npt.NDArray[np.uint32]:
    """Colour and opacity of every level.

    Returns
    -------
    uint32 ndarray of shape (LEVELS,), straight alpha, bytes in the order blue, green, red, alpha.
    """
    scores = np.linspace(*KEPT_RANGE[kind], LEVELS)
    low, high = SHOWN_RANGE[kind]
    begin = low if style.threshold is None else max(min(low, style.threshold), KEPT_RANGE[kind][0])
    strength = np.clip((scores - begin) / (high - begin), 0.0, 1.0)
    table = np.empty((LEVELS, 4), np.uint8)
    table[:, :3] = colors(style.color_map, strength)[:, ::-1]
    table[:, 3] = np.rint(255 * style.opacity) * np.sqrt(strength)
    if style.threshold is not None:
        table[scores < style.threshold, 3] = 0
    return table.view(np.uint32)[:, 0]


def raster(levels: Levels, style: OverlayStyle) -> npt.NDArray[np.uint32]:
    """Scores as colour and opacity.

    Returns
    -------
    uint32 ndarray of shape (rows, cols), straight alpha, bytes in the order blue, green, red, alpha.
    """
    return np.take(lookup_table(levels.kind, style), levels.values)


@functools.lru_cache(maxsize=4)
def painted(levels: Levels, style: OverlayStyle) -> npt.NDArray[np.uint32]:
    """`raster` for a display; kept, so that a worker can make what the user interface paints."""
    made = levels.pictures.get(style.to_json())
    return raster(levels, style) if made is None else made
