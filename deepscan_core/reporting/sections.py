"""The report's key numbers, notes, picture descriptions and provenance as plain text: records in, strings out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from deepscan_core.records.coordinates import YX, index_to_fraction
from deepscan_core.records.costs import SQUARE_ANGSTROM_PER_NM2
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.noise import NoiseModel
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.reporting.drawing import Box, Plate
from deepscan_core.reporting.report_data import ReportData
from deepscan_core.reporting.wording import (
    duration,
    extent,
    length,
    length_unit,
    number,
    percent,
    plain,
    plural,
    sentence,
    short,
)

ASSUMED = "assumed"  # what the provenance of a plan says of a beam current that nobody gave
_ROW_WORDS = ("upper", "middle", "lower")
_COL_WORDS = ("left", "centre", "right")


def facts_view(data: ReportData) -> list[tuple[str, str, str]]:
    """The key numbers: ``(value, unit or addition, what it is)``."""
    count, objects = len(data.protocol.steps), len(data.measurements)
    value, addition = _dose_fact(data.protocol)
    facts = [
        (str(count), "", "region planned" if count == 1 else "regions planned"),
        (percent(exposed_fraction(data.protocol)), "", "of the frame's area exposed"),
        (duration(data.protocol.predicted_time_s), "", "predicted for the plan"),
        (value, addition, "dose in the regions" + (", current assumed" if _is_assumed(data) and addition else "")),
        (str(objects), "", "object measured" if objects == 1 else "objects measured"),
    ]
    if data.image.pixel_size_nm is None:
        return [*facts, ("not calibrated", "", "no pixel size: lengths in px")]
    return [*facts, (_pixel_size(data.image.pixel_size_nm), "", "pixel size")]


def notes_view(data: ReportData) -> list[str]:
    """What a reader must know before using the numbers, as sentences."""
    return [sentence(note) for note in data.notes]


def beam_current(data: ReportData) -> str:
    """The probe current, and that it is assumed where it is."""
    current_pa = data.protocol.context.beam_current_pa
    if current_pa is None:
        return "not known"
    return f"{short(current_pa)} pA" + (", assumed" if _is_assumed(data) else "")


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


def preview_words(data: ReportData, boxes: Sequence[Box]) -> str:
    """What the preview shows, for readers who do not see it."""
    rows, cols = data.image.shape
    context = data.protocol.context
    size = f"{cols} × {rows} px"
    if context.fov_y_nm is not None and context.fov_x_nm is not None:
        size += f", {extent(context.fov_y_nm, context.fov_x_nm)}"
    planned = sum(box.number is not None for box in boxes)
    drawn = f"{plural(planned, 'numbered region')} and the route between them" if planned else "no region"
    return f"Grey preview of {data.image.name}, {size}, with {drawn}"


def heat_words(score_map: ScoreMap, boxes: Sequence[Box], plate: Plate, low: float) -> str:
    """What a heat map shows: how much of the frame scores high, and where the highest score lies."""
    values = score_map.values
    mark = 0.5 if score_map.kind == "probability" else low
    peak_px = tuple(int(at) for at in np.unravel_index(int(np.argmax(values)), values.shape))
    if values[peak_px] <= low:
        return f"nothing is coloured, the highest score is {short(float(values[peak_px]))}"
    point = plate.point((peak_px[0], peak_px[1]))
    inside = [box.number for box in boxes if box.number is not None and box.holds(point)]
    where = place((peak_px[0], peak_px[1]), values.shape) + (f", in region {inside[0]}" if inside else "")
    share = percent(float(np.mean(values > mark)))
    highest = short(float(values[peak_px]))
    return f"{share} of the frame scores above {short(mark, 2)}; the highest score, {highest}, lies {where}"


def place(index_px: YX, shape: tuple[int, int]) -> str:
    """Where a pixel lies, in words.

    >>> place((0, 0), (90, 90)), place((45, 45), (90, 90)), place((45, 89), (90, 90))
    ('at the upper left', 'in the centre', 'at the middle right')
    """
    row, col = (min(2, int(3 * index_to_fraction(at, n))) for at, n in zip(index_px, shape, strict=True))
    return "in the centre" if row == col == 1 else f"at the {_ROW_WORDS[row]} {_COL_WORDS[col]}"


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
        "parameters": {name: plain(value) for name, value in data.parameters.items() if _is_set(value)},
        "unset": ", ".join(name for name, value in data.parameters.items() if not _is_set(value)),
        "timings": [(stage, duration(time_s)) for stage, time_s in data.timings_s.items()],
        "timings_sum": duration(sum(data.timings_s.values())),
    }


def _is_assumed(data: ReportData) -> bool:
    return data.protocol.provenance.get("beam_current") == ASSUMED


def _dose_fact(protocol: ScanProtocol) -> tuple[str, str]:
    known = [step.dose_e_per_nm2 for step in protocol.steps if step.dose_e_per_nm2 is not None]
    if not known:
        return ("not stated" if protocol.steps else "none", "")
    per_nm2, per_angstrom2 = doses(max(known))
    return (per_nm2 if max(known) <= 1.005 * min(known) else f"up to {per_nm2}", per_angstrom2)


def _provenance(data: ReportData) -> list[tuple[str, str]]:
    context, image = data.protocol.context, data.image
    rows, cols = image.shape
    rows_of = [
        *([] if data.asked is None else [("Asked for", data.asked.told())]),
        ("Image", image.name),
        ("SHA-256 of the image", image.sha256),
        ("Samples", f"{cols} × {rows} px, {image.array.dtype}"),
        ("Pixel size", _pixel_size(image.pixel_size_nm)),
    ]
    if context.fov_y_nm is not None and context.fov_x_nm is not None:
        rows_of.append(("Field of view", extent(context.fov_y_nm, context.fov_x_nm)))
        center = f"{short(context.center_y_nm, 5)}, {short(context.center_x_nm, 5)} nm"
        rows_of.append(("Centre on the specimen (y, x)", center))
        rows_of.append(("Rotation of the context", degrees(context.rotation_rad)))
    rows_of.append(("Beam current", beam_current(data)))
    if data.noise is not None:
        rows_of.append(("Noise of the detector", _noise(data.noise)))
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
        ("Limit of electrons", data.protocol.limits.max_total_electrons, ""),
    ):
        if limit is not None:
            rows_of.append((name, f"{short(limit)} {unit}"))
    told_below = {"parameters"} if data.parameters else set()
    told = ((key, value) for key, value in data.protocol.provenance.items() if key not in told_below)
    return rows_of + [(f"Plan: {key}", plain(value)) for key, value in told]


def _noise(noise: NoiseModel) -> str:
    """In words, with the error of a gain that was estimated."""
    gain = short(noise.gain) + (f" ± {short(noise.gain_error, 1)}" if noise.gain_error else "")
    return f"gain {gain}, offset {short(noise.offset)}, read noise {short(noise.read_noise)} grey values" + (
        " (estimated from the image)" if noise.gain_error else ""
    )


def _is_set(value: Any) -> bool:
    return value is not None and value != "" and value != [] and value != ()


def _pixel_size(pixel_size_nm: YX | None) -> str:
    if pixel_size_nm is None:
        return "not known: lengths in px, no dose"
    y_nm, x_nm = pixel_size_nm
    if y_nm == x_nm:
        return length(x_nm)
    scale, unit = length_unit(min(pixel_size_nm))
    return f"{short(y_nm / scale)} {unit} (y), {short(x_nm / scale)} {unit} (x)"


def degrees(angle_rad: float) -> str:
    """An angle for people."""
    return f"{short(math.degrees(angle_rad))}°"
