"""From a map to the regions that are worth a visit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX, check_finite, check_positive
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.regions import ScanRegion
from deepscan_core.regions.centring import centre_on_objects
from deepscan_core.regions.selection import Selection, select_regions
from deepscan_core.scoring.calibration import level_for_false_regions, level_for_false_share

DEFAULT_REGION_SHARE = 1 / 16  # of the shorter side of the image
SMALLEST_DEFAULT_REGION_PX = 8
SPOT_REACH = 3  # standard deviations, as far as the filter for spots reaches
ROUNDS = 4  # of looking for better places than the halos of spots


@dataclass(frozen=True, kw_only=True)
class RegionRules:
    """Which places of a map are worth a visit, and how large a region is; for the attributes see `Study.regions`."""

    area_fraction: float | None = None
    expected_false_regions: float | None = None
    false_share: float | None = None
    level: float | None = None
    region_size_px: float | YX | None = None
    region_size_nm: float | YX | None = None


def choose_regions(image: CalibratedImage, score_map: ScoreMap, rules: RegionRules) -> tuple[ScanRegion, ...]:
    """See `Study.regions`, also for what is raised."""
    if score_map.shape != image.shape:
        raise InputError(f"the map has {score_map.shape} px, the image {image.shape}: give a map of this image")
    size_px = _region_size_px(image, rules, score_map.spot_px)
    level = _level(score_map, rules)
    if level == math.inf:
        return ()
    found = _select(image, score_map, Selection(size_px=size_px, area_fraction=rules.area_fraction, level=level))
    context = image.context()
    if not context.is_calibrated:
        return found
    return tuple(
        replace(r, center_nm=context.nm_from_px(r.center_px), size_nm=context.size_nm_from_px(r.size_px)) for r in found
    )


def _level(score_map: ScoreMap, rules: RegionRules) -> float | None:
    """The highest of the levels that are asked for."""
    for name in ("expected_false_regions", "false_share"):
        if getattr(rules, name) is not None and score_map.kind != "surprisal":
            raise InputError(f"{name} needs a surprisal map, not {score_map.kind}: use area_fraction")
    levels = [] if rules.level is None else [rules.level]
    if score_map.kind == "similarity":
        levels.append(0.0)  # below, something else explains a place better than the words do
    if rules.expected_false_regions is not None:
        levels.append(level_for_false_regions(rules.expected_false_regions, score_map.shape))
    if rules.false_share is not None:
        levels.append(level_for_false_share(score_map.values, rules.false_share))
    return max(levels) if levels else None


def _select(image: CalibratedImage, score_map: ScoreMap, selection: Selection) -> tuple[ScanRegion, ...]:
    """Select and centre; what was planned for a halo is planned elsewhere, as far as the area allows."""
    blocked = np.zeros(score_map.shape, bool)
    for _ in range(ROUNDS):
        selected = select_regions(score_map, selection, blocked=blocked)
        centred = centre_on_objects(image.array, selected, score_map)
        if len(centred) == len(selected) or selection.area_fraction is None:
            break
        kept = {region.score for region in centred}
        for region in selected:
            if region.score not in kept:
                blocked[region.slices(score_map.shape)] = True
    return centred


def _region_size_px(image: CalibratedImage, rules: RegionRules, spot_px: float) -> tuple[int, int]:
    if rules.region_size_px is not None and rules.region_size_nm is not None:
        raise InputError("a region size was given in px and in nm: give one of them")
    if rules.region_size_nm is not None:
        pitch = image.context().pixel_size_nm
        wanted = tuple(s / p for s, p in zip(_pair(rules.region_size_nm), pitch, strict=True))
    elif rules.region_size_px is not None:
        wanted = _pair(rules.region_size_px)
    else:
        share = round(min(image.shape) * DEFAULT_REGION_SHARE)
        side = max(SMALLEST_DEFAULT_REGION_PX, 2 * math.ceil(SPOT_REACH * spot_px) + 1 if spot_px else share)
        wanted = (side, side)
    check_positive("region size", *wanted)
    return (max(1, round(wanted[0])), max(1, round(wanted[1])))


def _pair(size: float | YX) -> YX:
    pair = size if isinstance(size, tuple | list) else (size, size)
    if len(pair) != 2:
        raise InputError(f"size {size!r}: give one number or (height, width)")
    check_finite("region size", *pair)
    return (float(pair[0]), float(pair[1]))
