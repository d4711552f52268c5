"""How much longer a tour gets with less time to search, against the two seconds that were allowed for any tour before.

    python benchmarks/tours.py [--instances 6]

Places at random, and in clusters, in turns. Shares are of the time that `open_tour` takes.
"""

from __future__ import annotations

import argparse

import numpy as np

from deepscan_core.records.coordinates import YX
from deepscan_core.routing import tour

COUNTS = (20, 25, 30, 40, 60, 90, 130, 180, 400)
SHARES = (1.0, 0.3, 0.1)
USUAL_S = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=6)
    arguments = parser.parse_args()
    print(
        "| places | searched for, s | longer than after 2 s, at most, of so much time: "
        + ", ".join(map(str, SHARES))
        + " |"
    )
    print("|---|---|---|")
    for count in COUNTS:
        excess = np.array([longer(count, seed) for seed in range(arguments.instances)])
        allowed_s = min(tour.SEARCH_S_PER_STOP * count, tour.LONGEST_SEARCH_S)
        print(f"| {count} | {allowed_s:.2f} | " + ", ".join(f"{worst:.2%}" for worst in excess.max(axis=0)) + " |")


def longer(count: int, seed: int) -> list[float]:
    """By which share, for each share of the time."""
    places = scattered(count, seed)
    usual = length(places, USUAL_S / count, USUAL_S)
    given_s, most_s = tour.SEARCH_S_PER_STOP, tour.LONGEST_SEARCH_S
    return [length(places, share * given_s, share * most_s) / usual - 1 for share in SHARES]


def scattered(count: int, seed: int) -> list[YX]:
    rng = np.random.default_rng([count, seed])
    if seed % 2:
        places = rng.random((count, 2))
    else:
        places = rng.integers(0, 4, size=(count, 1)) + rng.choice([0.1, 1.0], size=(count, 1)) * rng.normal(
            size=(count, 2)
        )
    return [(float(y), float(x)) for y, x in places]


def length(places: list[YX], per_stop_s: float, most_s: float) -> float:
    given = tour.SEARCH_S_PER_STOP, tour.LONGEST_SEARCH_S
    tour.SEARCH_S_PER_STOP, tour.LONGEST_SEARCH_S = per_stop_s, most_s
    try:
        return tour.tour_length((0.0, 0.0), places, tour.open_tour((0.0, 0.0), places))
    finally:
        tour.SEARCH_S_PER_STOP, tour.LONGEST_SEARCH_S = given


if __name__ == "__main__":
    main()
