"""The order of a plan in which neighbouring exposures wait for each other, and how long they do.

What an exposure leaves behind spreads for a while; the same dose harms less if a neighbour comes later (Jannis, Velazco,
Béché and Verbeeck 2022, doi:10.1016/j.ultramic.2022.113568). Runs keep to the waits by the same distance,
`acquisition.doses.gap_nm`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepscan_core.acquisition.doses import gap_nm
from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.protocol import ScanLimits, ScanStep

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


def neighbours(steps: Sequence[ScanStep], limits: ScanLimits, context: ScanContext) -> BoolArray:
    """Which steps are neighbours of each other by the limits, shape (n, n); nobody is its own.

    Raises
    ------
    InputError
        A distance, and no calibration.
    """
    n, least_nm = len(steps), limits.least_distance_nm
    if least_nm is None:
        return np.full((n, n), limits.least_wait_s is not None) & ~np.eye(n, dtype=bool)
    if not context.is_calibrated:
        raise InputError(f"a distance of {least_nm:g} nm between exposures needs a pixel size: give --pixel-size-nm")
    centers_nm = np.array([step.center_nm for step in steps], float).reshape(n, 2)
    reaches_nm = np.array([np.hypot(*step.size_nm) / 2 for step in steps])
    apart_nm = np.hypot(*np.moveaxis(centers_nm[:, None] - centers_nm[None], -1, 0))
    near = np.triu(apart_nm - reaches_nm[:, None] - reaches_nm[None] < least_nm, 1)
    for one, other in np.argwhere(near):
        near[one, other] = gap_nm(steps[one].in_context(), steps[other].in_context()) < least_nm
    both: BoolArray = near | near.T
    return both


def without_near(near: BoolArray, prizes: Sequence[float]) -> list[int]:
    """Which may be exposed where neighbours are forbidden: those worth most, and no neighbour of theirs."""
    kept: list[int] = []
    for k in sorted(range(len(prizes)), key=lambda k: -prizes[k]):
        if not near[k, kept].any():
            kept.append(k)
    return sorted(kept)


def waits_s(visits_s: FloatArray, ways_s: FloatArray, near: BoolArray, wait_s: float) -> FloatArray:
    """How long each visit waits for its neighbours, in visiting order.

    Parameters
    ----------
    visits_s, ways_s : of each frame, and of the way to it, shape (n,).
    near : neighbours, shape (n, n).
    wait_s : from the end of an exposure until the beam sets out for a neighbour, as a run does.

    >>> waits_s(np.full(2, 1.0), np.full(2, 0.5), ~np.eye(2, dtype=bool), 2.0)
    array([0., 2.])
    """
    ends_s, waits, now_s = np.full(len(visits_s), -np.inf), np.zeros(len(visits_s)), 0.0
    for k in range(len(visits_s)):
        waits[k] = max(0.0, float(ends_s[near[k]].max(initial=-np.inf)) + wait_s - now_s)
        now_s += waits[k] + float(ways_s[k]) + float(visits_s[k])
        ends_s[k] = now_s
    return waits


def rested_order(visits_s: FloatArray, near: BoolArray, wait_s: float) -> list[int]:
    """A tour changed so that little is waited: always the next place that need not wait, else the one that waits least.

    Parameters
    ----------
    visits_s : of each frame in the order of the tour, shape (n,). The way is left out: it only shortens waits.
    near, wait_s : see `waits_s`.
    """
    rest, ready_s, order, now_s = np.ones(len(visits_s), bool), np.zeros(len(visits_s)), list[int](), 0.0
    for _ in range(len(visits_s)):
        left_s = np.where(rest, np.maximum(ready_s - now_s, 0.0), np.inf)
        chosen = int(left_s.argmin())
        now_s += float(left_s[chosen] + visits_s[chosen])
        ready_s[near[chosen]] = now_s + wait_s
        rest[chosen] = False
        order.append(chosen)
    return order
