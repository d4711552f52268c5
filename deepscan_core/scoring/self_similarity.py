"""How badly is each place predicted by the rest of the same image?

Every pixel is predicted from the image shifted onto itself: in a crystal by its lattice translations, found in each tile's
autocorrelation; elsewhere by a few shifts in all directions. Shifts count the more, the better the surroundings agree
under them (non-local means: Buades, Coll and Morel 2005, doi:10.1109/CVPR.2005.38), so a grain is predicted by its own
kind, a thickness gradient from both sides, and contamination by contamination. What remains is divided by its own robust
spread among pixels of like predicted intensity, which is shot noise, detector noise and the scatter of columns in one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.scoring.lattice import LONGEST_PX, Pattern, Shifts, Tile, patterns_of, periodicity_map, tiles_of

FloatImage = npt.NDArray[np.float32]
HalfPixels = tuple[int, int]  # a shift down and right, in half pixels
Box = tuple[int, int, int, int]  # first row, row after the last, first column, column after the last

SMOOTHING_PX = 0.8  # before anything is shifted: an image sampled so can be shifted by half pixels
MOST_TRANSLATIONS = 16  # of each tile; ± doubles them
SAME_SHIFT_PX = 0.7
RINGS_PX = (9.0, 17.0, 33.0)  # shifts where nothing repeats
RING_OF_A_LATTICE_PX = (13.0,)  # and beside lattice translations, for what is not lattice there
DIRECTIONS = 4
BLOCK_PX = 4  # weights change slowly: one each for so many pixels squared
SURROUNDINGS_PX = 10.0  # standard deviation of the window in which surroundings are compared
CELLS_PX = 16.0  # and in a crystal, where it has to hold a few cells
SURROUNDINGS_BLOCKS = 8  # and how far it is taken
BEYOND_PX = LONGEST_PX + (SURROUNDINGS_BLOCKS + 2) * BLOCK_PX  # no shift and margin together lead further out
SOFTNESS = 0.3  # in units of the least disagreement
NEGLIGIBLE = 0.3  # of an equal share: shifts that count less everywhere in a tile are left out
LEVELS, LEVEL_STEPS = 25, 1024
LEVEL_SHARE = 0.4  # of all pixels are compared with each other; a rare phase must not excuse itself
LEAST_SIGMA_SHARE = 0.1  # of the median sigma
LEAST_SIGMA = 1e-4  # of the range of the image: noise-free images are predicted perfectly
EDGE_PX, EDGE_QUANTILE = 12, 0.9
MOST_SAMPLES = 1 << 15
SIGMA_OF_MAD = 1.4826


@dataclass(frozen=True, kw_only=True, eq=False)
class Structure:
    """How an image repeats, before anything is predicted.

    Attributes
    ----------
    smooth : the image, slightly smoothed, shape (rows, cols).
    tiles, patterns : pieces and how they repeat.
    periodicity : 0 for texture to 1 for crystal, shape (rows, cols).
    """

    smooth: FloatImage
    tiles: list[list[Tile]]
    patterns: list[list[Pattern]]
    periodicity: FloatImage


def structure_of(scaled: npt.NDArray[np.float32]) -> Structure:
    """Find how an image repeats.

    Parameters
    ----------
    scaled : float32 ndarray of shape (rows, cols), of about unit range.
    """
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(scaled, SMOOTHING_PX, truncate=3)
    tiles = tiles_of(smooth.shape)
    patterns = patterns_of(smooth, tiles, MOST_TRANSLATIONS)
    return Structure(smooth=smooth, tiles=tiles, patterns=patterns, periodicity=periodicity_map(patterns, smooth.shape))


def residual_sigmas(structure: Structure) -> FloatImage:
    """Image minus its prediction from the rest of itself, in robust standard deviations, shape (rows, cols), signed.

    Notes
    -----
    Assumes that what is looked for is rarer than its surroundings: a defect that repeats at a lattice translation, or fills
    more than about a third of the neighbourhood, predicts itself. Strain within a tile blurs the prediction. About 60
    bytes a pixel.
    """
    predicted = _predicted(structure)
    residual = structure.smooth - predicted
    residual /= sigma_by_level(residual, predicted)
    _level_edges(residual)
    return residual


def _level_edges(residual: FloatImage) -> None:
    """Bring the outermost rings of pixels to the spread of the inside, in place: edges are predicted from one side."""
    reach = min(EDGE_PX, min(residual.shape) // 4)
    inside = np.quantile(_sample(np.abs(residual[reach : -reach or None, reach : -reach or None])), EDGE_QUANTILE)
    for ring in range(reach):
        framed = residual[ring : residual.shape[0] - ring, ring : residual.shape[1] - ring]
        sides = (framed[0], framed[-1], framed[1:-1, 0], framed[1:-1, -1])
        own = np.quantile(np.abs(np.concatenate(sides)), EDGE_QUANTILE)
        if own > inside > 0:
            for side in sides:
                side *= inside / own


def _sample(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """At most about 33,000 of them, evenly spread."""
    return values.ravel()[:: max(1, values.size // MOST_SAMPLES)]


def sigma_by_level(residual: FloatImage, predicted: FloatImage) -> FloatImage:
    """Robust standard deviation of residuals among pixels of like predicted intensity, shape (rows, cols).

    Each level is judged with the two fifths of all pixels nearest to it in rank: so a common phase with a coarse texture
    has a sigma of its own, while a rare one is judged by the rest.
    """
    levels, sizes = _sample(predicted), np.abs(_sample(residual))
    order = np.argsort(levels, kind="stable")
    levels, sizes = levels[order], sizes[order]
    count, width = len(levels), max(1, int(LEVEL_SHARE * len(levels)))
    ranks = np.linspace(0, 1, LEVELS) * (count - 1)
    starts = np.clip(ranks - width / 2, 0, count - width).astype(int)
    sigmas = SIGMA_OF_MAD * np.array([np.median(sizes[start : start + width]) for start in starts])
    at, first = np.unique(levels[ranks.astype(int)], return_index=True)
    range_ = float(levels[-1] - levels[0])
    least = max(LEAST_SIGMA_SHARE * float(np.median(sigmas)), LEAST_SIGMA * range_, float(np.finfo(np.float32).tiny))
    steps = np.interp(np.linspace(at[0], at[-1], LEVEL_STEPS), at, np.maximum(sigmas[first], least)).astype(np.float32)
    per_level = np.float32((LEVEL_STEPS - 1) / range_) if range_ > 0 else np.float32(0)
    position = np.clip((predicted - levels[0]) * per_level, 0, LEVEL_STEPS - 1)
    spread: FloatImage = steps[position.astype(np.intp)]
    return spread


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """What is tried for a tile: shifts, both ways, and the width of the surroundings that are compared under them."""

    tile: Tile
    shifts: list[HalfPixels]
    width_px: float


def _predicted(structure: Structure) -> FloatImage:
    """Every pixel as its weighted mean over the shifted images."""
    shifted = _ShiftedImage(structure.smooth)
    trials = [_trial(tile, structure) for row in structure.tiles for tile in row]
    disagreements = [_disagreement(shifted, trial) for trial in trials]
    least = np.concatenate([d.min(axis=0).ravel() for d in disagreements])
    usual = float(np.median(least[np.isfinite(least)])) if np.isfinite(least).any() else 0.0
    predicted = np.empty_like(structure.smooth)
    for trial, disagreement in zip(trials, disagreements, strict=True):
        predicted[trial.tile.rows, trial.tile.cols] = _blended(shifted, trial, disagreement, usual)
    return predicted


def _trial(tile: Tile, structure: Structure) -> _Trial:
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
    return _Trial(tile=tile, shifts=shifts, width_px=CELLS_PX if is_lattice else SURROUNDINGS_PX)


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


class _ShiftedImage:
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


def _disagreement(shifted: _ShiftedImage, trial: _Trial) -> npt.NDArray[np.float32]:
    """Mean squared difference of the surroundings under each shift, shape (n_shifts, block_rows, block_cols).

    Infinite where the shift leads out of the image. Every second pixel of every second row is looked at.
    """
    blocks, shifts = _blocks(trial.tile), trial.shifts
    box = _box(trial.tile, SURROUNDINGS_BLOCKS * BLOCK_PX)
    here = shifted.read(box, step=2)
    there = np.empty((len(shifts), *here.shape), np.float32)
    for number, shift in enumerate(shifts):
        np.subtract(shifted.read(box, shift, step=2), here, out=there[number])
    there *= there
    by_block = there[:, ::2, ::2] + there[:, 1::2, ::2]
    by_block += there[:, ::2, 1::2]
    by_block += there[:, 1::2, 1::2]
    down, across = (_window_matrix(n, trial.width_px) for n in blocks)
    masks = [shifted.holds(box, shift) for shift in shifts]
    rows, cols = (np.stack(lines).astype(np.float32) for lines in zip(*masks, strict=True))
    rows_here, cols_here = shifted.holds(box)
    within_rows = down * (rows * rows_here)[:, None, :]
    within_cols = across * (cols * cols_here)[:, None, :]
    weight = within_rows.sum(axis=2)[:, :, None] * within_cols.sum(axis=2)[:, None, :]
    found: npt.NDArray[np.float32] = within_rows @ by_block @ within_cols.transpose(0, 2, 1)
    found /= np.maximum(weight, 1e-3)
    core = slice(SURROUNDINGS_BLOCKS, -SURROUNDINGS_BLOCKS)
    found[rows[:, core, None] * cols[:, None, core] == 0] = np.inf
    return found


def _window_matrix(n_blocks: int, width_px: float) -> FloatImage:
    """Weights (n_blocks, n_blocks + margins) of a Gaussian window around each block."""
    inner = np.arange(n_blocks)[:, None] + SURROUNDINGS_BLOCKS
    away = (np.arange(n_blocks + 2 * SURROUNDINGS_BLOCKS)[None] - inner) * BLOCK_PX
    weights = np.exp(-(away**2) / (2 * width_px**2))
    normed: FloatImage = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normed


def _blended(
    shifted: _ShiftedImage,
    trial: _Trial,
    disagreement: npt.NDArray[np.float32],
    usual: float,
) -> FloatImage:
    """Weighted mean over the shifts, shape of the tile."""
    tile, box = trial.tile, _box(trial.tile)
    total = np.zeros((box[1] - box[0], box[3] - box[2]), np.float32)
    blocked = total.reshape(-1, BLOCK_PX, total.shape[1])  # a view
    term = np.empty_like(blocked)
    for number, share in _shares(disagreement, usual):
        values = shifted.read(box, trial.shifts[number])
        np.multiply(values.reshape(term.shape), np.repeat(share, BLOCK_PX, axis=1)[:, None, :], out=term)
        blocked += term
    return total[: tile.rows.stop - tile.rows.start, : tile.cols.stop - tile.cols.start]


def _shares(disagreement: npt.NDArray[np.float32], usual: float) -> Iterator[tuple[int, FloatImage]]:
    """Shifts that count, each with its share per block; shares of a block add up to one."""
    least = disagreement.min(axis=0)
    least = np.where(np.isfinite(least), least, 0)
    scale = SOFTNESS * np.maximum(least, usual)
    weights = np.exp(-(disagreement - least) / np.where(scale > 0, scale, 1))
    strongest = (weights / np.maximum(weights.sum(axis=0), 1e-30)).reshape(len(weights), -1).max(axis=1)
    kept = np.flatnonzero(strongest > NEGLIGIBLE / len(weights))
    weights = weights[kept] / np.maximum(weights[kept].sum(axis=0), 1e-30)
    yield from zip(kept.tolist(), weights, strict=True)
