"""The report's tables and captions as plain text: records in, strings out, nothing drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from deepscan_core.records.coordinates import YX
from deepscan_core.records.costs import SQUARE_ANGSTROM_PER_NM2
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanProtocol, ScanStep
from deepscan_core.records.regions import RegionMeasurement
from deepscan_core.reporting.drawing import Box, Plate, regions_are_steps
from deepscan_core.reporting.raster import scale_bar_units
from deepscan_core.reporting.report_data import ReportData
from deepscan_core.reporting.wording import (
    MISSING,
    duration,
    extent,
    fixed,
    length,
    length_unit,
    number,
    percent,
    plain,
    plural,
    short,
)

ROWS_SHOWN = 200


def facts_view(data: ReportData) -> list[tuple[str, str, str]]:
    """The key numbers: ``(value, unit or addition, what it is)``."""
    steps = data.protocol.steps
    value, addition = _dose_fact(steps)
    return [
        (str(len(steps)), "", "region planned" if len(steps) == 1 else "regions planned"),
        (percent(exposed_fraction(data.protocol)), "", "of the frame's area exposed"),
        (duration(data.protocol.predicted_time_s), "", "predicted for the plan"),
        (value, addition, "dose in the regions"),
        (str(len(data.measurements)), "", "object measured" if len(data.measurements) == 1 else "objects measured"),
    ]


def exposed_fraction(protocol: ScanProtocol) -> float:
    """Sum of the steps' areas over the area of the frame; what is exposed twice counts twice."""
    area_px = protocol.context.rows * protocol.context.cols
    return sum(step.height_px * step.width_px for step in protocol.steps) / area_px


def doses(dose_e_per_nm2: float | None) -> tuple[str, ...]:
    """A dose in both units people use.

    >>> doses(1200.0), doses(None)
    (('1200 e/nm²', '12.0 e/Å²'), ('not stated',))
    """
    if dose_e_per_nm2 is None:
        return ("not stated",)
    return (f"{number(dose_e_per_nm2)} e/nm²", f"{number(dose_e_per_nm2 / SQUARE_ANGSTROM_PER_NM2)} e/Å²")


def length_decimals(pixel_nm: float) -> int:
    """Decimals that show a tenth of a pixel.

    >>> length_decimals(0.05), length_decimals(2.5), length_decimals(400)
    (3, 1, 0)
    """
    return max(0, 1 - math.floor(math.log10(pixel_nm)))


def steps_view(protocol: ScanProtocol) -> dict[str, Any]:
    """The table of steps."""
    calibrated = protocol.context.is_calibrated
    decimals = length_decimals(min(protocol.context.pixel_size_nm)) if calibrated else 1
    return {
        "unit": "nm" if calibrated else "px",
        "turned": any(step.rotation_rad != 0 for step in protocol.steps),
        "total": len(protocol.steps),
        "rows": [_step_row(step, decimals) for step in protocol.steps[:ROWS_SHOWN]],
    }


def objects_view(data: ReportData) -> dict[str, Any]:
    """The table of measured objects and what sums them up."""
    calibrated = data.image.pixel_size_nm is not None
    pixel_size_nm = data.image.pixel_size_nm
    decimals = 1 if pixel_size_nm is None else length_decimals(min(pixel_size_nm))
    linked = regions_are_steps(data.regions, data.protocol.steps)
    measured = sorted(data.measurements, key=lambda m: m.id)
    return {
        "unit": "nm" if calibrated else "px",
        "total": len(measured),
        "summary": _objects_summary(measured, calibrated=calibrated),
        "linked": linked,
        "rows": [_object_row(m, decimals, calibrated=calibrated) for m in measured[:ROWS_SHOWN]],
    }


def tile_caption(tile: ScanFrame) -> dict[str, Any]:
    """What stands under a tile, and its scale bar as a share of its width."""
    rows, cols = tile.values.shape
    step = tile.step
    width_nm = tile.context.fov_x_nm if step is None else step.width_nm
    height_nm = tile.context.fov_y_nm if step is None else step.height_nm
    pixel_nm = None if width_nm is None else width_nm / cols
    bar, label = scale_bar_units(pixel_nm, cols, share=0.35)
    aspect = rows / cols if width_nm is None or height_nm is None else height_nm / width_nm
    name = "Context" if step is None else f"{step.order}"
    size = f"{cols} × {rows} px" if width_nm is None or height_nm is None else extent(height_nm, width_nm)
    turned = step is not None and step.rotation_rad != 0
    return {
        "number": None if step is None else step.order,
        "name": name,
        "size": size,
        "samples": f"{cols} × {rows}",
        "doses": doses(tile.dose_e_per_nm2),
        "channel": tile.channel,
        "turned": f"turned {_degrees(step.rotation_rad)}" if step is not None and turned else "",
        "aspect": f"{1 / aspect:.5f}",
        "bar_percent": f"{100 * bar / cols:.2f}",
        "bar_label": label,
        "pixelated": max(rows, cols) < 64,
    }


def truth_view(truth_nm: Sequence[YX], protocol: ScanProtocol, plate: Plate, boxes: Sequence[Box]) -> dict[str, Any]:
    """Rings for planted defects, and how many of them a planned box holds."""
    points = [plate.point(protocol.context.px_from_nm(point)) for point in truth_nm]
    planned = [box for box in boxes if box.number is not None]
    return {
        "rings": [(f"{x:.2f}", f"{y:.2f}") for x, y in points],
        "total": len(points),
        "held": sum(any(box.holds(point) for box in planned) for point in points),
    }


def details_view(data: ReportData) -> dict[str, Any]:
    """Where it all came from, and how long it took."""
    return {
        "provenance": _provenance(data),
        "timings": [(stage, duration(time_s)) for stage, time_s in data.timings_s.items()],
        "timings_sum": duration(sum(data.timings_s.values())),
    }


def _dose_fact(steps: Sequence[ScanStep]) -> tuple[str, str]:
    known = [step.dose_e_per_nm2 for step in steps if step.dose_e_per_nm2 is not None]
    if not known:
        return ("not stated" if steps else "none", "")
    per_nm2, per_angstrom2 = doses(max(known))
    return (per_nm2 if max(known) <= 1.005 * min(known) else f"up to {per_nm2}", per_angstrom2)


def _step_row(step: ScanStep, decimals: int) -> dict[str, Any]:
    if step.center_y_nm is None or step.height_nm is None:
        center = (fixed(step.center_y_px, 1), fixed(step.center_x_px, 1))
        size = f"{short(step.width_px)} × {short(step.height_px)}"
    else:
        y_nm, x_nm = step.center_nm
        height_nm, width_nm = step.size_nm
        center = (fixed(y_nm, decimals), fixed(x_nm, decimals))
        size = f"{short(width_nm)} × {short(height_nm)}"
    return {
        "number": step.order,
        "center_y": center[0],
        "center_x": center[1],
        "size": size,
        "turn": _degrees(step.rotation_rad),
        "samples": f"{step.cols} × {step.rows}",
        "dwell": f"{short(step.dwell_time_us)} µs",
        "dose": MISSING if step.dose_e_per_nm2 is None else number(step.dose_e_per_nm2),
        "dose_angstrom": number(None if step.dose_e_per_nm2 is None else step.dose_e_per_nm2 / SQUARE_ANGSTROM_PER_NM2),
        "priority": number(step.priority),
        "reason": step.reason or MISSING,
    }


def _object_row(measured: RegionMeasurement, decimals: int, *, calibrated: bool) -> dict[str, Any]:
    suffix = "nm" if calibrated else "px"
    fields = ("centroid_y", "centroid_x", "equivalent_diameter", "major_axis", "minor_axis")
    row: dict[str, Any] = {name: fixed(getattr(measured, f"{name}_{suffix}"), decimals) for name in fields}
    bound = "≥ " if measured.touches_border else ""
    return row | {
        "id": measured.id,
        "region": measured.region,
        "area": bound + number(measured.area_nm2 if calibrated else measured.area_px),
        "orientation": _degrees(measured.orientation_rad),
        "intensity": number(measured.mean_intensity),
        "score": number(measured.score),
        "border": "yes" if measured.touches_border else "no",
    }


def _objects_summary(measured: Sequence[RegionMeasurement], *, calibrated: bool) -> str:
    """One sentence on all objects, those cut by the border left out of the sizes."""
    whole = [m for m in measured if not m.touches_border]
    cut = len(measured) - len(whole)
    sentence = ""
    sizes = sorted((m.equivalent_diameter_nm if calibrated else m.equivalent_diameter_px) or 0.0 for m in whole)
    if sizes:
        middle = len(sizes) // 2
        median = sizes[middle] if len(sizes) % 2 else (sizes[middle - 1] + sizes[middle]) / 2
        text = length(median) if calibrated else f"{number(median)} px"
        sentence = f"Median equivalent diameter {text} over {plural(len(sizes), 'whole object')}."
    if cut:
        verb = "touches" if cut == 1 else "touch"
        sentence += f" {plural(cut, 'object')} {verb} a border: the area is a lower bound (≥)."
    return sentence.strip()


def _provenance(data: ReportData) -> list[tuple[str, str]]:
    context, image = data.protocol.context, data.image
    rows, cols = image.shape
    rows_of = [
        ("Image", image.name),
        ("SHA-256 of the image", image.sha256),
        ("Samples", f"{cols} × {rows} px, {image.array.dtype}"),
        ("Pixel size", _pixel_size(image.pixel_size_nm)),
    ]
    if context.fov_y_nm is not None and context.fov_x_nm is not None:
        rows_of.append(("Field of view", extent(context.fov_y_nm, context.fov_x_nm)))
        center = f"{short(context.center_y_nm, 5)}, {short(context.center_x_nm, 5)} nm"
        rows_of.append(("Centre on the specimen (y, x)", center))
        rows_of.append(("Rotation of the context", _degrees(context.rotation_rad)))
    current = context.beam_current_pa
    rows_of.append(("Beam current", "not known" if current is None else f"{short(current)} pA"))
    if context.channels:
        rows_of.append(("Channels", ", ".join(context.channels)))
    if data.protocol.source_sha256 != image.sha256:
        rows_of.append(("Plan made from", f"{data.protocol.source_name}, SHA-256 {data.protocol.source_sha256}"))
    electrons = data.protocol.predicted_electrons
    if electrons is not None:
        rows_of.append(("Electrons, predicted", number(electrons)))
    for name, limit, unit in (
        ("Limit of dose", data.protocol.limits.max_dose_e_per_nm2, "e/nm²"),
        ("Limit of time", data.protocol.limits.max_time_s, "s"),
    ):
        if limit is not None:
            rows_of.append((name, f"{short(limit)} {unit}"))
    return rows_of + [(f"Plan: {key}", plain(value)) for key, value in data.protocol.provenance.items()]


def _pixel_size(pixel_size_nm: YX | None) -> str:
    if pixel_size_nm is None:
        return "not known: lengths in px, no dose"
    y_nm, x_nm = pixel_size_nm
    if y_nm == x_nm:
        return length(x_nm)
    scale, unit = length_unit(min(pixel_size_nm))
    return f"{short(y_nm / scale)} {unit} (y), {short(x_nm / scale)} {unit} (x)"


def _degrees(angle_rad: float) -> str:
    return f"{short(math.degrees(angle_rad))}°"
