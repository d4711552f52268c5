"""``sparse.md``: the sparse suites in tables, and what they say about the goal."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from deepscan_core.benchmarking.page import Origin
from deepscan_core.benchmarking.sparse.contestants import (
    COARSE,
    EXPLORE,
    FOLLOW,
    LOOK_SAMPLES,
    ORACLE,
    RASTER,
    REFINE,
    TITLES,
)
from deepscan_core.benchmarking.sparse.metering import PREVIEW_CLASSES, Reading
from deepscan_core.benchmarking.sparse.suites import SPARSE_SUITES, SparseRow, SparseSuite
from deepscan_core.benchmarking.statistics import mean_of, paired_difference

GOAL_CAPTURED, GOAL_SHARE = 0.95, 1 / 8
FIGURE = "benchmark-sparse.png"


def sparse_page(rows: Sequence[SparseRow], origin: Origin) -> str:
    """The whole page, in Markdown."""
    versions = ", ".join(f"{name} {version}" for name, version in origin.versions.items())
    lines = [
        "# Strategies on large frames with few defects",
        "",
        f"Written by `{origin.command}` in {origin.seconds / 60:.1f} min on {origin.machine}; {versions}. The same command "
        "gives the same `sparse.csv`; times of computing differ between runs and stand in `sparse-timings.csv`.",
        "",
        f"![Captured share and total time over the density of defects, and adaptive strategies against one plan]({FIGURE})",
        "",
        *_rules(),
    ]
    for suite in SPARSE_SUITES:
        own = [row for row in rows if row.suite == suite.name]
        if own:
            lines += _suite(suite, own)
    return "\n".join(lines) + "\n"


def _rules() -> list[str]:
    reference = SPARSE_SUITES[0].reference
    costs = reference.costs
    return [
        "## The rules",
        "",
        f"- **Raster:** {reference.dwell_us:g} µs a sample, {reference.bright_counts:g} counts on a bright column, "
        f"{reference.spacing_px:g} samples along the shortest lattice vector where nothing else is said. "
        "It is charged its one frame alone, and captures everything by definition.",
        f"- **Final tile:** one frame of {reference.tile_px} x {reference.tile_px} samples, where nothing else is said, at "
        "the raster's dwell time and density. **Captured:** a defect with d′ of at least 6 in the raster (ideal observer, "
        "docs/specimens.md) whose centre lies in a final tile.",
        f"- **Charged** on the clock of the simulated microscope: the preview, cheap looks, {costs.frame_overhead_s:g} s a "
        f"frame, {costs.flyback_us:g} µs flyback a line, {costs.settle_s * 1000:g} ms settling a move, travel at "
        f"{costs.travel_nm_per_s / 1e6:g} mm/s, and a reference area for drift after every "
        f"{reference.steps_a_drift_check} frames. These are the defaults of `ScanCosts`, of the order of a Nion scan box. "
        "The beam exposes all the time, so dose and time have one share; what it would cost blanked stands apart.",
        "- **Computing** (median over frames) is from the preview to the first step and between steps, in processor time "
        "of all threads: on a computer that does nothing else it takes as long, or less. The beam is blanked meanwhile.",
        f"- **refine** looks at {LOOK_SAMPLES} x {LOOK_SAMPLES} samples in the middle of a tile, recorded like the raster, "
        "and only where looks are expected to find more than tiles alone; otherwise it is the one plan. **explore** learns "
        "the kinds of defect from the tiles. **coarse to fine** records frames of twice a tile's side and half its density "
        "on the cells of a grid that hold the likeliest candidates, and the four quarters, each a tile, of those that show "
        "something.",
        "- **follow** makes one plan from the preview. **The oracle** knows the places; it pays for the preview too. All "
        "have one list of candidates and one limit.",
        "- In brackets: 95 % intervals of means over frames (Student's t); of differences, bootstrap intervals.",
        "- **Pays below:** so many clear defects in the frame, or fewer, and the strategy beats the raster in time with "
        "computing and in dose. It says nothing about defects that are missed.",
        "",
    ]


def _suite(suite: SparseSuite, rows: Sequence[SparseRow]) -> list[str]:
    side = _side_px(rows)
    lines = [f"## {suite.title}: `{suite.name}`", "", f"{suite.about[0].upper()}{suite.about[1:]}.", ""]
    lines += [
        "| one defect in | strategy | captured | total dose | blanked | time | computing | total time | tiles | false | "
        "looks | pays below |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for px in sorted({row.px_per_defect for row in rows}, reverse=True):
        for name in TITLES:
            lines.append(
                _line(px, name, [r.reading for r in rows if r.px_per_defect == px and r.reading.strategy == name])
            )
    lines += ["", *_by_preview(rows), "", *_by_kind(rows), ""]
    lines += _differences(rows) if suite.rules.least_probability == 0 else _goal(rows)
    return [*lines, f"Frames of {side} x {side} samples.", ""]


def _side_px(rows: Sequence[SparseRow]) -> int:
    """Of the raster, from its time; frames of one suite are alike."""
    reference = SPARSE_SUITES[0].reference
    line_s = rows[0].reading.raster_s - reference.costs.frame_overhead_s
    idle, dwell = reference.costs.line_idle_us * 1e-6, reference.dwell_us * 1e-6
    return round((-idle + math.sqrt(idle**2 + 4 * dwell * line_s)) / (2 * dwell))


def _line(px: float, name: str, readings: Sequence[Reading]) -> str:
    def of(number: Callable[[Reading], float]) -> float:
        return float(np.mean([number(r) for r in readings]))

    computing = float(np.median([r.compute_s for r in readings]))
    total = of(lambda r: r.time_share) + computing / readings[0].raster_s
    cells = [
        f"{px:,.0f} px",
        TITLES[name],
        _interval([r.captured for r in readings if not math.isnan(r.captured)]),
        _percent(of(lambda r: r.dose_share)),
        _percent(of(lambda r: r.dose_share_blanked)),
        _percent(of(lambda r: r.time_share)),
        f"{computing:.2f} s",
        _percent(total),
        f"{of(lambda r: r.tiles):.0f}",
        f"{of(lambda r: r.false_tiles):.0f}",
        f"{of(lambda r: r.looks):.0f}",
        "–" if name == RASTER else f"{float(np.median([r.pays_below for r in readings])):.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _by_preview(rows: Sequence[SparseRow]) -> list[str]:
    """What was to be seen in the preview decides what is captured."""
    names = ("6 and more", "3 to 6", "below 3")
    lines = [
        "The same defects by their d′ in the preview, all densities:",
        "",
        f"| strategy | {' | '.join(names)} |",
        "|---|---|---|---|",
    ]
    for strategy in (FOLLOW, REFINE, EXPLORE, COARSE, ORACLE):
        own = [row.reading.by_preview for row in rows if row.reading.strategy == strategy]
        cells = []
        for number in range(len(PREVIEW_CLASSES)):
            found, there = (sum(one[number][k] for one in own) for k in (0, 1))
            cells.append(f"{_percent(found / there)} of {there}" if there else "–")
        lines.append(f"| {TITLES[strategy]} | {' | '.join(cells)} |")
    return lines


def _by_kind(rows: Sequence[SparseRow]) -> list[str]:
    strategies = (FOLLOW, REFINE, EXPLORE, COARSE, ORACLE)
    lines = [
        "Captured by crystal, all densities:",
        "",
        f"| crystal | {' | '.join(TITLES[name] for name in strategies)} |",
        "|---|---|---|---|---|",
    ]
    for kind in dict.fromkeys(row.kind for row in rows):
        cells = []
        for name in strategies:
            own = [r.reading for r in rows if r.kind == kind and r.reading.strategy == name]
            there = sum(r.clear_count for r in own)
            cells.append(_percent(sum(r.captured_count for r in own) / there) if there else "–")
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return lines


def _goal(rows: Sequence[SparseRow]) -> list[str]:
    """Where at least 95 % are captured at an eighth of dose and total time, by density."""
    lines = ["At least 95 % of all clear defects at no more than an eighth of dose and total time:", ""]
    for name in (FOLLOW, REFINE, EXPLORE, COARSE, ORACLE):
        words = []
        for px in sorted({row.px_per_defect for row in rows}, reverse=True):
            own = [r.reading for r in rows if r.px_per_defect == px and r.reading.strategy == name]
            words.append(f"one in {px:,.0f} px {'reached' if _reaches(own) else 'missed'}")
        lines.append(f"- **{TITLES[name]}:** {', '.join(words)}.")
    return [*lines, ""]


def _reaches(readings: Sequence[Reading]) -> bool:
    there = sum(r.clear_count for r in readings)
    if not there:
        return False
    captured = sum(r.captured_count for r in readings) / there
    dose = float(np.mean([r.dose_share for r in readings]))
    compute = float(np.median([r.compute_s for r in readings])) / readings[0].raster_s
    total = float(np.mean([r.time_share for r in readings])) + compute
    return captured >= GOAL_CAPTURED and max(dose, total) <= GOAL_SHARE


def _differences(rows: Sequence[SparseRow]) -> list[str]:
    """Adaptive strategies against the one plan, frame by frame, at an equal budget."""
    captured = {
        name: [r.reading.captured for r in rows if r.reading.strategy == name and r.reading.clear_count]
        for name in TITLES
    }
    lines = ["At an equal budget, frame by frame:", ""]
    for name in (REFINE, EXPLORE, COARSE):
        apart = paired_difference(captured[name], captured[FOLLOW])
        verdict = "more" if apart.low > 0 else "less" if apart.high < 0 else "not surely more or less"
        lines.append(
            f"- **{TITLES[name]}** captures {100 * apart.value:+.1f} points ({100 * apart.low:+.1f} to "
            f"{100 * apart.high:+.1f}, {apart.count} frames) against the one plan: {verdict}."
        )
    return [*lines, ""]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _interval(shares: Sequence[float]) -> str:
    if not shares:
        return "–"
    mean = mean_of(shares)
    if mean.low is None or mean.high is None:
        return f"{100 * mean.value:.0f} %"
    return f"{100 * mean.value:.0f} % ({100 * max(mean.low, 0):.0f}–{100 * min(mean.high, 1):.0f})"
