"""`explore` on worlds of which everything is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from deepscan_core.acquisition.strategies import Candidate, Exploration, explore
from deepscan_core.acquisition.strategies.beliefs import Beliefs, surprise_nats
from deepscan_core.acquisition.strategies.exploring import Lesson
from deepscan_core.errors import InputError
from deepscan_core.records.frames import ScanFrame
from tests.acquisition.strategies.toy_worlds import World, candidates, tile

PLAIN = Exploration(curiosity=0.0, unseen_share=0.0, least_probability=0.05)
KINDS = {float(x): ((0.0,) if x < 500 else (9.0,)) for x in range(0, 1000, 50)}


def test_without_features_it_takes_the_likeliest_first_and_ends() -> None:
    chances = {0.0: 0.2, 50.0: 0.9, 100.0: 0.04, 150.0: 0.5}
    world = World(there_px=set())
    steps = world.drive(explore(candidates(chances), world.judge, settings=PLAIN))
    assert world.tiles_px == [50.0, 150.0, 0.0]
    assert [step.order for step in steps] == [1, 2, 3]
    assert steps[0].reason == "50; p 0.90"


def test_it_turns_to_the_kind_that_is_confirmed() -> None:
    """Two kinds promise alike, but only the less likely one holds anything. A plan of twelve would take two of it."""
    chances = {x: 0.3 if x < 500 else 0.29 for x in KINDS}
    there = {x for x in KINDS if x >= 500}
    world = World(there_px=there, limit_s=0.61)
    world.drive(explore(candidates(chances, KINDS), world.judge, budget=world, settings=PLAIN))
    assert len(world.tiles_px) == 12
    assert len(there & set(world.tiles_px)) >= 8


def test_what_tiles_reject_is_given_up() -> None:
    """Twenty alike at 20 % of which none holds anything: it stops when the odds have fallen to 1 : 19."""
    chances, alike = dict.fromkeys(KINDS, 0.2), dict.fromkeys(KINDS, (0.0,))
    world = World(there_px=set())
    world.drive(explore(candidates(chances, alike), world.judge, settings=PLAIN))
    falling = [0.25 / (1 + 0.2 * n) * (1 + 0.8 * n) / (1 + n) for n in range(20)]
    assert len(world.tiles_px) == sum(odds > 1 / 19 for odds in falling) < 20


def test_it_is_not_trapped_in_one_spot() -> None:
    """A crowd of likely places in one corner, all empty, and one unlikely place far away that holds something."""
    crowd = [Candidate(step=tile(x, y), probability=0.6, features=(0.0,)) for x in range(50) for y in (1.0, 2.0)]
    far = Candidate(step=tile(900.0, 900.0), probability=0.1, features=(0.5,))
    world = World(there_px={900.0})
    settings = Exploration(unseen_share=0.2, least_distance_px=5.0)
    world.drive(explore([*crowd, far], world.judge, settings=settings, seed=1))
    assert 900.0 in world.tiles_px
    places = np.array([(s.center_y_px, s.center_x_px) for s in world.steps])
    gaps = np.hypot(*np.moveaxis(places[:, None] - places[None], -1, 0)) + 1e9 * np.eye(len(places))
    assert gaps.min() >= 5.0
    assert len(places) < len(crowd)


def test_the_unseen_gets_its_share_of_the_steps() -> None:
    chances = {float(x): 0.9 for x in range(50)} | {float(x): 0.01 for x in range(500, 550)}
    world = World(there_px=set())
    settings = Exploration(curiosity=0.0, unseen_share=0.3, least_probability=0.05)
    world.drive(explore(candidates(chances), world.judge, settings=settings, seed=3))
    unlikely = [x for x in world.tiles_px if x >= 500]
    assert 8 <= len(unlikely) <= 35
    assert {float(x) for x in range(50)} <= set(world.tiles_px)


@pytest.mark.parametrize("limit_s", [0.0, 0.04, 0.06, 0.21])
def test_no_step_passes_the_budget(limit_s: float) -> None:
    world = World(there_px=set(KINDS), limit_s=limit_s)
    world.drive(explore(candidates(dict.fromkeys(KINDS, 0.5), KINDS), world.judge, budget=world))
    assert world.spent_s <= limit_s
    assert len(world.steps) == int(limit_s / 0.05)


def test_the_same_seed_gives_the_same_steps() -> None:
    def run(seed: int) -> list[float]:
        world = World(there_px={100.0})
        world.drive(explore(candidates(dict.fromkeys(KINDS, 0.5), KINDS), world.judge, seed=seed))
        return world.tiles_px

    assert run(1) == run(1)
    assert len({tuple(run(seed)) for seed in range(5)}) > 1


def test_every_tile_becomes_an_example() -> None:
    lessons: list[Lesson] = []
    world = World(there_px={50.0})
    strategy = explore(candidates({0.0: 0.3, 50.0: 0.5}), world.judge, settings=PLAIN, on_lesson=lessons.append)
    world.drive(strategy)
    assert [(one.candidate, round(one.confirmed)) for one in lessons] == [(1, 1), (0, 0)]
    assert lessons[0].surprise_nats == pytest.approx(np.log(2), abs=1e-3)


def test_dear_places_have_to_promise_more() -> None:
    near, dear = candidates({0.0: 0.5, 50.0: 0.6})
    dear = dataclasses.replace(dear, step=dataclasses.replace(dear.step, dwell_time_us=300))
    world = World(there_px=set())
    world.drive(explore([near, dear], world.judge, budget=world, settings=PLAIN))
    assert [step.center_x_px for step in world.steps] == [0.0, 50.0]


def test_beliefs_follow_the_ratio_of_what_came_to_what_was_promised() -> None:
    """One confirmed tile of p = 0.5 beside its twin: odds times ((1 + 1) / (1 + 0.5)) / ((1 + 0) / (1 + 0.5)) = 2."""
    beliefs = Beliefs(candidates({0.0: 0.5, 1.0: 0.5, 2.0: 0.5}, {0.0: (0.0,), 1.0: (0.0,), 2.0: (99.0,)}))
    beliefs.learn(0, 1.0)
    assert beliefs.probabilities() == pytest.approx([0.5, 2 / 3, 0.5])
    assert beliefs.uncertainties()[1] < beliefs.uncertainties()[2] == pytest.approx(0.5)


def test_a_tile_as_promised_teaches_nothing() -> None:
    beliefs = Beliefs(candidates({0.0: 0.3, 1.0: 0.3}, {0.0: (0.0,), 1.0: (0.0,)}))
    beliefs.learn(0, 0.3)
    assert beliefs.probabilities() == pytest.approx([0.3, 0.3])
    assert surprise_nats(0.3, 0.3) == 0.0
    assert surprise_nats(0.5, 1.0) == pytest.approx(np.log(2))


def test_nothing_to_explore_ends_at_once() -> None:
    assert list(explore([], lambda frame: 0.0)) == []


def test_what_a_learner_proposes_is_visited_and_what_it_knows_better_first() -> None:
    """The first tile teaches that 300 holds something, which no candidate did, and that 100 is likelier than 50."""

    def learner(candidate: Candidate, frame: ScanFrame, confirmed: float) -> list[Candidate]:
        if confirmed < 0.9:
            return []
        return [dataclasses.replace(c, probability=0.99) for c in candidates({300.0: 0.5, 100.0: 0.5, 2.0: 0.5})]

    world = World(there_px={0.0, 100.0, 300.0})
    chances = {0.0: 0.6, 50.0: 0.5, 100.0: 0.3}
    world.drive(explore(candidates(chances), world.judge, settings=PLAIN, learner=learner))
    assert world.tiles_px[0] == 0.0
    assert sorted(world.tiles_px[1:3]) == [100.0, 300.0]  # 2 lies in the tile at 0, and is not visited
    assert world.tiles_px[3:] == [50.0]


def test_new_candidates_need_as_many_features() -> None:
    beliefs = Beliefs(candidates({0.0: 0.5}, {0.0: (0.0,)}))
    beliefs.learn(0, 1.0)
    beliefs.add(candidates({1.0: 0.5, 2.0: 0.5}, {1.0: (0.0,), 2.0: (99.0,)}))
    assert beliefs.probabilities()[1:] == pytest.approx([2 / 3, 0.5])  # as if they had been there from the beginning
    with pytest.raises(InputError, match="2 features, the others 1"):
        beliefs.add(candidates({3.0: 0.5}, {3.0: (0.0, 1.0)}))


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="unseen_share=2"):
        Exploration(unseen_share=2)
    with pytest.raises(InputError, match=r"\[0, 1\] features"):
        next(explore(candidates({0.0: 0.5, 1.0: 0.5}, {1.0: (1.0,)}), lambda frame: 0.0))
