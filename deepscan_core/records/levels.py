"""Scores sorted into a few thousand levels, by which colours are looked up: what an overlay needs of a map."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError

#: scores that are told apart, for thresholds below and above what is shown by default; similarities are log-odds
KEPT_RANGE = {"surprisal": (0.0, 12.0), "probability": (0.0, 1.0), "similarity": (-9.0, 9.0)}
LEVELS = 2048
DISPLAY_PX = 400


@dataclass(frozen=True, eq=False, kw_only=True)
class Levels:
    """Scores ready to be painted in any style.

    Attributes
    ----------
    values : uint16 ndarray of shape (rows, cols), the score on a scale of `LEVELS` steps over `KEPT_RANGE`.
    kind : of the score.
    pictures : the levels in colours, by the names of the tables that they were looked up in.
    """

    values: npt.NDArray[np.uint16]
    kind: str
    pictures: Mapping[str, npt.NDArray[np.uint32]] = field(default_factory=dict)

    def pictured(self, tables: Mapping[str, npt.NDArray[np.uint32]]) -> Levels:
        """The same with pictures, looked up in tables of shape (LEVELS,) by their names; `InputError` for other shapes."""
        for name, table in tables.items():
            if table.shape != (LEVELS,):
                raise InputError(
                    f"a table of colours {name!r} of shape {table.shape}: give one colour for each of {LEVELS} levels"
                )
        return replace(self, pictures={name: np.take(table, self.values) for name, table in tables.items()})


def levels_of(values: npt.NDArray[np.float32], kind: str) -> Levels:
    """The level of each pixel; what is no finite number counts as the weakest.

    Parameters
    ----------
    values : float32 ndarray of shape (rows, cols).
    kind : of the score, a key of `KEPT_RANGE`; raises `InputError` for any other.
    """
    if kind not in KEPT_RANGE:
        raise InputError(f"kind of score {kind!r}: take one of {', '.join(KEPT_RANGE)}")
    low, high = KEPT_RANGE[kind]
    steps = (np.asarray(values, np.float32) - np.float32(low)) * np.float32((LEVELS - 1) / (high - low))
    np.fmin(np.fmax(steps, 0, out=steps), LEVELS - 1, out=steps)  # these pass over NaN
    return Levels(values=np.rint(steps, out=steps).astype(np.uint16), kind=kind)


def display_levels(values: npt.NDArray[np.float32], kind: str) -> Levels:
    """The highest levels of blocks of pixels, no more than `DISPLAY_PX` along either side; see `levels_of`.

    Swift draws the overlay anew with every row of a live image, and a display has not many more pixels.
    """
    return levels_of(_highest_of_blocks(np.asarray(values, np.float32)), kind)


def _highest_of_blocks(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Blocks have to fit exactly, or the picture would be stretched; where none do, all pixels stay."""
    rows, cols = values.shape
    least = -(-max(rows, cols) // DISPLAY_PX)
    sides = [side for side in range(least, 2 * least + 1) if rows % side == cols % side == 0]
    if not sides or sides[0] == 1:
        return values
    side = sides[0]
    bands = functools.reduce(np.fmax, (values[first::side] for first in range(side)))
    return functools.reduce(np.fmax, (bands[:, first::side] for first in range(side)))
