"""The gallery: every region of the plan as the preview shows it, beside what was acquired there."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.protocol import ScanStep
from deepscan_core.reporting.drawing import Plate, regions_are_steps, step_box
from deepscan_core.reporting.raster import (
    RGB,
    data_uri,
    display_levels,
    grey_between,
    grey_preview,
    png_bytes,
    scale_bar_units,
)
from deepscan_core.reporting.report_data import ReportData
from deepscan_core.reporting.sections import degrees, doses
from deepscan_core.reporting.why import why_view
from deepscan_core.reporting.wording import MISSING, extent, number, plural, short

CARDS_SHOWN = 400
CROP_PIXELS = 1_500_000  # all crops together
TILE_PIXELS = 2_500_000  # all tiles together
PICTURE_SIDE_PX = 480
PIXELATED_BELOW_PX = 64  # smaller pictures are shown pixel by pixel
BAR_SHARE = 0.4


def gallery_view(data: ReportData, plate: Plate) -> dict[str, Any]:
    """The cards in visiting order, and the frames that belong to no step."""
    steps = data.protocol.steps[:CARDS_SHOWN]
    of_step: dict[int, list[ScanFrame]] = {}
    others = []
    for tile in data.tiles:
        if tile.step is None:
            others.append(tile)
        else:
            of_step.setdefault(tile.step.order, []).append(tile)
    shown = sum(len(of_step.get(step.order, ())) for step in steps) + len(others[:CARDS_SHOWN])
    crop_side_px, tile_side_px = _side_px(CROP_PIXELS, len(steps)), _side_px(TILE_PIXELS, shown)
    levels = display_levels(data.image.array)
    objects = _objects_of(data)
    unit = {"surprisal": " nats"}.get(data.score_map.kind, "")
    return {
        "total": len(data.protocol.steps),
        "others": [_tile_view(tile, tile_side_px) for tile in others[:CARDS_SHOWN]],
        "cards": [
            {
                "number": step.order,
                "score": f"{number(step.priority)}{unit}",
                "reason": step.reason or MISSING,
                "size": _size(step),
                "turned": f"turned {degrees(step.rotation_rad)}" if step.rotation_rad else "",
                "objects": plural(objects[step.order], "object") if objects is not None else "",
                "crop": _crop_view(data.image, plate, step, levels, crop_side_px),
                "tiles": [_tile_view(tile, tile_side_px) for tile in of_step.get(step.order, ())],
                "why": _why(data, step.order, levels),
            }
            for step in steps
        ],
        "explained": _how_many_are_explained(data, len(steps)),
        "acquired": sum(step.order in of_step for step in data.protocol.steps),
        "shrunk": any(max(tile.values.shape) > tile_side_px for tile in data.tiles)
        or any(max(step.height_px, step.width_px) > crop_side_px for step in steps),
    }


def _why(data: ReportData, order: int, levels: tuple[float, float]) -> dict[str, Any] | None:
    found = data.explanations.get(order)
    return None if found is None else why_view(found, data.image, levels, f"region {order}")


def _how_many_are_explained(data: ReportData, shown: int) -> str:
    """In words; nothing where none is."""
    count = sum(order <= shown for order in data.explanations)
    return "" if not count else "each" if count == len(data.protocol.steps) else f"the {count} highest-scoring"


def crop(image: CalibratedImage, plate: Plate, step: ScanStep) -> npt.NDArray[Any]:
    """What the image holds inside a step's rectangle, turned as the step is.

    Returns
    -------
    ndarray of shape (rows, cols) in the image's own pixels, at least one; float with NaN where the rectangle leaves the
    image. A turned rectangle is interpolated linearly.
    """
    if step.rotation_rad:
        return _turned_crop(image, plate, step)
    top, left = round(step.center_y_px - step.height_px / 2 + 0.5), round(step.center_x_px - step.width_px / 2 + 0.5)
    height, width = max(1, round(step.height_px)), max(1, round(step.width_px))
    inside = image.array[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    if inside.shape == (height, width):
        return inside
    padded = np.full((height, width), np.nan)
    y, x = max(-top, 0), max(-left, 0)
    padded[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return padded


def _turned_crop(image: CalibratedImage, plate: Plate, step: ScanStep) -> npt.NDArray[np.float64]:
    from scipy.ndimage import map_coordinates

    box = step_box(plate, step)
    grid = SamplingGrid(  # in the plate's units instead of nm: true angles without calibration, too
        rows=max(1, round(step.height_px)),
        cols=max(1, round(step.width_px)),
        height_nm=box.height,
        width_nm=box.width,
        center_y_nm=box.cy,
        center_x_nm=box.cx,
        ccw_rad=box.ccw_rad,
    )
    y, x = grid.mesh_nm()
    indices = (y / plate.aspect - 0.5, x - 0.5)
    values = np.asarray(image.array, dtype=np.float64)
    sampled: npt.NDArray[np.float64] = map_coordinates(values, indices, order=1, cval=np.nan)
    return sampled


def _crop_view(
    image: CalibratedImage, plate: Plate, step: ScanStep, levels: tuple[float, float], side_px: int
) -> dict[str, Any]:
    part = crop(image, plate, step)
    alt = f"Preview of region {step.order}, {_size(step)}, score {number(step.priority)}"
    return _picture(grey_between(part, levels, side_px), _pixel_nm(step), step.width_px, _aspect(step, plate)) | {
        "alt": f"{alt}: {step.reason}" if step.reason else alt
    }


def _tile_view(tile: ScanFrame, side_px: int) -> dict[str, Any]:
    rows, cols = tile.values.shape
    step = tile.step
    width_nm = tile.context.fov_x_nm if step is None else step.width_nm
    height_nm = tile.context.fov_y_nm if step is None else step.height_nm
    size = extent(height_nm, width_nm) if width_nm is not None and height_nm is not None else f"{cols} × {rows} px"
    aspect = width_nm / height_nm if width_nm is not None and height_nm is not None else cols / rows
    name = "Context" if step is None else f"Acquired tile of region {step.order}"
    picture = _picture(grey_preview(tile.values, side_px), width_nm / cols if width_nm else None, cols, aspect)
    return picture | {
        "alt": f"{name}, {size}, {tile.channel}, {cols} × {rows} samples",
        "size": size,
        "samples": f"{cols} × {rows}",
        "channel": tile.channel,
        "doses": doses(tile.dose_e_per_nm2),
    }


def _picture(pixels: RGB, pixel_nm: float | None, cols: float, aspect: float) -> dict[str, Any]:
    """A picture with its scale bar as a share of its width; `cols` pixels of the scale lie along x."""
    bar, label = scale_bar_units(pixel_nm, max(1, round(cols)), share=BAR_SHARE)
    return {
        "png": data_uri(png_bytes(pixels)),
        "aspect": f"{aspect:.5f}",
        "bar_percent": f"{min(100 * bar / cols, 100.0):.2f}",
        "bar_label": label,
        "pixelated": max(pixels.shape[:2]) < PIXELATED_BELOW_PX,
    }


def _objects_of(data: ReportData) -> Counter[int] | None:
    """How many objects each step holds; None where regions and steps are not the same places."""
    if not regions_are_steps(data.regions, data.protocol.steps):
        return None
    return Counter(measured.region for measured in data.measurements)


def _size(step: ScanStep) -> str:
    if step.height_nm is None or step.width_nm is None:
        return f"{short(step.width_px)} × {short(step.height_px)} px"
    return extent(step.height_nm, step.width_nm)


def _pixel_nm(step: ScanStep) -> float | None:
    return None if step.width_nm is None else step.width_nm / step.width_px


def _aspect(step: ScanStep, plate: Plate) -> float:
    return step.width_px / (step.height_px * plate.aspect)


def _side_px(pixels: int, pictures: int) -> int:
    """The longest side of so many pictures that together have so many pixels."""
    return min(PICTURE_SIDE_PX, int((pixels / max(pictures, 1)) ** 0.5))
