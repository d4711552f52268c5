"""How much a place has had when rectangles were exposed over each other, and how far they are from each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepscan_core.records.coordinates import SamplingGrid

FloatArray = npt.NDArray[np.float64]
Exposure = tuple[SamplingGrid, float]  # a rectangle and its dose in e/nm²
_SHRINK = 1 - 1e-6  # rectangles that share an edge do not overlap
_EDGE = 1 - 1e-7


def highest_dose(within: SamplingGrid, exposures: Sequence[Exposure]) -> float:
    """The highest sum of doses at any place of a rectangle.

    Notes
    -----
    The rectangles of an overlap meet in a convex polygon whose corners are corners of rectangles or crossings of their
    edges. So the sum is taken at all of these, and no place can have more. An exposure counts as even in its rectangle.
    """
    near = [(within, 0.0), *overlapping(within, exposures)]
    corners = np.array([_corners(grid) for grid, _ in near])
    edges = np.stack([corners, np.roll(corners, -1, axis=1)], axis=2).reshape(-1, 2, 2)
    places = np.concatenate([corners.reshape(-1, 2), _crossings(edges)])
    places = places[_inside(within, places)]
    total = np.zeros(len(places))
    for grid, dose in near:
        total += dose * _inside(grid, places)
    return float(total.max(initial=0.0))


def overlapping(within: SamplingGrid, exposures: Sequence[Exposure]) -> list[Exposure]:
    """Those exposures that may overlap a rectangle."""
    return [(grid, dose) for grid, dose in exposures if _distance_nm(grid, within) <= 0]


def gap_nm(one: SamplingGrid, other: SamplingGrid) -> float:
    """The distance between two rectangles, edge to edge; 0 where they overlap.

    Between convex polygons that do not overlap it is that of a corner of one from an edge of the other.
    """
    if highest_dose(one, [(one, 1.0), (other, 1.0)]) > 1:
        return 0.0
    corners = [np.array(_corners(grid)) for grid in (one, other)]
    return min(_from_edges(corners[0], corners[1]), _from_edges(corners[1], corners[0]))


def _from_edges(places: FloatArray, polygon: FloatArray) -> float:
    start, along = polygon, np.roll(polygon, -1, axis=0) - polygon
    to = places[:, None] - start[None]
    t = np.clip((to * along).sum(axis=2) / (along**2).sum(axis=1), 0.0, 1.0)
    return float(np.hypot(*np.moveaxis(to - t[..., None] * along, -1, 0)).min())


def _corners(grid: SamplingGrid) -> list[tuple[float, float]]:
    top, bottom = (0.5 - _SHRINK / 2) * grid.rows - 0.5, (0.5 + _SHRINK / 2) * grid.rows - 0.5
    left, right = (0.5 - _SHRINK / 2) * grid.cols - 0.5, (0.5 + _SHRINK / 2) * grid.cols - 0.5
    return [grid.plane_nm(index) for index in ((top, left), (top, right), (bottom, right), (bottom, left))]


def _distance_nm(one: SamplingGrid, other: SamplingGrid) -> float:
    """Between the circles around two rectangles; not above zero where they may overlap."""
    apart = np.hypot(one.center_y_nm - other.center_y_nm, one.center_x_nm - other.center_x_nm)
    reach = np.hypot(one.height_nm, one.width_nm) / 2 + np.hypot(other.height_nm, other.width_nm) / 2
    return float(apart - reach)


def _crossings(edges: FloatArray) -> FloatArray:
    """Where edges cross: ndarray of shape (n, 2) from edges of shape (m, 2 ends, 2)."""
    start, along = edges[:, 0], edges[:, 1] - edges[:, 0]
    between = start[None, :] - start[:, None]
    turn = along[:, None, 0] * along[None, :, 1] - along[:, None, 1] * along[None, :, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (between[..., 0] * along[None, :, 1] - between[..., 1] * along[None, :, 0]) / turn
        u = (between[..., 0] * along[:, None, 1] - between[..., 1] * along[:, None, 0]) / turn
    meets = np.isfinite(t) & np.isfinite(u) & (t >= 0) & (t <= 1) & (u >= 0) & (u <= 1)
    first = np.nonzero(meets)[0]
    points: FloatArray = start[first] + t[meets][:, None] * along[first]
    return points


def _inside(grid: SamplingGrid, places: FloatArray) -> npt.NDArray[np.bool_]:
    rows, cols = grid.indices_px(places[:, 0], places[:, 1])
    inside: npt.NDArray[np.bool_] = (np.abs(rows - (grid.rows - 1) / 2) <= grid.rows / 2 * _EDGE) & (
        np.abs(cols - (grid.cols - 1) / 2) <= grid.cols / 2 * _EDGE
    )
    return inside
