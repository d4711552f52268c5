"""Where does an image repeat itself? Its tiles, their autocorrelation, and translations that bring each onto itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.float32]
Shifts = npt.NDArray[np.float64]

BLOCK_PX = 4  # within which the image is predicted alike
TILE_PX = 170  # orientation, spacing and strain are taken as the same over a tile
CONTEXT_PX = 64  # and it is looked at together with this much on all sides, so that some ten cells repeat in it
REACH = 3  # translations up to a third of that window: beyond, too little of it overlaps with itself
LONGEST_PX = (TILE_PX + 2 * CONTEXT_PX) // REACH
BACKGROUND_PX = 35  # box: slower changes are brightness, not pattern
NEAREST_PX = 4.0  # nearer peaks of an autocorrelation belong to its centre
PEAK_PX = 7  # a peak is the highest within this box
LEAST_PEAK = 0.3  # of the highest
REPEATS = 8  # a pattern repeats when so many peaks are about as high as the highest
NOT_PERIODIC, PERIODIC = 0.78, 0.90  # repeatability of what is texture, and what is crystal
NOISE, PATTERN = 0.12, 0.20  # highest peak over the centre: peaks of mere noise are lower, of crystals higher


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A piece of an image.

    Attributes
    ----------
    rows, cols : the piece itself.
    window : rows and columns of the piece with its context; of one size for all tiles of an image.
    place : row and column among the tiles.
    """

    rows: slice
    cols: slice
    window: tuple[slice, slice]
    place: tuple[int, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pattern:
    """What a tile's autocorrelation says.

    Attributes
    ----------
    translations_px : nearest translations onto itself, in one half plane, shape (n, 2), ``(y, x)``.
    repeatability : height of the eighth peak over that of the first; near 1 for a crystal of any orientation.
    contrast : height of the first peak over that of the centre.
    """

    translations_px: Shifts
    repeatability: float
    contrast: float

    @property
    def periodicity(self) -> float:
        """0 for a texture or noise, 1 for a crystal."""
        repeats = (self.repeatability - NOT_PERIODIC) / (PERIODIC - NOT_PERIODIC)
        stands_out = (self.contrast - NOISE) / (PATTERN - NOISE)
        return float(np.clip(repeats, 0, 1) * np.clip(stands_out, 0, 1))


def tiles_of(shape: tuple[int, int]) -> list[list[Tile]]:
    """Tiles of about 170 px that cover an image, by rows."""
    sizes = tuple(min(n, TILE_PX + 2 * CONTEXT_PX) for n in shape)
    spans = [_spans(n) for n in shape]

    def window(span: slice, size: int, length: int) -> slice:
        start = min(max((span.start + span.stop) // 2 - size // 2, 0), length - size)
        return slice(start, start + size)

    return [
        [
            Tile(
                rows=rows,
                cols=cols,
                window=(window(rows, sizes[0], shape[0]), window(cols, sizes[1], shape[1])),
                place=(i, j),
            )
            for j, cols in enumerate(spans[1])
        ]
        for i, rows in enumerate(spans[0])
    ]


def patterns_of(smooth: FloatImage, tiles: list[list[Tile]], most: int) -> list[list[Pattern]]:
    """How each tile repeats; at most `most` translations each."""
    flat = flattened(smooth)
    return [[pattern_of(c, most) for c in autocorrelations(np.stack([flat[t.window] for t in row]))] for row in tiles]


def flattened(smooth: FloatImage) -> FloatImage:
    """An image without its slow changes of brightness."""
    from scipy import ndimage

    flat: FloatImage = smooth - ndimage.uniform_filter(smooth, BACKGROUND_PX)
    return flat


def looks_periodic(scaled: FloatImage) -> bool:
    """A first guess from the middle of an image."""
    side = TILE_PX + 2 * CONTEXT_PX
    middle = scaled[tuple(slice(max(0, n // 2 - side // 2), n // 2 + side // 2) for n in scaled.shape)]
    tiles = tiles_of(middle.shape)
    return patterns_of(middle, [[tiles[len(tiles) // 2][len(tiles[0]) // 2]]], 1)[0][0].periodicity == 1


def periodicity_map(patterns: list[list[Pattern]], shape: tuple[int, int]) -> FloatImage:
    """Periodicity of each pixel, shape (rows, cols), in [0, 1]; a tile with two grains counts as its neighbours do."""
    from scipy import ndimage

    grid = np.array([[pattern.periodicity for pattern in row] for row in patterns])
    grid = ndimage.maximum_filter(grid, 3, mode="nearest")
    if np.ptp(grid) == 0:
        return np.full(shape, grid[0, 0], np.float32)
    factors = [n / m for n, m in zip(shape, grid.shape, strict=True)]
    zoomed: FloatImage = ndimage.zoom(grid, factors, order=1, grid_mode=True, mode="nearest").astype(np.float32)
    return zoomed


def _spans(length: int) -> list[slice]:
    """Alike from both ends, and of whole blocks, so that a mirrored image is cut as its mirror image."""
    n_tiles = max(1, round(length / TILE_PX))
    before_middle = [BLOCK_PX * round(length * k / n_tiles / BLOCK_PX) for k in range((n_tiles + 1) // 2)]
    middle = [] if n_tiles % 2 else [length // 2]
    edges = [*before_middle, *middle, *(length - edge for edge in reversed(before_middle))]
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


@lru_cache(maxsize=4)
def _taper(shape: tuple[int, int]) -> tuple[FloatImage, FloatImage]:
    """A Hann window, and its own autocorrelation, by which that of what it tapers is divided."""
    from scipy import fft

    taper = np.outer(*(np.hanning(n + 2)[1:-1] for n in shape)).astype(np.float32)
    quick = _quick_lengths(shape)
    overlap = fft.irfft2(np.abs(fft.rfft2(taper, quick)) ** 2, quick).astype(np.float32)
    return taper, overlap


def _quick_lengths(shape: tuple[int, ...]) -> tuple[int, int]:
    """Of a Fourier transform; 298 px, a usual window, take five times as long as 300."""
    from scipy import fft

    return (fft.next_fast_len(shape[0], real=True), fft.next_fast_len(shape[1], real=True))


def autocorrelations(windows: npt.NDArray[np.float32]) -> Iterator[FloatImage]:
    """Autocorrelation of each window, of `flattened` images, from ``-reach`` to ``reach`` along both axes."""
    from scipy import fft

    shape = windows.shape[1:]
    taper, overlap = _taper(shape)
    centred = windows - (windows * taper).mean(axis=(1, 2), keepdims=True) / taper.mean()
    quick = _quick_lengths(shape)
    spectrum = fft.rfft2(centred * taper, quick, axes=(1, 2))
    power = spectrum.real**2 + spectrum.imag**2
    reach = min(shape) // REACH
    near = np.arange(-reach, reach + 1)
    around = np.ix_(near, near)
    correlations = fft.irfft2(power, quick, axes=(1, 2))[:, *around]
    yield from correlations / np.maximum(overlap[around], 1e-3 * overlap.max())


def pattern_of(correlation: FloatImage, most: int) -> Pattern:
    """Peaks of an autocorrelation in one half plane, to a fraction of a pixel; at most `most` translations."""
    from scipy import ndimage

    nothing = Pattern(translations_px=np.zeros((0, 2)), repeatability=0.0, contrast=0.0)
    reach = correlation.shape[0] // 2
    if reach <= NEAREST_PX:
        return nothing
    below = max(0, reach - PEAK_PX // 2)  # the other half plane mirrors this one
    half = correlation[below:]
    y, x = np.nonzero(half == ndimage.maximum_filter(half, PEAK_PX))
    y += below
    dy, dx = y - reach, x - reach
    inside = (np.abs(dy) < reach) & (np.abs(dx) < reach)
    kept = inside & (np.hypot(dy, dx) >= NEAREST_PX) & ((dy > 0) | ((dy == 0) & (dx > 0)))
    y, x = y[kept], x[kept]
    heights = correlation[y, x]
    if len(heights) == 0 or heights.max() <= 0:
        return nothing
    ranked = np.sort(heights)[::-1]
    repeatability = float(ranked[REPEATS - 1] / ranked[0]) if len(ranked) >= REPEATS else 0.0
    strong = heights > LEAST_PEAK * ranked[0]
    y, x = y[strong], x[strong]
    middle = correlation[y, x]
    found = np.stack(
        [
            y - reach + _vertex(correlation[y - 1, x], middle, correlation[y + 1, x]),
            x - reach + _vertex(correlation[y, x - 1], middle, correlation[y, x + 1]),
        ],
        axis=1,
    )
    nearest = np.argsort(np.hypot(*found.T), kind="stable")[:most]
    return Pattern(
        translations_px=found[nearest],
        repeatability=repeatability,
        contrast=float(ranked[0] / correlation[reach, reach]),
    )


def _vertex(before: FloatImage, middle: FloatImage, after: FloatImage) -> Shifts:
    """Offset of the top of the parabola through three neighbours, within half a pixel."""
    curvature = (before - 2 * middle + after).astype(np.float64)
    bent = curvature < 0
    offset = np.where(bent, 0.5 * (before - after) / np.where(bent, curvature, -1.0), 0.0)
    clipped: Shifts = np.clip(offset, -0.5, 0.5)
    return clipped
