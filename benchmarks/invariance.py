"""Does it matter how an image lies, and in which units it was recorded?

    python benchmarks/invariance.py [--seed 1] [--kinds srtio3 powder]

Each simulated frame is turned, mirrored, scaled and shifted in intensity. The map of the changed frame, changed back, is
compared with the map of the frame: by rank correlation over every third pixel along both axes, and by the share of the
regions at one expected false region that have a region of the changed frame within half a region's side.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from deepscan_core import CalibratedImage, Study
from deepscan_core.benchmarking.planted_scenes import ATOMIC, MICRO, SURFACE, atomic_scene, micro_scene
from deepscan_core.benchmarking.scene import FloatArray, Scene
from deepscan_core.benchmarking.tables import MISSING, table
from deepscan_core.benchmarking.verdicts import percent

KINDS = (*ATOMIC, *MICRO, *SURFACE)
SIDE_PX = 512
EVERY_PX = 3
FACTOR, OFFSET = 3.0, 1000.0  # of the intensity
EXPECTED_FALSE_REGIONS = 1.0

FloatImage = npt.NDArray[np.floating]


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something that should not matter.

    Attributes
    ----------
    name : for the table.
    change : of a frame.
    map_back : of a map of the changed frame.
    place_back : of places ``(y, x)`` in the changed frame, shape (n, 2).
    """

    name: str
    change: Callable[[FloatArray], FloatArray]
    map_back: Callable[[FloatImage], FloatImage] = lambda values: values
    place_back: Callable[[FloatArray], FloatArray] = lambda places: places


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Of a frame and the changed one; `regions` is None where the frame shows no region."""

    kind: str
    correlation: float
    regions: float | None


CHANGES = (
    Change(
        name="turned by 90°",
        change=lambda array: np.rot90(array),
        map_back=lambda values: np.rot90(values, -1),
        place_back=lambda places: np.stack([places[:, 1], SIDE_PX - 1 - places[:, 0]], axis=1),
    ),
    Change(
        name="mirrored",
        change=lambda array: array[:, ::-1],
        map_back=lambda values: values[:, ::-1],
        place_back=lambda places: np.stack([places[:, 0], SIDE_PX - 1 - places[:, 1]], axis=1),
    ),
    Change(name=f"intensity × {FACTOR:g}", change=lambda array: array * FACTOR),
    Change(name=f"intensity + {OFFSET:g}", change=lambda array: array + OFFSET),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    found: dict[str, list[Agreement]] = {change.name: [] for change in CHANGES}
    for kind in arguments.kinds:
        make = atomic_scene if kind in ATOMIC else micro_scene
        scene = make(kind, arguments.seed, SIDE_PX)
        usual = looked_at(scene)
        for change in CHANGES:
            found[change.name].append(agreement(kind, scene, usual, change))
    rows = [[name, *cells(of)] for name, of in found.items()]
    head = ["change", "rank correlation: least", "mean", "regions kept: least", "mean", "frames with regions"]
    print(f"Frames: {len(arguments.kinds)}.\n")
    print("\n".join(table(head, rows)))


def looked_at(scene: Scene) -> tuple[FloatImage, FloatArray]:
    """The map of a frame and the centres of its regions, shape (n, 2)."""
    study = Study(scene.preview, seed=scene.seed)
    values = study.surprisal()
    regions = study.regions(values, expected_false_regions=EXPECTED_FALSE_REGIONS, region_size_px=scene.region_px)
    return values.values, np.array([region.center_px for region in regions]).reshape(-1, 2)


def agreement(kind: str, scene: Scene, usual: tuple[FloatImage, FloatArray], change: Change) -> Agreement:
    """How much of the usual map and regions is left after a change."""
    array = change.change(np.asarray(scene.preview.array, dtype=np.float64))
    image = CalibratedImage(array, pixel_size_nm=scene.preview.pixel_size_nm, name=scene.preview.name)
    values, places = looked_at(replace(scene, preview=image))
    return Agreement(
        kind=kind,
        correlation=rank_correlation(usual[0], change.map_back(values)),
        regions=share_kept(usual[1], change.place_back(places), scene.region_px / 2),
    )


def rank_correlation(first: FloatImage, second: FloatImage) -> float:
    """Spearman's; 1 for two maps alike, flat ones included, and 0 where only one of two is flat."""
    a, b = (values[::EVERY_PX, ::EVERY_PX].ravel() for values in (first, second))
    if np.array_equal(a, b):
        return 1.0
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(spearmanr(a, b).statistic)


def share_kept(places_px: FloatArray, others_px: FloatArray, reach_px: float) -> float | None:
    """Share of places with one of the others within reach; None where there are no places."""
    if len(places_px) == 0:
        return None
    away = np.linalg.norm(places_px[:, None] - others_px[None], axis=2)
    return float((away.min(axis=1, initial=np.inf) <= reach_px).mean())


def cells(found: Sequence[Agreement]) -> list[str]:
    """Least, with the kind where it is, and mean of both; and how many frames the second could be asked of."""
    worst = min(found, key=lambda one: one.correlation)
    shares = [(one.regions, one.kind) for one in found if one.regions is not None]
    least_mean = [MISSING, MISSING]
    if shares:
        share, kind = min(shares)
        least_mean = [f"{percent(share)} ({kind})", percent(float(np.mean([one for one, _ in shares])))]
    mean = float(np.mean([one.correlation for one in found]))
    return [f"{worst.correlation:.4f} ({worst.kind})", f"{mean:.4f}", *least_mean, str(len(shares))]


if __name__ == "__main__":
    main()
