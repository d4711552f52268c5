"""``report.html``: one self-contained page that a scientist can hand to a colleague.

Every picture lies inside the file and nothing is fetched: a content security policy in the page itself forbids it, and
allows only the page's own script, by its hash.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any

from deepscan_core.reporting import palette
from deepscan_core.reporting.artifacts import QUANTIFICATION, measurements_csv
from deepscan_core.reporting.curves import efficiency_plot
from deepscan_core.reporting.drawing import Box, Plate, check_same_frame, nice_ticks, plan_boxes
from deepscan_core.reporting.gallery import CARDS_SHOWN, gallery_view
from deepscan_core.reporting.raster import (
    SCORE_ENDS,
    SCORE_LABELS,
    VEIL_OPACITY,
    data_uri,
    grey_preview,
    heat_bar_rgb,
    heat_levels,
    heat_png,
    png_bytes,
    scale_bar_units,
    shrink,
)
from deepscan_core.reporting.report_data import ReportData
from deepscan_core.reporting.run_view import run_view
from deepscan_core.reporting.sections import (
    details_view,
    facts_view,
    heat_words,
    notes_view,
    preview_words,
    truth_view,
)
from deepscan_core.reporting.tables import efficiency_table, objects_summary, objects_table, steps_table
from deepscan_core.reporting.why_rasters import signed_stops
from deepscan_core.reporting.wording import sentence, short

__all__ = ["ReportData", "render_report"]

PREVIEW_SIDE_PX = 1600
HEAT_SIDE_PX = 900
CSV_BYTES = 1_000_000  # the link that saves the measurements carries at most so many
PIXELATED_BELOW_PX = 160  # smaller pictures are shown pixel by pixel; larger ones would beat with the screen's pixels
FLAT_BELOW = 0.16  # frames lower than this share of their width have the scale bar below them
_LETTER, _SMALLEST_LETTER, _MANY = 2.5, 1.5, 60  # size of the numbers, in hundredths of the frame


def render_report(data: ReportData) -> str:
    """One HTML file, whole in itself: no network, no external fonts, readable without scripts and on paper.

    Notes
    -----
    The file stays below 12 MB whatever it reports: pictures are averaged down to what a screen shows (preview 1600 px, map
    900 px a side, all pictures of the gallery together 4 million pixels); 400 regions, 400 steps and 500 objects are
    shown, and the page says what it leaves out.
    """
    check_same_frame(data.image, data.score_map, data.protocol)
    plate = Plate.of(data.image)
    boxes = plan_boxes(plate, data.regions, data.protocol)
    style, script = _part("style.css"), _part("page.js")
    page: str = _template().render(
        style=style,
        script=script,
        script_sha256=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        palettes={
            name: palette.custom_properties(colours)
            for name, colours in (("light", palette.LIGHT), ("dark", palette.DARK), ("print", palette.PRINT))
        },
        signed=signed_stops(),
        colours={"box": palette.BOX_COLOUR, "ring": palette.RING_COLOUR, "route": palette.ROUTE_COLOUR},
        title=data.title,
        source=data.image.name,
        facts=facts_view(data),
        notes=notes_view(data),
        plate=_plate_view(data, plate, boxes),
        boxes=_box_views(boxes, plate),
        route=" ".join(f"{box.cx:.2f},{box.cy:.2f}" for box in boxes if box.number is not None),
        left_out=sum(box.number is None for box in boxes),
        heat=_heat_view(data, boxes, plate),
        truth=truth_view(data.truth_nm, data.protocol, plate, boxes),
        gallery=gallery_view(data, plate),
        steps=steps_table(data.protocol),
        objects=objects_table(data),
        objects_summary=objects_summary(data),
        csv=_csv_view(data),
        run=run_view(data),
        curve=efficiency_plot(data.efficiency),
        efficiency=efficiency_table(data.efficiency),
        calibrated=data.image.pixel_size_nm is not None,
        versions=data.versions,
        **details_view(data),
    )
    return page


def _part(name: str) -> str:
    """A file of the page as it is."""
    return resources.files(__package__).joinpath("page", name).read_text(encoding="utf-8")


@functools.cache
def _template() -> Any:
    """The compiled page; every value is escaped, and an unknown name in it is an error."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, lstrip_blocks=True, trim_blocks=True, loader=FunctionLoader(_part)
    )
    return environment.get_template("report.html.j2")


def _plate_view(data: ReportData, plate: Plate, boxes: Sequence[Box]) -> dict[str, Any]:
    """The preview and what is drawn over it."""
    length, label = scale_bar_units(plate.pixel_x_nm, plate.cols)
    return {
        "png": data_uri(png_bytes(grey_preview(data.image.array, PREVIEW_SIDE_PX))),
        "words": preview_words(data, boxes),
        "width": round(plate.width, 3),
        "height": round(plate.height, 3),
        "aspect": round(plate.width / plate.height, 4),
        "unit": round(plate.unit, 4),
        "letter": round(_letter_units(boxes, plate), 4),
        "pixelated": max(plate.rows, plate.cols) < PIXELATED_BELOW_PX,
        "flat": plate.height < FLAT_BELOW * plate.width,
        "bar_length": round(length, 3),
        "bar_left": round(_bar_left(plate, boxes, length), 3),
        "bar_percent": round(100 * length / plate.width, 3),
        "bar_label": label,
    }


def _letter_units(boxes: Sequence[Box], plate: Plate) -> float:
    """Height of the numbers: smaller where there are many of them, and never too high for a flat frame."""
    count = sum(box.number is not None for box in boxes)
    share = _LETTER if count <= _MANY else max(_SMALLEST_LETTER, _LETTER * (_MANY / count) ** 0.5)
    return min(share * plate.unit, 0.4 * plate.height)


def _bar_left(plate: Plate, boxes: Sequence[Box], bar_length: float) -> float:
    """Where the scale bar begins: at the left or at the right, where it hides fewer regions."""
    width, top = bar_length + 4 * plate.unit, plate.height - 9 * plate.unit
    left, right = 2 * plate.unit, max(plate.width - 2 * plate.unit - width, 2 * plate.unit)

    def hidden(start: float) -> int:
        return sum(box.reaches((start, top, start + width, plate.height)) for box in boxes)

    return left if hidden(left) <= hidden(right) else right


def _box_views(boxes: Sequence[Box], plate: Plate) -> list[dict[str, Any]]:
    """The boxes as SVG attributes; a number that would lie over another one is marked to be shown on demand."""
    size = _letter_units(boxes, plate)
    places = [box.label_at(plate, size) for box in boxes]
    written: list[tuple[float, float, float]] = []
    views = []
    for box, (x, y) in zip(boxes, places, strict=True):
        half = 0.36 * size * len(str(box.number))
        crowded = any(abs(x - x2) < half + half2 and abs(y - y2) < size for x2, y2, half2 in written)
        if box.number is not None and not crowded:
            written.append((x, y, half))
        views.append(_box_view(box, (x, y), crowded=crowded))
    return views


def _box_view(box: Box, label: tuple[float, float], *, crowded: bool) -> dict[str, Any]:
    return {
        "number": box.number,
        "linked": box.number is not None and box.number <= CARDS_SHOWN,
        "crowded": crowded,
        "x": f"{box.cx - box.width / 2:.3f}",
        "y": f"{box.cy - box.height / 2:.3f}",
        "width": f"{box.width:.3f}",
        "height": f"{box.height:.3f}",
        "turn": "" if box.ccw_rad == 0 else f"rotate({-box.turn_deg:.4f} {box.cx:.3f} {box.cy:.3f})",
        "label_x": f"{label[0]:.2f}",
        "label_y": f"{label[1]:.2f}",
        "title": box.title,
    }


def _heat_view(data: ReportData, boxes: Sequence[Box], plate: Plate) -> dict[str, Any]:
    """The heat layer and its colour bar."""
    low, high = heat_levels(data.score_map)
    stops = ", ".join(f"rgb({r} {g} {b})" for r, g, b in heat_bar_rgb(16))
    peak = float(data.score_map.values.max())
    found = heat_words(data.score_map, boxes, plate, low)
    return {
        "png": data_uri(heat_png(shrink(data.score_map.values, HEAT_SIDE_PX), low=low, high=high)),
        "words": f"Heat map of {data.score_map.kind}: {found}",
        "found": sentence(found),
        "kind": data.score_map.kind,
        "unit_label": SCORE_LABELS[data.score_map.kind],
        "ends": SCORE_ENDS[data.score_map.kind],
        "looked_for": data.score_map.label,
        "veil": VEIL_OPACITY,
        "stops": stops,
        "ticks": [(f"{100 * (tick - low) / (high - low):.2f}", short(tick)) for tick in nice_ticks(low, high)],
        "low": short(low, 2),
        "saturated": peak > high,
        "high": short(high),
    }


def _csv_view(data: ReportData) -> dict[str, str] | None:
    """The link that saves ``quantification.csv``; None where there is nothing in it, or too much."""
    text = measurements_csv(data.measurements).encode("utf-8")
    if not data.measurements or len(text) > CSV_BYTES:
        return None
    return {"name": QUANTIFICATION, "href": "data:text/csv;base64," + base64.b64encode(text).decode("ascii")}
