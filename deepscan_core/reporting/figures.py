"""Figures of images, scores and plans; ``overlay.png``: the preview under its heat map with the numbered plan.

The conversions from values to pixels live in `raster` and are offered here under one roof.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.records.regions import ScanRegion
from deepscan_core.reporting.drawing import Box, Plate, check_same_frame, nice_ticks, plan_boxes
from deepscan_core.reporting.palette import BOX_COLOUR
from deepscan_core.reporting.raster import (
    SCORE_LABELS,
    VEIL_OPACITY,
    display_levels,
    grey_preview,
    grey_rgb,
    heat_bar_rgb,
    heat_levels,
    heat_rgba,
    nice_scale_bar,
    scale_bar_units,
    shrink,
)
from deepscan_core.reporting.wording import plural, short

__all__ = ["display_levels", "grey_rgb", "heat_levels", "heat_rgba", "nice_scale_bar", "overlay_png"]

SMALLEST_WIDTH_PX = 900
LONGEST_SIDE_PX = 1900
_DPI = 100


def overlay_png(
    image: CalibratedImage, score_map: ScoreMap, regions: Sequence[ScanRegion], protocol: ScanProtocol | None
) -> bytes:
    """Draw preview, translucent heat, regions numbered in visiting order, route, scale bar and colour bar.

    Parameters
    ----------
    image, score_map : of the same (rows, cols).
    regions : drawn where `protocol` is None; else only those that the plan leaves out, dashed.
    protocol : its steps are drawn, turned where they are, and joined by the route.

    Returns
    -------
    A PNG file, 900 px wide or more where that keeps it below 2000 px a side. Small images are enlarged by a whole
    factor, pixel by pixel; large ones are averaged over areas.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    check_same_frame(image, score_map, protocol)
    plate = Plate.of(image)
    width, height = output_size(plate)
    footer = max(56, round(0.075 * width))
    figure = Figure(figsize=(width / _DPI, (height + footer) / _DPI), dpi=_DPI, facecolor="white")
    axes = figure.add_axes((0, footer / (height + footer), 1, height / (height + footer)))
    axes.set(xlim=(0, plate.width), ylim=(plate.height, 0), autoscale_on=False)
    axes.set_axis_off()
    size_pt = max(7.0, min(width, 1.6 * height) / 85)
    _draw_layers(axes, plate, image, score_map)
    boxes = plan_boxes(plate, regions, protocol)
    _draw_plan(axes, plate, boxes, size_pt, with_route=protocol is not None)
    _draw_scale_bar(axes, plate, size_pt)
    _draw_footer(figure, footer / (height + footer), score_map, boxes, size_pt)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()


def output_size(plate: Plate) -> tuple[int, int]:
    """Width and height in px of the drawn frame, without footer."""
    factor = max(1.0, float(np.ceil(SMALLEST_WIDTH_PX / plate.width)))
    largest = LONGEST_SIDE_PX / max(plate.width, plate.height)
    if factor > largest:
        factor = max(float(np.floor(largest)), 1.0) if largest >= 1 else largest
    return (max(1, round(plate.width * factor)), max(1, round(plate.height * factor)))


def _draw_layers(axes: Any, plate: Plate, image: CalibratedImage, score_map: ScoreMap) -> None:
    frame = (0.0, plate.width, plate.height, 0.0)
    low, high = heat_levels(score_map)
    grey = ((1 - VEIL_OPACITY) * grey_preview(image.array, LONGEST_SIDE_PX)).astype(np.uint8)
    heat = heat_rgba(shrink(score_map.values, LONGEST_SIDE_PX), low=low, high=high)
    axes.imshow(grey, extent=frame, aspect="auto", interpolation="nearest")
    axes.imshow(heat, extent=frame, aspect="auto", interpolation="bilinear")


def _draw_plan(axes: Any, plate: Plate, boxes: Sequence[Box], size_pt: float, *, with_route: bool) -> None:
    from matplotlib.patches import Polygon
    from matplotlib.patheffects import Normal, Stroke

    thin = size_pt / 11
    halo = [Stroke(linewidth=3.2 * thin, foreground=(0, 0, 0, 0.55)), Normal()]
    route = [(box.cx, box.cy) for box in boxes if box.number is not None]
    if with_route and len(route) > 1:
        xs, ys = zip(*route, strict=True)
        axes.plot(xs, ys, color="white", linewidth=thin, solid_joinstyle="round", path_effects=halo, zorder=2)
    for box in boxes:
        style = "solid" if box.number is not None else (0, (4, 3))
        outline = Polygon(box.corners, fill=False, edgecolor=BOX_COLOUR, linewidth=1.5 * thin, linestyle=style)
        outline.set_path_effects(halo)
        axes.add_patch(outline).set_zorder(3)
        if box.number is not None:
            _draw_number(axes, plate, box, size_pt)


def _draw_number(axes: Any, plate: Plate, box: Box, size_pt: float) -> None:
    from matplotlib.patheffects import Normal, Stroke

    x, y = box.label_at(plate, _units(plate, axes, size_pt))
    text = axes.text(
        x, y, str(box.number), ha="center", va="center", color="white", fontsize=size_pt, fontweight="bold", zorder=4
    )
    text.set_path_effects([Stroke(linewidth=size_pt / 4, foreground=(0, 0, 0, 0.75)), Normal()])


def _draw_scale_bar(axes: Any, plate: Plate, size_pt: float) -> None:
    from matplotlib.patches import FancyBboxPatch, Rectangle

    length, label = scale_bar_units(plate.pixel_x_nm, plate.cols)
    letter = _units(plate, axes, 1.15 * size_pt)
    left, bottom = 1.6 * letter, plate.height - 1.6 * letter
    shape = f"round,pad={0.6 * letter}"
    shade = FancyBboxPatch(
        (left, bottom - 2 * letter), length, 2 * letter, boxstyle=shape, linewidth=0, facecolor=(0, 0, 0, 0.5)
    )
    bar = Rectangle((left, bottom - 0.4 * letter), length, 0.4 * letter, linewidth=0, facecolor="white")
    axes.add_patch(shade).set_zorder(5)
    axes.add_patch(bar).set_zorder(6)
    axes.text(
        left + length / 2,
        bottom - 0.75 * letter,
        label,
        ha="center",
        va="bottom",
        color="white",
        fontsize=1.15 * size_pt,
        parse_math=False,
        zorder=6,
    )


def _units(plate: Plate, axes: Any, size_pt: float) -> float:
    """Height of letters of `size_pt` points in drawing units."""
    size_px = size_pt * _DPI / 72
    return float(size_px * plate.width / axes.bbox.width)


def _draw_footer(figure: Any, share: float, score_map: ScoreMap, boxes: Sequence[Box], size_pt: float) -> None:
    low, high = heat_levels(score_map)
    axes = figure.add_axes((0.03, 0.56 * share, 0.38, 0.24 * share))
    axes.imshow(heat_bar_rgb(256)[None, :, :], extent=(low, high, 0, 1), aspect="auto")
    axes.set_yticks([])
    ticks = nice_ticks(low, high)
    axes.set_xticks(ticks, [short(tick) for tick in ticks], fontsize=0.9 * size_pt)
    axes.tick_params(length=0.25 * size_pt, width=0.6, pad=0.2 * size_pt)
    axes.spines[:].set_linewidth(0.6)
    ink = "#1c2430"
    figure.text(0.43, 0.68 * share, SCORE_LABELS[score_map.kind], va="center", fontsize=size_pt, color=ink)
    planned = sum(box.number is not None for box in boxes)
    lines = [f"{plural(planned, 'region')}, numbered in visiting order" if planned else "no region planned"]
    if len(boxes) > planned:
        lines.append(f"dashed: {len(boxes) - planned} left out")
    for line, height in zip(lines, (0.68, 0.28), strict=False):
        figure.text(0.97, height * share, line, va="center", ha="right", fontsize=size_pt, color=ink)
