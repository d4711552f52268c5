"""Who captures more than DeepScan, and whether anybody gains where nothing is: in words, from the results alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deepscan_core.benchmarking.meter import BUDGETS
from deepscan_core.benchmarking.results import Results
from deepscan_core.benchmarking.statistics import Mean
from deepscan_core.benchmarking.strategies import PRODUCT, PRODUCT_MAP

HEADLINE = 0.05  # the budget that one number is quoted at


def percent(share: float) -> str:
    """A share in whole percent.

    >>> percent(0.346)
    '35 %'
    """
    return f"{100 * share:.0f} %"


def best_rival(results: Results, suite: str, rivals: Sequence[str], budget: float) -> tuple[str, Mean] | None:
    """The rival with the highest mean at a budget, of those that saw all frames; `rivals` are names of competitors."""
    every = {name: results.mean(suite, name, "captured", budget) for name in rivals}
    most = max((mean.count for mean in every.values() if mean is not None), default=0)
    found = [(name, mean) for name, mean in every.items() if mean is not None and mean.count == most]
    return max(found, key=lambda one: one[1].value) if found else None


def defeats(results: Results, suite: str, rivals: Sequence[str], titles: Mapping[str, str]) -> list[str]:
    """A sentence for every rival that captures more than DeepScan somewhere, on the frames that both have seen."""
    sentences = []
    for name in rivals:
        parts = []
        for budget in BUDGETS:
            lead = results.lead(suite, name, PRODUCT, "captured", budget)
            if lead is not None and lead.value > 0:
                doubt = "" if not lead.holds(0.0) else ", within chance"
                parts.append(f"at {percent(budget)} of the area by {100 * lead.value:.1f} points{doubt}")
        if parts:
            sentences.append(f"**{titles[name]}** captures more than DeepScan {'; '.join(parts)}.")
    return sentences


def gains_on_noise(results: Results, suite: str, strategies: Sequence[str]) -> tuple[int, list[tuple[str, float]]]:
    """How many intervals were looked at, and which of them lie wholly above the share of the area."""
    looked, gained = 0, []
    for name in strategies:
        for budget in BUDGETS:
            captured = results.mean(suite, name, "captured", budget)
            area = results.mean(suite, name, "area_share", budget)
            if captured is None or area is None or captured.half_width is None:
                continue
            looked += 1
            if not captured.holds(area.value) and captured.value > area.value:
                gained.append((name, budget))
    return looked, gained


def headlines(results: Results, titles: Mapping[str, str], limits: frozenset[str]) -> list[str]:
    """A line for each suite, for the terminal."""
    lines = []
    for suite in results.suites():
        own = results.mean(suite, PRODUCT, "captured", HEADLINE)
        rivals = [name for name in titles if name not in (*limits, PRODUCT, PRODUCT_MAP)]
        best = best_rival(results, suite, rivals, HEADLINE)
        parts = [f"DeepScan {percent(own.value)}"] if own else []
        parts += [f"best rival {percent(best[1].value)} ({titles[best[0]]})"] if best else []
        parts += [
            f"{titles[name]} {percent(mean.value)}"
            for name in titles
            if name in limits and (mean := results.mean(suite, name, "captured", HEADLINE)) is not None
        ]
        if parts:
            lines.append(f"{suite}: captured on {percent(HEADLINE)} of the area: {', '.join(parts)}")
    return lines
