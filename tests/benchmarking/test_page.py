"""Figures and page, from results made by hand."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from deepscan_core.benchmarking import page
from deepscan_core.benchmarking.figures import suite_png
from deepscan_core.benchmarking.meter import BUDGETS, Reading
from deepscan_core.benchmarking.results import Results, TimingRow
from deepscan_core.benchmarking.rivals import RIVALS
from deepscan_core.benchmarking.run import titles

NAMES = ("deepscan", "brightest", "random", "oracle")
CHOSEN = {name: RIVALS[name] for name in NAMES}
LIMITS = frozenset({"oracle"})
ORIGIN = page.Origin(
    command="deepscan benchmark --quick",
    machine="a processor, 2 cores",
    versions={"deepscan": "0", "numpy": "2"},
    seconds=61.0,
    notes=("real micrographs were left out",),
)


def results(levels: dict[str, float]) -> Results:
    found = Results()
    for scene in ("a:0", "a:1", "b:0"):
        found.add("atomic", scene[0], scene, "", [Reading(measure="preview_dose_share", value=0.045)])
        found.add("atomic", scene[0], scene, "", [Reading(measure="preview_time_share", value=0.045)])
        found.add("atomic", scene[0], scene, "", [Reading(measure="raster_s", value=13.0)])
        for name, level in levels.items():
            shares = {b: level * np.sqrt(b / 0.15) + (0.05 if scene == "b:0" else 0) for b in BUDGETS}
            for b, share in shares.items():
                found.add(
                    "atomic",
                    scene[0],
                    scene,
                    name,
                    [
                        Reading(measure="captured", value=float(share), budget=b),
                        Reading(measure="area_share", value=b, budget=b),
                        Reading(measure="time_share", value=0.05 + 1.8 * b, budget=b),
                    ],
                )
            found.timings.append(
                TimingRow(
                    suite="atomic",
                    scene=scene,
                    strategy=name,
                    compute_s=1.0,
                    compute_share=1 / 13,
                    break_even_per_frame=20.0,
                    break_even_per_um2=300.0,
                )
            )
    return found


BEATEN = results({"deepscan": 0.5, "deepscan_map": 0.4, "brightest": 0.6, "random": 0.15, "oracle": 1.0})
AHEAD = results({"deepscan": 0.7, "deepscan_map": 0.4, "brightest": 0.6, "random": 0.15, "oracle": 1.0})


def test_the_page_shows_every_strategy_and_says_where_deepscan_is_beaten() -> None:
    text = page.benchmark_page(BEATEN, list(CHOSEN.values()), ORIGIN)
    for name, title in titles(CHOSEN).items():
        assert f"| {'*' + title + '*' if name in LIMITS else title} | 3 |" in text
    assert f"**{RIVALS['brightest'].title}** captures more than DeepScan at 1 % of the area by" in text
    assert "No rival captures more" not in text
    assert "| atomic | 31 % | 36 % (brightest) | oracle 59 % |" in text
    assert "`deepscan benchmark --quick` in 1 min on a processor, 2 cores" in text
    assert "the preview costs 4.5 % of the raster's dose" in text
    assert "real micrographs were left out" in text
    assert "](benchmark-atomic.png)" in text


def test_the_page_says_so_where_nobody_is_better() -> None:
    text = page.benchmark_page(AHEAD, list(CHOSEN.values()), ORIGIN)
    assert "No rival captures more than DeepScan at any budget." in text
    assert "** captures more than DeepScan" not in text


@pytest.mark.parametrize("found", [BEATEN, AHEAD])
def test_the_figure_draws_deepscan_and_grows_with_its_capture(found: Results) -> None:
    names = titles(CHOSEN)
    png = suite_png(found, "atomic", names, LIMITS, "Crystals")
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    assert picture.shape[1] > 1200
    blue = np.abs(picture - (11, 98, 214)).sum(axis=2) < 30
    panel = blue[:, : picture.shape[1] // 3]
    assert panel.sum() > 300
    other = suite_png(AHEAD if found is BEATEN else BEATEN, "atomic", names, LIMITS, "Crystals")
    top = np.nonzero(panel[: int(0.75 * len(panel))].any(axis=1))[0].min()
    other_picture = np.asarray(Image.open(io.BytesIO(other)).convert("RGB")).astype(int)
    other_blue = (np.abs(other_picture - (11, 98, 214)).sum(axis=2) < 30)[:, : picture.shape[1] // 3]
    other_top = np.nonzero(other_blue[: int(0.75 * len(panel))].any(axis=1))[0].min()
    assert (top > other_top) == (found is BEATEN)  # higher in the picture is a smaller row
