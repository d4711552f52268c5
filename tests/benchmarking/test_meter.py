"""The meter on cases whose answer is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.benchmarking.charges import Ledger, Terms
from deepscan_core.benchmarking.meter import BUDGETS, Meter, Reading, truth_objects
from deepscan_core.benchmarking.rectangles import best_cover, rectangles_of_map, union_areas
from deepscan_core.benchmarking.rivals import rival
from deepscan_core.benchmarking.scene import Scene
from deepscan_core.benchmarking.statistics import mean_of
from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.records.costs import ScanCosts, electrons
from deepscan_core.records.image import CalibratedImage
from deepscan_core.simulation.physics import Exposure

SIDE, REGION = 200, 20  # a region is 1 % of the frame
PIXEL_NM = 0.5


def make_scene(
    points: list[tuple[float, float]],
    *,
    mask: np.ndarray | None = None,
    array: np.ndarray | None = None,
    d_primes: list[float] | None = None,
    dwell_us: float | None = None,
    pixel_size_nm: float | None = PIXEL_NM,
    seed: int = 0,
) -> Scene:
    array = np.random.default_rng(seed).normal(size=(SIDE, SIDE)) if array is None else array
    fov_nm = SIDE * PIXEL_NM
    grid = SamplingGrid(rows=SIDE, cols=SIDE, height_nm=fov_nm, width_nm=fov_nm)
    exposure = None if dwell_us is None else Exposure(grid=grid, dwell_time_us=dwell_us, beam_current_pa=50.0)
    return Scene(
        name="case",
        preview=CalibratedImage(array, pixel_size_nm=pixel_size_nm),
        region_px=REGION,
        seed=seed,
        specimen=None,
        exposure=exposure,
        points_px=np.array(points, dtype=float).reshape(-1, 2),
        d_primes=np.array(d_primes if d_primes is not None else [10.0] * len(points)),
        mask=mask,
    )


def value(readings: list[Reading], measure: str, budget: float | None = None) -> float:
    (found,) = [r.value for r in readings if r.measure == measure and r.budget == budget]
    return found


def apart(count: int) -> list[tuple[float, float]]:
    """Points that no region holds two of."""
    return [(25.0 + 50 * (k // 4), 25.0 + 50 * (k % 4)) for k in range(count)]


def test_a_planted_capture_computed_by_hand() -> None:
    """Three of four points; the second rectangle lies on nothing, the fourth would pass 2 % but not 5 %."""
    scene = make_scene([(10.0, 10.0), (19.4, 19.4), (60.0, 60.0), (150.0, 150.0)], d_primes=[7.0, 4.0, 7.0, 1.0])
    readings = Meter(scene).read([(0, 0, 20, 20), (100, 0, 20, 20), (50, 50, 20, 20)])
    assert value(readings, "captured", 0.01) == 2 / 4
    assert value(readings, "captured", 0.02) == 2 / 4
    assert value(readings, "captured", 0.05) == 3 / 4
    assert value(readings, "captured_d_from_6", 0.05) == 1.0
    assert value(readings, "captured_d_3_to_6", 0.01) == 1.0
    assert value(readings, "captured_d_below_3", 0.15) == 0.0
    assert value(readings, "area_share", 0.05) == pytest.approx(0.03)
    assert value(readings, "false_regions", 0.05) == 1
    assert value(readings, "false_regions_per_um2", 0.05) == pytest.approx(1 / 0.01)  # a frame of 100 nm
    # centres at 9.5 and 59.5: (10, 10) is off by 0.5 √2 px, (19.4, 19.4) by 9.9 √2, (60, 60) by 0.5 √2
    assert value(readings, "localisation_nm") == pytest.approx(0.5 * np.sqrt(2) * PIXEL_NM)


def test_the_edge_of_a_rectangle_lies_half_a_pixel_beyond_its_last_index() -> None:
    for y, inside in ((19.49, 1.0), (19.51, 0.0), (-0.5, 1.0)):
        readings = Meter(make_scene([(y, 10.0)])).read([(0, 0, 20, 20)])
        assert value(readings, "captured", 0.01) == inside


def test_the_oracle_captures_everything_on_as_much_area_as_it_takes() -> None:
    scene = make_scene(apart(5))
    rectangles = list(rival("oracle").regions(scene))  # type: ignore[misc]
    readings = Meter(scene).read(rectangles)
    for budget, captured in ((0.01, 0.2), (0.02, 0.4), (0.05, 1.0)):
        assert value(readings, "captured", budget) == pytest.approx(captured)
        assert value(readings, "area_share", budget) == pytest.approx(budget)
    assert value(readings, "false_regions", 0.15) == 0


def test_the_oracle_of_an_area_reaches_one() -> None:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[40:80, 60:100] = True  # 4 % of the frame: four regions
    mask[150:155, 20:40] = True
    scene = make_scene([], mask=mask)
    readings = Meter(scene).read(
        [(40, 60, 20, 20), (40, 80, 20, 20), (60, 60, 20, 20), (60, 80, 20, 20), (140, 20, 20, 20)]
    )
    assert [value(readings, "captured", budget) for budget in BUDGETS] == pytest.approx([1.0] * 5)
    assert truth_objects(scene) == 2
    half = Meter(scene).read([(40, 70, 20, 20)])
    assert value(half, "captured", 0.01) == 1.0  # as much as any square can
    shifted = Meter(scene).read([(40, 90, 20, 20)])
    assert value(shifted, "captured", 0.01) == pytest.approx(0.5)
    assert value(shifted, "captured", 0.02) == pytest.approx(0.25)  # an oracle would hold two squares by now


def test_points_and_areas_of_one_frame_count_half_each() -> None:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[100:120, 100:120] = True
    readings = Meter(make_scene([(10.0, 10.0), (190.0, 190.0)], mask=mask)).read([(0, 0, 20, 20)])
    assert value(readings, "captured_points", 0.01) == 0.5
    assert value(readings, "captured_extent", 0.01) == 0.0
    assert value(readings, "captured", 0.01) == 0.25


def test_best_cover_is_the_sum_of_the_best_squares() -> None:
    mask = np.zeros((60, 60), bool)
    mask[5:15, 5:15] = True  # 100 px in one square of 10
    mask[40:50, 40:45] = True  # 50 px in the next
    assert best_cover(mask, 10, 4).tolist() == [100, 150, 150, 150]


def test_overlapping_rectangles_gain_nothing_and_cost_their_dose() -> None:
    scene = make_scene([(10.0, 10.0), (100.0, 100.0)])
    meter = Meter(scene)
    once = meter.read([(0, 0, 20, 20)])
    twice = meter.read([(0, 0, 20, 20)] * 4)
    for budget in BUDGETS:
        for measure in ("captured", "area_share"):
            assert value(once, measure, budget) == value(twice, measure, budget)
    assert value(twice, "dose_share", 0.01) > value(once, "dose_share", 0.01)
    assert union_areas([(0, 0, 20, 20), (10, 0, 20, 20)], (SIDE, SIDE)).tolist() == [400, 600]


@pytest.mark.parametrize("constant", [0.0, 7.5])
def test_a_constant_map_earns_nothing(constant: float) -> None:
    scene = make_scene(apart(8))
    assert rectangles_of_map(np.full((SIDE, SIDE), constant), scene, 0.15) == []
    readings = Meter(scene).read([])
    assert value(readings, "captured", 0.15) == 0.0
    assert value(readings, "area_share", 0.15) == 0.0
    ledger = Meter(scene).ledger
    assert value(readings, "dose_share", 0.15) == pytest.approx(ledger.preview_share)


def test_ties_have_no_favourite_corner() -> None:
    """A map of two values, the higher one everywhere but on a pixel: its first rectangle may lie anywhere."""
    values = np.ones((SIDE, SIDE))
    values[0, 0] = 0.0
    tops = [rectangles_of_map(values, make_scene([], seed=seed), 0.02)[0][0] for seed in range(12)]
    assert np.ptp(tops) > SIDE / 3


@pytest.mark.parametrize("name", ["random", "dot_grid", "speckle", "raster"])
def test_strategies_that_do_not_look_capture_what_they_scan(name: str) -> None:
    """Points anywhere: the share captured is the share of the area, within the interval of the mean."""
    shares = []
    for seed in range(40):
        rng = np.random.default_rng([seed, 99])
        scene = make_scene([tuple(p) for p in rng.uniform(-0.5, SIDE - 0.5, (20, 2))], seed=seed)
        chosen = rival(name)
        rectangles = (
            list(chosen.regions(scene))
            if chosen.regions is not None
            else rectangles_of_map(chosen.score(scene), scene, 0.15)  # type: ignore[misc]
        )
        readings = Meter(scene).read(rectangles)
        shares.append([value(readings, "captured", b) - value(readings, "area_share", b) for b in BUDGETS])
        assert value(readings, "area_share", 0.15) == pytest.approx(0.15, abs=0.0101)
    for column in np.array(shares).T:
        found = mean_of(column.tolist())
        assert found.half_width is not None
        assert abs(found.value) < 1.5 * found.half_width  # a 99.5 % interval: five budgets are looked at


def test_doubling_the_dwell_time_doubles_the_dose() -> None:
    boxes = [(0, 0, 20, 20), (60, 80, 20, 20)]
    free = Terms(costs=ScanCosts(flyback_us=0, frame_overhead_s=0, settle_s=0))
    once, twice = (Ledger(make_scene([], dwell_us=dwell), free) for dwell in (4.0, 8.0))
    assert twice.preview.electrons == pytest.approx(2 * once.preview.electrons)
    assert twice.raster.electrons == pytest.approx(2 * once.raster.electrons)
    assert twice.visit(boxes).electrons == pytest.approx(2 * once.visit(boxes).electrons)
    assert once.raster.electrons == pytest.approx(electrons(2 * SIDE, 2 * SIDE, 25.0, 50.0))
    assert once.preview_share == pytest.approx(1 / 25)


def test_everything_is_charged() -> None:
    """One region by hand: preview, the way, settling, its lines with flyback, its overhead, and the beam all the while."""
    costs = ScanCosts(blanks_when_idle=False, travel_nm_per_s=1000.0)
    ledger = Ledger(make_scene([], dwell_us=4.0), Terms(costs=costs))
    way_nm = np.hypot(90.0, 90.0) * PIXEL_NM  # from the middle, 99.5, to 9.5
    frame_s = 40 * (40 * 25e-6 + costs.flyback_us * 1e-6) + costs.frame_overhead_s
    charge = ledger.visit([(0, 0, 20, 20)])
    assert charge.time_s == pytest.approx(way_nm / 1000.0 + costs.settle_s + frame_s)
    assert charge.electrons == pytest.approx(charge.time_s * 50e-12 / 1.602176634e-19)
    assert charge.recorded_electrons == pytest.approx(electrons(40, 40, 25.0, 50.0))
    assert ledger.preview.time_s == pytest.approx(
        SIDE * (SIDE * 4e-6 + costs.flyback_us * 1e-6) + costs.frame_overhead_s
    )


def test_a_reference_area_is_recorded_after_every_ten_regions() -> None:
    boxes = [(0, 20 * k, 20, 20) for k in range(10)]
    scene = make_scene([], dwell_us=4.0)
    never = Ledger(scene, Terms(regions_per_drift_check=11)).visit(boxes)
    once = Ledger(scene, Terms(regions_per_drift_check=10)).visit(boxes)
    assert once.recorded_electrons == pytest.approx(11 / 10 * never.recorded_electrons)
    assert once.time_s > never.time_s


def test_the_break_even_number_of_defects() -> None:
    """Where each defect costs one region, the raster wins once so many regions take its time."""
    points = apart(4)
    scene = make_scene(points)
    meter = Meter(scene)
    readings = meter.read([(round(y) - 10, round(x) - 10, 20, 20) for y, x in points])
    ledger = meter.ledger
    visits_s = value(readings, "time_s", 0.02) - ledger.preview.time_s
    wanted = (ledger.raster.time_s - ledger.preview.time_s) / (visits_s / 2)  # half of four are captured at 2 %
    assert value(readings, "break_even_time_per_frame") == pytest.approx(wanted)
    assert value(readings, "break_even_time_per_um2") == pytest.approx(wanted / 0.01)
    assert value(readings, "regions_per_defect") == 1.0
    assert meter.break_even_per_frame(0.0, readings) == pytest.approx(wanted)
    assert meter.break_even_per_frame(ledger.raster.time_s, readings) == 0.0
    assert meter.break_even_per_frame(0.0, meter.read([])) is None


def test_half_of_an_area_is_worth_half_of_its_pieces() -> None:
    """Four pieces, each as large as a region; the third rectangle, which the budget of 5 % allows, makes it half."""
    mask = np.zeros((SIDE, SIDE), bool)
    for top in (0, 50, 100, 150):
        mask[top : top + 20, 0:20] = True
    scene = make_scene([], mask=mask)
    readings = Meter(scene).read([(0, 0, 20, 20), (0, 100, 20, 20), (50, 0, 20, 20)])
    assert value(readings, "captured", 0.01) == 1.0  # relative to an oracle with one square
    assert value(readings, "regions_per_defect") == 3 / 2
    assert not [r for r in Meter(scene).read([(0, 0, 20, 20)]) if r.measure == "regions_per_defect"]


def test_without_a_pixel_size_nothing_is_said_in_nm() -> None:
    readings = Meter(make_scene(apart(2), pixel_size_nm=None)).read([(15, 15, 20, 20)])
    assert value(readings, "captured", 0.01) == 0.5
    assert not [r for r in readings if r.measure.endswith(("_nm", "_um2"))]


def test_a_dear_preview_is_refused() -> None:
    with pytest.raises(InputError, match="the preview costs"):
        Ledger(make_scene([]), Terms(dwell_factor=1.0))


@pytest.mark.parametrize("box", [(0, 0, 19, 20), (-1, 0, 20, 20), (190, 0, 20, 20)])
def test_odd_rectangles_are_refused(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(InputError):
        Meter(make_scene([])).read([box])


@pytest.mark.parametrize("values", [np.zeros((3, 3)), np.full((SIDE, SIDE), np.nan)])
def test_odd_maps_are_refused(values: np.ndarray) -> None:
    with pytest.raises(InputError):
        rectangles_of_map(values, make_scene([]), 0.15)


def test_a_map_with_one_spot_puts_it_into_the_first_rectangle() -> None:
    y, x = np.mgrid[:SIDE, :SIDE]
    values = np.exp(-((y - 70) ** 2 + (x - 133) ** 2) / 18)
    scene = make_scene([(70.0, 133.0)])
    first = rectangles_of_map(values, scene, 0.15)[0]
    assert value(Meter(scene).read([first]), "captured", 0.01) == 1.0
