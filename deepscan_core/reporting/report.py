"""``report.html``: one self-contained page that a scientist can hand to a colleague.

Every picture lies inside the file and nothing is fetched: a content security policy in the page itself forbids it.
"""

from __future__ import annotations

import base64
import functools
from importlib import resources
from typing import Any

from deepscan_core.records.frames import ScanFrame
from deepscan_core.reporting.curves import efficiency_plot, efficiency_table
from deepscan_core.reporting.drawing import Box, Plate, check_same_frame, nice_ticks, plan_boxes
from deepscan_core.reporting.raster import (
    SCORE_LABELS,
    grey_preview,
    heat_bar_rgb,
    heat_levels,
    heat_rgba,
    png_bytes,
    scale_bar_units,
    shrink,
)
from deepscan_core.reporting.report_data import ReportData
from deepscan_core.reporting.sections import (
    details_view,
    facts_view,
    objects_view,
    steps_view,
    tile_caption,
    truth_view,
)
from deepscan_core.reporting.wording import plain, short

__all__ = ["ReportData", "render_report"]

PREVIEW_SIDE_PX = 1600
HEAT_SIDE_PX = 900
TILES_SHOWN = 60
TILE_SIDE_PX = 480
TILE_PIXELS = 3_000_000  # all tiles together
PIXELATED_BELOW_PX = 160  # smaller pictures are shown pixel by pixel; larger ones would beat with the screen's pixels


def render_report(data: ReportData) -> str:
    """One HTML file, whole in itself: no network, no external fonts, readable without scripts and on paper.

    Notes
    -----
    Pictures are averaged down to what a screen shows (long side 1600 px, tiles less), so the file stays at a few MB;
    of many tiles the first 60, of many objects and steps the first 200 are shown, and the page says so.
    """
    check_same_frame(data.image, data.score_map, data.protocol)
    plate = Plate.of(data.image)
    boxes = plan_boxes(plate, data.regions, data.protocol)
    page: str = _template().render(
        title=data.title,
        source=data.image.name,
        facts=facts_view(data),
        notes=data.notes,
        plate=_plate_view(data, plate),
        boxes=[_box_view(box, plate) for box in boxes],
        route=" ".join(f"{box.cx:.2f},{box.cy:.2f}" for box in boxes if box.number is not None),
        left_out=sum(box.number is None for box in boxes),
        heat=_heat_view(data),
        truth=truth_view(data.truth_nm, data.protocol, plate, boxes),
        tiles=_tiles_view(data.tiles),
        steps=steps_view(data.protocol),
        objects=objects_view(data),
        curve=efficiency_plot(data.efficiency),
        efficiency=efficiency_table(data.efficiency),
        parameters={name: plain(value) for name, value in data.parameters.items()},
        versions=data.versions,
        **details_view(data),
    )
    return page


@functools.cache
def _template() -> Any:
    """The compiled page; every value is escaped, and an unknown name in it is an error."""
    from jinja2 import Environment, StrictUndefined

    text = resources.files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, lstrip_blocks=True)
    return environment.from_string(text)


def _plate_view(data: ReportData, plate: Plate) -> dict[str, Any]:
    """The preview and what is drawn over it."""
    length, label = scale_bar_units(plate.pixel_x_nm, plate.cols)
    return {
        "png": _data_uri(png_bytes(grey_preview(data.image.array, PREVIEW_SIDE_PX))),
        "width": round(plate.width, 3),
        "height": round(plate.height, 3),
        "unit": round(plate.unit, 4),
        "pixelated": max(plate.rows, plate.cols) < PIXELATED_BELOW_PX,
        "bar_length": round(length, 3),
        "bar_label": label,
    }


def _box_view(box: Box, plate: Plate) -> dict[str, Any]:
    """A box as SVG attributes; its number lies inside the frame."""
    label_x, label_y = box.label_at(plate, 2.5 * plate.unit)
    return {
        "number": box.number,
        "x": f"{box.cx - box.width / 2:.3f}",
        "y": f"{box.cy - box.height / 2:.3f}",
        "width": f"{box.width:.3f}",
        "height": f"{box.height:.3f}",
        "turn": "" if box.ccw_rad == 0 else f"rotate({-box.turn_deg:.4f} {box.cx:.3f} {box.cy:.3f})",
        "label_x": f"{label_x:.2f}",
        "label_y": f"{label_y:.2f}",
        "title": box.title,
    }


def _heat_view(data: ReportData) -> dict[str, Any]:
    """The heat layer and its colour bar."""
    low, high = heat_levels(data.score_map)
    rgba = heat_rgba(shrink(data.score_map.values, HEAT_SIDE_PX), low=low, high=high)
    stops = ", ".join(f"rgb({r} {g} {b})" for r, g, b in heat_bar_rgb(16))
    peak = float(data.score_map.values.max())
    return {
        "png": _data_uri(png_bytes(rgba)),
        "kind": data.score_map.kind,
        "unit_label": SCORE_LABELS[data.score_map.kind],
        "looked_for": data.score_map.label,
        "stops": stops,
        "ticks": [(f"{100 * (tick - low) / (high - low):.2f}", short(tick)) for tick in nice_ticks(low, high)],
        "low": short(low, 2),
        "peak": short(peak),
        "saturated": peak > high,
        "high": short(high),
    }


def _tiles_view(tiles: tuple[ScanFrame, ...]) -> dict[str, Any]:
    """The gallery of acquired frames."""
    shown = tiles[:TILES_SHOWN]
    side_px = min(TILE_SIDE_PX, round((TILE_PIXELS / max(len(shown), 1)) ** 0.5))
    return {
        "total": len(tiles),
        "shown": [{"png": _data_uri(png_bytes(grey_preview(t.values, side_px))), **tile_caption(t)} for t in shown],
        "shrunk": any(max(tile.values.shape) > side_px for tile in shown),
    }


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
