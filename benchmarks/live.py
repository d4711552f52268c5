"""A live view against maps from scratch: do they agree, do defects stay as bright, and what does it save?

    python benchmarks/live.py [--kinds srtio3 cracks] [--frames 5] [--seed 1]

Some kinds of specimen are recorded several times over with new noise: at rest, drifting, moved by some 70 px half-way, and
exchanged for another one half-way. Every frame is looked at twice, with the codebook of the frames before it and
without; the first frame, from which nothing is kept yet, is left out. Run it beside nothing else for the times.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from dial import CLEAR_D_PRIME, KINDS, SIDE_PX
from invariance import rank_correlation, share_kept

from deepscan_core import CalibratedImage, ScoreMap, Study
from deepscan_core.benchmarking.planted_scenes import ATOMIC, JITTER_PX, atomic_scene, micro_scene
from deepscan_core.benchmarking.rectangles import holds, rectangle_of
from deepscan_core.benchmarking.scene import FloatArray, Scene
from deepscan_core.benchmarking.tables import MISSING, table
from deepscan_core.benchmarking.verdicts import percent
from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX
from deepscan_core.scoring.codebook import Codebook
from deepscan_core.simulation.physics import AcquisitionPhysics, record_frame

SOME_KINDS = ("srtio3", "mos2-bicrystal", "single-atoms", "polycrystal", "cracks", "terraces")
EXPECTED_FALSE_REGIONS = 1.0
AROUND_PX = 4  # of a defect, in which the highest score is its brightness
DRIFT_PX = (0.4, 0.7)  # a frame
JUMP_PX = (53.3, -41.7)

Place = Callable[
    [int, int], tuple[int, YX]
]  # number of a frame, and of all, to the specimen that is seen and its shift in px
WAYS: dict[str, Place] = {
    "at rest": lambda k, n: (0, (0.0, 0.0)),
    "drifting": lambda k, n: (0, (k * DRIFT_PX[0], k * DRIFT_PX[1])),
    "moved half-way": lambda k, n: (0, JUMP_PX if k >= n // 2 else (0.0, 0.0)),
    "exchanged half-way": lambda k, n: (int(k >= n // 2), (0.0, 0.0)),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Look:
    """One frame, from scratch and live.

    Attributes
    ----------
    correlation : rank correlation of both maps.
    kept, known : share of the regions from scratch that are live regions as well, and the reverse; None without any.
    brightness : live over from scratch, of each clear defect, shape (n,).
    held, held_live : whether each clear defect lies in a region, shape (n,).
    seconds, seconds_live : for the map.
    """

    correlation: float
    kept: float | None
    known: float | None
    brightness: FloatArray
    held: FloatArray
    held_live: FloatArray
    seconds: float
    seconds_live: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(SOME_KINDS))
    parser.add_argument("--frames", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    looks: dict[str, list[Look]] = {}
    for kind in arguments.kinds:
        make = atomic_scene if kind in ATOMIC else micro_scene
        scenes = [make(kind, seed, SIDE_PX) for seed in (arguments.seed, arguments.seed + 1)]
        for way, place in WAYS.items():
            looks.setdefault(way, []).extend(seen(frames(scenes, place, arguments.frames)))
    head = [
        "view",
        "rank correlation: least",
        "mean",
        "regions kept",
        "regions known",
        "clear defects in regions",
        "live",
        "brightness: lowest tenth",
        "median",
        "time",
    ]
    print(f"Kinds: {len(arguments.kinds)}, frames each: {arguments.frames - 1}.\n")
    print("\n".join(table(head, [[way, *cells(found)] for way, found in looks.items()])))


def frames(scenes: Sequence[Scene], place: Place, count: int) -> Iterator[Scene]:
    """The same specimens with new noise, where they are by then."""
    for number in range(count):
        which, shift = place(number, count)
        yield recorded(scenes[which], shift, number)


def recorded(scene: Scene, shift_px: YX, number: int) -> Scene:
    """A scene once more, moved down and right."""
    if scene.specimen is None or scene.exposure is None:
        raise InputError(f"{scene.name} has no specimen: give a simulated scene")
    grid = scene.exposure.grid
    pitch = (grid.height_nm / grid.rows, grid.width_nm / grid.cols)
    moved = dataclasses.replace(
        grid,
        center_y_nm=grid.center_y_nm - shift_px[0] * pitch[0],
        center_x_nm=grid.center_x_nm - shift_px[1] * pitch[1],
    )
    jitter_nm = JITTER_PX * pitch[1] if scene.name.partition(":")[0] in ATOMIC else 0.0
    counts = record_frame(
        scene.specimen,
        dataclasses.replace(scene.exposure, grid=moved),
        np.random.default_rng([scene.seed, number, 11]),
        physics=AcquisitionPhysics(line_jitter_nm=jitter_nm),
    )
    return dataclasses.replace(
        scene,
        preview=CalibratedImage(counts, pixel_size_nm=scene.preview.pixel_size_nm, name=scene.name),
        points_px=scene.points_px + np.array(shift_px),
    )


def seen(scenes: Iterator[Scene]) -> list[Look]:
    """All frames but the first."""
    codebook = Codebook()
    return [look(scene, codebook) for scene in scenes][1:]


def look(scene: Scene, codebook: Codebook) -> Look:
    """One frame."""
    begun = time.perf_counter()
    study = Study(scene.preview, seed=scene.seed)
    scratch = study.surprisal()
    between = time.perf_counter()
    live = Study(scene.preview, seed=scene.seed, codebook=codebook).surprisal()
    ended = time.perf_counter()
    points = scene.points_px[scene.d_primes >= CLEAR_D_PRIME]
    points = points[((points > -0.5) & (points < SIDE_PX - 0.5)).all(axis=1)]
    (centres, held), (centres_live, held_live) = (
        in_regions(study, values, scene, points) for values in (scratch, live)
    )
    return Look(
        correlation=rank_correlation(scratch.values, live.values),
        kept=share_kept(centres, centres_live, scene.region_px / 2),
        known=share_kept(centres_live, centres, scene.region_px / 2),
        brightness=brightness(live, points) / np.maximum(brightness(scratch, points), 1e-6),
        held=held,
        held_live=held_live,
        seconds=between - begun,
        seconds_live=ended - between,
    )


def in_regions(study: Study, values: ScoreMap, scene: Scene, points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Centres of the regions at K = 1, and whether each of the points lies in one."""
    regions = study.regions(values, expected_false_regions=EXPECTED_FALSE_REGIONS, region_size_px=scene.region_px)
    inside = np.zeros(len(points), bool)
    for region in regions:
        inside |= holds(rectangle_of(region), points)
    return np.array([region.center_px for region in regions]).reshape(-1, 2), inside


def brightness(values: ScoreMap, points: FloatArray) -> FloatArray:
    """Highest score around each of the points."""
    places = (tuple(slice(max(0, round(p) - AROUND_PX), round(p) + AROUND_PX + 1) for p in point) for point in points)
    return np.array([values.values[place].max() for place in places])


def cells(found: Sequence[Look]) -> list[str]:
    """Of all frames of one way of looking."""
    correlations = [one.correlation for one in found]
    shares = [[share for one in found if (share := getattr(one, name)) is not None] for name in ("kept", "known")]
    held, held_live, bright = (
        np.concatenate([getattr(one, n) for one in found]) for n in ("held", "held_live", "brightness")
    )
    return [
        f"{min(correlations):.3f}",
        f"{np.mean(correlations):.3f}",
        *(percent(float(np.mean(of))) if of else MISSING for of in shares),
        *(percent(float(of.mean())) if len(of) else MISSING for of in (held, held_live)),
        *(f"{np.quantile(bright, q):.2f}" if len(bright) else MISSING for q in (0.1, 0.5)),
        f"{np.median([one.seconds_live / one.seconds for one in found]):.2f}",
    ]


if __name__ == "__main__":
    main()
