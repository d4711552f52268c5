"""Which places to visit, and in which order, so that most is gained within hard limits: a prize-collecting tour.

Also known as the orienteering problem (Golden, Levy and Vohra 1987, doi:10.1002/1520-6750(198706)34:3<307::AID-
NAV3220340302>3.0.CO;2-D). PyVRP searches (Wouda, Lan and Kool 2024, doi:10.1287/ijoc.2023.0055); where there are too many
places for it, or it is not installed, a greedy choice is taken.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX, check_finite
from deepscan_core.records.costs import ScanCosts
from deepscan_core.routing.tour import open_tour, quick_tour

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MOST_SEARCHED = 1000  # places that are searched; more are chosen greedily
FEWEST_ITERATIONS, MOST_ITERATIONS, ITERATIONS_TIMES_PLACES = 200, 1500, 100_000
QUANTA = 1_000_000  # whole numbers that a limit is divided into
BEST_PRIZE = 10_000_000  # the largest prize in the same unit: ten whole limits of time
LARGEST_PENALTY = 1e7  # of a part of a limit too much: above every prize, below what overflows
MOST_TOPPED_UP = 500  # places that are tried once more in the end


@dataclass(frozen=True, kw_only=True, eq=False)
class Stops:
    """Places that may be visited, and what each is worth and costs.

    Attributes
    ----------
    prizes : what a visit gains, at least 0, shape (n,).
    places_nm : shape (n, 2).
    visits_s, visits_electrons : of each frame with its overheads, shape (n,).
    start_nm : where the beam is.
    costs : of the way between places.
    way_electrons_per_s : that reach the specimen on the way.
    """

    prizes: FloatArray
    places_nm: FloatArray
    visits_s: FloatArray
    visits_electrons: FloatArray
    start_nm: YX
    costs: ScanCosts
    way_electrons_per_s: float

    def __post_init__(self) -> None:
        n = len(self.prizes)
        for name in ("visits_s", "visits_electrons"):
            if getattr(self, name).shape != (n,):
                raise InputError(
                    f"{name} has shape {getattr(self, name).shape}: give one number for each of {n} prizes"
                )
        if self.places_nm.shape != (n, 2):
            raise InputError(f"places_nm has shape {self.places_nm.shape}: give ({n}, 2)")
        numbers = np.concatenate([self.prizes, self.visits_s, self.visits_electrons, self.places_nm.ravel()])
        if not np.isfinite(numbers).all() or min(self.prizes.min(initial=0), self.visits_s.min(initial=0)) < 0:
            raise InputError("prizes, times and electrons of a tour must be finite and at least 0, places finite")
        check_finite("start of the tour", *self.start_nm)

    def ways_s(self) -> FloatArray:
        """Times from row to column, shape (n + 1, n + 1); the start comes first."""
        points = np.vstack([self.start_nm, self.places_nm])
        return self.costs.travel_times_s(points[:, None], points[None, :])

    def spent(self, order: Sequence[int] | IntArray) -> tuple[float, float]:
        """Seconds and electrons of visits in an order, the way included."""
        if len(order) == 0:
            return (0.0, 0.0)
        path = np.vstack([self.start_nm, self.places_nm[list(order)]])
        way_s = float(self.costs.travel_times_s(path[:-1], path[1:]).sum())
        time_s = float(self.visits_s[list(order)].sum()) + way_s
        return (time_s, float(self.visits_electrons[list(order)].sum()) + way_s * self.way_electrons_per_s)


@dataclass(frozen=True, kw_only=True)
class TourLimits:
    """What a tour may take; infinite where it is not limited.

    Attributes
    ----------
    time_s, electrons : of all visits and of the way.
    """

    time_s: float = math.inf
    electrons: float = math.inf

    def hold(self, spent: tuple[float, float]) -> bool:
        """Whether seconds and electrons stay within the limits."""
        return spent[0] <= self.time_s and spent[1] <= self.electrons


def budgeted_tour(stops: Stops, limits: TourLimits) -> list[int]:
    """The visits that gain most within the limits, in a short order.

    Parameters
    ----------
    stops : see `Stops`.
    limits : never exceeded.

    Returns
    -------
    Indices of the stops, in visiting order; empty where none can be afforded.

    Notes
    -----
    The search is heuristic, begins with `greedy_tour` and has a fixed number of steps. So the same stops give the same
    tour, but for what `open_tour` does with more than about a hundred. It takes a second or two. Of two tours with the same
    prizes the quicker one is taken. Times are rounded up to a millionth of the limit. Beyond `MOST_SEARCHED` stops it is
    the greedy tour.
    """
    greedy = greedy_tour(stops, limits)
    if len(stops.prizes) > MOST_SEARCHED or find_spec("pyvrp") is None:
        return greedy
    return _better(stops, greedy, _topped_up(stops, limits, _searched_tour(stops, limits, greedy)))


def greedy_tour(stops: Stops, limits: TourLimits) -> list[int]:
    """Places in the order of their prize for what they take of the limits, as many as a short way allows.

    For the parameters and what is returned see `budgeted_tour`. The way is that of `open_tour`.
    """
    chosen = _best_for_their_cost(stops, limits)
    shorter = [chosen[k] for k in open_tour(stops.start_nm, [(float(y), float(x)) for y, x in stops.places_nm[chosen]])]
    return _topped_up(stops, limits, _better(stops, chosen, shorter))


def _best_for_their_cost(stops: Stops, limits: TourLimits) -> list[int]:
    """As many of the best as can be afforded on a part of a way through all."""
    shares = np.maximum(stops.visits_s / limits.time_s, stops.visits_electrons / limits.electrons)
    if not shares.any():
        shares = stops.visits_s + 1.0
    worth = np.argsort(-stops.prizes / np.maximum(shares, np.finfo(float).tiny), kind="stable")
    rank = np.empty(len(worth), np.int64)
    rank[worth] = np.arange(len(worth))
    way = np.array(quick_tour(stops.start_nm, [(float(y), float(x)) for y, x in stops.places_nm]), np.int64)
    low, high = 0, len(way)
    while low < high:
        middle = (low + high + 1) // 2
        if limits.hold(stops.spent(way[rank[way] < middle])):
            low = middle
        else:
            high = middle - 1
    return [int(k) for k in way[rank[way] < low]]


def _topped_up(stops: Stops, limits: TourLimits, order: list[int]) -> list[int]:
    """With what else fits in between, the largest prizes first."""
    found = list(order)
    rest = np.setdiff1d(np.arange(len(stops.prizes)), found)
    time_s, total = stops.spent(found)
    for k in rest[np.argsort(-stops.prizes[rest], kind="stable")][:MOST_TOPPED_UP]:
        at, way_s = _cheapest_place(stops, found, int(k))
        more = (
            time_s + way_s + float(stops.visits_s[k]),
            total + way_s * stops.way_electrons_per_s + float(stops.visits_electrons[k]),
        )
        with_it = [*found[:at], int(k), *found[at:]]
        if limits.hold(more) and limits.hold(stops.spent(with_it)):
            found, (time_s, total) = with_it, more
    return found


def _cheapest_place(stops: Stops, order: list[int], k: int) -> tuple[int, float]:
    """Where in the order another stop lengthens the way least, and by how many seconds."""
    path = np.vstack([stops.start_nm, stops.places_nm[order].reshape(-1, 2)])
    there_s = stops.costs.travel_times_s(path, stops.places_nm[k])
    longer_s = there_s.copy()
    longer_s[:-1] += there_s[1:] - stops.costs.travel_times_s(path[:-1], path[1:])
    at = int(longer_s.argmin())
    return at, float(longer_s[at])


def _better(stops: Stops, one: list[int], other: list[int]) -> list[int]:
    """The larger sum of prizes; of equal sums the shorter time."""
    sums = [float(stops.prizes[sorted(order)].sum()) for order in (one, other)]
    if not math.isclose(sums[0], sums[1], rel_tol=1e-12):
        return one if sums[0] > sums[1] else other
    return one if stops.spent(one)[0] <= stops.spent(other)[0] else other


def _searched_tour(stops: Stops, limits: TourLimits, first: list[int]) -> list[int]:
    """By PyVRP, from a first tour: one vehicle with a longest shift, and electrons as the way that it may go."""
    import pyvrp
    from pyvrp.exceptions import PenaltyBoundWarning
    from pyvrp.stop import MaxIterations

    n, best = len(stops.prizes), float(stops.prizes.max(initial=0.0))
    if best <= 0:
        return first
    most_s = limits.time_s if math.isfinite(limits.time_s) else stops.spent(range(n))[0]
    ways_s = stops.ways_s()
    matrices: Any = ([_electrons_as_way(stops, ways_s, limits)], [_rounded_up(ways_s, most_s)])
    data = pyvrp.ProblemData(
        locations=[pyvrp.Location(0, 0)] * (n + 1),
        clients=[
            pyvrp.Client(
                location=k + 1,
                service_duration=int(_rounded_up(stops.visits_s[k : k + 1], most_s)[0]),
                prize=round(float(stops.prizes[k]) / best * BEST_PRIZE),
                required=False,
            )
            for k in range(n)
        ],
        depots=[pyvrp.Depot(location=0)],
        vehicle_types=[
            pyvrp.VehicleType(shift_duration=QUANTA, max_distance=QUANTA, unit_distance_cost=0, unit_duration_cost=1)
        ],
        distance_matrices=matrices[0],
        duration_matrices=matrices[1],
    )
    steps = min(max(ITERATIONS_TIMES_PLACES // n, FEWEST_ITERATIONS), MOST_ITERATIONS)
    with warnings.catch_warnings():
        # it warns where it nearly always breaks the limits; the greedy tour, from which it begins, never does
        warnings.simplefilter("ignore", PenaltyBoundWarning)
        found = pyvrp.solve(
            data,
            stop=MaxIterations(steps),
            seed=0,
            collect_stats=False,
            display=False,
            params=pyvrp.SolveParams(penalty=pyvrp.PenaltyParams(max_penalty=LARGEST_PENALTY)),
            initial_solution=pyvrp.Solution(data, [first] if first else []),
        )
    order = [activity.idx for route in found.best.routes() for activity in route if activity.is_client()]
    return order if limits.hold(stops.spent(order)) else first


def _electrons_as_way(stops: Stops, ways_s: FloatArray, limits: TourLimits) -> IntArray:
    """Electrons of the way to each stop and of its visit, in parts of the limit, shape (n + 1, n + 1)."""
    if not math.isfinite(limits.electrons):
        return np.zeros(ways_s.shape, np.int64)
    taken = ways_s * stops.way_electrons_per_s
    taken[:, 1:] += stops.visits_electrons
    return _rounded_up(taken, limits.electrons)


def _rounded_up(amounts: FloatArray, limit: float) -> IntArray:
    """In parts of a limit, never less than they are; staying, and going back to the start in the end, costs nothing."""
    parts: IntArray = np.ceil(np.minimum(amounts / limit, 2.0) * QUANTA).astype(np.int64)
    if parts.ndim == 2:
        np.fill_diagonal(parts, 0)
        parts[:, 0] = 0
    return parts
