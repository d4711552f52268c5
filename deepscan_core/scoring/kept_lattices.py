"""Lattice translations that one frame of a view leaves to the next.

A kept pattern still holds where the tile differs from itself, moved by the kept translations, as much as it did when they
were found. In turn one tile a frame is looked at anew whatever that says, and its autocorrelation averaged with the kept
one: drift moves the image, not its autocorrelation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.scoring.lattice import BACKGROUND_PX, Pattern, Tile, autocorrelations, flattened, pattern_of

FloatImage = npt.NDArray[np.float32]
Trace = npt.NDArray[np.float64]

NEAREST = 4  # translations that are checked
SHORT_PX = ((0, 3), (3, 0), (0, 9), (9, 0))  # shifts that show a change of what is no lattice
ROWS = 48  # of a tile's window that are looked at
GOLDEN = 0.6180339887498949
TOLERANCE = 0.2  # of each number of a trace: scatter of noise alone is a few hundredths
MOST_AVERAGED = 4  # looks at a tile, of which the latest counts at least a fourth


@dataclass(frozen=True, kw_only=True, eq=False)
class KeptTile:
    """How a tile repeats.

    Attributes
    ----------
    pattern : of the averaged autocorrelation.
    correlation : that.
    looks : how many frames are in it.
    trace : what `_trace` gave when it was looked at last.
    """

    pattern: Pattern
    correlation: FloatImage
    looks: int
    trace: Trace


@dataclass(frozen=True, kw_only=True, eq=False)
class KeptLattices:
    """Of all tiles of an image.

    Attributes
    ----------
    shape : of the image.
    tiles : one for each of its tiles, by rows.
    turn : which of them, counted by rows, is looked at anew in the next frame.
    is_held : whether all that was kept from the frame before held.
    """

    shape: tuple[int, ...]
    tiles: list[KeptTile]
    turn: int = 0
    is_held: bool = False


def next_lattices(kept: KeptLattices | None, smooth: FloatImage, tiles: list[Tile], most: int) -> KeptLattices:
    """What holds for a new frame; of tiles that differ, and of all where nothing was kept, it is found anew.

    Parameters
    ----------
    kept : from the frame before, None where there was none.
    smooth : the frame, slightly smoothed.
    tiles : of the frame, by rows.
    most : translations of a tile, at most.
    """
    known: list[KeptTile | None] = [None] * len(tiles)
    turn = 0
    if kept is not None and kept.shape == smooth.shape:
        known, turn = list(kept.tiles), kept.turn
    found = [
        _next_tile(before, smooth, tile, most, is_due=number == turn)
        for number, (before, tile) in enumerate(zip(known, tiles, strict=True))
    ]
    is_held = all(
        after is before or (before is not None and after.looks > 1) for before, after in zip(known, found, strict=True)
    )
    return KeptLattices(shape=smooth.shape, tiles=found, turn=(turn + 1) % len(tiles), is_held=is_held)


def _next_tile(before: KeptTile | None, smooth: FloatImage, tile: Tile, most: int, *, is_due: bool) -> KeptTile:
    holds = before is not None and _alike(_trace(smooth, tile, before.pattern), before.trace)
    if before is not None and holds and not is_due:
        return before
    correlation, looks = _correlation(smooth, tile), 1
    if before is not None and holds:
        looks = min(before.looks + 1, MOST_AVERAGED)
        correlation = before.correlation + (correlation - before.correlation) / np.float32(looks)
    pattern = pattern_of(correlation, most)
    return KeptTile(pattern=pattern, correlation=correlation, looks=looks, trace=_trace(smooth, tile, pattern))


def _correlation(smooth: FloatImage, tile: Tile) -> FloatImage:
    """Autocorrelation of a tile's window, as `lattice.patterns_of` has it."""
    around = tuple(slice(max(0, span.start - BACKGROUND_PX), span.stop + BACKGROUND_PX) for span in tile.window)
    inside = tuple(
        slice(span.start - wide.start, span.stop - wide.start) for span, wide in zip(tile.window, around, strict=True)
    )
    return next(autocorrelations(flattened(smooth[around])[inside][None]))


def _trace(smooth: FloatImage, tile: Tile, pattern: Pattern) -> Trace:
    """Variance of a tile, and over it the mean squared difference from itself under short shifts and translations."""
    window = smooth[tile.window]
    height, width = window.shape
    shifts = [(y, x) for y, x in (*SHORT_PX, *np.rint(pattern.translations_px[:NEAREST]).astype(int).tolist())]
    reach = max(y for y, _ in shifts)
    rows = np.unique((np.arange(ROWS) * GOLDEN % 1 * (height - reach)).astype(np.intp))
    here = window[rows]
    variance = float(here.var()) or 1.0
    differences = []
    for y, x in shifts:
        there = window[rows + y]
        difference = here[:, max(0, -x) : width - max(0, x)] - there[:, max(0, x) : width + min(0, x)]
        differences.append(float(np.mean(difference * difference)) / variance)
    short, long = differences[: len(SHORT_PX)], differences[len(SHORT_PX) :]
    return np.array([variance, *short, np.mean(long) if long else 1.0])


def _alike(found: Trace, kept: Trace) -> bool:
    return bool((np.abs(found - kept) <= TOLERANCE * kept).all())
