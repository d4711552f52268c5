"""Information bars and burnt-in scale bars: recognised by what they look like, or by what a tag says of them.

Nothing is read from the picture: the length of a scale bar is known only where the file's metadata gives it
(`scale_bar_nm`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.ingest.lettering import Mask, Spot, spots, text_line
from deepscan_core.records.image import CalibratedImage

BarKind = Literal["information bar", "scale bar"]
Crop = tuple[int, int, int, int]  # top, left, rows, cols in px
Levels = npt.NDArray[np.float32]

SMALLEST_PX = 32  # a side: below it writing cannot be told
ALIKE = 0.05  # of the range of grey values: the same level, also after JPEG
WRITTEN = 0.3  # of the range: what stands out from a bar's background
TALLEST, LOWEST = 0.3, 0.015  # of the rows: an information bar
EXTREMES = (0.02, 0.06, 0.12, 0.16)  # of the range from its ends: where the level of a scale bar is looked for
NARROWEST, WIDEST, SLENDER = 0.05, 0.6, 4.0  # scale bar: share of the columns, width over height
COMMON = 0.4  # of the pixels: a level that is no mark
CLEAR = 0.12  # of the range: a scale bar from what is around it
OUTER = 0.15  # of the rows: where a scale bar without writing must lie
THICKEST_PX = 4  # a line of the frame
JPEG_PX = 9  # rows that a block of a lossy file may stain
HALO_PX = 2  # blurred by resizing and JPEG


@dataclass(frozen=True)
class Bar:
    """A box of pixels that show no specimen.

    Attributes
    ----------
    kind : "information bar" (along the whole upper or lower edge) or "scale bar" (inside the picture, with its writing).
    top, left, rows, cols : the box in px.
    from_tags : the file's tags say so; else it was recognised in the picture.
    """

    kind: BarKind
    top: int
    left: int
    rows: int
    cols: int
    from_tags: bool = False

    def __post_init__(self) -> None:
        if self.kind not in get_args(BarKind):
            raise InputError(f"a bar of kind {self.kind!r} is not known: give one of {', '.join(get_args(BarKind))}")
        if min(self.top, self.left) < 0 or min(self.rows, self.cols) < 1:
            raise InputError(f"a bar of {self.rows} x {self.cols} px at {self.top}, {self.left}: give a box of pixels")


def bars_of(image: CalibratedImage) -> tuple[Bar, ...]:
    """The bars of an image that was read: where its tags give the picture's true rows (`image_rows`), those first."""
    rows, cols = image.shape
    told = image.metadata.get("image_rows")
    if not isinstance(told, int) or not 0 < told < rows:
        return find_bars(image.array)
    return (Bar("information bar", told, 0, rows - told, cols, from_tags=True), *find_bars(image.array[:told]))


def find_bars(array: npt.NDArray[Any]) -> tuple[Bar, ...]:
    """Recognise information bars and burnt-in scale bars.

    Parameters
    ----------
    array : ndarray of shape (rows, cols), real.

    Returns
    -------
    The bars, information bars first. Empty for nearly every picture that has none.

    Notes
    -----
    An information bar is a band along the whole upper or lower edge: of one level but for its writing (and lines of a
    frame), with a line of at least four glyphs, and with a straight, level-wide first row. A scale bar is a slender upright
    rectangle of a uniform level at the bright or dark end of the range, clear of what is around it, with writing above or
    below it; without writing it must be thick enough for its corners to be seen, lie near the upper or lower edge and be
    the only one of its kind. Letters (a), (b) of figures, writing without a rectangle, bars turned or at a middle grey are
    not recognised.
    """
    levels = _levels(array)
    if levels is None:
        return ()
    rows = levels.shape[0]
    lower = _edge_bar(levels)
    upper = _edge_bar(levels[::-1])
    top, bottom = upper or 0, rows - (lower or 0)
    found = [Bar("information bar", 0, 0, top, levels.shape[1])] if top else []
    found += [Bar("information bar", bottom, 0, rows - bottom, levels.shape[1])] if bottom < rows else []
    inner = _scale_bars(levels[top:bottom]) if bottom - top >= SMALLEST_PX else []
    return (*found, *(replace(bar, top=bar.top + top) for bar in inner))


def without_bars(shape: tuple[int, int], bars: Sequence[Bar]) -> Crop:
    """The largest rectangle that holds no pixel of any bar."""
    ys = sorted({0, shape[0]} | {b.top for b in bars} | {b.top + b.rows for b in bars})
    xs = sorted({0, shape[1]} | {b.left for b in bars} | {b.left + b.cols for b in bars})
    boxes = itertools.product(itertools.combinations(ys, 2), itertools.combinations(xs, 2))
    free = [
        (y, x, y2 - y, x2 - x)
        for (y, y2), (x, x2) in boxes
        if not any(b.top < y2 and b.top + b.rows > y and b.left < x2 and b.left + b.cols > x for b in bars)
    ]
    if not free:
        raise InputError("nothing of the picture is free of bars: give --crop TOP,LEFT,ROWS,COLS")
    return max(free, key=lambda box: box[2] * box[3])


def _levels(array: npt.NDArray[Any]) -> Levels | None:
    """Grey values from 0 to 1 over the whole range; None where there is nothing to see."""
    narrow = array.dtype.itemsize <= 2 or array.dtype == np.float32
    values: npt.NDArray[Any] = array.astype(np.float32 if narrow else np.float64)
    known = np.isfinite(values)
    if min(values.shape) < SMALLEST_PX or not known.any():
        return None
    low, high = float(values[known].min()), float(values[known].max())
    if not 0 < high - low < float(np.finfo(values.dtype).max):
        return None
    values[~known] = low + (high - low) / 2
    values -= low
    values /= high - low
    return values.astype(np.float32, copy=False)


def _spread(levels: Levels) -> Levels:
    """Of each row: how far nine tenths of it reach."""
    low, high = np.percentile(levels, [5, 95], axis=1)
    reach: Levels = (high - low).astype(np.float32)
    return reach


def _edge_bar(levels: Levels) -> int | None:
    """Rows of the information bar along the lower edge, or None."""
    rows = levels.shape[0]
    band = levels[rows - int(TALLEST * rows) - 4 :]
    ground = _ground(band[-max(6, rows // 50) :])
    share = (np.abs(band - ground) <= ALIKE).mean(axis=1)
    straight = _spread(band) <= ALIKE  # a line of the frame, or a row without writing
    framed = (
        np.abs(np.median(band, axis=1) - ground) > WRITTEN
    )  # its frame shows where the picture is as dark as the bar
    start = _start(share, straight, np.median(band, axis=1))
    highest = len(band) - max(10, int(LOWEST * rows))
    if 3 <= start < highest and straight[start : start + JPEG_PX].any():
        candidates = [start]
    else:
        first = np.flatnonzero(straight & (framed | ~_before(straight, 2)) & (framed | (_before(share, 2) < 0.8)))
        candidates = [int(top) for top in first if max(start, 3) <= top < highest]
    for top in candidates:
        if _is_written(band[top:], ground, share[top:], straight[top:]):
            return len(band) - top + _blurred(band, top, ground)
    return None


def _start(share: npt.NDArray[Any], straight: Mask, middle: npt.NDArray[Any]) -> int:
    """The highest row up to which, from below, all are of the bar's level but for writing and thin lines of a frame."""
    thick = 0
    for row in reversed(range(len(share))):
        if share[row] >= 0.35:
            thick = 0
        elif not straight[row]:
            return row + 1
        else:
            same = thick > 0 and abs(middle[row] - middle[row + 1]) <= WRITTEN
            thick = thick + 1 if same else 1
            if thick > THICKEST_PX:
                return row + thick
    return 0


def _ground(last: Levels) -> float:
    """The commonest level."""
    values, counts = np.unique(np.round(last / ALIKE).astype(int), return_counts=True)
    near = values[counts.argmax()] * ALIKE
    return float(np.median(last[np.abs(last - near) <= ALIKE]))


def _before(rows: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """What stands `count` rows higher."""
    return np.concatenate([rows[:1].repeat(count), rows[:-count]])


def _is_written(inside: Levels, ground: float, share: npt.NDArray[Any], straight: Mask) -> bool:
    """Whether a band is of one level but for writing: most of what stands out is glyphs in lines."""
    if float(np.median(share)) < 0.6:
        return False
    written = np.abs(inside - ground) > WRITTEN
    written[straight] = False  # lines of a frame
    written[:, written.mean(axis=0) > 0.8] = False
    seen = [one for one in spots(written) if one.height >= 4]
    glyphs = [one for one in seen if one.height < 0.8 * len(inside) and one.width < inside.shape[1] / 8]
    if not text_line(glyphs, least=4):
        return False
    level = [sum(abs(one.bottom - other.bottom) <= 1 for other in glyphs) > 3 for one in glyphs]
    return sum(level) >= 0.5 * len(seen)


def _blurred(band: Levels, top: int, ground: float) -> int:
    """Rows above a bar that resizing mixed with it."""
    count = 0
    while count < HALO_PX and _is_between(band[top - count - 1], band[top - count - 2], ground):
        count += 1
    return count


def _is_between(row: Levels, above: Levels, ground: float) -> bool:
    """Whether nearly all of a row is nearer to the bar's level than the row above it: blurred by resizing."""
    return float((np.abs(row - ground) < 0.85 * np.abs(above - ground)).mean()) > 0.9


def _scale_bars(levels: Levels) -> list[Bar]:
    found: list[tuple[Spot, list[Spot]]] = []
    square = False
    for bright, tolerance in itertools.product((True, False), EXTREMES):
        mask = levels >= 1 - tolerance if bright else levels <= tolerance
        if mask.mean() > COMMON:
            continue
        for whole in spots(mask, diagonal=False, least_px=NARROWEST * levels.shape[1]):
            one = _core(mask, whole) if _is_slender(whole, levels.shape) else None
            if one is None or not _is_rectangle(mask, one) or not _is_uniform_and_clear(levels, one):
                continue
            square |= _may_lack_writing(one, levels.shape) and _is_rectangle(mask, one, slack=1.0)
            found.append((one, _writing(levels, one, bright)))
    alone = square and len(_merged([_box(levels, [one]) for one, _ in found])) == 1
    return _merged([_box(levels, [one, *text]) for one, text in found if text or alone])


def _merged(bars: list[Bar]) -> list[Bar]:
    """Boxes that overlap as one: the same bar found at two levels."""
    result: list[Bar] = []
    for bar in bars:
        for other in [o for o in result if _overlap(o, bar)]:
            result.remove(other)
            top, left = min(bar.top, other.top), min(bar.left, other.left)
            bottom = max(bar.top + bar.rows, other.top + other.rows)
            right = max(bar.left + bar.cols, other.left + other.cols)
            bar = Bar("scale bar", top, left, bottom - top, right - left)
        result.append(bar)
    return result


def _overlap(one: Bar, other: Bar) -> bool:
    rows = one.top < other.top + other.rows and other.top < one.top + one.rows
    return rows and one.left < other.left + other.cols and other.left < one.left + one.cols


def _is_slender(one: Spot, shape: tuple[int, ...]) -> bool:
    rows, cols = shape
    wide = max(16, NARROWEST * cols) <= one.width <= WIDEST * cols
    return wide and 2 <= one.height <= 0.06 * rows and one.width >= SLENDER * one.height


def _core(mask: Mask, one: Spot) -> Spot | None:
    """Without upper and lower rows that are hardly filled (blurred); None where not two rows are left."""
    box = mask[one.top : one.bottom, one.left : one.right]
    full = np.flatnonzero(box.mean(axis=1) >= 0.8)
    if full.size < 2 or full.size != np.ptp(full) + 1:
        return None
    filled = float(box[full].mean())
    return Spot(one.top + int(full[0]), one.left, one.top + int(full[-1]) + 1, one.right, filled)


def _is_rectangle(mask: Mask, one: Spot, slack: float | None = None) -> bool:
    """Whether all rows begin and end in the same columns, but for `slack`: those of a rod with round ends do not."""
    box = mask[one.top : one.bottom, one.left : one.right]
    begins, ends = box.argmax(axis=1), box[:, ::-1].argmax(axis=1)
    slack = 1 + 0.1 * one.height if slack is None else slack
    return one.filled >= 0.92 and max(int(np.ptp(begins)), int(np.ptp(ends))) <= slack


def _is_uniform_and_clear(levels: Levels, one: Spot) -> bool:
    """Whether a core row is of one level, and nearly all that lies 2 to 4 px outside of another."""
    box = levels[one.top : one.bottom, one.left + 3 : one.right - 3]
    if float(_spread(box).min()) > ALIKE:
        return False
    level = float(np.median(box))
    padded = np.pad(np.abs(levels - level), 4, constant_values=0.0)
    rows, cols = slice(one.top + 4, one.bottom + 4), slice(one.left + 4, one.right + 4)
    around = (
        padded[one.top : one.top + 3, cols].max(axis=0),
        padded[one.bottom + 5 : one.bottom + 8, cols].max(axis=0),
        padded[rows, one.left : one.left + 3].max(axis=1),
        padded[rows, one.right + 5 : one.right + 8].max(axis=1),
    )
    at_side = (one.left == 0, one.right == levels.shape[1])
    if all(at_side):
        return False
    lines = [*around[:2], *(line for line, cut in zip(around[2:], at_side, strict=True) if not cut)]
    return all(float((line > CLEAR).mean()) >= 0.85 for line in lines)


def _may_lack_writing(one: Spot, shape: tuple[int, ...]) -> bool:
    """Thick enough for square corners, apart from the sides, and near the upper or lower edge."""
    rows, cols = shape
    outer = min(one.top, rows - one.bottom) <= OUTER * rows
    return outer and one.height >= 5 and one.left >= 3 and one.right <= cols - 3 and one.width >= 6 * one.height


def _writing(levels: Levels, one: Spot, bright: bool) -> list[Spot]:
    """The glyphs of the longer line right above or right below a scale bar."""
    rows, cols = levels.shape
    reach, aside = int(max(0.12 * rows, 16)), max(one.width // 2, cols // 10)
    left, right = max(one.left - aside, 0), min(one.right + aside, cols)
    lines = []
    for top, bottom in ((max(one.top - reach, 0), one.top - 1), (one.bottom + 1, min(one.bottom + reach, rows))):
        if bottom - top >= 6:
            line = _line(levels[top:bottom, left:right], bright, tallest=0.1 * rows)
            lines.append([Spot(g.top + top, g.left + left, g.bottom + top, g.right + left, g.filled) for g in line])
    return max(lines, key=len, default=[])


def _line(window: Levels, bright: bool, tallest: float) -> list[Spot]:
    """A line of at least three glyphs in the bar's own level, or outlined."""
    masks = [window >= 1 - tolerance if bright else window <= tolerance for tolerance in (0.12, 0.3, 0.45)]
    for mask in (*masks, np.abs(window - np.median(window)) > 0.25):
        seen = [g for g in spots(mask) if 5 <= g.height <= tallest and g.width <= 4 * g.height]
        glyphs = [g for g in seen if g.filled < 0.95 and g.top > 0]
        line = text_line(glyphs, least=3) if len(glyphs) <= 40 else []
        if line:
            high = max(g.height for g in line)
            left, right = min(g.left for g in line) - 2 * high, max(g.right for g in line) + 2 * high
            along = (g for g in glyphs if abs(g.bottom - line[0].bottom) <= high / 2)
            return [g for g in along if left <= g.left and g.right <= right]
    return []


def _box(levels: Levels, parts: list[Spot]) -> Bar:
    rows, cols = levels.shape
    top, left = max(min(p.top for p in parts) - HALO_PX, 0), max(min(p.left for p in parts) - HALO_PX, 0)
    bottom = min(max(p.bottom for p in parts) + HALO_PX, rows)
    right = min(max(p.right for p in parts) + HALO_PX, cols)
    return Bar("scale bar", top, left, bottom - top, right - left)
