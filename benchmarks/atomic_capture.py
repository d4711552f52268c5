"""How many point defects of crystals lie where a map is highest.

    python benchmarks/atomic_capture.py [--scorers surprisal] [--seeds 8] [--kinds srtio3 gold]
    python benchmarks/atomic_capture.py --ideal [--ideal-seeds 1]    and how many could be, at best

The map is max-filtered over a square of 7 px, its highest pixels are the area, and a defect is captured when its pixel lies
in it. Equal pixels are taken in random order, so that a flat map captures what its area does. Shares are of all defects of
all frames, by how visible they are at the dose of the frame (d′ of docs/specimens.md).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from deepscan_core import Study
from deepscan_core.benchmarking.meter import CLASSES
from deepscan_core.benchmarking.planted_scenes import ATOMIC, atomic_scene
from deepscan_core.benchmarking.rivals.limits import ideal_observer
from deepscan_core.benchmarking.scene import FloatArray, Scene
from deepscan_core.benchmarking.tables import CLASS_TITLES, MISSING, table
from deepscan_core.benchmarking.verdicts import percent
from deepscan_core.scoring.names import FUSED, SCORERS

SIDE_PX = 512
SQUARE_PX = 7
AREAS = (0.02, 0.05, 0.15)  # shares of the frame
IDEAL_AREA, IDEAL_CLASS = 0.05, "captured_d_3_to_6"

FloatImage = npt.NDArray[np.floating]
Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True, eq=False)
class Captured:
    """The point defects of one frame.

    Attributes
    ----------
    d_primes : how visible each is, shape (n,).
    area_needed : share of the frame from which each is captured, shape (n,).
    """

    d_primes: FloatArray
    area_needed: FloatArray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scorers", nargs="+", choices=SCORERS, default=[FUSED])
    parser.add_argument("--kinds", nargs="+", choices=ATOMIC, default=list(ATOMIC))
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--ideal", action="store_true", help="the ideal observer as well, on frames of a few seeds")
    parser.add_argument("--ideal-seeds", type=int, default=1, help="at most as many as --seeds")
    arguments = parser.parse_args()
    if not 1 <= arguments.ideal_seeds <= arguments.seeds:
        parser.error("--ideal-seeds: give 1 to as many as --seeds")

    found = captured_by(arguments.scorers, arguments.kinds, arguments.seeds)
    print("\n".join(class_areas_table(found)))
    if arguments.ideal:
        count = arguments.ideal_seeds * len(arguments.kinds)
        few = {scorer: frames[:count] for scorer, frames in found.items()}
        scenes = atomic_scenes(arguments.kinds, arguments.ideal_seeds)
        few["ideal observer"] = [captured(ideal_observer(scene), scene) for scene in scenes]
        print("\n" + "\n".join(ideal_table(few)))


def captured_by(scorers: Sequence[str], kinds: Sequence[str], seeds: int) -> dict[str, list[Captured]]:
    """The defects of all frames under the map of each scorer."""
    return by_scorer(atomic_scenes(kinds, seeds), scorers, captured)


def atomic_scenes(kinds: Sequence[str], seeds: int) -> Iterator[Scene]:
    """Frames of all kinds, seed by seed."""
    return (atomic_scene(kind, seed, SIDE_PX) for seed in range(seeds) for kind in kinds)


def by_scorer(
    scenes: Iterable[Scene], scorers: Sequence[str], rule: Callable[[FloatImage, Scene], Found]
) -> dict[str, list[Found]]:
    """What a rule says about the map of each scorer on each frame; a frame is made once."""
    found: dict[str, list[Found]] = {scorer: [] for scorer in scorers}
    for scene in scenes:
        for scorer in scorers:
            found[scorer].append(rule(map_of(scene, scorer), scene))
    return found


def map_of(scene: Scene, scorer: str) -> FloatImage:
    """The map of one scorer."""
    return Study(scene.preview, seed=scene.seed, scorer=scorer).surprisal().values


def captured(values: FloatImage, scene: Scene) -> Captured:
    """From which area on a map captures each point defect."""
    needed = area_needed(ndimage.maximum_filter(values, SQUARE_PX))
    pixels = np.clip(np.floor(scene.points_px + 0.5).astype(int), 0, np.array(values.shape) - 1)
    return Captured(d_primes=scene.d_primes, area_needed=needed[pixels[:, 0], pixels[:, 1]])


def area_needed(values: FloatImage) -> FloatArray:
    """Share of the pixels that are no lower than each, shape (rows, cols); equal ones in random order."""
    order = np.lexsort((np.random.default_rng(0).random(values.size), -values.ravel()))
    needed = np.empty(values.size)
    needed[order] = np.arange(1, values.size + 1) / values.size
    return needed.reshape(values.shape)


def captured_percent(frames: Sequence[Captured], name: str, area: float) -> str:
    """Of the defects of a class of `meter.CLASSES` in all frames together."""
    needed = needed_of_class(frames, name)
    return f"{100 * (needed <= area).mean():.1f}" if len(needed) else MISSING


def needed_of_class(frames: Sequence[Captured], name: str) -> FloatArray:
    """Areas needed for the defects of one class."""
    low, high = CLASSES[name]
    parts = [one.area_needed[(one.d_primes >= low) & (one.d_primes < high)] for one in frames]
    return np.concatenate(parts) if parts else np.empty(0)


def class_areas_table(found: dict[str, list[Captured]]) -> list[str]:
    """One row a scorer, one column a class and area."""
    frames = next(iter(found.values()))
    columns = [(name, area) for name in CLASSES for area in AREAS]
    counts = ", ".join(f"{len(needed_of_class(frames, name))} with {CLASS_TITLES[name]}" for name in CLASSES)
    head = ["scorer", *(f"{CLASS_TITLES[name]}: {percent(area)}" for name, area in columns)]
    rows = [[scorer, *(captured_percent(of, *column) for column in columns)] for scorer, of in found.items()]
    return [f"Frames: {len(frames)}; point defects: {counts}. Captured, in percent:", "", *table(head, rows)]


def ideal_table(found: dict[str, list[Captured]]) -> list[str]:
    """Scorers and the ideal observer on the same frames."""
    frames = next(iter(found.values()))
    count, title = len(needed_of_class(frames, IDEAL_CLASS)), CLASS_TITLES[IDEAL_CLASS]
    rows = [[name, captured_percent(of, IDEAL_CLASS, IDEAL_AREA)] for name, of in found.items()]
    head = ["map", f"{title}: {percent(IDEAL_AREA)}"]
    return [f"All on the same frames: {len(frames)}; defects: {count}. Captured, in percent:", "", *table(head, rows)]


if __name__ == "__main__":
    main()
