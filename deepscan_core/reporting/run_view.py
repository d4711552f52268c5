"""How a run went: its decisions, its books against their limits, and where the electrons went."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.acquisition.books import LedgerStatus
from deepscan_core.records.costs import SQUARE_ANGSTROM_PER_NM2
from deepscan_core.reporting.decisions import Decision, RunRecord
from deepscan_core.reporting.drawing import Plate
from deepscan_core.reporting.raster import data_uri, scale_bar_units, shrink
from deepscan_core.reporting.report_data import ReportData
from deepscan_core.reporting.tables import Column, Row, Table
from deepscan_core.reporting.wording import MISSING, fixed, number, percent

DECISIONS_SHOWN = 400
PICTURE_SIDE_PX = 900
KIND_WORDS = {
    "preview": "previews and overviews",
    "steps": "looks and tiles",
    "drift": "reference frames for drift",
    "failed": "attempts without a frame that was kept",
    "idle": "ways, waiting, computing, parked beam",
}
_DPI = 130


def run_view(data: ReportData) -> dict[str, Any] | None:
    """The section of the page; None before a plan was run."""
    if data.run is None:
        return None
    books = data.run.ledger
    knows_dose = books.electrons is not None
    return {
        "limits": limits_table(books),
        "spent": spent_table(books),
        "decisions": decisions_table(data.run),
        "dose_png": data_uri(dose_png(data.run.dose_e_per_nm2, Plate.of(data.image))) if knows_dose else "",
        "dose_words": _dose_words(data.run) if knows_dose else "",
    }


def limits_table(books: LedgerStatus) -> Table:
    """What was spent of each limit."""
    limits = books.limits
    rows = (
        ("Time", "s", books.time_s, limits.max_time_s),
        ("Electrons", "", books.electrons, limits.max_total_electrons),
        ("Highest dose of a place", "e/nm²", books.highest_dose_e_per_nm2, limits.max_dose_e_per_nm2),
    )
    columns = (
        Column(label="Charged", is_text=True),
        Column(label="Unit", is_text=True),
        Column(label="Spent"),
        Column(label="Limit"),
        Column(label="Share", unit="%"),
    )
    return Table(
        name="limits",
        columns=columns,
        rows=tuple(
            Row(
                cells=(
                    (what, what),
                    (unit, unit),
                    _figure(spent),
                    _figure(limit),
                    _share(None if spent is None or limit is None else spent / limit),
                )
            )
            for what, unit, spent, limit in rows
        ),
        total=len(rows),
    )


def spent_table(books: LedgerStatus) -> Table:
    """What it was spent on."""
    columns = (Column(label="Spent on", is_text=True), Column(label="Time", unit="s"), Column(label="Electrons"))
    rows = tuple(
        Row(
            cells=(
                (KIND_WORDS.get(kind, kind), kind),
                _figure(cost.time_s),
                _figure(None if books.electrons is None else cost.electrons),
            )
        )
        for kind, cost in books.by_kind.items()
    )
    return Table(name="spent", columns=columns, rows=rows, total=len(rows))


def decisions_table(run: RunRecord) -> Table:
    """Step by step: why, how, and what its frame said."""
    columns = (
        Column(label="Step"),
        Column(label="Why", is_text=True),
        Column(label="Samples", is_text=True),
        Column(label="Dwell", unit="µs"),
        Column(label="Dose", unit="e/nm²"),
        Column(label="Evidence", unit="nats"),
        Column(label="Probability"),
        Column(label="Verdict", is_text=True),
    )
    shown = run.decisions[:DECISIONS_SHOWN]
    return Table(
        name="decisions", columns=columns, rows=tuple(_decision(one) for one in shown), total=len(run.decisions)
    )


def dose_png(dose_e_per_nm2: npt.NDArray[np.floating[Any]], plate: Plate) -> bytes:
    """The dose of every pixel with a colour bar and a scale bar, as a PNG file.

    Parameters
    ----------
    dose_e_per_nm2 : ndarray of shape (rows, cols), of a calibrated frame.
    plate : of the frame.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    values = shrink(np.asarray(dose_e_per_nm2, np.float32), PICTURE_SIDE_PX)
    figure = Figure(figsize=(6.4, 0.3 + 4.7 * plate.height / plate.width), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.02, 0.03, 0.72, 0.94))
    picture = axes.imshow(
        values, cmap="inferno", vmin=0, extent=(-0.5, plate.cols - 0.5, plate.rows - 0.5, -0.5), interpolation="nearest"
    )
    axes.set_axis_off()
    length_px, label = scale_bar_units(plate.pixel_x_nm, plate.cols)
    left, bottom = 0.04 * plate.cols, 0.95 * plate.rows
    axes.plot([left, left + length_px], [bottom, bottom], color="white", linewidth=4, solid_capstyle="butt")
    axes.text(
        left + length_px / 2, bottom - 0.02 * plate.rows, label, color="white", ha="center", va="bottom", fontsize=9
    )
    bar = figure.colorbar(picture, cax=figure.add_axes((0.77, 0.08, 0.03, 0.84)))
    bar.set_label("dose, e/nm²", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.ax.ticklabel_format(style="sci", scilimits=(-2, 4), useMathText=True)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _dose_words(run: RunRecord) -> str:
    highest = run.ledger.highest_dose_e_per_nm2 or 0.0
    mean = float(np.mean(run.dose_e_per_nm2))
    exposed = float(np.mean(run.dose_e_per_nm2 > 0))
    return (
        f"{percent(exposed)} of the frame was exposed; the mean dose is {number(mean)} e/nm² "
        f"({number(mean / SQUARE_ANGSTROM_PER_NM2)} e/Å²), the highest {number(highest)} e/nm² "
        f"({number(highest / SQUARE_ANGSTROM_PER_NM2)} e/Å²)"
    )


def _decision(one: Decision) -> Row:
    verdict = one.verdict if one.number is not None else "not exposed"
    return Row(
        cells=(
            (str(one.order), str(one.order)),
            (one.reason, one.reason),
            (one.samples or MISSING, one.samples),
            _figure(one.dwell_time_us),
            _figure(one.dose_e_per_nm2),
            _fixed(one.evidence_nats, 1),
            _fixed(one.probability, 2),
            (verdict or MISSING, verdict),
        ),
        region=one.number,
    )


def _figure(value: float | None) -> tuple[str, str]:
    return (number(value), "" if value is None else f"{value:.7g}")


def _fixed(value: float | None, decimals: int) -> tuple[str, str]:
    return (fixed(value, decimals), "" if value is None else f"{value:.7g}")


def _share(fraction: float | None) -> tuple[str, str]:
    return (percent(fraction).removesuffix(" %"), "" if fraction is None else f"{100 * fraction:.7g}")
