"""`coarse_to_fine` on a specimen with one thing in it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from deepscan_core.acquisition.strategies import coarse_to_fine, quarters
from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep
from tests.acquisition.strategies.toy_worlds import CONTEXT, World, tile

THING_PX = (203.0, 611.0)


def whole(side_px: float = 256.0) -> list[ScanStep]:
    return [
        replace(tile(x, y), height_px=side_px, width_px=side_px)
        for y in (128.0, 384.0, 640.0, 896.0)
        for x in (128.0, 384.0, 640.0, 896.0)
    ]


def holds(step: ScanStep, place: YX = THING_PX) -> bool:
    return step.holds_px(CONTEXT, place)


def judge(frame: ScanFrame) -> float:
    assert frame.step is not None
    return 5.0 if holds(frame.step) else -5.0


def test_it_descends_to_the_thing() -> None:
    world = World(there_px=set())
    steps = world.drive(coarse_to_fine(whole(), judge, levels=3))
    assert len(steps) == 16 + 3 * 4
    assert [step.order for step in steps] == list(range(1, 29))
    finest = [step for step in steps if step.height_px == 32]
    assert len(finest) == 4
    assert sum(holds(step) for step in finest) == 1


def test_an_empty_specimen_costs_the_survey_alone() -> None:
    world = World(there_px=set())
    assert len(world.drive(coarse_to_fine(whole(), lambda frame: -5.0, levels=3))) == 16


def test_what_says_most_is_looked_at_first() -> None:
    world = World(there_px=set())
    steps = world.drive(coarse_to_fine(whole(), lambda frame: frame.step.center_x_px, levels=1))  # type: ignore[union-attr]
    assert all(abs(step.center_x_px - 896) == 64 for step in steps[16:32])


def test_overlapping_survey_frames_lead_to_a_place_once() -> None:
    twice = [whole()[2], whole()[2]]
    world = World(there_px=set())
    assert len(world.drive(coarse_to_fine(twice, judge, levels=1, least_distance_px=1.0))) == 1 + 4


@pytest.mark.parametrize("limit_s", [0.0, 0.3, 1.0])
def test_no_step_passes_the_budget(limit_s: float) -> None:
    world = World(there_px=set(), limit_s=limit_s)
    world.drive(coarse_to_fine(whole(), judge, levels=3, budget=world))
    assert world.spent_s <= limit_s


def test_quarters_tile_a_turned_step() -> None:
    step = replace(
        tile(500.0, 400.0),
        rotation_rad=0.4,
        center_y_nm=1.0,
        center_x_nm=2.0,
        height_nm=1.0,
        width_nm=2.0,
        width_px=20,
        dose_e_per_nm2=10.0,
    )
    found = quarters(step, dwell_factor=0.5)
    assert {(q.height_px, q.width_px, q.height_nm, q.width_nm) for q in found} == {(5, 10, 0.5, 1.0)}
    assert {q.dose_e_per_nm2 for q in found} == {20.0}
    for quarter in found:
        away_px = math.hypot(quarter.center_y_px - 400, quarter.center_x_px - 500)
        assert away_px == pytest.approx(math.hypot(2.5, 5))
        assert quarter.center_nm[0] - 1.0 == pytest.approx(0.1 * (quarter.center_y_px - 400))
        assert quarter.center_nm[1] - 2.0 == pytest.approx(0.1 * (quarter.center_x_px - 500))
    corner = step.in_context().plane_nm((-0.5, -0.5))
    assert found[0].in_context().plane_nm((-0.5, -0.5)) == pytest.approx(corner)


def test_a_negative_number_of_levels_is_refused() -> None:
    with pytest.raises(InputError, match="levels is -1"):
        next(coarse_to_fine([], judge, levels=-1))
