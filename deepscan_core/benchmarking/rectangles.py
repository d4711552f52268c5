"""From a map, or from a strategy's own rectangles, to what is visited within a budget of area."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepscan_core.benchmarking.rivals.base import Rectangle
from deepscan_core.benchmarking.rivals.limits import oracle_over_mask
from deepscan_core.benchmarking.scene import BoolArray, FloatArray, Scene
from deepscan_core.errors import InputError
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.regions import ScanRegion
from deepscan_core.regions.selection import Selection, select_regions


def rectangles_of_map(values: npt.NDArray[np.floating], scene: Scene, area_fraction: float) -> list[Rectangle]:
    """The selector that all rivals share: disjoint squares over the highest scores, best first.

    Parameters
    ----------
    values : shape of the preview, higher = scan first.
    scene : gives the side of the squares, and the seed by which ties are broken.
    area_fraction : squares cover no more than this.

    Returns
    -------
    Rectangles; none where the map is the same everywhere, and none on its lowest value.

    Raises
    ------
    InputError
        A map of another shape, or one that is not finite.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.shape != scene.preview.shape:
        raise InputError(f"{scene.name}: a map of shape {values.shape} for a preview of {scene.preview.shape}")
    if not np.isfinite(values).all():
        raise InputError(f"{scene.name}: the map holds NaN or infinity: give finite scores")
    above = values - values.min()
    highest = float(above.max())
    if highest <= 0:
        return []
    scores = _without_ties((above / highest).astype(np.float32), np.random.default_rng([scene.seed, 11]))
    selection = Selection(size_px=(scene.region_px, scene.region_px), area_fraction=area_fraction)
    return [rectangle_of(region) for region in select_regions(ScoreMap(scores, kind="similarity"), selection)]


def _without_ties(scores: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """The same scores, those alike moved apart by as little as can be, in random order; zeros stay.

    The selector takes the first of several best pixels, so that ties would all go to one corner.
    """
    flat = scores.ravel().copy()
    above = np.flatnonzero(flat > 0)
    bits = flat[above].view(np.int32).astype(np.int64)  # floats above zero are ordered like their bits
    order = np.lexsort((rng.random(len(above)), bits))
    steps = np.arange(len(above))
    apart = np.maximum.accumulate(bits[order] - steps) + steps
    flat[above[order]] = apart.astype(np.int32).view(np.float32)
    return flat.reshape(scores.shape)


def rectangle_of(region: ScanRegion) -> Rectangle:
    """A region whose edges lie between pixels, as whole pixels."""
    top, left, bottom, right = (round(edge + 0.5) for edge in region.bounds_px)
    return (top, left, bottom - top, right - left)


def check_rectangles(rectangles: Sequence[Rectangle], scene: Scene) -> None:
    """Raise `InputError` for a rectangle outside the frame or smaller than a region."""
    rows, cols = scene.preview.shape
    for top, left, height, width in rectangles:
        if min(height, width) < scene.region_px:
            raise InputError(f"a rectangle of {height} x {width} px: the least side is {scene.region_px} px")
        if top < 0 or left < 0 or top + height > rows or left + width > cols:
            raise InputError(f"rectangle {(top, left, height, width)} leaves the frame of {rows} x {cols} px")


def union_areas(rectangles: Sequence[Rectangle], shape: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Pixels in the union of the first 1, 2, 3 … rectangles, shape (n,)."""
    covered = np.zeros(shape, bool)
    areas = np.zeros(len(rectangles), np.int64)
    total = 0
    for number, box in enumerate(map(slices, rectangles)):
        total += int(covered[box].size - covered[box].sum())
        covered[box] = True
        areas[number] = total
    return areas


def slices(rectangle: Rectangle) -> tuple[slice, slice]:
    """A rectangle as an index."""
    top, left, height, width = rectangle
    return (slice(top, top + height), slice(left, left + width))


def covered_by(rectangles: Sequence[Rectangle], shape: tuple[int, int]) -> BoolArray:
    """Their union, shape (rows, cols)."""
    covered = np.zeros(shape, bool)
    for box in map(slices, rectangles):
        covered[box] = True
    return covered


def holds(rectangle: Rectangle, points_px: FloatArray) -> BoolArray:
    """Which points ``(y, x)`` lie in a rectangle, shape (n,); pixels reach half a pixel around their index."""
    top, left, height, width = rectangle
    y, x = points_px[:, 0] + 0.5, points_px[:, 1] + 0.5
    inside: BoolArray = (y >= top) & (y < top + height) & (x >= left) & (x < left + width)
    return inside


def best_cover(mask: BoolArray, side_px: int, count: int) -> npt.NDArray[np.int64]:
    """Truth pixels that the oracle holds with 1, 2, … `count` squares, shape (count,)."""
    rest = mask.copy()
    held = np.full(count, int(mask.sum()), np.int64)  # once all is covered, more squares hold no more
    for number, box in enumerate(map(slices, oracle_over_mask(mask, side_px)[:count])):
        rest[box] = False
        held[number] -= int(rest.sum())
    return held
