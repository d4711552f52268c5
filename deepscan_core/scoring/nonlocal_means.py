"""Every pixel from the rest of the same image: its weighted mean over the image shifted onto itself.

In a crystal the shifts are its lattice translations; elsewhere a few in all directions. Shifts count the more, the better
the surroundings agree under them (non-local means: Buades, Coll and Morel 2005, doi:10.1109/CVPR.2005.38), so a grain is
predicted by its own kind, a thickness gradient from both sides, and contamination by contamination.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.scoring.lattice import BLOCK_PX, LONGEST_PX, Shifts, Tile
from deepscan_core.scoring.structure import Structure

FloatImage = npt.NDArray[np.float32]
HalfPixels = tuple[int, int]  # a shift down and right, in half pixels
Disagreement = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]  # first row, row after the last, first column, column after the last

Shares = list[tuple[int, FloatImage]]  # numbers of shifts, and what each counts in each block
Weigh = Callable[["ShiftedImage", list["Trial"]], list[Shares]]

SAME_SHIFT_PX = 0.7
RINGS_PX = (9.0, 17.0, 33.0)  # shifts where nothing repeats
RING_OF_A_LATTICE_PX = (13.0,)  # and beside lattice translations, for what is not lattice there
DIRECTIONS = 4
SURROUNDINGS_PX = 10.0  # standard deviation of the window in which surroundings are compared
CELLS_PX = 16.0  # and in a crystal, where it has to hold a few cells
SURROUNDINGS_BLOCKS = 8  # and how far it is taken
SAMPLES_A_BLOCK = 4  # are compared
BEYOND_PX = LONGEST_PX + (SURROUNDINGS_BLOCKS + 2) * BLOCK_PX  # no shift and margin together lead further out
SOFTNESS = 0.3  # in units of the least disagreement
NEGLIGIBLE = 0.3  # of an equal share: shifts that count less everywhere in a tile are left out


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What is tried for a tile.

    Attributes
    ----------
    tile : whose pixels are to be predicted.
    shifts : both ways.
    width_px : standard deviation of the surroundings that are compared under them.
    """

    tile: Tile
    shifts: list[HalfPixels]
    width_px: float


def prediction(structure: Structure, weigh: Weigh | None = None) -> FloatImage:
    """Every pixel as its weighted mean over the shifted images, shape (rows, cols), in the grey values of `structure`.

    It is compared with ``structure.smooth``: both are smoothed alike.

    Parameters
    ----------
    structure : of the image.
    weigh : gives the shares of the shifts of each trial; by default what `disagreement` and `shares_of` say.
    """
    shifted = ShiftedImage(structure.smooth)
    trials = [_trial(tile, structure) for row in structure.tiles for tile in row]
    predicted = np.empty_like(structure.smooth)
    for trial, shares in zip(trials, (weigh or _weighed)(shifted, trials), strict=True):
        predicted[trial.tile.rows, trial.tile.cols] = _blended(shifted, trial, shares)
    return predicted


def _weighed(shifted: ShiftedImage, trials: list[Trial]) -> list[Shares]:
    found = [disagreement(shifted, trial, windows_of(shifted, trial)) for trial in trials]
    usual = usual_least(found)
    return [shares_of(one, usual) for one in found]


def _trial(tile: Tile, structure: Structure) -> Trial:
    """In a crystal the tile's own translations, and near a boundary its neighbours' as well; elsewhere rings of shifts."""
    pattern = structure.patterns[tile.place[0]][tile.place[1]]
    side = min(structure.smooth.shape)
    neighbours = [] if pattern.periodicity == 1 else _periodic_neighbours(tile, structure)
    is_lattice = bool(neighbours) or pattern.periodicity > 0
    chosen = [_rings(RINGS_PX, side)]
    if is_lattice:
        chosen = [pattern.translations_px, *neighbours, _rings(RING_OF_A_LATTICE_PX, side)]
    half_plane = np.rint(2 * _without_repeats(np.concatenate(chosen))).astype(int).tolist()
    shifts = [(sign * y, sign * x) for sign in (1, -1) for y, x in half_plane]
    return Trial(tile=tile, shifts=shifts, width_px=CELLS_PX if is_lattice else SURROUNDINGS_PX)


def _periodic_neighbours(tile: Tile, structure: Structure) -> list[Shifts]:
    row, col = tile.place
    patterns = structure.patterns
    around = [
        patterns[i][j]
        for i in range(max(0, row - 1), min(len(patterns), row + 2))
        for j in range(max(0, col - 1), min(len(patterns[0]), col + 2))
        if (i, j) != (row, col) and patterns[i][j].periodicity > 0
    ]
    return [p.translations_px for p in sorted(around, key=lambda p: -p.repeatability)[:3]]


def _without_repeats(shifts: Shifts) -> Shifts:
    """Leave out shifts that are within 0.7 px of an earlier one, or of its opposite."""
    gaps = [np.abs(shifts[:, None] - sign * shifts[None]).max(axis=2) for sign in (1, -1)]
    repeats = np.triu(np.minimum(*gaps) < SAME_SHIFT_PX, 1).any(axis=0)
    kept: Shifts = shifts[~repeats]
    return kept


def _rings(radii_px: tuple[float, ...], side_px: int) -> Shifts:
    """Shifts in four directions of a half plane, every second ring turned by half a step; small enough for the image."""
    found = []
    for number, radius in enumerate(radii_px):
        reach = min(radius, side_px / 3)
        angles = np.pi * (np.arange(DIRECTIONS) + 0.5 * (number % 2)) / DIRECTIONS
        found.append(reach * np.stack([np.sin(angles), np.cos(angles)], axis=1))
    return np.concatenate(found)


class ShiftedImage:
    """An image that can be read at half pixels, and beyond its edges, where its outermost pixels go on."""

    def __init__(self, image: FloatImage) -> None:
        self.shape = image.shape
        down = _half_a_pixel_on(image, 0)
        phases = ((image, _half_a_pixel_on(image, 1)), (down, _half_a_pixel_on(down, 1)))
        self._padded = [[np.pad(phase, BEYOND_PX, mode="edge") for phase in row] for row in phases]

    def read(self, box: Box, shift: HalfPixels = (0, 0), step: int = 1) -> FloatImage:
        """Values over a box that was moved by a shift."""
        (down, odd_row), (right, odd_col) = (divmod(n, 2) for n in shift)
        top, bottom, left, right_edge = box
        rows = slice(top + down + BEYOND_PX, bottom + down + BEYOND_PX, step)
        cols = slice(left + right + BEYOND_PX, right_edge + right + BEYOND_PX, step)
        return self._padded[odd_row][odd_col][rows, cols]

    def holds(self, box: Box, shift: HalfPixels = (0, 0)) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Which blocks of rows, and which of columns, of a box that was moved by a shift lie inside the image."""
        found = []
        for start, stop, halves, length in zip(box[::2], box[1::2], shift, self.shape, strict=True):
            first = np.arange(start, stop, BLOCK_PX) + halves / 2
            found.append((first >= 0) & (first + BLOCK_PX - 1 <= length - 1))
        return found[0], found[1]


def _half_a_pixel_on(image: FloatImage, axis: int) -> FloatImage:
    """Values half a pixel further along an axis, by the cubic through four neighbours (Keys 1981)."""
    rows = np.moveaxis(image, axis, 0)
    padded = np.concatenate([rows[:1], rows, rows[-1:], rows[-1:]])
    between = (9 * (padded[1:-2] + padded[2:-1]) - padded[:-3] - padded[3:]) / np.float32(16)
    return np.ascontiguousarray(np.moveaxis(between, 0, axis))


def _blocks(tile: Tile) -> tuple[int, int]:
    return (-(-(tile.rows.stop - tile.rows.start) // BLOCK_PX), -(-(tile.cols.stop - tile.cols.start) // BLOCK_PX))


def _box(tile: Tile, margin_px: int = 0) -> Box:
    """Top, bottom, left and right of a tile in whole blocks, with a margin."""
    rows, cols = _blocks(tile)
    top, left = tile.rows.start, tile.cols.start
    return (
        top - margin_px,
        top + rows * BLOCK_PX + margin_px,
        left - margin_px,
        left + cols * BLOCK_PX + margin_px,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Which blocks are compared with which weights, for each shift of a trial.

    Attributes
    ----------
    rows, cols : weights of the blocks around each block, shapes (n_shifts, block_rows, n) and (n_shifts, block_cols, m).
    total : their sums, shape (n_shifts, block_rows, block_cols).
    is_outside : where the shift leads out of the image, of the same shape.
    """

    rows: FloatImage
    cols: FloatImage
    total: FloatImage
    is_outside: npt.NDArray[np.bool_]


def windows_of(shifted: ShiftedImage, trial: Trial) -> Windows:
    """The windows of a trial; they depend on the shape of the image alone."""
    box = _box(trial.tile, SURROUNDINGS_BLOCKS * BLOCK_PX)
    down, across = (_window_matrix(n, trial.width_px) for n in _blocks(trial.tile))
    masks = [shifted.holds(box, shift) for shift in trial.shifts]
    rows, cols = (np.stack(lines).astype(np.float32) for lines in zip(*masks, strict=True))
    rows_here, cols_here = shifted.holds(box)
    within_rows = down * (rows * rows_here)[:, None, :]
    within_cols = across * (cols * cols_here)[:, None, :]
    core = slice(SURROUNDINGS_BLOCKS, -SURROUNDINGS_BLOCKS)
    return Windows(
        rows=within_rows,
        cols=within_cols,
        total=within_rows.sum(axis=2)[:, :, None] * within_cols.sum(axis=2)[:, None, :],
        is_outside=rows[:, core, None] * cols[:, None, core] == 0,
    )


def disagreement(
    shifted: ShiftedImage, trial: Trial, windows: Windows, *, quarter: tuple[int, int] | None = None
) -> Disagreement:
    """Mean squared difference of the surroundings under each shift, shape (n_shifts, block_rows, block_cols).

    Infinite where the shift leads out of the image. It is looked at between every second pixel and the next, in every
    second row, which a mirrored image shows as well; with `quarter`, at a quarter of these places, those that lie so many
    pixels down and right in their block.
    """
    box, shifts = _box(trial.tile, SURROUNDINGS_BLOCKS * BLOCK_PX), trial.shifts
    step, (down, right) = (2, (0, 0)) if quarter is None else (BLOCK_PX, quarter)
    down, right = 2 * down + 1, 2 * right + 1  # half pixels
    here = shifted.read(box, (down, right), step=step)
    there = np.empty((len(shifts), *here.shape), np.float32)
    for number, (y, x) in enumerate(shifts):
        np.subtract(shifted.read(box, (y + down, x + right), step=step), here, out=there[number])
    there *= there
    by_block = there
    if quarter is None:
        by_block = there[:, ::2, ::2] + there[:, 1::2, ::2]
        by_block += there[:, ::2, 1::2]
        by_block += there[:, 1::2, 1::2]
    found: Disagreement = windows.rows @ by_block @ windows.cols.transpose(0, 2, 1)
    found /= np.maximum(windows.total, 1e-3)
    if quarter is not None:
        found *= SAMPLES_A_BLOCK
    found[windows.is_outside] = np.inf
    return found


def _window_matrix(n_blocks: int, width_px: float) -> FloatImage:
    """Weights (n_blocks, n_blocks + margins) of a Gaussian window around each block."""
    inner = np.arange(n_blocks)[:, None] + SURROUNDINGS_BLOCKS
    away = (np.arange(n_blocks + 2 * SURROUNDINGS_BLOCKS)[None] - inner) * BLOCK_PX
    weights = np.exp(-(away**2) / (2 * width_px**2))
    normed: FloatImage = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normed


def _blended(shifted: ShiftedImage, trial: Trial, shares: Shares) -> FloatImage:
    """Weighted mean over the shifts, shape of the tile."""
    tile, box = trial.tile, _box(trial.tile)
    total = np.zeros((box[1] - box[0], box[3] - box[2]), np.float32)
    blocked = total.reshape(-1, BLOCK_PX, total.shape[1])  # a view
    term = np.empty_like(blocked)
    for number, share in shares:
        values = shifted.read(box, trial.shifts[number])
        np.multiply(values.reshape(term.shape), np.repeat(share, BLOCK_PX, axis=1)[:, None, :], out=term)
        blocked += term
    return total[: tile.rows.stop - tile.rows.start, : tile.cols.stop - tile.cols.start]


def usual_least(found: list[Disagreement]) -> float:
    """Median over all blocks of the disagreement under the shift that agrees best."""
    least = np.concatenate([d.min(axis=0).ravel() for d in found])
    return float(np.median(least[np.isfinite(least)])) if np.isfinite(least).any() else 0.0


def shares_of(found: Disagreement, usual: float) -> Shares:
    """Shifts that count, by number, each with its share per block; shares of a block add up to one.

    Parameters
    ----------
    found : see `disagreement`.
    usual : see `usual_least`.
    """
    least = found.min(axis=0)
    least = np.where(np.isfinite(least), least, 0)
    scale = SOFTNESS * np.maximum(least, usual)
    weights = np.exp(-(found - least) / np.where(scale > 0, scale, 1))
    strongest = (weights / np.maximum(weights.sum(axis=0), 1e-30)).reshape(len(weights), -1).max(axis=1)
    kept = np.flatnonzero(strongest > NEGLIGIBLE / len(weights))
    weights = weights[kept] / np.maximum(weights[kept].sum(axis=0), 1e-30)
    return list(zip(kept.tolist(), weights, strict=True))
