"""The limits: an observer who knows the specimen but not where its defects are, and an oracle who knows where they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepscan_core.benchmarking.rivals.base import Map, Rectangle
from deepscan_core.benchmarking.scene import BoolArray, FloatArray, Scene
from deepscan_core.errors import InputError
from deepscan_core.simulation.ideal_observer import ideal_observer_map


def ideal_observer(scene: Scene) -> Map:
    """Log-likelihood ratio of the likeliest known defect; raises `InputError` for a real image, which nobody knows."""
    if scene.specimen is None or scene.exposure is None:
        raise InputError(f"{scene.name} has no known specimen: leave the ideal observer out")
    found = ideal_observer_map(scene.specimen, scene.exposure, scene.preview.array)
    return found.astype(np.float64)


def oracle(scene: Scene) -> Sequence[Rectangle]:
    """Squares over the truth, the one that adds most first; none where there is no truth.

    Points and places of the mask count by their share of all points and of the whole mask.
    """
    points = point_counts(scene.points_px, scene.preview.shape)
    area = np.zeros(points.shape) if scene.mask is None else scene.mask.astype(np.float64)
    # Shares times both totals: whole numbers, so that equal places stay equal.
    worth = points * (area.sum() or 1.0) + area * (points.sum() or 1.0)
    return greedy_squares(worth, scene.region_px)


def oracle_over_mask(mask: BoolArray, side_px: int) -> Sequence[Rectangle]:
    """Squares over an area truth, the one that adds most first, until all of it is covered."""
    return greedy_squares(mask.astype(np.float64), side_px)


def point_counts(points_px: FloatArray, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """How many points lie in each pixel, shape (rows, cols); pixel 0 reaches from -0.5 to 0.5."""
    cells = np.clip(np.floor(points_px + 0.5).astype(int), 0, np.array(shape) - 1)
    counts = np.zeros(shape)
    np.add.at(counts, (cells[:, 0], cells[:, 1]), 1.0)
    return counts


def greedy_squares(worth: FloatArray, side_px: int) -> list[Rectangle]:
    """Squares inside the frame that together hold all that is worth anything, always the one that adds most next.

    Parameters
    ----------
    worth : at least 0, shape (rows, cols). What a square has taken is worth nothing to the next.
    side_px : of all squares.

    Notes
    -----
    Greedy covering takes at least 1 - 1/e of what the best choice of as many squares would (Nemhauser, Wolsey and Fisher
    1978, doi:10.1007/BF01588971); for truths further apart than a square it is the best choice. Each square is centred on
    what it adds, as far as the frame and what lies beside it allow.
    """
    left = np.array(worth, float)
    negligible = 1e-9 * float(left.max(initial=0.0))
    sums = _box_sums(left, side_px)
    found: list[Rectangle] = []
    while sums.max() > negligible:
        corner = divmod(int(sums.argmax()), sums.shape[1])
        top, leftmost = _centred(left, sums, (int(corner[0]), int(corner[1])), side_px)
        left[top : top + side_px, leftmost : leftmost + side_px] = 0
        found.append((top, leftmost, side_px, side_px))
        near = tuple(slice(max(0, c - side_px + 1), c + side_px) for c in (top, leftmost))
        around = tuple(
            slice(part.start, min(part.stop, n) + side_px - 1) for part, n in zip(near, sums.shape, strict=True)
        )
        sums[near] = _box_sums(left[around], side_px)
    return found


def _centred(
    left: npt.NDArray[np.float64], sums: npt.NDArray[np.float64], corner: tuple[int, int], side_px: int
) -> tuple[int, int]:
    """The corner that centres the square on what it holds, where that holds as much."""
    held = left[corner[0] : corner[0] + side_px, corner[1] : corner[1] + side_px] > 0
    wanted = []
    for axis, (start, n) in enumerate(zip(corner, sums.shape, strict=True)):
        inside = np.flatnonzero(held.any(axis=1 - axis))
        middle = start + (inside[0] + inside[-1] + 1) / 2
        wanted.append(min(max(int(middle - side_px / 2), 0), n - 1))
    better = (wanted[0], wanted[1])
    return better if sums[better] >= sums[corner] * (1 - 1e-9) else corner


def _box_sums(values: npt.NDArray[np.float64], side_px: int) -> npt.NDArray[np.float64]:
    """Sums over all squares that fit, shape (rows - side + 1, cols - side + 1)."""
    total = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    total[1:, 1:] = values.cumsum(axis=0).cumsum(axis=1)
    s = side_px
    return total[s:, s:] - total[:-s, s:] - total[s:, :-s] + total[:-s, :-s]
