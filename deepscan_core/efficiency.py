"""How area, dose and time add up along a plan, and what was captured for it where the truth is known.

Rows of ``efficiency.csv``. The dose is a fraction of what scanning the whole frame with the same dwell time and density
would cost; the preview, where its cost is known, is charged before the first region. What fraction of the defects was
captured is stated from planted truth only: a curve that integrates the score map itself would prove itself right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.records.coordinates import YX
from deepscan_core.records.costs import ScanCosts
from deepscan_core.records.protocol import ScanProtocol

COLUMNS = ("strategy", "area_fraction", "dose_fraction", "time_s", "captured_fraction", "basis")


@dataclass(frozen=True, kw_only=True)
class EfficiencyRow:
    """One point of a curve; the columns of ``efficiency.csv``. None stands for "not known"."""

    strategy: str
    area_fraction: float
    dose_fraction: float
    time_s: float
    captured_fraction: float | None
    basis: str | None

    def to_dict(self) -> dict[str, Any]:
        """The row under its column names."""
        return asdict(self)


def efficiency_rows(
    protocol: ScanProtocol,
    *,
    truth_px: Sequence[YX] | None = None,
    preview_dwell_us: float | None = None,
    costs: ScanCosts | None = None,
) -> tuple[EfficiencyRow, ...]:
    """Curves of the plan and of a raster scan of the whole frame at the plan's dwell time and density.

    Parameters
    ----------
    protocol : the plan.
    truth_px : ``(y, x)`` of all planted defects inside the frame; None where the truth is not known.
    preview_dwell_us : dwell time of the frame the plan was made on, to be charged. Where it is not known nothing is
        said to be captured, because it would be said for too little.
    costs : overheads of the instrument.
    """
    if not protocol.steps:
        return ()
    costs = costs or ScanCosts()
    truth = None if truth_px is None or preview_dwell_us is None else np.asarray(truth_px, float).reshape(-1, 2)
    return (*_plan_rows(protocol, truth, preview_dwell_us, costs), *_raster_rows(protocol, truth, costs))


def _plan_rows(
    protocol: ScanProtocol, truth: npt.NDArray[np.float64] | None, preview_dwell_us: float | None, costs: ScanCosts
) -> list[EfficiencyRow]:
    context = protocol.context
    full_dwell = _raster_samples(protocol) * protocol.steps[0].dwell_time_us
    time_s = dwell = area = 0.0
    if preview_dwell_us is not None:
        time_s = costs.frame_time_s(context.rows, context.cols, preview_dwell_us)
        dwell = context.rows * context.cols * preview_dwell_us
    seen = None if truth is None else np.zeros(len(truth), bool)
    rows = [_row("deepscan", area, dwell / full_dwell, time_s, seen)]
    here = context.px_from_fraction((0.5, 0.5))
    for step in protocol.steps:
        there = (step.center_y_px, step.center_x_px)
        if context.is_calibrated:
            time_s += costs.travel_time_s(context.nm_from_px(here), context.nm_from_px(there))
        time_s += costs.frame_time_s(step.rows, step.cols, step.dwell_time_us)
        here = there
        dwell += step.rows * step.cols * step.dwell_time_us
        area += step.height_px * step.width_px / (context.rows * context.cols)
        if seen is not None and truth is not None:
            seen |= np.array([step.holds_px(context, (float(y), float(x))) for y, x in truth], bool)
        rows.append(_row("deepscan", area, dwell / full_dwell, time_s, seen))
    return rows


def _raster_rows(
    protocol: ScanProtocol, truth: npt.NDArray[np.float64] | None, costs: ScanCosts
) -> list[EfficiencyRow]:
    """The whole frame from top to bottom, at twenty stages."""
    step, context = protocol.steps[0], protocol.context
    density = step.rows / step.height_px
    whole_s = costs.frame_time_s(round(context.rows * density), round(context.cols * density), step.dwell_time_us)
    rows = []
    for fraction in np.linspace(0, 1, 21):
        seen = None if truth is None else truth[:, 0] + 0.5 <= fraction * context.rows
        rows.append(_row("raster", float(fraction), float(fraction), float(fraction) * whole_s, seen))
    return rows


def _raster_samples(protocol: ScanProtocol) -> float:
    step, context = protocol.steps[0], protocol.context
    return context.rows * context.cols * (step.rows / step.height_px) * (step.cols / step.width_px)


def _row(strategy: str, area: float, dose: float, time_s: float, seen: npt.NDArray[np.bool_] | None) -> EfficiencyRow:
    known = seen is not None and len(seen) > 0
    return EfficiencyRow(
        strategy=strategy,
        area_fraction=area,
        dose_fraction=dose,
        time_s=time_s,
        captured_fraction=float(seen.mean()) if known and seen is not None else None,
        basis="truth" if known else None,
    )
