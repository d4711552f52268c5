"""Captured share and total time of the strategies, as a function of the density of defects."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from deepscan_core.benchmarking.figures import COLOURS, GRID, INK, PALE, PRODUCT_COLOUR
from deepscan_core.benchmarking.sparse.contestants import EXPLORE, FOLLOW, ORACLE, REFINE, TITLES
from deepscan_core.benchmarking.sparse.page import GOAL_CAPTURED, GOAL_SHARE
from deepscan_core.benchmarking.sparse.suites import NOISY, SPARSE_SUITES, WIDE, SparseRow

_STYLES = {FOLLOW: (COLOURS[0], "o"), REFINE: (COLOURS[2], "s"), EXPLORE: (PRODUCT_COLOUR, "D"), ORACLE: (PALE, "^")}
_DPI = 130


def sparse_png(rows: Sequence[SparseRow]) -> bytes:
    """Three panels: captured and total time over density, and the paired captures at an equal budget.

    Parameters
    ----------
    rows : of `run_sparse`.

    Returns
    -------
    A PNG file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.2, 3.9), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    captured, cost, paired = figure.subplots(1, 3)
    by_density = [row for row in rows if row.suite == SPARSE_SUITES[0].name]
    densities = sorted({row.px_per_defect for row in by_density}, reverse=True)
    for name, (colour, marker) in _STYLES.items():
        own = [
            [r.reading for r in by_density if r.px_per_defect == px and r.reading.strategy == name] for px in densities
        ]
        shares = [100 * float(np.nanmean([r.captured for r in group])) for group in own]
        times = [
            100
            * (
                float(np.mean([r.time_share for r in group]))
                + float(np.median([r.compute_s for r in group])) / group[0].raster_s
            )
            for group in own
        ]
        for axes, values in ((captured, shares), (cost, times)):
            axes.plot(range(len(densities)), values, color=colour, marker=marker, label=TITLES[name])
    captured.axhline(100 * GOAL_CAPTURED, color=INK, linewidth=0.8, linestyle=":")
    cost.axhline(100 * GOAL_SHARE, color=INK, linewidth=0.8, linestyle=":")
    captured.set_ylim(0, 103)
    cost.set_ylim(bottom=0)
    captured.set_ylabel("captured of d′ ≥ 6, %", color=INK)
    cost.set_ylabel("total time, % of the raster", color=INK)
    for axes in (captured, cost):
        axes.set_xticks(range(len(densities)), [f"{px / 1000:g}" for px in densities])
        axes.set_xlabel("thousand samples to a defect", color=INK)
    _paired(paired, rows)
    for axes in (captured, cost, paired):
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
    figure.legend(*captured.get_legend_handles_labels(), loc="lower center", ncols=4, frameon=False, fontsize=9)
    figure.subplots_adjust(left=0.06, right=0.985, top=0.96, bottom=0.24, wspace=0.24)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _paired(axes: Any, rows: Sequence[SparseRow]) -> None:
    """Each frame at an equal budget: the one plan across, an adaptive strategy up."""
    for name, suite in ((REFINE, WIDE), (EXPLORE, NOISY)):
        colour, marker = _STYLES[name]
        captured = {
            (row.reading.strategy, row.kind, row.seed): 100 * row.reading.captured
            for row in rows
            if row.suite == suite and row.reading.clear_count
        }
        own = [
            (captured[FOLLOW, kind, seed], value)
            for (strategy, kind, seed), value in captured.items()
            if strategy == name
        ]
        axes.plot([plan for plan, _ in own], [value for _, value in own], marker, color=colour, linestyle="none")
    axes.plot([0, 100], [0, 100], color=INK, linewidth=0.8, linestyle=":")
    axes.set_xlabel("noisy preview: captured by the one plan, %", color=INK)
    axes.set_ylabel("by explore; by refine (large tiles), %", color=INK)
