"""``benchmark.md``: every strategy on every suite, and how the numbers came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepscan_core.benchmarking import tables, verdicts
from deepscan_core.benchmarking.charges import LARGEST_PREVIEW_SHARE, Terms
from deepscan_core.benchmarking.meter import CLASSES
from deepscan_core.benchmarking.results import Results
from deepscan_core.benchmarking.rivals import Rival
from deepscan_core.benchmarking.run import titles as titles_of
from deepscan_core.benchmarking.strategies import PRODUCT
from deepscan_core.benchmarking.suites import SUITES
from deepscan_core.benchmarking.verdicts import HEADLINE, percent

NOISE = "noise"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """How a run came about.

    Attributes
    ----------
    command : as it was typed.
    machine : processor, cores, system.
    versions : of packages, by name.
    seconds : how long it took.
    notes : what was left out, and why.
    """

    command: str
    machine: str
    versions: Mapping[str, str]
    seconds: float
    notes: Sequence[str] = ()


def figure_name(suite: str) -> str:
    """File of a suite's figure."""
    return f"benchmark-{suite}.png"


def has_figure(results: Results, suite: str) -> bool:
    """Whether anything was captured or missed there."""
    return any(results.mean(suite, name, "captured", HEADLINE) for name in results.strategies(suite))


def benchmark_page(results: Results, rivals: Sequence[Rival], origin: Origin, terms: Terms | None = None) -> str:
    """The whole page, in Markdown."""
    titles = titles_of({rival.name: rival for rival in rivals})
    limits = frozenset(rival.name for rival in rivals if rival.needs_truth)
    lines = [*_head(origin), *_rules(terms or Terms()), *_overview(results, titles, limits)]
    for suite in results.suites():
        lines += _suite(results, suite, titles, limits)
    lines += _sources(sorted(rivals, key=lambda rival: list(titles).index(rival.name)), limits)
    return "\n".join(lines) + "\n"


def _head(origin: Origin) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in origin.versions.items())
    return [
        "# What is captured, for all that it costs",
        "",
        f"Written by `{origin.command}` in {origin.seconds / 60:.0f} min on {origin.machine}; {versions}. The same command "
        "gives the same `results.csv`; times of computing differ between runs and stand in `timings.csv`.",
        *(["", *(f"- {note}" for note in origin.notes)] if origin.notes else []),
        "",
    ]


def _rules(terms: Terms) -> list[str]:
    costs = terms.costs
    dearer = terms.density**2 * terms.dwell_factor
    beam = (
        "is blanked in between" if costs.blanks_when_idle else "is never blanked, so that dose and time have one share"
    )
    return [
        "## The rules",
        "",
        "A strategy is given one preview and names rectangles, best first; the best whose union stays within a budget of "
        "the frame's area are visited. The maps of all strategies become rectangles by the same selector; DeepScan is also "
        "shown as a user gets it, with its own regions.",
        "",
        "- **Captured:** a point defect whose centre lies in a rectangle; of a line or an area the covered fraction, "
        "relative to what an oracle covers with the same area in squares of the same size. Where a frame holds both, each "
        "counts half.",
        "- **d′** is the ideal observer's (docs/specimens.md) at the preview's dose.",
        f"- **Reference raster:** {terms.density} samples for each pixel of the preview along each axis, with "
        f"{terms.dwell_factor:g} times its dwell time: {dearer:g} times its recorded dose. Rectangles are recorded "
        f"likewise. A preview above {percent(LARGEST_PREVIEW_SHARE)} of the raster's dose is refused.",
        f"- **Charged** to every strategy, as shares of the raster: the preview; {costs.frame_overhead_s * 1000:g} ms for "
        f"each frame; {costs.flyback_us:g} µs flyback a line; travel at {costs.travel_nm_per_s / 1e6:g} mm/s and "
        f"{costs.settle_s * 1000:g} ms settling for each move, on a tour to the nearest place next; a reference area for "
        f"drift after every {terms.regions_per_drift_check} regions. The beam {beam}; what it would cost blanked is shown "
        "apart. The raster is charged its frame alone.",
        "- **Computing** is measured: one process, after a warm-up, from the preview to the rectangles.",
        "- **Break-even:** with fewer defects in the frame the strategy wins, computing included; with more, the raster "
        "does: (raster - preview - computing) / (cost of the visits for each defect captured), at the smallest budget that "
        "captures half of the defects, in time or dose, whichever is less. Of lines and areas as many pieces count as the "
        "share of them that is held is worth. Empty where half is never captured. It says nothing about the defects that "
        "are missed.",
        "- **In brackets** stands the 95 % interval of the mean over frames (Student's t), cut at 0 and 100 %. Frames "
        "differ in kind, dose and seed.",
        "- *Limits*, in italics, know the truth. The oracle knows where everything is. The ideal observer knows the "
        "specimen and its defects, but not their places; it begins with what it is surest of, such as a long boundary.",
        "- Slow strategies were tried on fewer frames, never in bold; verdicts compare the frames that both have seen.",
        "- Figures: the bands are the intervals of DeepScan and of random tiles; what takes longer than the raster is cut "
        "off on the right.",
        "",
    ]


def _overview(results: Results, titles: Mapping[str, str], limits: frozenset[str]) -> list[str]:
    found = [
        (suite, tables.headline_cells(results, suite, titles, limits)) for suite in results.suites() if suite != NOISE
    ]
    rows = [[suite, *cells] for suite, cells in found if cells]
    if not rows:
        return []
    head = ["suite", "DeepScan", "best rival", "limits"]
    return [f"## Captured on {percent(HEADLINE)} of the area", "", *tables.table(head, rows), ""]


def _suite(results: Results, suite: str, titles: Mapping[str, str], limits: frozenset[str]) -> list[str]:
    lines = [
        f"## {SUITES[suite].title}: `{suite}`",
        "",
        f"{SUITES[suite].about[0].upper()}{SUITES[suite].about[1:]}.",
        "",
    ]
    lines += [_facts(results, suite), ""]
    if SUITES[suite].defect_free:
        return [*lines, *tables.clean_table(results, suite), ""]
    if has_figure(results, suite):
        lines += [f"![{SUITES[suite].title}: captured over area, cost and time]({figure_name(suite)})", ""]
    lines += ["Captured, in percent:", "", *tables.captured_table(results, suite, titles, limits), ""]
    if any(results.mean(suite, name, c, HEADLINE) for c in CLASSES for name in titles) and suite != NOISE:
        lines += [f"Point defects by d′, captured on {percent(HEADLINE)} of the area, in percent:", ""]
        lines += [*tables.class_table(results, suite, titles, limits), ""]
    by_kind = tables.kind_table(results, suite, titles, limits)
    if by_kind:
        lines += [f"By kind, captured on {percent(HEADLINE)} of the area:", "", *by_kind, ""]
    lines += [*_verdict(results, suite, titles, limits), ""]
    lines += ["Costs of 15 % of the area, as shares of the raster's, and errors:", ""]
    return [*lines, *tables.cost_table(results, suite, titles, limits), "", *_own_errors(results, suite)]


def _facts(results: Results, suite: str) -> str:
    def mean(measure: str) -> float | None:
        found = results.mean(suite, "", measure)
        return None if found is None else found.value

    frames = len(results.scenes(suite))
    text = f"{frames} frame{'s' if frames != 1 else ''}"
    dose, time, raster = mean("preview_dose_share"), mean("preview_time_share"), mean("raster_s")
    if dose is not None and time is not None and raster is not None:
        text += f"; the preview costs {100 * dose:.1f} % of the raster's dose and time, the raster takes {raster:.1f} s"
    objects = mean("truth_objects")
    if objects:
        text += f"; {objects:.1f} defects a frame"
    dimmest = results.by_scene(suite, "", "d_prime_least").values()
    brightest = results.by_scene(suite, "", "d_prime_largest").values()
    if dimmest and max(brightest) > 0:
        text += f", d′ of the points from {tables.short(min(dimmest))} to {tables.short(max(brightest))}"
    extent = mean("extent_share")
    if extent:
        text += f"; lines and areas fill {100 * extent:.1f} % of a frame"
    return text + "."


def _verdict(results: Results, suite: str, titles: Mapping[str, str], limits: frozenset[str]) -> list[str]:
    if suite == NOISE:
        tried = [name for name in titles if name in results.strategies(suite) and name not in limits]
        looked, gained = verdicts.gains_on_noise(results, suite, tried)
        named = ", ".join(f"{titles[name]} at {percent(budget)}" for name, budget in gained)
        return [
            f"Of {looked} intervals {len(gained)} lie above the share of the area{f' ({named})' if named else ''}; chance "
            f"alone would put about {looked * 0.025:.1f} there."
        ]
    if PRODUCT not in titles:
        return ["DeepScan was not tried."]
    found = verdicts.defeats(results, suite, tables.competitors(titles, limits), titles)
    return [line for one in found for line in (f"- {one}",)] or ["No rival captures more than DeepScan at any budget."]


def _own_errors(results: Results, suite: str) -> list[str]:
    """Errors of count and of area, which only a strategy with a dial and a measurement has."""
    lines = []
    count, truth = results.mean(suite, PRODUCT, "count_at_1"), results.mean(suite, "", "truth_objects")
    if count is not None and truth is not None and suite != NOISE:
        off = results.mean(suite, PRODUCT, "count_error")
        lines.append(
            f"Asked for one false region a frame, DeepScan shows {count.value:.1f} regions for {truth.value:.1f} defects"
            + (f"; its count is off by {percent(off.value)} on average" if off is not None else "")
            + "."
        )
    area, compared = results.mean(suite, PRODUCT, "area_error"), results.by_scene(suite, PRODUCT, "areas_compared")
    if area is not None:
        lines.append(
            f"Areas it measures in the preview are off by {percent(area.value)} (median of a frame, mean over frames; "
            f"{sum(compared.values()):.0f} whole objects)."
        )
    return [" ".join(lines), ""] if lines else []


def _sources(rivals: Sequence[Rival], limits: frozenset[str]) -> list[str]:
    rows = [[f"*{r.title}*" if r.name in limits else r.title, f"`{r.name}`", r.source] for r in rivals]
    return ["## Strategies", "", *tables.table(["strategy", "`--rival`", "what it is"], rows)]
