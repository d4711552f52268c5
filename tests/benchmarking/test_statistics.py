"""Means, intervals and verdicts."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.benchmarking.meter import BUDGETS, Reading
from deepscan_core.benchmarking.results import Results
from deepscan_core.benchmarking.statistics import mean_of
from deepscan_core.benchmarking.tables import captured_table, clean_table
from deepscan_core.benchmarking.verdicts import defeats, gains_on_noise, headlines
from deepscan_core.errors import InputError

TITLES = {"deepscan": "DeepScan", "bright": "brightest", "oracle": "oracle"}


def filled(captured: dict[str, list[float]], suite: str = "atomic") -> Results:
    """Results with one captured share for each strategy and scene, the same at every budget."""
    results = Results()
    for name, shares in captured.items():
        for scene, share in enumerate(shares):
            readings = [Reading(measure="captured", value=share, budget=b) for b in BUDGETS]
            readings += [Reading(measure="area_share", value=b, budget=b) for b in BUDGETS]
            results.add(suite, "kind", f"scene:{scene}", name, readings)
    return results


def test_a_95_percent_interval_holds_the_mean_in_95_percent_of_cases(rng: np.random.Generator) -> None:
    held = [mean_of(rng.normal(3, 2, 6).tolist()).holds(3.0) for _ in range(2000)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


def test_one_number_has_no_interval_and_none_no_mean() -> None:
    alone = mean_of([0.3])
    assert (alone.value, alone.low, alone.high) == (0.3, None, None)
    assert alone.holds(7.0)
    with pytest.raises(InputError):
        mean_of([])


def test_a_rival_that_is_better_is_named_with_its_lead() -> None:
    results = filled({"deepscan": [0.5, 0.6, 0.55], "bright": [0.7, 0.82, 0.74], "oracle": [1.0, 1.0, 1.0]})
    (sentence,) = defeats(results, "atomic", ["bright"], TITLES)
    assert "**brightest** captures more than DeepScan at 1 % of the area by 20.3 points;" in sentence
    assert "within chance" not in sentence
    close = filled({"deepscan": [0.5, 0.9, 0.1], "bright": [0.9, 0.6, 0.2]})
    assert "by 6.7 points, within chance" in defeats(close, "atomic", ["bright"], TITLES)[0]
    assert defeats(filled({"deepscan": [0.6], "bright": [0.5]}), "atomic", ["bright"], TITLES) == []


def test_only_frames_that_both_have_seen_are_compared() -> None:
    results = filled({"deepscan": [0.2, 0.9, 0.9], "bright": [0.3]})
    assert "by 10.0 points" in defeats(results, "atomic", ["bright"], TITLES)[0]


def test_the_best_of_a_column_is_bold_and_limits_are_not() -> None:
    results = filled({"deepscan": [0.5, 0.7], "bright": [0.3, 0.3], "oracle": [1.0, 1.0]})
    lines = captured_table(results, "atomic", TITLES, frozenset({"oracle"}))
    assert lines[2].startswith("| DeepScan | 2 | **60** (0–100) |")
    assert lines[3].startswith("| brightest | 2 | 30 (30–30) |")
    assert lines[4].startswith("| *oracle* | 2 | 100 (100–100) |")


def test_gains_on_noise_are_found() -> None:
    results = filled({"deepscan": [0.05, 0.3, 0.0], "bright": [0.5, 0.52, 0.51]}, suite="noise")
    looked, gained = gains_on_noise(results, "noise", ["deepscan", "bright"])
    assert looked == 10
    assert gained == [("bright", budget) for budget in BUDGETS]


def test_headlines_say_who_is_best() -> None:
    results = filled({"deepscan": [0.5], "bright": [0.3], "oracle": [1.0]})
    assert headlines(results, TITLES, frozenset({"oracle"})) == [
        "atomic: captured on 5 % of the area: DeepScan 50 %, best rival 30 % (brightest), oracle 100 %"
    ]


def test_false_regions_have_a_row_for_each_dial() -> None:
    results = Results()
    for scene, shown in enumerate((0.0, 2.0)):
        results.add("clean", "kind", f"s:{scene}", "deepscan", [Reading(measure="false_regions_at_1", value=shown)])
    assert clean_table(results, "clean")[2:] == ["| 1 | 1 ± 12.7 | 2 |"]


def test_the_summary_has_one_row_for_each_measure_and_budget() -> None:
    summary = filled({"deepscan": [0.5, 0.7]}).summary()
    assert len(summary) == 2 * len(BUDGETS)
    first = summary[0]
    assert (first.scenes, first.mean) == (2, pytest.approx(0.6))
    assert first.low is not None
    assert first.low < 0.6
