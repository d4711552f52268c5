"""Measure the objects inside the planned regions, in nm where the image is calibrated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.regions import RegionMeasurement, ScanRegion
from deepscan_core.regions.segmentation import Segment, segment_regions

_PROPERTIES = ("centroid", "area", "equivalent_diameter_area", "major_axis_length", "minor_axis_length", "orientation")


def measure_regions(
    image: CalibratedImage, regions: Sequence[ScanRegion], score_map: ScoreMap
) -> tuple[RegionMeasurement, ...]:
    """Segment the image inside the regions and measure every object (`skimage.measure.regionprops_table`).

    Parameters
    ----------
    image : the pixels as recorded; objects are segmented in these, not in the score map.
    regions : where to look.
    score_map : of the image; an object's score is the highest inside it.
    """
    context = image.context()
    segments = segment_regions(image.array, regions)
    return tuple(
        _measure(number, segment, image, context, score_map) for number, segment in enumerate(segments, start=1)
    )


def _measure(
    number: int, segment: Segment, image: CalibratedImage, context: ScanContext, score_map: ScoreMap
) -> RegionMeasurement:
    in_px = _properties(segment.mask, (1.0, 1.0))
    origin = (segment.window[0].start, segment.window[1].start)
    centroid_px = (in_px["centroid-0"] + origin[0], in_px["centroid-1"] + origin[1])
    in_nm = _properties(segment.mask, context.pixel_size_nm) if context.is_calibrated else None
    centroid_nm = context.nm_from_px(centroid_px) if context.is_calibrated else (None, None)
    pixels = image.array[segment.window][segment.mask].astype(np.float64)
    return RegionMeasurement(
        id=number,
        region=segment.region + 1,
        centroid_y_nm=centroid_nm[0],
        centroid_x_nm=centroid_nm[1],
        area_nm2=in_nm["area"] if in_nm else None,
        equivalent_diameter_nm=in_nm["equivalent_diameter_area"] if in_nm else None,
        major_axis_nm=in_nm["major_axis_length"] if in_nm else None,
        minor_axis_nm=in_nm["minor_axis_length"] if in_nm else None,
        orientation_rad=_from_x_axis((in_nm or in_px)["orientation"]),
        mean_intensity=float(np.nanmean(pixels)),
        score=float(score_map.values[segment.window][segment.mask].max()),
        touches_border=segment.is_open or _at_image_border(segment, image.shape),
        centroid_y_px=centroid_px[0],
        centroid_x_px=centroid_px[1],
        area_px=in_px["area"],
        equivalent_diameter_px=in_px["equivalent_diameter_area"],
        major_axis_px=in_px["major_axis_length"],
        minor_axis_px=in_px["minor_axis_length"],
    )


def _properties(mask: npt.NDArray[np.bool_], spacing: tuple[float, float]) -> dict[str, float]:
    from skimage.measure import regionprops_table

    table: dict[str, Any] = regionprops_table(mask.astype(np.uint8), properties=_PROPERTIES, spacing=spacing)
    return {name: float(column[0]) for name, column in table.items()}


def _from_x_axis(orientation_rad: float) -> float:
    """scikit-image's angle (from the row axis, counter-clockwise) to one from the x axis, counter-clockwise on screen."""
    angle = orientation_rad + math.pi / 2
    return angle - math.pi if angle > math.pi / 2 else angle


def _at_image_border(segment: Segment, shape: tuple[int, int]) -> bool:
    rows, cols = np.nonzero(segment.mask)
    rows, cols = rows + segment.window[0].start, cols + segment.window[1].start
    return bool(rows.min() == 0 or cols.min() == 0 or rows.max() == shape[0] - 1 or cols.max() == shape[1] - 1)
