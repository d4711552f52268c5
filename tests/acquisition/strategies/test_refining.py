"""`refine` on worlds of which everything is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepscan_core.acquisition.strategies import Verdicts, cheap_look, follow, narrow_look, refine
from deepscan_core.acquisition.strategies.candidates import log_odds, probability
from deepscan_core.acquisition.strategies.sequential import Verdict
from deepscan_core.errors import InputError
from tests.acquisition.strategies.toy_worlds import World, candidates, tile

EVEN = {float(x): 0.5 for x in range(0, 400, 20)}
THERE = {20.0, 100.0, 300.0}


def test_the_dwell_goes_where_something_is() -> None:
    world = World(there_px=THERE, nats=200.0)
    steps = world.drive(refine(candidates(EVEN), world.judge))
    assert set(world.tiles_px) == THERE
    assert len(steps) == len(EVEN) + len(THERE)
    assert [step.order for step in steps] == list(range(1, len(steps) + 1))
    assert steps[1].reason == "20; look 1"
    assert steps[2].reason == "20; confirmed"


def test_what_the_preview_has_decided_gets_no_look() -> None:
    world = World(there_px={20.0})
    steps = world.drive(refine(candidates({0.0: 0.01, 20.0: 0.99}), world.judge))
    assert [step.center_x_px for step in steps] == world.tiles_px == [20.0]


def test_evidence_of_several_looks_adds_up() -> None:
    """One look is worth ln 4, so that even odds pass 9 : 1 with the second."""
    share = cheap_look(tile(0)).dwell_time_us * 10 * 10 / (20 * 20 * 100)
    world = World(there_px={0.0}, nats=math.log(4) / share)
    steps = world.drive(refine(candidates({0.0: 0.5, 20.0: 0.5}), world.judge, most_looks=3))
    assert [step.center_x_px for step in steps] == [0.0, 0.0, 0.0, 20.0, 20.0, 20.0]
    assert [step.reason for step in steps[:3]] == ["0; look 1", "0; look 2", "0; confirmed"]
    assert world.tiles_px == [0.0]


def test_undecided_after_all_looks_the_likelier_half_gets_its_tile() -> None:
    world = World(there_px={0.0}, nats=0.1)
    world.drive(refine(candidates({0.0: 0.5, 20.0: 0.5}), world.judge, most_looks=2))
    assert world.tiles_px == [0.0]


def test_it_spends_less_than_a_plan_for_the_same() -> None:
    looked, planned = World(there_px=THERE, nats=200.0), World(there_px=THERE)
    looked.drive(refine(candidates(EVEN), looked.judge))
    planned.drive(follow(c.step for c in candidates(EVEN)))
    assert set(looked.tiles_px) >= THERE
    assert looked.spent_s < planned.spent_s / 2


@pytest.mark.parametrize("limit_s", [0.0, 0.01, 0.05, 0.11, 0.3])
def test_no_step_passes_the_budget(limit_s: float) -> None:
    world = World(there_px=THERE, limit_s=limit_s)
    world.drive(refine(candidates(EVEN), world.judge, budget=world))
    assert world.spent_s <= limit_s


def test_walds_bounds_hold_their_error_rates() -> None:
    """Looks of d′ = 1 at even odds: errors stay near what was asked for, overshoot makes them rarer (Wald 1945)."""
    bounds, rng = Verdicts(false_share=0.1, missed_share=0.1), np.random.default_rng(0)
    wrong = {True: 0, False: 0}
    for trial in range(2000):
        there, odds = trial % 2 == 0, 0.0
        while bounds.of(odds) is Verdict.OPEN:
            odds += rng.normal(1.0 if there else 0.0) - 0.5
        wrong[there] += (bounds.of(odds) is Verdict.CONFIRMED) != there
    assert 0.02 < wrong[True] / 1000 < 0.11
    assert 0.02 < wrong[False] / 1000 < 0.11


def test_looks_are_made_only_where_they_pay() -> None:
    """Below 1 - look / tile a look that decides is cheaper than the tile at once; above it is not."""
    bounds = Verdicts.for_costs(look=1.0, tile=4.0)
    for p, pays in ((0.74, True), (0.76, False)):
        assert (1.0 + p * 4.0 < 4.0) is pays
        assert (bounds.of(log_odds(p)) is Verdict.OPEN) is pays
    assert Verdicts.for_costs(look=9.0, tile=4.0).of(log_odds(0.06)) is Verdict.CONFIRMED


def test_odds_and_probabilities_are_inverse() -> None:
    for p in (0.001, 0.3, 0.5, 0.999):
        assert probability(log_odds(p)) == pytest.approx(p)
    assert math.isfinite(log_odds(0.0))
    assert math.isfinite(log_odds(1.0))


def test_a_cheap_look_is_the_same_place_for_less() -> None:
    step = tile(40)
    look = cheap_look(step, dwell_share=0.25, density_share=0.5)
    assert (look.center_x_px, look.height_px, look.rows, look.cols, look.dwell_time_us) == (40, 10, 10, 10, 25)


def test_a_narrow_look_is_the_middle_of_the_place() -> None:
    look = narrow_look(tile(40), side_share=0.25)
    assert (look.center_x_px, look.height_px, look.rows, look.cols, look.dwell_time_us) == (40, 2.5, 5, 5, 100)


def test_what_lies_in_a_recorded_tile_is_not_visited_again() -> None:
    world = World(there_px={20.0, 24.0, 26.0}, nats=200.0)
    world.drive(refine(candidates({20.0: 0.99, 24.0: 0.5, 26.0: 0.5}), world.judge))
    assert world.tiles_px == [20.0, 26.0]


def test_looks_pay_for_large_tiles_only() -> None:
    faint, sure = [0.1] * 40, [0.95] * 40
    bounds = Verdicts.for_costs(look=1.0, tile=10.0)
    assert bounds.pay(faint, look=1.0, tile=10.0, budget=60.0)
    assert not bounds.pay(sure, look=1.0, tile=10.0, budget=60.0)
    assert not Verdicts.for_costs(look=9.0, tile=10.0).pay(faint, look=9.0, tile=10.0, budget=60.0)
    assert not bounds.pay([0.5] * 3, look=1.0, tile=10.0, budget=60.0)  # there is time for all of them


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="most_looks is 0"):
        next(refine([], lambda frame: 0.0, most_looks=0))
    with pytest.raises(InputError, match="density"):
        cheap_look(tile(0), density_share=0.0)
    with pytest.raises(InputError, match="2 of the sides"):
        narrow_look(tile(0), side_share=2)
    with pytest.raises(InputError, match="sum below 1"):
        Verdicts(false_share=0.6, missed_share=0.5)
    with pytest.raises(InputError, match="give a number from 0 to 1"):
        candidates({0.0: 1.5})
