"""What each part of surprisal is worth.

    python benchmarks/ablation.py --write docs/surprisal-ablation.md
    python benchmarks/ablation.py --scorers self_similarity --kinds srtio3 powder --seeds 1    a quick look

Every scorer that a study knows, alone, on simulated frames and, where they are at hand (`--data`), on real ones.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from atomic_capture import SIDE_PX, SQUARE_PX, area_needed, by_scorer, captured_by, captured_percent, needed_of_class
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from deepscan_core import ScoreMap, Study
from deepscan_core.benchmarking.meter import CLASSES
from deepscan_core.benchmarking.planted_scenes import ATOMIC, MICRO, SURFACE, micro_scene
from deepscan_core.benchmarking.real_scenes import files_of, real_scene
from deepscan_core.benchmarking.scene import BoolArray, FloatArray, Scene
from deepscan_core.benchmarking.tables import CLASS_TITLES, MISSING, table
from deepscan_core.benchmarking.verdicts import percent
from deepscan_core.errors import InputError
from deepscan_core.scoring.names import SCORERS

KINDS = (*ATOMIC, *MICRO, *SURFACE)
ATOMIC_AREA = 0.05  # share of the frame
EXTENT_AREA = 0.15
REAL_EXTENTS, REAL_ATOMS = ("cracks", "agglomerates", "satellites"), "atoms"
BOX_PX, LEAST_OVERLAP = 21, 0.5
PEAK_PX = 11
ATOM_REGION_PX, FALSE_SHARE = 15, 0.3
HOW_MANY = "*how many*"  # row of the table

FloatImage = npt.NDArray[np.floating]
Columns = Mapping[str, Mapping[str, str]]  # cell by column and row
Matches = tuple[int, int, int]  # true positives, predicted, true


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scorers", nargs="+", choices=SCORERS, default=list(SCORERS))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seeds", type=int, default=8, help="of atomic frames")
    parser.add_argument("--micro-seeds", type=int, default=3, help="of microstructures and surfaces")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of real micrographs")
    parser.add_argument("--write", type=Path, help="page to write")
    arguments = parser.parse_args()

    atomic = [kind for kind in arguments.kinds if kind in ATOMIC]
    others = [kind for kind in arguments.kinds if kind not in ATOMIC]
    columns = {
        **atomic_columns(arguments.scorers, atomic, arguments.seeds),
        **extent_columns(arguments.scorers, others, arguments.micro_seeds, arguments.data),
        **atoms_columns(arguments.scorers, arguments.data),
    }
    names = [*arguments.scorers, HOW_MANY]
    rows = [[name, *(column[name] for column in columns.values())] for name in names]
    lines = table(["scorer", *columns], rows)
    print("\n".join(lines))
    absent = [name for name in (*REAL_EXTENTS, REAL_ATOMS) if not files_of(arguments.data, name)]
    print("".join(f"\n{one}" for one in left_out(absent)))
    if arguments.write:
        arguments.write.write_text(page(lines, absent), encoding="utf-8", newline="\n")


def atomic_columns(scorers: Sequence[str], kinds: Sequence[str], seeds: int) -> Columns:
    """Captured point defects of crystals, by how visible they are."""
    found = captured_by(scorers, kinds, seeds)
    columns = {}
    for name in CLASSES:
        cells = {scorer: captured_percent(frames, name, ATOMIC_AREA) for scorer, frames in found.items()}
        cells[HOW_MANY] = str(len(needed_of_class(found[scorers[0]], name)))
        columns[f"crystals, {CLASS_TITLES[name]}"] = cells
    return columns


def extent_columns(scorers: Sequence[str], kinds: Sequence[str], seeds: int, data: Path) -> Columns:
    """Captured lines and areas of simulated and of real frames, mean over the frames."""
    sets = {"microstructures": micro_scenes(kinds, seeds), **{name: real_scenes(name, data) for name in REAL_EXTENTS}}
    columns = {}
    for name, scenes in sets.items():
        found = by_scorer(scenes, scorers, captured_extent)
        cells = {s: f"{100 * np.mean(shares):.1f}" if shares else MISSING for s, shares in found.items()}
        cells[HOW_MANY] = str(len(found[scorers[0]]))
        columns[name] = cells
    return columns


def atoms_columns(scorers: Sequence[str], data: Path) -> Columns:
    """F1 of the atoms of all frames together, in percent: with their number given, and with it found in the image."""
    columns = {}
    for title, rule in (("platinum atoms, F1", peaks_matched), ("F1 of regions", regions_matched)):
        found = by_scorer(real_scenes(REAL_ATOMS, data), scorers, rule)
        cells = {scorer: f1_percent(frames) for scorer, frames in found.items()}
        cells[HOW_MANY] = str(sum(true for _, _, true in found[scorers[0]]))
        columns[title] = cells
    return columns


def micro_scenes(kinds: Sequence[str], seeds: int) -> Iterator[Scene]:
    """Simulated frames that hold lines or areas; those with points alone are left out."""
    scenes = (micro_scene(kind, seed, SIDE_PX) for kind in kinds for seed in range(seeds))
    return (scene for scene in scenes if scene.mask is not None)


def real_scenes(name: str, data: Path) -> Iterator[Scene]:
    """Frames of a set of `benchmarking.real_scenes`; none where they are not at hand."""
    return (real_scene(name, path) for path in files_of(data, name))


def captured_extent(values: FloatImage, scene: Scene) -> float:
    """Truth pixels among the highest pixels of a map, relative to the most that so many pixels can hold."""
    truth = scene.mask
    if truth is None:
        raise InputError(f"{scene.name} has no truth with an extent: leave it out")
    area: BoolArray = area_needed(values) <= EXTENT_AREA
    return float(truth[area].sum() / min(truth.sum(), area.sum()))


def peaks_matched(values: FloatImage, scene: Scene) -> Matches:
    """Of as many predictions as there are atoms, where there are as many peaks."""
    return matched_atoms(highest_peaks(values, len(scene.points_px)), scene)


def regions_matched(values: FloatImage, scene: Scene) -> Matches:
    """Of as many predictions as the image itself says."""
    nats = ScoreMap(values.astype(np.float32), kind="surprisal", label="")
    regions = Study(scene.preview).regions(nats, false_share=FALSE_SHARE, region_size_px=ATOM_REGION_PX)
    return matched_atoms(np.array([region.center_px for region in regions]).reshape(-1, 2), scene)


def matched_atoms(found: FloatArray, scene: Scene) -> Matches:
    """True positives, predictions and atoms."""
    fits = box_overlap(found, scene.points_px) > LEAST_OVERLAP
    chosen = linear_sum_assignment(fits, maximize=True)
    return int(fits[chosen].sum()), len(found), len(scene.points_px)


def highest_peaks(values: FloatImage, count: int) -> FloatArray:
    """Places ``(y, x)`` that are the highest within a square around them, at most `count`, shape (n, 2)."""
    is_peak = (ndimage.maximum_filter(values, PEAK_PX) == values) & (values > values.min())
    labels, n = ndimage.label(is_peak, np.ones((3, 3)))  # the pixels of a flat top are one peak
    numbers = np.arange(1, n + 1)
    heights = np.asarray(ndimage.maximum(values, labels, numbers))
    centres = np.array(ndimage.center_of_mass(is_peak, labels, numbers)).reshape(-1, 2)
    return centres[np.argsort(-heights, kind="stable")[:count]]


def box_overlap(first_px: FloatArray, second_px: FloatArray) -> FloatArray:
    """Intersection over union of equal boxes around the places of both, shape (n, m)."""
    apart = np.abs(first_px[:, None] - second_px[None])
    shared: FloatArray = np.maximum(BOX_PX - apart, 0).prod(axis=2)
    return shared / (2 * BOX_PX**2 - shared)


def f1_percent(frames: Sequence[Matches]) -> str:
    """Of all frames together."""
    if not frames:
        return MISSING
    matched, predicted, true = (int(n) for n in np.sum(frames, axis=0))
    return f"{200 * matched / (predicted + true):.1f}"


def page(lines: Sequence[str], absent: Sequence[str]) -> str:
    """The page."""
    text = [
        "# What the parts of surprisal are worth",
        "",
        "Written by `python benchmarks/ablation.py --write docs/surprisal-ablation.md`; do not edit.",
        "",
        "In percent; `surprisal` is all parts together, `spots` looks for many spots of one sign, the others are one "
        "part each. The last row counts defects, frames or atoms.",
        "",
        *lines,
        "",
        *(line for note in notes() for line in wrapped(note)),
        *(line for note in left_out(absent) for line in wrapped(note)),
    ]
    return "\n".join(text) + "\n"


def notes() -> list[str]:
    """By which rules the columns were made."""
    return [
        f"crystals: point defects captured on {percent(ATOMIC_AREA)} of the area, of all defects of all atomic kinds "
        "together, by the ideal observer's d′ (docs/specimens.md). The map is max-filtered over a square of "
        f"{SQUARE_PX} px, its highest pixels are the area, and a defect is captured when its pixel lies in it "
        "(`benchmarks/atomic_capture.py`).",
        f"microstructures, {', '.join(REAL_EXTENTS)}: pixels of lines and areas among the highest {percent(EXTENT_AREA)} "
        "of the map's pixels, relative to the most that so many pixels can hold; mean over frames. microstructures holds "
        "the surfaces as well and is simulated; the others are real frames, averaged over whole blocks of pixels to at "
        f"most {SIDE_PX} px on the shorter side.",
        f"platinum atoms: F1 at the true count. Predictions are the highest places within a square of {PEAK_PX} px around "
        "them, the highest of these first, as many as there are atoms. A prediction and an atom match where boxes of "
        f"{BOX_PX} px around them overlap by more than {LEAST_OVERLAP:g} (intersection over union), one to one, as many "
        "as can be; all frames together. People set the marks, and missed some.",
        f"F1 of regions: the same, with the regions of {ATOM_REGION_PX} px that are found when {percent(FALSE_SHARE)} of "
        "them may be false; nobody tells their number.",
        "Equal pixels are taken in random order, so that a flat map captures what its area does.",
    ]


def left_out(absent: Sequence[str]) -> list[str]:
    """That there were no real frames of some sets."""
    return [f"Left out, because there were no such frames: {', '.join(absent)}."] if absent else []


def wrapped(note: str) -> list[str]:
    """A point of a list."""
    return textwrap.wrap(f"- {note}", 120, subsequent_indent="  ")


if __name__ == "__main__":
    main()
