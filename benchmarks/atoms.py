"""Regions of single atoms, as a user gets them without a word about size or number.

    python benchmarks/atoms.py [--data ../shared/data] [--scorers surprisal spots]

F1 of the regions of all frames of platinum atoms together, by the rule of `benchmarks/ablation.py`, and how many of them
hold an atom that somebody marked.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from ablation import REAL_ATOMS, Matches, f1_percent, matched_atoms, real_scenes

from deepscan_core import Study
from deepscan_core.benchmarking.tables import table
from deepscan_core.scoring.names import FUSED, SCORERS, SPOTS

RULES = (
    {"expected_false_regions": 1.0},
    {"expected_false_regions": 5.0},
    {"false_share": 0.3},
    {"area_fraction": 0.05},
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of real micrographs")
    parser.add_argument("--scorers", nargs="+", choices=SCORERS, default=[FUSED, SPOTS])
    arguments = parser.parse_args()

    found: dict[tuple[str, str], list[Matches]] = {}
    for scene in real_scenes(REAL_ATOMS, arguments.data):
        for scorer in arguments.scorers:
            study = Study(scene.preview, seed=scene.seed, scorer=scorer)
            scores = study.surprisal()
            for rule in RULES:
                centres = [region.center_px for region in study.regions(scores, **rule)]
                places = np.array(centres).reshape(-1, 2)
                found.setdefault((named(rule), scorer), []).append(matched_atoms(places, scene))
    rows = [[named(rule), *(cell(found.get((named(rule), s), [])) for s in arguments.scorers)] for rule in RULES]
    print("\n".join(table(["asked for", *arguments.scorers], rows)))


def cell(frames: list[Matches]) -> str:
    """F1, and the regions behind it."""
    matched, regions, _ = (int(n) for n in np.sum(frames, axis=0)) if frames else (0, 0, 0)
    return f"{f1_percent(frames)} ({matched} of {regions} regions)"


def named(rule: dict[str, float]) -> str:
    """The rule as it is written."""
    return ", ".join(f"{name}={value:g}" for name, value in rule.items())


if __name__ == "__main__":
    main()
