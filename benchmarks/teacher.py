"""How much one click finds: on real micrographs, on simulated crystals, and how long it takes.

    python benchmarks/teacher.py --real DATA [--draws 10] [--largest-px 0]
    python benchmarks/teacher.py --atoms [--seeds 4]
    python benchmarks/teacher.py --suggestions [--seeds 8]
    python benchmarks/teacher.py --times [--side 512]

Real: clicks are drawn at random among the pixels that people marked. The highest pixels of the map are the area; the truth
in it is divided by what an oracle gets from that area. DATA is a folder with the folders of `real_scenes.SETS`. Means are
over images, of means over draws; their intervals are bootstrapped over images (few, so wide).

Atoms: one click on a vacancy of d′ ≥ 6. The average precision with which the other ones rank above substitutions and
interstitials, each by the highest score within 3 px.

How sure it is: ``benchmarks/teacher_reliability.py``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage

from deepscan_core import CalibratedImage, Study
from deepscan_core.benchmarking.planted_scenes import atomic_scene
from deepscan_core.benchmarking.real_scenes import files_of, real_scene
from deepscan_core.features.backbones import DEFAULT_BACKBONE, load_backbone

CLICKS = {"cracks": (1, 3), "agglomerates": (1, 3), "satellites": (1, 3, 10)}
AREAS = (0.05, 0.15)
CRYSTALS = ("srtio3", "graphene", "hbn", "mos2", "gaas", "gold")
CLEAR_D_PRIME = 6.0
AROUND_PX = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--atoms", action="store_true")
    parser.add_argument("--suggestions", action="store_true")
    parser.add_argument("--times", action="store_true")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--largest-px", type=int, default=0, help="average real frames to this side; 0: as they are")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--backbone", default=DEFAULT_BACKBONE)
    arguments = parser.parse_args()
    if arguments.real:
        print_real(arguments)
    if arguments.atoms:
        print_atoms(arguments)
    if arguments.suggestions:
        print_suggestions(arguments)
    if arguments.times:
        print(json.dumps(times(arguments), indent=2))


def print_real(arguments: argparse.Namespace) -> None:
    """One row a set, number of clicks and area."""
    print("| set | images | clicks | " + " | ".join(f"{area:.0%}" for area in AREAS) + " |")
    print("|---|---|---|" + "---|" * len(AREAS))
    for name, counts in CLICKS.items():
        found: dict[tuple[int, float], list[float]] = {}
        paths = files_of(arguments.real, name)
        for path in paths:
            scene = real_scene(name, path, arguments.largest_px or 10**6)
            study = Study(scene.preview, backbone=arguments.backbone)
            for count in counts:
                captured = [
                    relative_captures(study.teach(clicks).values, scene.mask)
                    for clicks in drawn_clicks(scene.mask, count, arguments.draws)
                ]
                for area, mean in zip(AREAS, np.mean(captured, axis=0), strict=True):
                    found.setdefault((count, area), []).append(float(mean))
        for count in counts:
            cells = [interval(found[count, area]) for area in AREAS]
            print(f"| {name} | {len(paths)} | {count} | " + " | ".join(cells) + " |", flush=True)


def drawn_clicks(mask: np.ndarray, count: int, draws: int) -> Iterator[list[tuple[float, float]]]:
    """Seeded clicks on true pixels."""
    places, rng = np.argwhere(mask), np.random.default_rng([1, count])
    for _ in range(draws):
        yield [(float(y), float(x)) for y, x in places[rng.choice(len(places), count, replace=False)]]


def relative_captures(values: np.ndarray, mask: np.ndarray) -> list[float]:
    """Truth within the highest share of pixels, over what an oracle gets; of equal pixels each counts in part."""
    found = []
    for area in AREAS:
        count = round(area * mask.size)
        level = np.partition(values, values.size - count, axis=None)[values.size - count]
        above, equal = values > level, values == level
        gained = mask[above].sum() + (count - above.sum()) * mask[equal].mean()
        found.append(float(gained / min(count, mask.sum())))
    return found


def interval(values: list[float]) -> str:
    """Mean and its bootstrapped interval of 95 %."""
    rng, array = np.random.default_rng(0), np.array(values)
    means = rng.choice(array, (4000, len(array))).mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{array.mean():.3f} ({low:.2f} – {high:.2f})"


def print_atoms(arguments: argparse.Namespace) -> None:
    """One row a crystal."""
    print("| crystal | clicks | average precision | other vacancies in the highest 2 % |")
    print("|---|---|---|---|")
    everything: list[tuple[float, float]] = []
    for name in CRYSTALS:
        own = [one for seed in range(arguments.seeds) for one in vacancies(name, seed, arguments.backbone)]
        everything += own
        if own:
            print(f"| {name} | {len(own)} | " + " | ".join(f"{m:.3f}" for m in np.mean(own, axis=0)) + " |", flush=True)
    print(f"| all | {len(everything)} | " + " | ".join(f"{m:.3f}" for m in np.mean(everything, axis=0)) + " |")


def vacancies(name: str, seed: int, backbone: str) -> Iterator[tuple[float, float]]:
    """Average precision and capture after a click on each clear vacancy of a frame."""
    scene = atomic_scene(name, seed, 512)
    grid = scene.exposure.grid
    kinds = [defect.kind for defect in scene.specimen.truth if not defect.is_extended]
    inside = [grid.index_px(defect.center_nm) for defect in scene.specimen.truth if not defect.is_extended]
    seen = [all(-0.5 <= p <= n - 0.5 for p, n in zip(p, scene.preview.shape, strict=True)) for p in inside]
    kind = np.array([k for k, is_seen in zip(kinds, seen, strict=True) if is_seen])
    wanted = np.flatnonzero((kind == "vacancy") & (scene.d_primes >= CLEAR_D_PRIME))
    others = np.flatnonzero((kind == "substitution") | (kind == "interstitial"))
    if len(wanted) < 2 or not len(others):
        return
    study = Study(scene.preview, backbone=backbone)
    pixels = np.clip(np.rint(scene.points_px).astype(int), 0, np.array(scene.preview.shape) - 1)
    for clicked in wanted:
        highest = ndimage.maximum_filter(study.teach([tuple(scene.points_px[clicked])]).values, AROUND_PX)
        rest = wanted[wanted != clicked]
        scores = highest[pixels[:, 0], pixels[:, 1]]
        level = np.quantile(highest, 0.98)
        yield average_precision(scores[rest], scores[others]), float((scores[rest] >= level).mean())


def average_precision(positive: np.ndarray, negative: np.ndarray) -> float:
    """Mean precision at each positive; of equal scores the negative counts first."""
    return float(
        np.mean([(positive >= one).sum() / ((positive >= one).sum() + (negative >= one).sum()) for one in positive])
    )


def print_suggestions(arguments: argparse.Namespace) -> None:
    """Average precision of pixels after clicks that were suggested, and after clicks at random."""
    from tests.scoring.teaching.test_suggestion import after_clicks

    print("| further clicks | suggested | at random |")
    print("|---|---|---|")
    for count in (1, 2, 4, 6):
        cells = [
            interval([after_clicks(seed, is_suggested=is_suggested, count=count) for seed in range(arguments.seeds)])
            for is_suggested in (True, False)
        ]
        print(f"| {count} | " + " | ".join(cells) + " |", flush=True)


def times(arguments: argparse.Namespace) -> dict[str, object]:
    """Milliseconds of a click on cached features, beside one forward pass of the backbone on the same image."""
    array = np.random.default_rng(0).normal(100, 10, (arguments.side, arguments.side))
    array[100:110, 50:60] += 80
    study = Study(CalibratedImage(array), backbone=arguments.backbone)
    begun = time.perf_counter()
    study.teach([(105.0, 55.0)])
    first_s = time.perf_counter() - begun
    network = load_backbone(arguments.backbone)
    scaled = np.ascontiguousarray(array, np.float32)
    click_ms, pass_ms = [], []
    for number in range(15):
        for work, kept in (
            (lambda number=number: study.teach([(105.0 - 0.1 * number, 55.0)]), click_ms),
            (lambda: network.levels(scaled, scale=1.0), pass_ms),
        ):
            begun = time.perf_counter()
            work()
            kept.append(1e3 * (time.perf_counter() - begun))
    return {
        "side_px": arguments.side,
        "first_click_s": round(first_s, 2),
        "click_ms_median": round(statistics.median(click_ms), 1),
        "forward_pass_ms_median": round(statistics.median(pass_ms), 1),
        "ratio_median": round(statistics.median(c / p for c, p in zip(click_ms, pass_ms, strict=True)), 2),
        "features_mb": round(study.taught_bytes / 1e6, 1),
    }


if __name__ == "__main__":
    main()
