"""Prize-collecting tours against brute force, and within their limits whatever is asked for."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepscan_core.errors import InputError
from deepscan_core.records.costs import ScanCosts
from deepscan_core.routing import budgeted
from deepscan_core.routing.budgeted import Stops, TourLimits, budgeted_tour, greedy_tour


def some_stops(seed: int, n: int, *, travel_nm_per_s: float = 100.0, way_electrons_per_s: float = 0.0) -> Stops:
    rng = np.random.default_rng(seed)
    return Stops(
        prizes=rng.random(n),
        places_nm=rng.uniform(-50, 50, (n, 2)),
        visits_s=rng.uniform(0.02, 0.4, n),
        visits_electrons=rng.uniform(1e5, 1e6, n),
        start_nm=(0.0, 0.0),
        costs=ScanCosts(travel_nm_per_s=travel_nm_per_s),
        way_electrons_per_s=way_electrons_per_s,
    )


def gained(stops: Stops, order: list[int]) -> float:
    return float(stops.prizes[order].sum())


def best_by_trying_all(stops: Stops, limits: TourLimits) -> float:
    orders = (
        order
        for size in range(len(stops.prizes) + 1)
        for order in itertools.permutations(range(len(stops.prizes)), size)
    )
    return max(gained(stops, list(order)) for order in orders if limits.hold(stops.spent(order)))


@pytest.mark.parametrize("seed", range(12))
def test_few_stops_are_chosen_as_well_as_by_trying_all(seed: int) -> None:
    stops = some_stops(seed, 5, way_electrons_per_s=2e6 if seed % 2 else 0.0)
    time_s, total = stops.spent(range(5))
    limits = TourLimits(time_s=0.55 * time_s, electrons=0.6 * total if seed % 3 else math.inf)
    order = budgeted_tour(stops, limits)
    assert limits.hold(stops.spent(order))
    assert gained(stops, order) == pytest.approx(best_by_trying_all(stops, limits), rel=1e-9)


def test_a_cluster_is_worth_more_than_the_best_place_far_away() -> None:
    stops = Stops(
        prizes=np.array([1.0, 0.6, 0.6]),
        places_nm=np.array([[0.0, 1000.0], [0.0, -10.0], [0.0, -20.0]]),
        visits_s=np.full(3, 0.1),
        visits_electrons=np.full(3, 1e6),
        start_nm=(0.0, 0.0),
        costs=ScanCosts(travel_nm_per_s=1000.0),
        way_electrons_per_s=0.0,
    )
    assert budgeted_tour(stops, TourLimits(time_s=1.15)) == [1, 2]


def test_more_is_gained_than_by_the_best_for_their_cost() -> None:
    stops = some_stops(3, 40)
    limits = TourLimits(time_s=0.25 * stops.spent(range(40))[0])
    assert gained(stops, budgeted_tour(stops, limits)) > gained(stops, greedy_tour(stops, limits))


def test_the_same_stops_give_the_same_tour() -> None:
    stops = some_stops(5, 30)
    limits = TourLimits(time_s=4.0)
    assert budgeted_tour(stops, limits) == budgeted_tour(some_stops(5, 30), limits)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(0, 14),
    time_share=st.floats(1e-3, 1.5),
    electron_share=st.floats(1e-3, 1.5) | st.just(1e9),
    way_electrons_per_s=st.sampled_from([0.0, 5e6]),
    searched=st.booleans(),
)
def test_no_tour_exceeds_a_limit(
    seed: int, n: int, time_share: float, electron_share: float, way_electrons_per_s: float, searched: bool
) -> None:
    stops = some_stops(seed, n, way_electrons_per_s=way_electrons_per_s)
    time_s, total = stops.spent(range(n))
    limits = TourLimits(time_s=max(time_share * time_s, 1e-3), electrons=max(electron_share * total, 1.0))
    order = (budgeted_tour if searched else greedy_tour)(stops, limits)
    assert len(set(order)) == len(order)
    assert limits.hold(stops.spent(order))


def test_more_places_than_are_searched_are_chosen_greedily(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgeted, "MOST_SEARCHED", 10)
    stops, limits = some_stops(7, 30), TourLimits(time_s=2.0)
    assert budgeted_tour(stops, limits) == greedy_tour(stops, limits)


def test_moves_with_the_stage_are_charged_as_such() -> None:
    stops = some_stops(1, 2)
    by_stage = ScanCosts(beam_shift_range_nm=1.0, stage_nm_per_s=10.0, stage_settle_s=3.0)
    moved = Stops(**{**vars(stops), "costs": by_stage})
    way_nm = math.dist((0, 0), stops.places_nm[0]) + math.dist(stops.places_nm[0], stops.places_nm[1])
    assert moved.spent([0, 1])[0] == pytest.approx(stops.visits_s.sum() + way_nm / 10 + 2 * 3.0)


def test_negative_prizes_and_wrong_shapes_are_refused() -> None:
    stops = some_stops(0, 3)
    for wrong in ({"prizes": np.array([1.0, -1.0, 1.0])}, {"visits_s": np.ones(2)}, {"places_nm": np.ones((3, 3))}):
        with pytest.raises(InputError):
            Stops(**{**vars(stops), **wrong})
