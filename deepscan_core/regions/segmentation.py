"""Find the objects of the image itself at the planned regions, at pixel resolution.

Around a region a window is grown until what stands out in it closes: a region may be smaller than the object it was
planned for. Inside a window the bulk is the background; what stands out by several times its spread, brighter or darker,
is an object, and its outline is where the image passes half way between background and object.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.records.regions import ScanRegion

FIRST_WINDOW = 1.5  # times the region
WINDOW_GROWTH = 1.6
SMALLEST_REACH_PX = 256  # windows grow at least this far, or eight times the region
SPREADS = 5.0  # how far an object stands out, in robust standard deviations of the smoothed background
SMALLEST_OBJECT_PX = 6
SMOOTHING_PX = 1.0
TOP_PERCENTILE = 95
PLATEAU_SHARE = 0.75
MIN_SIGMA_PX, MAX_SIGMA_PX = 0.4, 2.0
EDGE_PX, AROUND_PX = 2, 6  # how far outside an object its edge, and its surroundings, reach
QUIET_SHARE = 0.15  # noise that is a smaller share of an object's contrast does not move its outline

Window = tuple[slice, slice]
FloatImage = npt.NDArray[np.float32]
BoolImage = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False, kw_only=True)
class Segment:
    """One object.

    Attributes
    ----------
    window : where its mask lies in the image.
    mask : bool ndarray of the window's shape.
    region : index of the region that led to it.
    is_open : whether it runs out of the window that was searched.
    """

    window: Window
    mask: BoolImage
    region: int
    is_open: bool


def segment_regions(array: npt.NDArray[Any], regions: Sequence[ScanRegion]) -> list[Segment]:
    """Objects that lie at least partly inside the regions, each once, whole where that is possible.

    Parameters
    ----------
    array : ndarray of shape (rows, cols); NaN is taken as the median.
    regions : see `ScanRegion`; nothing is found in those beside the image.

    Notes
    -----
    Assumes that within some window around it an object covers less than half. Two objects that touch are one. Objects
    below 6 px, or standing out by less than 5 times the background's spread after smoothing over a pixel, are not found.
    """
    values = _centred(array)
    taken = np.zeros(values.shape, bool)
    found: list[Segment] = []
    for index, region in enumerate(regions):
        for segment in _segments_at(values, region, index):
            if not taken[segment.window][segment.mask].any():
                taken[segment.window] |= segment.mask
                found.append(segment)
    return found


def _centred(array: npt.NDArray[Any]) -> FloatImage:
    """The image less its median, in units of its range: float32 then keeps small contrasts on a high ground."""
    values = array.astype(np.float64)
    finite = np.isfinite(values)
    middle = float(np.median(values[finite]))
    values = np.where(finite, values, middle)
    reach = float(np.abs(values / 2 - middle / 2).max()) or 1.0  # halves, whose difference cannot overflow
    return ((values / 2 - middle / 2) / reach).astype(np.float32)


def _segments_at(values: FloatImage, region: ScanRegion, index: int) -> list[Segment]:
    """Grow the window until everything that touches the region closes in it."""
    core = region.slices((values.shape[0], values.shape[1]))
    if any(side.start >= side.stop for side in core):
        return []
    reach_px = max(SMALLEST_REACH_PX, 8 * max(region.size_px))
    best: list[Segment] = []
    factor = FIRST_WINDOW
    while True:
        window = _window(region, factor, values.shape)
        segments = [
            Segment(window=window, mask=mask, region=index, is_open=_runs_out(mask, window, values.shape))
            for mask in _objects(values, window, core)
        ]
        closed = [s for s in segments if not s.is_open]
        if segments and len(closed) == len(segments):
            return closed
        if not best or len(closed) > sum(not s.is_open for s in best):
            best = segments
        whole = all(w.start == 0 and w.stop == n for w, n in zip(window, values.shape, strict=True))
        if whole or factor * max(region.size_px) >= reach_px:
            return best
        factor *= WINDOW_GROWTH


def _window(region: ScanRegion, factor: float, shape: tuple[int, ...]) -> Window:
    spans = []
    for center, size, n in zip(region.center_px, region.size_px, shape, strict=True):
        half = factor * size / 2
        spans.append(slice(max(0, int(center - half)), min(n, int(np.ceil(center + half)) + 1)))
    return (spans[0], spans[1])


def _objects(values: FloatImage, window: Window, core: Window) -> list[BoolImage]:
    """Masks, in the window, of what stands out in it and touches the core."""
    from scipy import ndimage

    local = values[window]
    smooth = ndimage.gaussian_filter(local, SMOOTHING_PX, mode="nearest")
    middle = float(np.median(smooth))
    spread = 1.4826 * float(np.median(np.abs(smooth - middle)))
    if spread <= 0:  # a flat, noiseless background
        spread = 1e-6 * (float(np.ptp(smooth)) or 1.0)
    inside = tuple(slice(c.start - w.start, c.stop - w.start) for c, w in zip(core, window, strict=True))
    masks = []
    for polarity in (1.0, -1.0):
        stands_out = polarity * (smooth - middle) > SPREADS * spread
        if not stands_out[inside].any():
            continue
        labels, _ = ndimage.label(stands_out, np.ones((3, 3)))
        in_core = np.unique(labels[inside])
        contrast = _Contrast(polarity * (local - middle))
        for label in in_core[in_core > 0]:
            mask = _outline(contrast, labels == label)
            if mask.sum() >= SMALLEST_OBJECT_PX and mask[inside].any():
                masks.append(mask)
    return _without_repeats(masks)


class _Contrast:
    """What stands out in a window, its noise, and what it looks like once smoothed, worked out when it is wanted."""

    def __init__(self, values: FloatImage) -> None:
        self.values = values

    @cached_property
    def noise(self) -> float:
        """Standard deviation of the pixel noise, from differences of neighbours, which cancel what is smooth."""
        differences = np.diff(self.values, axis=1)
        return 1.4826 * float(np.median(np.abs(differences))) / math.sqrt(2)

    @cached_property
    def smooth(self) -> FloatImage:
        """Over a pixel."""
        return self.smoothed(SMOOTHING_PX)

    def smoothed(self, sigma_px: float) -> FloatImage:
        """Over so many pixels."""
        from scipy import ndimage

        found: FloatImage = ndimage.gaussian_filter(self.values, sigma_px, mode="nearest")
        return found


def _outline(contrast: _Contrast, seed: BoolImage) -> BoolImage:
    """The part around `seed` above half of its height, holes filled, with the edge placed to a fraction of a pixel.

    The image is smoothed no more than its noise demands, to find the part; that moves the edges of what is small and
    round, and so the edge is set again by `_settle_edge`.
    """
    from scipy import ndimage

    height = _height(contrast, seed)
    sigma_px = _needed_smoothing(contrast.noise / height) if height > 0 else 0.0
    image = contrast.smoothed(sigma_px) if sigma_px else contrast.values
    mask = _component(image > height / 2, seed)
    if mask.any():
        box = _box_around(mask)  # a window may be a hundred times as large as the object
        filled: BoolImage = ndimage.binary_fill_holes(mask[box])
        mask[box] = _settle_edge(contrast.values[box], image[box], filled)
    return mask


def _box_around(mask: BoolImage) -> Window:
    """The part of a window that holds a mask and its surroundings."""
    spans = []
    for axis, length in enumerate(mask.shape):
        held = np.flatnonzero(mask.any(axis=1 - axis))
        spans.append(slice(max(0, int(held[0]) - AROUND_PX - 1), min(length, int(held[-1]) + AROUND_PX + 2)))
    return (spans[0], spans[1])


def _settle_edge(contrast: FloatImage, image: FloatImage, mask: BoolImage) -> BoolImage:
    """Take from the pixels along the edge as many as their brightness adds up to.

    A pixel that an object covers by a third is a third as bright as its middle, whatever blurs the edge; so the sum over
    the edge, in units of the object's height above its surroundings, is the area there. Counting pixels above half height
    would err by some 5 % for a disc of 10 px, and by more where the image is blurred.
    """
    from scipy import ndimage

    inside = ndimage.binary_erosion(mask)
    edge = ndimage.binary_dilation(mask, iterations=EDGE_PX) & ~inside
    around = ndimage.binary_dilation(mask, iterations=AROUND_PX) & ~ndimage.binary_dilation(mask, iterations=EDGE_PX)
    if not inside.any() or not around.any():
        return mask
    ground = float(np.median(contrast[around]))
    middle = ndimage.binary_erosion(mask, iterations=EDGE_PX)
    height = float(np.median(contrast[middle if middle.sum() >= SMALLEST_OBJECT_PX else inside])) - ground
    if height <= 0:
        return mask
    covered = float(np.clip((contrast[edge] - ground) / height, -0.5, 1.5).sum())
    count = int(np.clip(round(covered), 0, edge.sum()))
    brightest = np.flatnonzero(edge)[np.argsort(-image[edge], kind="stable")[:count]]
    settled: BoolImage = inside.copy()
    settled.flat[brightest] = True
    return _component(settled, inside)


def _height(contrast: _Contrast, seed: BoolImage) -> float:
    """Typical contrast in the middle of an object: the median where the smoothed contrast is near its highest."""
    smooth = contrast.smooth[seed]
    top = np.percentile(smooth, TOP_PERCENTILE)
    return float(np.median(contrast.values[seed][smooth >= PLATEAU_SHARE * top]))


def _needed_smoothing(noise_share: float) -> float:
    """Width in px at which white noise, a share of the contrast, becomes a quiet one: about 1 / (2 sqrt(pi) sigma)."""
    if noise_share <= QUIET_SHARE:
        return 0.0
    return float(np.clip(noise_share / QUIET_SHARE / (2 * math.sqrt(math.pi)), MIN_SIGMA_PX, MAX_SIGMA_PX))


def _component(above: BoolImage, seed: BoolImage) -> BoolImage:
    """The connected part of `above` that shares most pixels with `seed`."""
    from scipy import ndimage

    labels, _ = ndimage.label(above)
    shared = np.bincount(labels[seed & above], minlength=1)
    shared[0] = 0
    if not shared.any():
        return np.zeros(above.shape, bool)
    part: BoolImage = labels == int(shared.argmax())
    return part


def _without_repeats(masks: list[BoolImage]) -> list[BoolImage]:
    kept: list[BoolImage] = []
    for mask in sorted(masks, key=lambda m: -int(m.sum())):
        if not any((mask & other).any() for other in kept):
            kept.append(mask)
    return kept


def _runs_out(mask: BoolImage, window: Window, shape: tuple[int, ...]) -> bool:
    """Whether the mask touches a side of the window that is not a side of the image."""
    (top, bottom), (left, right) = ((w.start > 0, w.stop < n) for w, n in zip(window, shape, strict=True))
    return bool(
        (top and mask[0].any())
        or (bottom and mask[-1].any())
        or (left and mask[:, 0].any())
        or (right and mask[:, -1].any())
    )
