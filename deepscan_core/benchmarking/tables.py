"""Tables of the page, in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from deepscan_core.benchmarking.meter import BUDGETS, CLASSES
from deepscan_core.benchmarking.results import Results
from deepscan_core.benchmarking.statistics import Mean
from deepscan_core.benchmarking.strategies import FALSE_REGION_LEVELS, PRODUCT, PRODUCT_MAP
from deepscan_core.benchmarking.verdicts import HEADLINE, best_rival, percent

CLASS_TITLES = {"captured_d_from_6": "d′ ≥ 6", "captured_d_3_to_6": "3 ≤ d′ < 6", "captured_d_below_3": "d′ < 3"}
MISSING = "–"


def captured_table(
    results: Results, suite: str, titles: Mapping[str, str], limits: frozenset[str], measure: str = "captured"
) -> list[str]:
    """Captured shares in percent; the best that saw all frames is bold in each column, limits are in italics."""
    tried = [name for name in titles if name in results.strategies(suite)]
    columns = {b: {n: results.mean(suite, n, measure, b) for n in tried} for b in BUDGETS}
    rows = []
    for name in tried:
        frames = max((mean.count for b in BUDGETS if (mean := columns[b][name]) is not None), default=0)
        cells = [_shares(columns[b], name, limits) for b in BUDGETS]
        rows.append([_titled(name, titles, limits), str(frames), *cells])
    return table(["strategy", "frames", *(percent(b) for b in BUDGETS)], rows)


def class_table(results: Results, suite: str, titles: Mapping[str, str], limits: frozenset[str]) -> list[str]:
    """Captured point defects by how visible they are, at the headline's budget."""
    tried = [name for name in titles if name in results.strategies(suite)]
    present = [c for c in CLASSES if any(results.mean(suite, name, c, HEADLINE) for name in tried)]
    columns = {c: {n: results.mean(suite, n, c, HEADLINE) for n in tried} for c in present}
    rows = [[_titled(n, titles, limits), *(_shares(columns[c], n, limits) for c in present)] for n in tried]
    return table(["strategy", *(CLASS_TITLES[c] for c in present)], rows)


def kind_table(results: Results, suite: str, titles: Mapping[str, str], limits: frozenset[str]) -> list[str]:
    """DeepScan, the best rival and the limits on each kind of scene; nothing where there is one kind only."""
    kinds = results.kinds(suite)
    found = [(kind, headline_cells(results.of_kind(kind), suite, titles, limits)) for kind in kinds]
    rows = [[kind, *cells] for kind, cells in found if cells]
    return table(["kind", "DeepScan", "best rival", "limits"], rows) if len(rows) > 1 else []


def headline_cells(results: Results, suite: str, titles: Mapping[str, str], limits: frozenset[str]) -> list[str]:
    """What DeepScan, the best rival and the limits capture at the headline's budget; nothing where one is missing."""
    own = results.mean(suite, PRODUCT, "captured", HEADLINE)
    best = best_rival(results, suite, competitors(titles, limits), HEADLINE)
    if own is None or best is None:
        return []
    limit = [
        f"{titles[name]} {percent(mean.value)}"
        for name in titles
        if name in limits and (mean := results.mean(suite, name, "captured", HEADLINE)) is not None
    ]
    return [percent(own.value), f"{percent(best[1].value)} ({titles[best[0]]})", ", ".join(limit)]


def competitors(titles: Mapping[str, str], limits: frozenset[str]) -> list[str]:
    """Names of those who are not DeepScan and do not know the truth."""
    return [name for name in titles if name not in limits and name not in (PRODUCT, PRODUCT_MAP)]


def cost_table(results: Results, suite: str, titles: Mapping[str, str], limits: frozenset[str]) -> list[str]:
    """What 15 % of the area costs, and what comes with it."""
    most = max(BUDGETS)
    rows = []
    for name in (name for name in titles if name in results.strategies(suite)):

        def at(measure: str, budget: float | None = None, name: str = name) -> Mean | None:
            return results.mean(suite, name, measure, budget)

        spent = at("time_share", most)
        share = results.timing(suite, name, lambda row: row.compute_share)
        whole = None if spent is None or share is None else spent.value + share.value
        rows.append(
            [
                _titled(name, titles, limits),
                _cell(at("area_share", most), percent),
                _cell(spent, percent),
                _cell(at("dose_share_blanked", most), percent),
                _cell(results.timing(suite, name, lambda row: row.compute_s), seconds),
                MISSING if whole is None else percent(whole),
                _cell(at("false_regions_per_um2", HEADLINE), short),
                _cell(at("localisation_nm"), short),
                _cell(results.timing(suite, name, lambda row: row.break_even_per_frame), short),
                _cell(results.timing(suite, name, lambda row: row.break_even_per_um2), short),
            ]
        )
    head = [
        "strategy",
        "area used",
        "dose and time",
        "dose, beam blanked",
        "computing",
        "time with computing",
        "false regions per µm² at 5 %",
        "off by nm",
        "break-even a frame",
        "break-even per µm²",
    ]
    return table(head, rows)


def clean_table(results: Results, suite: str) -> list[str]:
    """False regions where none were planted, by how many were asked for."""
    rows = []
    for level in FALSE_REGION_LEVELS:
        found = results.mean(suite, PRODUCT, f"false_regions_at_{level:g}")
        if found is not None:
            half = "" if found.half_width is None else f" ± {short(found.half_width)}"
            rows.append([f"{level:g}", f"{short(found.value)}{half}", str(found.count)])
    return table(["K asked for", "regions shown a frame", "frames"], rows) if rows else []


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table in Markdown."""
    return [_line(head), "|" + "---|" * len(head), *map(_line, rows)]


def short(value: float) -> str:
    """Three significant digits, without an exponent where that is as short.

    >>> short(0.04567), short(1234.0), short(0.0)
    ('0.0457', '1230', '0')
    """
    return f"{float(f'{value:.3g}'):.6g}"


def seconds(value: float) -> str:
    """A time.

    >>> seconds(0.0123)
    '0.0123 s'
    """
    return f"{short(value)} s"


def _shares(column: Mapping[str, Mean | None], name: str, limits: frozenset[str]) -> str:
    mean = column[name]
    if mean is None:
        return MISSING
    rivals = [one for other, one in column.items() if one is not None and other not in limits]
    frames = max((one.count for one in rivals), default=0)
    highest = max((one.value for one in rivals if one.count == frames), default=-1.0)
    is_best = name not in limits and mean.count == frames and mean.value > 0 and mean.value >= highest - 1e-9
    value = f"{100 * mean.value:.0f}"
    text = f"**{value}**" if is_best else value
    if mean.low is None or mean.high is None:
        return text
    return f"{text} ({100 * max(mean.low, 0.0):.0f}–{100 * min(mean.high, 1.0):.0f})"


def _titled(name: str, titles: Mapping[str, str], limits: frozenset[str]) -> str:
    return f"*{titles[name]}*" if name in limits else titles[name]


def _cell(mean: Mean | None, form: Callable[[float], str]) -> str:
    return MISSING if mean is None else form(mean.value)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
