"""Move regions onto what they are for: a score map says where to look only to within a patch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.records.coordinates import YX
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.regions import ScanRegion
from deepscan_core.regions.segmentation import Segment, segment_regions

WELL_INSIDE = 0.75
SHARP_HALO_SHARE = 0.1  # in a sharp map a halo is faint beside its spot
HALO_SIZES = 2.0  # how many region sizes around an object its halo in the map reaches


def centre_on_objects(
    array: npt.NDArray[Any], regions: Sequence[ScanRegion], score_map: ScoreMap
) -> tuple[ScanRegion, ...]:
    """Centre each region on its object, to the nearest pixel, where there is exactly one that fits inside.

    Regions with no object, with several (a lattice), or with one that runs out of them (a crack) stay where they are, and
    so does a region that would leave the frame, lose the place with its highest score, or come to overlap one with an
    object of its own. A region without an object that lies in the halo of a spot was planned for that spot and is left out;
    where the map is blurred, so is one that comes to be overlapped.

    Parameters
    ----------
    array : the image, ndarray of shape (rows, cols).
    regions : disjoint, best first.
    score_map : they were chosen from.
    """
    is_blurred = score_map.blur_px > 0
    found: dict[int, list[Segment]] = {}
    for segment in segment_regions(array, regions):
        found.setdefault(segment.region, []).append(segment)
    moved = dict(enumerate(regions))
    for index in sorted(found):
        center = _only_center(found[index], regions[index])
        if center is None:
            continue
        candidate = replace(regions[index], center_px=_whole_pixels(center, regions[index].size_px))
        touched = [k for k, other in moved.items() if k != index and overlap(candidate, other)]
        if not is_blurred and (touched or not _holds_peak(candidate, regions[index], score_map)):
            continue
        if _inside(candidate, array.shape) and not any(k in found for k in touched):
            moved[index] = candidate
            for k in touched:
                del moved[k]
    share = 1.0 if is_blurred else SHARP_HALO_SHARE
    halos = [k for k in moved if k not in found and _is_halo(k, moved, found, share)]
    return tuple(region for k, region in moved.items() if k not in halos)


def _holds_peak(candidate: ScanRegion, planned: ScanRegion, score_map: ScoreMap) -> bool:
    """Whether the highest score of the region as planned lies in the middle three quarters of it as moved."""
    window = planned.slices(score_map.shape)
    scores = score_map.values[window]
    peak = np.add(np.unravel_index(int(scores.argmax()), scores.shape), [span.start for span in window])
    away = np.abs(peak - np.array(candidate.center_px))
    return bool((away <= WELL_INSIDE * np.array(candidate.size_px) / 2).all())


def _is_halo(index: int, regions: dict[int, ScanRegion], found: dict[int, list[Segment]], share: float) -> bool:
    """Whether a region without an object owes its score to a better one nearby that has one.

    A map spreads a spot over about a patch and what a network sees around it. A region that holds part of an object found
    at another one, as along a crack, is no halo.
    """
    region = regions[index]
    if any(_touches(region, segment) for segments in found.values() for segment in segments):
        return False
    return any(
        share * other.score > region.score
        and all(
            abs(a - b) <= HALO_SIZES * size
            for a, b, size in zip(other.center_px, region.center_px, region.size_px, strict=True)
        )
        for k, other in regions.items()
        if k in found
    )


def _touches(region: ScanRegion, segment: Segment) -> bool:
    top, left, bottom, right = region.bounds_px
    spans = zip((top, left), (bottom, right), segment.window, strict=True)
    inner = tuple(
        slice(max(0, math.floor(low) + 1 - window.start), max(0, math.ceil(high) - window.start))
        for low, high, window in spans
    )
    return bool(segment.mask[inner].any())


def overlap(one: ScanRegion, other: ScanRegion) -> bool:
    """Whether two regions share any area."""
    (top, left, bottom, right), (up, west, down, east) = one.bounds_px, other.bounds_px
    return top < down and up < bottom and left < east and west < right


def _only_center(segments: list[Segment], region: ScanRegion) -> YX | None:
    if len(segments) != 1 or segments[0].is_open:
        return None
    rows, cols = np.nonzero(segments[0].mask)
    if np.ptp(rows) >= region.size_px[0] or np.ptp(cols) >= region.size_px[1]:
        return None
    window = segments[0].window
    return (float(rows.mean()) + window[0].start, float(cols.mean()) + window[1].start)


def _whole_pixels(center: YX, size: YX) -> YX:
    """The centre nearest to `center` at which the region's edges lie between pixels."""
    y, x = (round(c - (s - 1) / 2) + (s - 1) / 2 for c, s in zip(center, size, strict=True))
    return (y, x)


def _inside(region: ScanRegion, shape: tuple[int, ...]) -> bool:
    top, left, bottom, right = region.bounds_px
    return top >= -0.5 and left >= -0.5 and bottom <= shape[0] - 0.5 and right <= shape[1] - 0.5
