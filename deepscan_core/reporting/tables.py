"""The report's tables: records in, cells out. Each cell has its text for people and its value for sorting and copying."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deepscan_core.records.costs import SQUARE_ANGSTROM_PER_NM2
from deepscan_core.records.protocol import ScanProtocol, ScanStep
from deepscan_core.records.regions import RegionMeasurement
from deepscan_core.reporting.curves import efficiency_ends
from deepscan_core.reporting.drawing import regions_are_steps
from deepscan_core.reporting.report_data import ReportData
from deepscan_core.reporting.wording import MISSING, fixed, length, number, percent, plural, short

STEPS_SHOWN = 400
OBJECTS_SHOWN = 500


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column: its heading, its unit (empty where it has none), and whether it holds words."""

    label: str
    unit: str = ""
    is_text: bool = False

    @property
    def name(self) -> str:
        """Heading and unit on one line, as it is copied.

        >>> Column(label="Area", unit="nm²").name
        'Area (nm²)'
        """
        return f"{self.label} ({self.unit})" if self.unit else self.label


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row: ``(text, value)`` of each cell, the number of the region it belongs to, and its place on the page."""

    cells: tuple[tuple[str, str], ...]
    region: int | None = None
    anchor: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table for the page; `total` counts also the rows that are not shown."""

    name: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    total: int


def steps_table(protocol: ScanProtocol) -> Table:
    """The steps in visiting order."""
    calibrated = protocol.context.is_calibrated
    unit = "nm" if calibrated else "px"
    decimals = length_decimals(min(protocol.context.pixel_size_nm)) if calibrated else 1
    turned = any(step.rotation_rad != 0 for step in protocol.steps)
    columns = [
        Column(label="Step"),
        *(Column(label=name, unit=unit) for name in ("Centre y", "Centre x", "Width", "Height")),
        *([Column(label="Turned counter-clockwise", unit="°")] if turned else []),
        Column(label="Samples x"),
        Column(label="Samples y"),
        Column(label="Dwell", unit="µs"),
        *(Column(label="Dose", unit=dose_unit) for dose_unit in (("e/nm²", "e/Å²") if calibrated else ())),
        Column(label="Priority"),
        Column(label="Reason", is_text=True),
    ]
    return Table(
        name="steps",
        columns=tuple(columns),
        rows=tuple(_step_row(step, decimals, turned=turned) for step in protocol.steps[:STEPS_SHOWN]),
        total=len(protocol.steps),
    )


def objects_table(data: ReportData) -> Table:
    """The measured objects by number."""
    calibrated = data.image.pixel_size_nm is not None
    unit = "nm" if calibrated else "px"
    decimals = 1 if data.image.pixel_size_nm is None else length_decimals(min(data.image.pixel_size_nm))
    linked = regions_are_steps(data.regions, data.protocol.steps)
    measured = sorted(data.measurements, key=lambda m: m.id)
    lengths = ("Equivalent diameter", "Major axis", "Minor axis")
    columns = (
        Column(label="Object"),
        Column(label="Region"),
        Column(label="Centroid y", unit=unit),
        Column(label="Centroid x", unit=unit),
        Column(label="Area", unit="nm²" if calibrated else "px"),
        *(Column(label=name, unit=unit) for name in lengths),
        Column(label="Orientation", unit="°"),
        Column(label="Mean intensity"),
        Column(label="Score"),
        Column(label="Touches border"),
    )
    rows = (_object_row(m, decimals, suffix="nm" if calibrated else "px", linked=linked) for m in measured)
    return Table(
        name="objects",
        columns=columns,
        rows=tuple(row for row, _ in zip(rows, range(OBJECTS_SHOWN), strict=False)),
        total=len(measured),
    )


def efficiency_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """What each strategy came to at the end of its plan."""
    columns = (
        Column(label="Strategy", is_text=True),
        Column(label="Area", unit="%"),
        Column(label="Dose", unit="%"),
        Column(label="Time", unit="s"),
        Column(label="Captured", unit="%"),
        Column(label="Basis"),
    )
    ends = efficiency_ends(rows)
    return Table(
        name="efficiency",
        columns=columns,
        rows=tuple(
            Row(
                cells=(
                    _words(end.strategy),
                    _share(end.area),
                    _share(end.dose),
                    _figure(end.time_s),
                    ("not stated", "") if end.captured is None else _share(end.captured),
                    _words(end.basis or MISSING),
                )
            )
            for end in ends
        ),
        total=len(ends),
    )


def objects_summary(data: ReportData) -> str:
    """One sentence on all objects, those cut by the border left out of the sizes."""
    calibrated = data.image.pixel_size_nm is not None
    whole = [m for m in data.measurements if not m.touches_border]
    cut = len(data.measurements) - len(whole)
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


def length_decimals(pixel_nm: float) -> int:
    """Decimals that show a tenth of a pixel.

    >>> length_decimals(0.05), length_decimals(2.5), length_decimals(400)
    (3, 1, 0)
    """
    return max(0, 1 - math.floor(math.log10(pixel_nm)))


def _step_row(step: ScanStep, decimals: int, *, turned: bool) -> Row:
    if step.center_y_nm is None or step.height_nm is None:
        places = [(fixed(at, 1), _raw(at)) for at in (step.center_y_px, step.center_x_px)]
        sizes = [(short(size), _raw(size)) for size in (step.width_px, step.height_px)]
        doses = []
    else:
        height_nm, width_nm = step.size_nm
        places = [(fixed(at, decimals), _raw(at)) for at in step.center_nm]
        sizes = [(short(size), _raw(size)) for size in (width_nm, height_nm)]
        dose = step.dose_e_per_nm2
        doses = [_figure(dose), _figure(None if dose is None else dose / SQUARE_ANGSTROM_PER_NM2)]
    angle_deg = math.degrees(step.rotation_rad)
    cells = (
        _count(step.order),
        *places,
        *sizes,
        *([(short(angle_deg), _raw(angle_deg))] if turned else []),
        _count(step.cols),
        _count(step.rows),
        (short(step.dwell_time_us), _raw(step.dwell_time_us)),
        *doses,
        _figure(step.priority),
        _words(step.reason or MISSING),
    )
    return Row(cells=cells, region=step.order, anchor=f"step-{step.order}")


def _object_row(measured: RegionMeasurement, decimals: int, *, suffix: str, linked: bool) -> Row:
    values = asdict(measured)
    lengths = [
        (fixed(values[f"{name}_{suffix}"], decimals), _raw(values[f"{name}_{suffix}"]))
        for name in ("centroid_y", "centroid_x", "equivalent_diameter", "major_axis", "minor_axis")
    ]
    area = measured.area_px if suffix == "px" else measured.area_nm2
    angle_deg = math.degrees(measured.orientation_rad)
    touches = "yes" if measured.touches_border else "no"
    cells = (
        _count(measured.id),
        _count(measured.region),
        *lengths[:2],
        (("≥\u00a0" if measured.touches_border else "") + number(area), _raw(area)),
        *lengths[2:],
        (short(angle_deg), _raw(angle_deg)),
        _figure(measured.mean_intensity),
        _figure(measured.score),
        (touches, touches),
    )
    return Row(cells=cells, region=measured.region if linked else None)


def _raw(value: float | None) -> str:
    """A value as a spreadsheet reads it; empty where it is not known."""
    return "" if value is None or not math.isfinite(value) else f"{value:.7g}"


def _figure(value: float | None) -> tuple[str, str]:
    return (number(value), _raw(value))


def _share(fraction: float | None) -> tuple[str, str]:
    return (percent(fraction).removesuffix(" %"), _raw(None if fraction is None else 100 * fraction))


def _count(value: int) -> tuple[str, str]:
    return (str(value), str(value))


def _words(text: str) -> tuple[str, str]:
    return (text, text)
