"""Burnt-in writing: lines of glyphs, told from specimen by their common height and baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Spot:
    """A connected component: half-open rows and columns, and the share of the box it fills."""

    top: int
    left: int
    bottom: int
    right: int
    filled: float

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left


def spots(mask: Mask, *, diagonal: bool = True, least_px: float = 1) -> list[Spot]:
    """The connected components of a mask, of shape (rows, cols), that have at least so many pixels."""
    from scipy import ndimage

    labels, count = ndimage.label(mask, np.ones((3, 3)) if diagonal else None)
    sizes = np.bincount(labels[mask], minlength=count + 1)
    large = np.flatnonzero(sizes >= max(1, least_px))
    if not large.size:
        return []
    if large.size < count:  # of noise there are tens of thousands, each of which would get its box
        numbers = np.zeros(count + 1, labels.dtype)
        numbers[large] = np.arange(1, large.size + 1)
        labels = numbers[labels]
    found = []
    for (rows, cols), size in zip(ndimage.find_objects(labels), sizes[large], strict=True):
        area = (rows.stop - rows.start) * (cols.stop - cols.start)
        found.append(Spot(rows.start, cols.start, rows.stop, cols.stop, float(size) / area))
    return found


def text_line(glyphs: list[Spot], *, least: int) -> list[Spot]:
    """The longest line of glyphs: at least `least` that share baseline and height and stand close together; or none.

    Letters like g and µ reach below the line and ``.`` is lower than the rest: they are not counted, so a line of writing
    has more glyphs than are returned.
    """
    best: list[Spot] = []
    for first in glyphs:
        slack = max(1.0, 0.12 * first.height)
        alike = [
            one
            for one in glyphs
            if abs(one.bottom - first.bottom) <= slack and 0.6 * first.height - 1 <= one.height <= first.height + slack
        ]
        chain = _close_together(sorted(alike, key=lambda one: one.left), 2.0 * first.height)
        if first in chain and len(chain) > len(best):
            best = chain
    return best if len(best) >= least else []


def _close_together(line: list[Spot], gap: float) -> list[Spot]:
    """The longest stretch without a gap wider than `gap`."""
    best: list[Spot] = []
    now: list[Spot] = []
    for one in line:
        if now and one.left - now[-1].right > gap:
            now = []
        now.append(one)
        if len(now) > len(best):
            best = list(now)
    return best
