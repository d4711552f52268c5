"""Does `expected_false_regions` mean what it says?

    python benchmarks/dial.py [--seeds 8] [--first-seed 0] [--kinds srtio3 powder] [--scorer spots]

First, regions on simulated frames of all kinds in which nothing was planted, as a user gets them: as many as were asked for
on average, if it does. Then, because a map that never shows anything would pass as well, how many clearly visible defects
of the atomic kinds lie in a region where one false region was asked for. It also counts the frames without defects that
were taken for many points of one sign.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

import numpy as np

from deepscan_core import ScanRegion, ScoreMap, Study
from deepscan_core.benchmarking.planted_scenes import ATOMIC, MICRO, SURFACE, atomic_scene, clean_scene
from deepscan_core.benchmarking.rectangles import holds, rectangle_of
from deepscan_core.benchmarking.scene import Scene
from deepscan_core.benchmarking.statistics import mean_of
from deepscan_core.benchmarking.tables import MISSING, short, table
from deepscan_core.benchmarking.verdicts import percent
from deepscan_core.scoring.names import FUSED, SCORERS

KINDS = (*ATOMIC, *MICRO, *SURFACE)
EXPECTED = (0.1, 1.0, 5.0)  # false regions asked for
EXPECTED_ON_DEFECTS = 1.0
CLEAR_D_PRIME = 6.0
SIDE_PX = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--scorer", choices=SCORERS, default=FUSED)
    arguments = parser.parse_args()

    scorer = arguments.scorer
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    false = {
        kind: [false_regions(clean_scene(kind, seed, SIDE_PX), scorer) for seed in seeds] for kind in arguments.kinds
    }
    print("\n".join(false_table({kind: [counts for counts, _ in of_kind] for kind, of_kind in false.items()})))
    print(f"\nTaken for many points: {sum(points for of_kind in false.values() for _, points in of_kind)} of them.")
    clear = {
        kind: [clear_defects(atomic_scene(kind, seed, SIDE_PX), scorer) for seed in seeds]
        for kind in arguments.kinds
        if kind in ATOMIC
    }
    if clear:
        print("\n" + "\n".join(clear_table(clear)))


def false_regions(scene: Scene, scorer: str) -> tuple[list[int], bool]:
    """How many regions a frame shows for each number that is asked for, and whether it was taken for many points."""
    score_map, found = regions_of(scene, EXPECTED, scorer)
    return [len(regions) for regions in found], score_map.spot_px > 0


def clear_defects(scene: Scene, scorer: str) -> tuple[int, int, int]:
    """Clearly visible defects of a frame, those of them in a region, and its regions."""
    _, (found,) = regions_of(scene, (EXPECTED_ON_DEFECTS,), scorer)
    points = scene.points_px[scene.d_primes >= CLEAR_D_PRIME]
    inside = np.zeros(len(points), bool)
    for region in found:
        inside |= holds(rectangle_of(region), points)
    return len(points), int(inside.sum()), len(found)


def regions_of(scene: Scene, expected: Sequence[float], scorer: str) -> tuple[ScoreMap, list[tuple[ScanRegion, ...]]]:
    """A map, and its regions at several levels."""
    study = Study(scene.preview, seed=scene.seed, scorer=scorer)
    score_map = study.surprisal()
    found = [study.regions(score_map, expected_false_regions=k, region_size_px=scene.region_px) for k in expected]
    return score_map, found


def false_table(found: dict[str, list[list[int]]]) -> list[str]:
    """Mean number of regions by kind and over all, and how often the strictest level shows none."""
    frames = [counts for of_kind in found.values() for counts in of_kind]
    rows = [
        [kind, *(short(float(n)) for n in np.mean(of_kind, axis=0)), share_silent(of_kind)]
        for kind, of_kind in found.items()
    ]
    over_all = [mean_of([counts[k] for counts in frames]) for k in range(len(EXPECTED))]
    cells = [short(m.value) + ("" if m.half_width is None else f" ± {short(m.half_width)}") for m in over_all]
    rows.append(["**all**", *cells, share_silent(frames)])
    head = ["kind", *(f"regions at {k:g}" for k in EXPECTED), f"frames without any at {EXPECTED[0]:g}"]
    return [
        f"Without defects, frames: {len(frames)}; mean number of regions (± its 95 % interval). Were regions independent, "
        f"{percent(math.exp(-EXPECTED[0]))} of the frames would show none at {EXPECTED[0]:g}.",
        "",
        *table(head, rows),
    ]


def share_silent(frames: Sequence[Sequence[int]]) -> str:
    """Frames that show no region at the strictest level."""
    return percent(float(np.mean([counts[0] == 0 for counts in frames])))


def clear_table(found: dict[str, list[tuple[int, int, int]]]) -> list[str]:
    """Clearly visible defects in regions, by kind and over all."""
    every = [one for of_kind in found.values() for one in of_kind]
    rows = [[name, *clear_cells(of)] for name, of in [*found.items(), ("**all**", every)]]
    head = [
        "kind",
        f"defects with d′ ≥ {CLEAR_D_PRIME:g}",
        f"in a region at {EXPECTED_ON_DEFECTS:g}",
        "regions a frame",
    ]
    return [f"With defects, frames: {len(every)}.", "", *table(head, rows)]


def clear_cells(frames: Sequence[tuple[int, int, int]]) -> list[str]:
    """Number of defects, share in a region, regions a frame."""
    defects, inside, regions = (int(n) for n in np.sum(frames, axis=0))
    return [str(defects), percent(inside / defects) if defects else MISSING, short(regions / len(frames))]


if __name__ == "__main__":
    main()
