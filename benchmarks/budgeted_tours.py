"""What a prize-collecting tour gains over a greedy one, on random places; and how long the choice takes.

    python benchmarks/budgeted_tours.py [--instances 5]

Prizes are even from 0 to 1, frames take 20 to 400 ms, and a quarter of the time that all would take may be spent. How much
the way costs is told by its share of that time.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from deepscan_core.records.costs import ScanCosts
from deepscan_core.routing.budgeted import Stops, TourLimits, budgeted_tour, greedy_tour

SPEEDS_NM_PER_S = (50.0, 500.0, 1e6)
COUNTS = (10, 30, 100, 300)


def some_stops(seed: int, n: int, travel_nm_per_s: float) -> Stops:
    """Random places in a square of 100 nm."""
    rng = np.random.default_rng(seed)
    return Stops(
        prizes=rng.random(n),
        places_nm=rng.uniform(-50, 50, (n, 2)),
        visits_s=rng.uniform(0.02, 0.4, n),
        visits_electrons=np.zeros(n),
        start_nm=(0.0, 0.0),
        costs=ScanCosts(travel_nm_per_s=travel_nm_per_s),
        way_electrons_per_s=0.0,
    )


def main() -> None:
    """Print one line for each number of places and speed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=5)
    instances = parser.parse_args().instances
    print("places  travel nm/s  way's share  greedy  budgeted  gain       greedy s  budgeted s")
    for n in COUNTS:
        for speed in SPEEDS_NM_PER_S:
            rows = [_compared(seed, n, speed) for seed in range(instances)]
            share, greedy, found, greedy_s, found_s = np.mean(rows, axis=0)
            gains = [100 * (row[2] / row[1] - 1) for row in rows]
            print(
                f"{n:6d}  {speed:11.0f}  {100 * share:9.0f} %  {greedy:6.2f}  {found:8.2f}  "
                f"{np.mean(gains):+5.1f} % ({min(gains):+.1f} to {max(gains):+.1f})  {greedy_s:6.2f}  {found_s:9.2f}"
            )


def _compared(seed: int, n: int, speed: float) -> tuple[float, float, float, float, float]:
    stops = some_stops(seed, n, speed)
    limits = TourLimits(time_s=0.25 * stops.spent(range(n))[0])
    begun = time.process_time()
    greedy = greedy_tour(stops, limits)
    between = time.process_time()
    found = budgeted_tour(stops, limits)
    ended = time.process_time()
    time_s, _ = stops.spent(found)
    way_share = 1 - float(stops.visits_s[found].sum()) / time_s if found else 0.0
    gained = [float(stops.prizes[order].sum()) for order in (greedy, found)]
    return (way_share, gained[0], gained[1], between - begun, ended - between)


if __name__ == "__main__":
    main()
