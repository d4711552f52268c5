"""Plans keep their limits and their arithmetic."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deepscan_core.acquisition.doses import gap_nm
from deepscan_core.errors import InputError
from deepscan_core.planning import PlanSettings, expected_finds, in_visiting_order, make_protocol
from deepscan_core.records.costs import ScanCosts, dose_e_per_nm2, electrons
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.protocol import ScanLimits, ScanProtocol
from deepscan_core.records.regions import ScanRegion

IMAGE = CalibratedImage(np.random.default_rng(0).random((200, 300)), pixel_size_nm=0.5, name="x.png")
REGIONS = tuple(
    ScanRegion(center_px=(20.5 + 30 * i, 20.5 + 40 * j), size_px=(20, 10), score=10 - i - 0.1 * j)
    for i in range(5)
    for j in range(6)
)


def test_every_region_is_visited_once_with_its_place_in_px_and_nm() -> None:
    protocol = make_protocol(IMAGE, REGIONS)
    assert sorted((s.center_y_px, s.center_x_px) for s in protocol.steps) == sorted(r.center_px for r in REGIONS)
    for step in protocol.steps:
        assert protocol.context.px_from_nm(step.center_nm) == pytest.approx((step.center_y_px, step.center_x_px))
        assert step.size_nm == (10, 5)
        assert (step.rows, step.cols) == (40, 20)
    assert ScanProtocol.from_json(protocol.to_json()) == protocol


def test_dose_and_electrons_add_up() -> None:
    protocol = make_protocol(IMAGE, REGIONS, PlanSettings(dwell_time_us=3), context=IMAGE.context(beam_current_pa=20))
    for step in protocol.steps:
        assert step.dose_e_per_nm2 == pytest.approx(dose_e_per_nm2(40, 20, 3, 20, 10, 5))
    assert protocol.predicted_electrons == pytest.approx(30 * electrons(40, 20, 3, 20))


def test_the_dose_limit_shortens_the_dwell_or_refuses_the_one_asked_for() -> None:
    limit = ScanLimits(max_dose_e_per_nm2=1000)
    protocol = make_protocol(IMAGE, REGIONS, PlanSettings(limits=limit))
    doses = [step.dose_e_per_nm2 for step in protocol.steps]
    assert all(dose is not None and 900 < dose <= 1000 for dose in doses)
    with pytest.raises(InputError, match=r"give at most .* µs"):
        make_protocol(IMAGE, REGIONS, PlanSettings(limits=limit, dwell_time_us=50))
    with pytest.raises(InputError, match="lower the density"):
        make_protocol(IMAGE, REGIONS, PlanSettings(limits=ScanLimits(max_dose_e_per_nm2=0.1)))


def test_the_time_limit_keeps_the_best() -> None:
    whole = make_protocol(IMAGE, REGIONS)
    protocol = make_protocol(IMAGE, REGIONS, PlanSettings(limits=ScanLimits(max_time_s=whole.predicted_time_s / 2)))
    assert protocol.predicted_time_s <= whole.predicted_time_s / 2
    kept = sorted(step.priority for step in protocol.steps)
    assert 10 <= len(kept) < 30
    assert kept == sorted(r.score for r in REGIONS)[-len(kept) :]
    with pytest.raises(InputError, match="more time"):
        make_protocol(IMAGE, REGIONS, PlanSettings(limits=ScanLimits(max_time_s=1e-6)))


@settings(max_examples=15, deadline=None)
@given(
    time_share=st.floats(0.3, 1.2),
    electron_share=st.floats(0.3, 1.2) | st.none(),
    blanked=st.booleans(),
    travel_nm_per_s=st.sampled_from([30.0, 1e6]),
    seed=st.integers(0, 99),
)
@example(time_share=1.0, electron_share=0.5, blanked=True, travel_nm_per_s=30.0, seed=0)  # PyVRP warns of this one
def test_no_plan_exceeds_a_limit(
    time_share: float, electron_share: float | None, blanked: bool, travel_nm_per_s: float, seed: int
) -> None:
    context = IMAGE.context(beam_current_pa=20)
    costs = ScanCosts(blanks_when_idle=blanked, travel_nm_per_s=travel_nm_per_s)
    free = make_protocol(IMAGE, REGIONS[:12], PlanSettings(costs=costs), context=context)
    assert free.predicted_electrons is not None
    limits = ScanLimits(
        max_time_s=time_share * free.predicted_time_s,
        max_total_electrons=None if electron_share is None else electron_share * free.predicted_electrons,
        max_dose_e_per_nm2=1e5,
    )
    prizes = np.random.default_rng(seed).random(12).tolist()
    plan = make_protocol(IMAGE, REGIONS[:12], PlanSettings(costs=costs, limits=limits), context=context, prizes=prizes)
    here, time_s, total = (0.0, 0.0), 0.0, 0.0
    for step in plan.steps:
        way_s = costs.travel_time_s(here, step.center_nm)
        time_s += way_s + costs.frame_time_s(step.rows, step.cols, step.dwell_time_us)
        total += costs.idle_electrons(way_s, 20) + costs.frame_electrons(step.rows, step.cols, step.dwell_time_us, 20)
        here = step.center_nm
    assert plan.predicted_time_s == pytest.approx(time_s)
    assert plan.predicted_electrons == pytest.approx(total)
    assert plan.predicted_time_s <= (limits.max_time_s or 0)
    assert plan.predicted_electrons <= (limits.max_total_electrons or np.inf)
    assert all((step.dose_e_per_nm2 or 0) <= 1e5 * (1 + 1e-6) for step in plan.steps)


def test_the_limit_of_electrons_keeps_what_is_worth_most() -> None:
    context = IMAGE.context(beam_current_pa=20)
    one = make_protocol(IMAGE, REGIONS[:1], context=context).predicted_electrons
    assert one is not None
    limits = ScanLimits(max_total_electrons=2.5 * one)
    prizes = [0.1] * 28 + [0.9, 0.8]
    plan = make_protocol(IMAGE, REGIONS, PlanSettings(limits=limits), context=context, prizes=prizes)
    assert {s.priority for s in plan.steps} == {REGIONS[28].score, REGIONS[29].score}
    with pytest.raises(InputError, match="electrons"):
        make_protocol(IMAGE, REGIONS, PlanSettings(limits=ScanLimits(max_total_electrons=1.0)), context=context)
    with pytest.raises(InputError, match="--beam-current-pa"):
        make_protocol(IMAGE, REGIONS, PlanSettings(limits=limits), context=IMAGE.context())
    with pytest.raises(InputError, match="prizes"):
        make_protocol(IMAGE, REGIONS, prizes=[1.0])


def test_overlapping_regions_share_the_dose_limit() -> None:
    twice = (REGIONS[0], dataclasses.replace(REGIONS[0], score=99.0, center_px=(22.5, 20.5)), REGIONS[3])
    dose = make_protocol(IMAGE, twice[:1], context=IMAGE.context(beam_current_pa=20)).steps[0].dose_e_per_nm2
    assert dose is not None
    limits = ScanLimits(max_dose_e_per_nm2=1.5 * dose)
    plan = make_protocol(
        IMAGE, twice, PlanSettings(limits=limits, dwell_time_us=8.0), context=IMAGE.context(beam_current_pa=20)
    )
    assert sorted(step.priority for step in plan.steps) == sorted([99.0, REGIONS[3].score])


def test_neighbours_wait_for_each_other_and_the_order_avoids_it() -> None:
    """Two rows of five regions 5 nm apart, neighbours within 12 nm: the order goes to and fro rather than wait."""
    context = IMAGE.context(beam_current_pa=20)
    regions = REGIONS[:4] + REGIONS[24:28]
    plain = make_protocol(IMAGE, regions, context=context)
    wait_s = 2 * plain.predicted_time_s / len(regions)
    limits = ScanLimits(least_wait_s=wait_s, least_distance_nm=16.0)
    rested = make_protocol(IMAGE, regions, PlanSettings(limits=limits), context=context)
    assert len(rested.steps) == len(regions)
    costs, ended, now_s, waited_s, here = ScanCosts(), list[tuple[Any, float]](), 0.0, 0.0, (0.0, 0.0)
    for step in rested.steps:
        now_s += costs.travel_time_s(here, step.center_nm)
        near = [end for other, end in ended if gap_nm(step.in_context(), other.in_context()) < 16.0]
        left_s = max(0.0, max(near, default=-1e9) + wait_s - now_s)
        now_s, waited_s = (
            now_s + left_s + costs.frame_time_s(step.rows, step.cols, step.dwell_time_us),
            waited_s + left_s,
        )
        ended.append((step, now_s))
        here = step.center_nm
    assert rested.predicted_time_s == pytest.approx(now_s)
    assert waited_s < 0.5 * 7 * wait_s
    short = dataclasses.replace(limits, max_time_s=0.7 * rested.predicted_time_s)
    fewer = make_protocol(IMAGE, regions, PlanSettings(limits=short), context=context)
    assert fewer.predicted_time_s <= 0.7 * rested.predicted_time_s
    assert 0 < len(fewer.steps) < len(regions)


def test_a_distance_without_a_wait_forbids_the_lesser_neighbour() -> None:
    limits = ScanLimits(least_distance_nm=16.0)
    plan = make_protocol(IMAGE, REGIONS[:3], PlanSettings(limits=limits))
    assert sorted(step.priority for step in plan.steps) == sorted([REGIONS[0].score, REGIONS[2].score])
    with pytest.raises(InputError, match="pixel size"):
        make_protocol(dataclasses.replace(IMAGE, pixel_size_nm=None), REGIONS[:3], PlanSettings(limits=limits))


def test_probabilities_are_what_regions_of_a_surprisal_map_are_worth() -> None:
    values = np.zeros((200, 300), np.float32)
    values[0, 0] = 30.0
    surprisal = ScoreMap(values=values, kind="surprisal")
    regions = [dataclasses.replace(REGIONS[0], score=score) for score in (30.0, 12.0, 3.0)]
    worth = expected_finds(regions, surprisal)
    assert worth[0] == pytest.approx(1.0, abs=1e-3)
    assert 1 > worth[1] > worth[2] > 0
    assert expected_finds(regions, dataclasses.replace(surprisal, kind="similarity")) == (30.0, 12.0, 3.0)


def test_without_calibration_nm_and_dose_are_null() -> None:
    bare = dataclasses.replace(IMAGE, pixel_size_nm=None)
    document = make_protocol(bare, REGIONS).to_dict()
    assert document["context"]["fov_y_nm"] is None
    assert document["predicted"]["total_electrons"] is None
    for step in document["steps"]:
        assert {step[k] for k in ("center_y_nm", "center_x_nm", "height_nm", "width_nm", "dose_e_per_nm2")} == {None}
    with pytest.raises(InputError, match="--pixel-size-nm"):
        make_protocol(bare, REGIONS, PlanSettings(limits=ScanLimits(max_dose_e_per_nm2=10)))


def test_nothing_to_visit_is_a_plan_too() -> None:
    protocol = make_protocol(IMAGE, [])
    assert protocol.steps == ()
    assert protocol.predicted_time_s == 0


def test_regions_are_told_in_the_order_of_the_route_and_without_those_left_out() -> None:
    whole = make_protocol(IMAGE, REGIONS)
    half = make_protocol(IMAGE, REGIONS, PlanSettings(limits=ScanLimits(max_time_s=whole.predicted_time_s / 2)))
    for protocol in (whole, half):
        visited = in_visiting_order(REGIONS[::-1], protocol)
        assert [r.center_px for r in visited] == [(s.center_y_px, s.center_x_px) for s in protocol.steps]
        assert [r.score for r in visited] == [s.priority for s in protocol.steps]
