"""An open tour from where the beam is through all places, with fast-tsp.

Exact for up to 18 stops; beyond that local search for a time that grows with their number. Up to 180 a tenth of that time
finds tours as short as two seconds do (``benchmarks/tours.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX, check_finite

LARGEST_DISTANCE = 60_000  # fast-tsp takes whole numbers below 2**16
SEARCH_S_PER_STOP, LONGEST_SEARCH_S = 0.01, 2.0


def open_tour(start: YX, places: Sequence[YX]) -> list[int]:
    """Order in which to visit `places`, starting at `start` and ending anywhere.

    Parameters
    ----------
    start, places : ``(y, x)`` in any one unit.

    Returns
    -------
    Indices into `places`.

    Notes
    -----
    A closed tour through one further stop, at distance 0 from the start and equally far from everything else, is an open
    one. Distances are rounded to a sixty-thousandth of the longest.
    """
    import fast_tsp

    for point in (start, *places):
        check_finite("a place of the tour", *point)
    if len(places) > 20_000:
        raise InputError(f"{len(places)} places are too many for one tour: give at most 20000")
    if len(places) < 2:
        return list(range(len(places)))
    closed: list[int] = fast_tsp.find_tour(
        _with_free_return(_distances([start, *places])).tolist(),
        duration_seconds=min(SEARCH_S_PER_STOP * len(places), LONGEST_SEARCH_S),
        stop_when_converged=True,
    )
    return _cut(closed, n_places=len(places))


def quick_tour(start: YX, places: Sequence[YX]) -> list[int]:
    """Like `open_tour`, but always on to the nearest place: longer by about a quarter, at once, the same everywhere."""
    for point in (start, *places):
        check_finite("a place of the tour", *point)
    rest = np.asarray(places, dtype=float).reshape(-1, 2)
    open_to_choice, here = np.ones(len(rest), bool), np.asarray(start, dtype=float)
    order = []
    for _ in range(len(rest)):
        away = np.where(open_to_choice, np.hypot(*(rest - here).T), np.inf)
        nearest = int(away.argmin())
        order.append(nearest)
        open_to_choice[nearest] = False
        here = rest[nearest]
    return order


def tour_length(start: YX, places: Sequence[YX], order: Sequence[int]) -> float:
    """Length of an open tour, in the unit of the places."""
    path = np.asarray([start, *(places[k] for k in order)], dtype=float)
    return float(np.hypot(*np.diff(path, axis=0).T).sum())


def _distances(points: Sequence[YX]) -> npt.NDArray[np.int64]:
    from scipy.spatial.distance import cdist

    distance = cdist(points, points)
    longest = distance.max() or 1.0
    # The two edges of the free stop add up to the same in every tour, so only these distances decide.
    rounded: npt.NDArray[np.int64] = np.rint(distance * (LARGEST_DISTANCE / longest)).astype(np.int64)
    return rounded


def _with_free_return(distance: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Add a stop at the end of the matrix that lies at the start and costs the same from everywhere else."""
    n = len(distance)
    extended = np.zeros((n + 1, n + 1), np.int64)
    extended[:n, :n] = distance
    extended[n, 1:n] = extended[1:n, n] = LARGEST_DISTANCE
    return extended


def _cut(closed: list[int], n_places: int) -> list[int]:
    """Turn a closed tour that holds the start (0) next to the free stop (last) into an order of places."""
    free = n_places + 1
    at = closed.index(0)
    cycle = closed[at:] + closed[:at]
    path = cycle[1:] if cycle[-1] == free else [*reversed(cycle[1:])]
    if path[-1] == free:
        path = path[:-1]
    return [stop - 1 for stop in path if stop != free]
