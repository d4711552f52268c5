"""“Why here”: what it costs, and how often its measures err. Also draws the picture of docs/explain.md.

    python benchmarks/explain.py [--repeats 20]      # times, over one map in the same run
    python benchmarks/explain.py --null              # crystallinity of noise and of every kind of specimen
    python benchmarks/explain.py --lattice           # turns and strains that are told of crystals without any
    python benchmarks/explain.py --picture docs/pictures/explain.png

Features and models are warm; map and explanation are timed in turns, on the same image.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from deepscan_core import CalibratedImage, ScanRegion, Study
from deepscan_core.benchmarking.planted_scenes import ATOMIC, MICRO, SURFACE, atomic_scene, clean_scene, micro_scene
from deepscan_core.benchmarking.scene import Scene
from deepscan_core.explain.spectrum import SIDE_PX, spectrum_of
from deepscan_core.features import classical
from deepscan_core.ingest.normalise import normalise
from deepscan_core.reporting.why_figure import why_rgb
from deepscan_core.scoring.noise import estimate_noise
from deepscan_core.scoring.nonlocal_means import prediction
from deepscan_core.scoring.structure import structure_of

FRAME_PX, REGION_PX, EVERY_PX = 512, 32, 96
NOISE_WINDOWS = 2000
CRYSTALS = ("srtio3", "mos2", "gaas", "gold", "graphene", "hbn")
PLACES = 20  # a crystal
PICTURE = ("mos2", 4, 1)  # kind, seed, and which region of 5 % of the area


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--null", action="store_true")
    parser.add_argument("--lattice", action="store_true")
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    if arguments.picture:
        draw(arguments.picture)
    elif arguments.null:
        print(json.dumps(crystallinities(), indent=2))
    elif arguments.lattice:
        print(json.dumps(false_deformations(), indent=2))
    else:
        print(json.dumps({kind: times(kind, arguments.repeats) for kind in ("crystal", "texture")}, indent=2))


def times(kind: str, repeats: int) -> dict[str, float]:
    """Milliseconds of a map, of the first region that is explained and of the others, and the ratios in turns."""
    array = np.asarray(
        (clean_scene("srtio3", 0, FRAME_PX) if kind == "crystal" else scene_of("cracks", 0)).preview.array
    )
    rng = np.random.default_rng(0)
    study = Study(CalibratedImage(array))
    study.surprisal()
    first_ms = milliseconds(lambda: study.explain(place(rng)))
    map_ms, region_ms = [], []
    for number in range(repeats):
        new = Study(CalibratedImage(array + 1e-3 * number))
        new.features()
        map_ms.append(milliseconds(new.surprisal))
        region_ms.append(milliseconds(lambda: study.explain(place(rng))))
    return {
        "map_ms": statistics.median(map_ms),
        "first_region_ms": first_ms,
        "region_ms": statistics.median(region_ms),
        "slowest_region_ms": max(region_ms),
        "region_over_map": statistics.median(r / m for r, m in zip(region_ms, map_ms, strict=True)),
    }


def crystallinities() -> dict[str, object]:
    """Of white noise how often it is above 0; of each kind the quantiles 0.1, 0.5 and 0.9 over windows of two frames."""
    rng = np.random.default_rng(0)
    whole = slice(0, SIDE_PX)
    noise = [
        spectrum_of(rng.normal(size=(SIDE_PX, SIDE_PX)).astype(np.float32), whole, whole, 1.0).crystallinity
        for _ in range(NOISE_WINDOWS)
    ]
    found: dict[str, object] = {
        "white_noise": {"share_above_0": float(np.mean(np.array(noise) > 0)), "highest": round(max(noise), 3)}
    }
    for kind in (*ATOMIC, *MICRO, *SURFACE):
        measured = [one for seed in (0, 1) for one in of_windows(scene_of(kind, seed))]
        found[kind] = [round(float(q), 2) for q in np.quantile(measured, [0.1, 0.5, 0.9])]
    return found


def of_windows(scene: Scene) -> list[float]:
    """Crystallinity of windows all over a frame."""
    scaled = normalise(np.asarray(scene.preview.array))
    predicted = prediction(structure_of(scaled))
    variance = estimate_noise(scaled, predicted).variance(predicted).astype(np.float32)
    corners = range(0, FRAME_PX - SIDE_PX + 1, EVERY_PX)
    cuts = [(slice(y, y + SIDE_PX), slice(x, x + SIDE_PX)) for y in corners for x in corners]
    return [spectrum_of(scaled[cut], *cut, variance[cut]).crystallinity for cut in cuts]


def false_deformations() -> dict[str, dict[str, int]]:
    """At random places of crystals of one grain, without defects and with point defects."""
    rng = np.random.default_rng(0)
    found = {}
    for kind in CRYSTALS:
        scenes = [make(kind, seed, FRAME_PX) for seed in (0, 1, 2) for make in (clean_scene, atomic_scene)]
        studies = [Study(scene.preview, backbone=classical.NAME) for scene in scenes]
        changes = [study.explain(place(rng)).deformation for study in studies for _ in range(PLACES)]
        known = [change for change in changes if change is not None]
        found[kind] = {
            "places": len(changes),
            "compared": len(known),
            "said_to_be_turned": sum(change.is_turned for change in known),
            "said_to_be_strained": sum(change.is_strained for change in known),
            "said_to_lie_among_several": sum(change.among_several for change in known),
        }
    return found


def draw(path: Path) -> None:
    """The picture of the documentation."""
    kind, seed, number = PICTURE
    scene = scene_of(kind, seed)
    study = Study(scene.preview)
    region = study.regions(study.surprisal(), area_fraction=0.05)[number]
    pixels = why_rgb(study.explain(region), scene.preview, "Why here: a region of MoS₂ with planted defects")
    picture = Image.fromarray(pixels).quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    picture.save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1024:.0f} kB")


def scene_of(kind: str, seed: int) -> Scene:
    """A frame with defects."""
    return atomic_scene(kind, seed, FRAME_PX) if kind in ATOMIC else micro_scene(kind, seed, FRAME_PX)


def place(rng: np.random.Generator) -> ScanRegion:
    """A region anywhere inside."""
    y, x = rng.uniform(REGION_PX / 2, FRAME_PX - REGION_PX / 2 - 1, 2)
    return ScanRegion(center_px=(float(y), float(x)), size_px=(REGION_PX, REGION_PX), score=0.0)


def milliseconds(work: Callable[[], object]) -> float:
    """Time of one call."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


if __name__ == "__main__":
    main()
