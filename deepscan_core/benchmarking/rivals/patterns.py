"""Rivals that do not look at the preview: raster, random tiles, a dot grid, and a map of white noise.

They must earn nothing: the fraction they capture is the fraction of the area they scan.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepscan_core.benchmarking.rivals.base import Map, Rectangle
from deepscan_core.benchmarking.scene import Scene


def raster_tiles(scene: Scene) -> Sequence[Rectangle]:
    """The whole frame in tiles, row by row."""
    rows, cols = (_edges(n, scene.region_px) for n in scene.preview.shape)
    return [
        (top, left, bottom - top, right - left)
        for top, bottom in itertools.pairwise(rows)
        for left, right in itertools.pairwise(cols)
    ]


def random_tiles(scene: Scene) -> Sequence[Rectangle]:
    """The tiles of the raster in random order."""
    tiles = raster_tiles(scene)
    return [tiles[k] for k in np.random.default_rng([scene.seed, 1]).permutation(len(tiles))]


def dot_grid(scene: Scene) -> Sequence[Rectangle]:
    """The tiles of the raster in the order in which a regular grid of dots becomes denser.

    The order is that of an ordered dither (Bayer 1973, IEEE International Conference on Communications 1, 26-11): every
    prefix of 4^k tiles is a square grid. The grid starts at a random tile, so that no place is preferred.
    """
    n_rows, n_cols = (len(_edges(n, scene.region_px)) - 1 for n in scene.preview.shape)
    order = _bayer(max(n_rows, n_cols))
    shift = np.random.default_rng([scene.seed, 2]).integers(len(order), size=2)
    turn = np.roll(order, tuple(int(s) for s in shift), axis=(0, 1))[:n_rows, :n_cols]
    tiles = raster_tiles(scene)
    return [tiles[k] for k in np.argsort(turn.ravel())]


def speckle(scene: Scene) -> Map:
    """White noise: the finest pattern there is."""
    return np.random.default_rng([scene.seed, 3]).random(scene.preview.shape)


def _edges(length_px: int, side_px: int) -> list[int]:
    """Where tiles begin and end: equal to within a pixel, none narrower than a region, nothing left over."""
    count = max(1, length_px // side_px)
    return [round(length_px * k / count) for k in range(count + 1)]


def _bayer(least_side: int) -> npt.NDArray[np.int64]:
    """Threshold matrix of an ordered dither, side a power of two; a permutation of its places."""
    order = np.zeros((1, 1), np.int64)
    while len(order) < least_side:
        order = np.block([[4 * order, 4 * order + 2], [4 * order + 3, 4 * order + 1]])
    return order
