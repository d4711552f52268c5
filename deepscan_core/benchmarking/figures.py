"""Curves of one suite: captured truth against area, against dose, and against time with computing."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deepscan_core.benchmarking.meter import BUDGETS
from deepscan_core.benchmarking.results import Results
from deepscan_core.benchmarking.statistics import Mean
from deepscan_core.benchmarking.strategies import PRODUCT, PRODUCT_MAP

INK, PALE, GRID = "#1c2430", "#8a929e", "#e3e6eb"
PRODUCT_COLOUR = "#0b62d6"
COLOURS = ("#d1495b", "#e08e0b", "#2a9d6f", "#7b4fc9", "#8c5a2b", "#c2489b", "#4f9fb5", "#6b8e23")
_DPI = 130


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a strategy is drawn."""

    colour: str
    width: float = 1.3
    dashes: str | tuple[float, tuple[float, ...]] = "-"
    marker: str = "o"
    shaded: bool = False
    rank: int = 2


def suite_png(results: Results, suite: str, titles: Mapping[str, str], limits: frozenset[str], title: str) -> bytes:
    """Three panels side by side over one legend.

    Parameters
    ----------
    results : of a run that tried the suite.
    suite : its name.
    titles : of strategies by name, in the order of the legend.
    limits : strategies that know the truth.
    title : of the figure.

    Returns
    -------
    A PNG file. What takes longer than the raster is cut off in the third panel. Bands are 95 % intervals of the mean over
    frames, of DeepScan and of random tiles only: the table has all.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.2, 4.5), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 3, sharey=True)
    tried = [name for name in titles if name in results.strategies(suite)]
    frames = {name: len(results.by_scene(suite, name, "captured", BUDGETS[0])) for name in tried}
    most = max(frames.values(), default=0)
    named = {n: titles[n] + (f" ({frames[n]} of {most} frames)" if frames[n] < most else "") for n in tried}
    styles = _styles(titles, limits)
    labels = (
        "area scanned after the preview",
        "dose or time, preview included",
        "time, preview and computing included",
    )
    for axes, axis, label in zip(panels, ("area", "cost", "computed"), labels, strict=True):
        for name in tried:
            _draw(axes, results, suite, name, axis, styles[name], named[name])
        _dress(axes, label)
    panels[0].plot([0, 1], [0, 1], color=PALE, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
    panels[0].set_xlim(0, max(BUDGETS) * 1.03)
    for axes in panels[1:]:
        axes.set_xlim(left=0)
    panels[2].set_xlim(0, 1.04 * _longest(panels[2]))
    panels[0].set_ylabel("captured", color=INK)
    figure.suptitle(title, x=0.012, ha="left", fontsize=12, fontweight="bold", color=INK)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="lower center", ncols=5, frameon=False, fontsize=8.5, labelcolor=INK)
    rows = -(-len(names) // 5)
    figure.subplots_adjust(left=0.062, right=0.985, top=0.9, bottom=0.155 + 0.052 * rows, wspace=0.07)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()


def _styles(names: Iterable[str], limits: frozenset[str]) -> dict[str, Style]:
    """Styles of all strategies, tried or not, so that each looks the same in every figure."""
    styles: dict[str, Style] = {}
    colours = iter(COLOURS * 2)
    blind: dict[str, str | tuple[float, tuple[float, ...]]] = {
        "raster": (0, (1, 1)),
        "random": "-",
        "dot_grid": (0, (4, 2)),
        "speckle": (0, (4, 1, 1, 1)),
    }
    ends: Iterator[str | tuple[float, tuple[float, ...]]] = iter(("-", (0, (5, 2)), (0, (2, 1))))
    for name in names:
        if name == PRODUCT:
            styles[name] = Style(colour=PRODUCT_COLOUR, width=2.6, shaded=True, rank=5)
        elif name == PRODUCT_MAP:
            styles[name] = Style(colour=PRODUCT_COLOUR, width=1.3, dashes=(0, (4, 2)), marker="", rank=4)
        elif name in limits:
            styles[name] = Style(colour=INK, width=1.1, dashes=next(ends, "-"), marker="", rank=3)
        elif name in blind:
            styles[name] = Style(colour=PALE, width=1.0, dashes=blind[name], marker="", shaded=name == "random", rank=1)
        else:
            styles[name] = Style(colour=next(colours))
    return styles


def _draw(axes: Any, results: Results, suite: str, name: str, axis: str, style: Style, label: str) -> None:
    found = [(_spent(results, suite, name, axis, b), results.mean(suite, name, "captured", b)) for b in BUDGETS]
    points = [(x, mean) for x, mean in found if x is not None and mean is not None]
    if not points:
        return
    x = [one for one, _ in points]
    y = [mean.value for _, mean in points]
    if axis == "area":
        x, y = [0.0, *x], [0.0, *y]
    axes.plot(
        x,
        y,
        color=style.colour,
        linewidth=style.width,
        linestyle=style.dashes,
        marker=style.marker,
        markersize=1.6 + style.width,
        label=label,
        zorder=style.rank,
    )
    if style.shaded:
        low, high = zip(*(_band(mean) for _, mean in points), strict=True)
        axes.fill_between([one for one, _ in points], low, high, color=style.colour, alpha=0.14, linewidth=0)


def _longest(axes: Any) -> float:
    """The longest share of the raster's time among strategies that are quicker than the raster; what is slower is cut."""
    ends = [float(max(line.get_xdata())) for line in axes.get_lines()]
    return max((end for end in ends if end <= 1.0), default=1.0)


def _band(mean: Mean) -> tuple[float, float]:
    half = mean.half_width or 0.0
    return (max(0.0, mean.value - half), min(1.0, mean.value + half))


def _spent(results: Results, suite: str, name: str, axis: str, budget: float) -> float | None:
    measure = "area_share" if axis == "area" else "time_share"
    spent = results.mean(suite, name, measure, budget)
    if spent is None:
        return None
    if axis != "computed":
        return spent.value
    computing = results.timing(suite, name, lambda row: row.compute_share)
    return spent.value + (computing.value if computing else 0.0)


def _dress(axes: Any, label: str) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axes.set_xlabel(label, color=INK, fontsize=9.5)
    axes.set_ylim(0, 1.02)
    for one in (axes.xaxis, axes.yaxis):
        one.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
        one.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.tick_params(colors=INK, labelsize=8.5, length=3)
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)
