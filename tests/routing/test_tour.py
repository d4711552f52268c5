"""Tours against brute force."""

from __future__ import annotations

import itertools

import fast_tsp
import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.routing.tour import open_tour, tour_length


@pytest.mark.parametrize("n", [1, 2, 3, 5, 7])
def test_few_stops_are_exact(n: int) -> None:
    rng = np.random.default_rng(n)
    for _ in range(5):
        places = [(float(y), float(x)) for y, x in rng.uniform(0, 100, (n, 2))]
        start = (float(rng.uniform(0, 100)), float(rng.uniform(0, 100)))
        best = min(tour_length(start, places, order) for order in itertools.permutations(range(n)))
        order = open_tour(start, places)
        assert sorted(order) == list(range(n))
        assert tour_length(start, places, order) <= best * 1.001


def test_stops_on_a_line_are_visited_along_it() -> None:
    places = [(0.0, float(x)) for x in np.random.default_rng(0).permutation(40)]
    order = open_tour((0.0, -1.0), places)
    assert [places[k][1] for k in order] == list(range(40))


def test_many_stops_are_better_than_a_raster() -> None:
    rng = np.random.default_rng(1)
    places = [(float(y), float(x)) for y, x in rng.uniform(0, 100, (60, 2))]
    order = open_tour((50, 50), places)
    assert sorted(order) == list(range(60))
    raster = sorted(range(60), key=lambda k: (places[k][0] // 10, places[k][1]))
    assert tour_length((50, 50), places, order) < 0.75 * tour_length((50, 50), places, raster)


@pytest.mark.parametrize(("count", "allowed_s"), [(25, 0.25), (300, 2.0)])
def test_the_search_is_as_long_as_the_tour_needs(count: int, allowed_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    given_s: list[float] = []
    search = fast_tsp.find_tour

    def noted(distances: list[list[int]], *, duration_seconds: float, **others: object) -> list[int]:
        given_s.append(duration_seconds)
        return search(distances, duration_seconds=0.05)

    monkeypatch.setattr(fast_tsp, "find_tour", noted)
    places = [(float(y), float(x)) for y, x in np.random.default_rng(count).uniform(0, 100, (count, 2))]
    assert sorted(open_tour((0.0, 0.0), places)) == list(range(count))
    assert given_s == pytest.approx([allowed_s])


def test_nothing_to_visit_and_places_that_coincide() -> None:
    assert open_tour((0, 0), []) == []
    assert sorted(open_tour((1, 1), [(1, 1)] * 4)) == [0, 1, 2, 3]
    with pytest.raises(InputError):
        open_tour((0, float("nan")), [(1, 1), (2, 2)])
