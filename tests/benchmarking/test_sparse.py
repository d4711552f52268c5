"""The sparse suites: their books agree with the arithmetic of costs, and their readings with the truth."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from deepscan_core.acquisition.strategies import cheap_look, follow, narrow_look
from deepscan_core.adaptive import tiles_of
from deepscan_core.benchmarking.charges import Charge
from deepscan_core.benchmarking.sparse.contestants import COARSE, EXPLORE, FOLLOW, ORACLE, RASTER, REFINE, Rules, Trial
from deepscan_core.benchmarking.sparse.metering import Meter, Reading
from deepscan_core.benchmarking.sparse.scene import DENSITY, Reference, SparseScene, sparse_scene
from deepscan_core.benchmarking.sparse.suites import SPARSE_SUITES, sparse_tasks
from deepscan_core.benchmarking.statistics import paired_difference
from deepscan_core.cli import main
from deepscan_core.errors import InputError
from deepscan_core.planning import PlanSettings
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.protocol import ScanStep
from deepscan_core.records.regions import ScanRegion

TERMS = Reference(raster_px=512)


@pytest.fixture(scope="module")
def scene() -> SparseScene:
    return sparse_scene("gold", 0, px_per_defect=40_000, reference=TERMS)


def steps_at(scene: SparseScene, places: np.ndarray) -> tuple[ScanStep, ...]:
    side = float(TERMS.region_px)
    regions = [ScanRegion(center_px=(float(y), float(x)), size_px=(side, side), score=1.0) for y, x in places]
    image = CalibratedImage(np.zeros((TERMS.preview_px,) * 2), pixel_size_nm=scene.context.pixel_size_nm)
    return tiles_of(image, regions, scene.context, PlanSettings(density=DENSITY, dwell_time_us=TERMS.dwell_us))


def test_the_preview_keeps_to_five_percent_and_a_dearer_one_is_refused() -> None:
    for suite in SPARSE_SUITES:
        preview, raster = suite.reference.preview(10.0), suite.reference.raster(10.0)
        assert preview.electrons <= 0.05 * raster.electrons
        assert min(suite.px_per_defect) >= 50_000
    with pytest.raises(InputError, match=r"at most 0\.05"):
        Reference(preview_share=0.06)


def test_a_scene_has_its_density_and_its_counts() -> None:
    terms = Reference(raster_px=1024)
    found = [sparse_scene("mos2", seed, px_per_defect=60_000, reference=terms) for seed in range(3)]
    assert np.mean([len(s.points_px) for s in found]) == pytest.approx(1024**2 / 60_000, rel=0.35)
    scene = found[0]
    frame = scene.microscope(1).preview()
    bright = float(np.quantile(frame.values, 0.995))
    assert bright == pytest.approx(60 * terms.preview_share * DENSITY**2, rel=0.7)
    assert (scene.points_px > 0).all()
    assert (scene.points_px < terms.preview_px - 1).all()
    dimmer = scene.preview_d_primes / scene.d_primes
    assert (
        dimmer >= 0.95 * terms.preview_share**0.5
    ).all()  # what counts limit; the spread of columns hides both alike
    assert (dimmer < 1).all()


def test_the_clock_of_the_microscope_agrees_with_the_arithmetic(scene: SparseScene) -> None:
    steps = steps_at(scene, np.array([[40.5, 40.5], [40.5, 200.5], [200.5, 200.5]]))
    preview = TERMS.preview(scene.current_pa)
    meter = Meter(scene, stream=2, spent=preview, limit_share=1.0)
    planned = [meter.cost_of(steps[0])]
    left = meter.remaining()
    meter.drive(follow(steps[:1]))
    assert meter.charge.time_s - preview.time_s == pytest.approx(planned[0].time_s)
    assert meter.charge.electrons - preview.electrons == pytest.approx(planned[0].electrons)
    assert left.time_s - meter.remaining().time_s == pytest.approx(planned[0].time_s)
    frame_s = 24 * (24 * 10 + 30) * 1e-6 + 0.02 + 0.002
    assert planned[0].time_s == pytest.approx(frame_s, abs=1e-4)


def test_a_drift_check_is_charged_after_every_twenty_frames(scene: SparseScene) -> None:
    steps = steps_at(scene, np.full((20, 2), 127.5))
    meter = Meter(scene, stream=2, spent=Charge(), limit_share=1.0)
    meter.drive(follow(steps))
    one = TERMS.charge(24, 24, 10.0, scene.current_pa).time_s
    assert meter.charge.time_s == pytest.approx(21 * one + 22 * 0.002)


def test_only_tiles_like_the_raster_capture(scene: SparseScene) -> None:
    steps = steps_at(scene, np.clip(np.round(scene.points_px) + 0.5, 8, TERMS.preview_px - 9))

    def captured(steps: tuple[ScanStep, ...]) -> Reading:
        meter = Meter(scene, stream=2, spent=Charge(), limit_share=10.0)
        meter.drive(follow(steps))
        return meter.reading("x")

    full = captured(steps)
    assert (full.captured, full.tiles, full.looks, full.false_tiles) == (1.0, len(steps), 0, 0)
    for short in (
        lambda s: cheap_look(s, density_share=1.0),
        lambda s: cheap_look(s, dwell_share=1.0),
        lambda s: narrow_look(s, side_share=0.75),
    ):
        looked = captured(tuple(short(step) for step in steps))
        assert (looked.captured, looked.tiles, looked.looks) == (0.0, 0, len(steps))


@pytest.fixture(scope="module")
def readings(scene: SparseScene) -> dict[str, Reading]:
    trial = Trial(scene, Rules(limit_share=0.3, least_probability=0.05))
    return {reading.strategy: reading for reading in trial.readings()}


def test_nobody_passes_the_limit_and_all_pay_for_the_preview(readings: dict[str, Reading]) -> None:
    for name in (FOLLOW, REFINE, EXPLORE, COARSE, ORACLE):
        reading = readings[name]
        assert reading.preview_s / reading.raster_s < reading.time_share <= 0.3
        assert reading.dose_share <= 0.3
        assert reading.dose_share_blanked < reading.dose_share
    assert readings[RASTER].captured == readings[ORACLE].captured == 1.0


def test_clear_defects_are_captured_at_a_part_of_the_cost(readings: dict[str, Reading]) -> None:
    for name in (FOLLOW, REFINE, EXPLORE):
        assert readings[name].captured >= 0.6
        assert readings[name].time_share < 0.3
    assert readings[ORACLE].pays_below >= readings[FOLLOW].pays_below * 0.9


def test_coarse_to_fine_looks_before_it_divides(readings: dict[str, Reading]) -> None:
    reading = readings[COARSE]
    assert reading.captured > 0
    assert reading.looks >= 1
    assert 0 < reading.tiles <= 4 * reading.looks  # quarters of what showed something


def test_break_even_is_where_the_costs_are_equal() -> None:
    """A preview of 5 s and 2 s a defect reach a raster of 100 s at 47.5 defects; each second of computing is half one."""
    reading = Reading(
        strategy="x",
        captured=1.0,
        captured_count=10,
        clear_count=10,
        by_preview=((10, 10), (0, 0), (0, 0)),
        tiles=10,
        false_tiles=0,
        looks=0,
        preview_s=5.0,
        raster_s=100.0,
        time_share=0.25,
        dose_share=0.25,
        dose_share_blanked=0.1,
        compute_s=0.0,
    )
    assert reading.pays_below == pytest.approx(47.5)
    assert dataclasses.replace(reading, compute_s=1.0).pays_below == pytest.approx(47.0)
    assert dataclasses.replace(reading, captured_count=0).pays_below == 0.0


def test_paired_differences_have_intervals_that_hold_the_truth() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for trial in range(200):
        ones = rng.normal(1.0, 1.0, 30)
        found = paired_difference(ones.tolist(), [0.0] * 30, seed=trial)
        held += found.low <= 1.0 <= found.high
    assert 0.88 < held / 200 < 0.99
    with pytest.raises(InputError, match="one length"):
        paired_difference([1.0], [])


def test_a_quick_run_is_smaller() -> None:
    assert len(sparse_tasks(quick=True)) < len(sparse_tasks()) / 4
    assert {task.reference.raster_px for task in sparse_tasks()} == {2048}
    assert len(sparse_tasks(quick=True, seeds=2)) == 2 * len(sparse_tasks(quick=True))


def test_the_command_writes_its_files_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert main(["benchmark", "--suite", "sparse", "--quick", "--out", str(tmp_path / name)]) == 0
    names = {"sparse.csv", "sparse-timings.csv", "sparse.md", "benchmark-sparse.png"}
    assert {path.name for path in (tmp_path / "one").iterdir()} == names
    assert (tmp_path / "one" / "sparse.csv").read_bytes() == (tmp_path / "two" / "sparse.csv").read_bytes()
    with (tmp_path / "one" / "sparse.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["strategy"] for row in rows} == {RASTER, FOLLOW, REFINE, EXPLORE, COARSE, ORACLE}
    assert all(0 <= float(row["dose_fraction"]) <= 1 for row in rows)
    page = (tmp_path / "one" / "sparse.md").read_text(encoding="utf-8")
    assert "deepscan benchmark --quick --suite sparse" in page
    assert str(tmp_path) not in page


def test_sparse_stands_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["benchmark", "--suite", "sparse", "--suite", "noise", "--out", str(tmp_path / "out")]
    assert main(words) == 2
    assert "give it alone" in capsys.readouterr().err
