"""Choose the rectangles to visit: the best first, none twice, all inside the frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX, check_finite
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.regions import ScanRegion

MOST_REGIONS = 10_000
CORE_SHARE = 0.5  # a spot is centred by what stands above half its height
SKIRT_SHARE = 0.1  # of its height: further out than half a region what is left of a spot is faint

FloatImage = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What to select; exactly one of the two rules counts, or both together.

    Attributes
    ----------
    size_px : ``(height, width)`` of every rectangle, whole pixels.
    area_fraction : the rectangles together cover no more than this share of the image, in (0, 1].
    level : no rectangle is placed on a score below this.
    """

    size_px: tuple[int, int]
    area_fraction: float | None = None
    level: float | None = None

    def __post_init__(self) -> None:
        if self.area_fraction is None and self.level is None:
            raise InputError("no threshold was given: give an area fraction or a level")
        if self.area_fraction is not None:
            check_finite("area_fraction", self.area_fraction)
            if not 0 < self.area_fraction <= 1:
                raise InputError(f"area_fraction is {self.area_fraction:g}: give a number above 0 and up to 1")
        if self.level is not None:
            check_finite("level", self.level)


def select_regions(
    score_map: ScoreMap, selection: Selection, *, blocked: npt.NDArray[np.bool_] | None = None
) -> tuple[ScanRegion, ...]:
    """Disjoint rectangles over the highest scores, in order of score.

    Greedy: the highest score not yet covered gets a rectangle, which must hold that pixel, lie inside the frame and
    overlap no earlier one. Among the places allowed it takes the one centred on the spot if that is free, otherwise the
    one that holds most score; so a spot gets one rectangle with itself in the middle, and a crack a chain of rectangles
    edge to edge. The slopes of a spot beside its rectangle do not count as further spots, nor does its faint skirt further
    out. A pixel that no free rectangle can hold any more is left out: it lies between two planned ones.

    Parameters
    ----------
    score_map : shape (rows, cols).
    selection : see `Selection`.
    blocked : pixels that get no rectangle for their own sake, shape (rows, cols).

    Raises
    ------
    InputError
        The rectangle is larger than the image, or larger than the area allowed.
    """
    values = score_map.values.astype(np.float64)
    size = selection.size_px
    most = _most_regions(values.shape, selection)
    floor = float(values.min())
    if selection.level is None and float(values.max()) - floor <= 1e-9:
        return ()  # every place is worth the same: there is nothing to prefer
    level = selection.level if selection.level is not None else floor
    open_to_choice = values.copy() if blocked is None else np.where(blocked, -np.inf, values)
    covered = np.zeros(values.shape, bool)
    weight = np.clip(values - max(floor, _bulk_level(values)), 0, None)
    is_peak = _local_maxima(values, size)
    found: list[ScanRegion] = []
    for place in _falling(open_to_choice, level, selection.level is not None):
        if len(found) == most:
            break
        peak = divmod(int(place), values.shape[1])
        score = float(open_to_choice[peak])
        if score == -np.inf:
            continue
        corner = _place(weight, covered, peak, size)
        if corner is None:
            continue
        box = (slice(corner[0], corner[0] + size[0]), slice(corner[1], corner[1] + size[1]))
        covered[box] = True
        open_to_choice[box] = -np.inf
        for share, reach in ((CORE_SHARE, 0.5), (SKIRT_SHARE, 1.0)):
            beside = (int(reach * n) for n in size)
            around = tuple(slice(max(0, c - b), c + n + b) for c, n, b in zip(corner, size, beside, strict=True))
            slope = (weight[around] < share * weight[peak]) & ~is_peak[around]
            open_to_choice[around][slope] = -np.inf
        found.append(
            ScanRegion(
                center_px=(corner[0] + (size[0] - 1) / 2, corner[1] + (size[1] - 1) / 2),
                size_px=(float(size[0]), float(size[1])),
                score=score,
                label=score_map.label,
            )
        )
    return tuple(found)


def _falling(values: FloatImage, level: float, at_level: bool) -> npt.NDArray[np.intp]:
    """Flat indices of what lies above a level, or at it too, highest first; of those alike the first first."""
    flat = values.ravel()
    above = np.flatnonzero(flat >= level if at_level else flat > level)
    order: npt.NDArray[np.intp] = above[np.argsort(-flat[above], kind="stable")]
    return order


def _most_regions(shape: tuple[int, ...], selection: Selection) -> int:
    (height, width), (rows, cols) = selection.size_px, shape
    if not (1 <= height <= rows and 1 <= width <= cols):
        raise InputError(
            f"regions of {height:g} x {width:g} px do not fit the image of {rows} x {cols} px: ask for less"
        )
    if selection.area_fraction is None:
        return MOST_REGIONS
    most = int(selection.area_fraction * rows * cols / (height * width) + 1e-9)
    if most < 1:
        raise InputError(
            f"one region of {height} x {width} px is more than {selection.area_fraction:g} of the image of "
            f"{rows} x {cols} px: give a larger area fraction or smaller regions"
        )
    return min(most, MOST_REGIONS)


def _bulk_level(values: FloatImage) -> float:
    """The score that most of the image stays below; only what exceeds it draws a rectangle towards itself."""
    return float(np.quantile(values, 0.75))


def _local_maxima(values: FloatImage, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Pixels that are the highest of a rectangle around them."""
    from scipy import ndimage

    window = tuple(max(3, n | 1) for n in size)
    maxima: npt.NDArray[np.bool_] = ndimage.maximum_filter(values, window, mode="nearest") == values
    return maxima


def _place(
    weight: FloatImage, covered: npt.NDArray[np.bool_], peak: tuple[int, int], size: tuple[int, int]
) -> tuple[int, int] | None:
    """Top-left corner of the best free rectangle that holds the peak, or None."""
    low = [max(0, p - s + 1) for p, s in zip(peak, size, strict=True)]
    high = [min(p, n - s) for p, s, n in zip(peak, size, weight.shape, strict=True)]
    window = tuple(slice(a, b + s) for a, b, s in zip(low, high, size, strict=True))
    free = _box_sums(covered[window].astype(np.float64), size) < 0.5
    if not free.any():
        return None
    wanted = _centred_corner(weight, peak, size, low, high)
    if free[wanted[0] - low[0], wanted[1] - low[1]]:
        return wanted
    held = _box_sums(np.where(covered[window], 0.0, weight[window]), size)
    away = np.hypot(*np.ogrid[tuple(slice(a - w, b - w + 1) for a, b, w in zip(low, high, wanted, strict=True))])
    worth = np.where(free, held / (held.max() or 1.0) - 1e-3 * away / max(size), -np.inf)
    row, col = divmod(int(worth.argmax()), worth.shape[1])
    return (low[0] + row, low[1] + col)


def _centred_corner(
    weight: FloatImage, peak: tuple[int, int], size: tuple[int, int], low: list[int], high: list[int]
) -> tuple[int, int]:
    """Corner of the rectangle around the centroid of the spot, kept inside the frame and around the peak."""
    center = _spot_center(weight, peak, size)
    corner = [round(c - (s - 1) / 2) for c, s in zip(center, size, strict=True)]
    return (min(max(corner[0], low[0]), high[0]), min(max(corner[1], low[1]), high[1]))


def _spot_center(weight: FloatImage, peak: tuple[int, int], size: tuple[int, int]) -> YX:
    """Centroid of the half-height part of the spot, within one region size of its peak."""
    from scipy import ndimage

    window = tuple(slice(max(0, p - s // 2), p + s // 2 + 1) for p, s in zip(peak, size, strict=True))
    offset = [w.start for w in window]
    local = weight[window]
    above = local >= CORE_SHARE * weight[peak]
    labels, _ = ndimage.label(above)
    core = np.where(labels == labels[peak[0] - offset[0], peak[1] - offset[1]], local, 0.0)
    if core.sum() <= 0:
        return (float(peak[0]), float(peak[1]))
    y, x = ndimage.center_of_mass(core)
    return (float(y) + offset[0], float(x) + offset[1])


def _box_sums(values: FloatImage, size: tuple[int, int]) -> FloatImage:
    """Sums over all boxes of a size that fit, shape (rows - height + 1, cols - width + 1)."""
    total = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    total[1:, 1:] = values.cumsum(axis=0).cumsum(axis=1)
    height, width = size
    return total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
