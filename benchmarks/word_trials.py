"""Simulated crops held back from training, absent things, and times, for ``benchmarks/words.py``."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from word_sets import PHRASES, SETS, marked_images, relatives

from deepscan_core import CalibratedImage, Study
from deepscan_core.features.backbones import load_backbone
from deepscan_core.features.words import WordModel
from deepscan_core.simulation.corpus.captions import MAYBE
from deepscan_core.simulation.corpus.scenes import render_scene

FIRST_SEED = 900_000  # of scenes that no training renders
CROP_PX, SMALLEST_OBJECT_PX = 128, 40
LINEAR, ROUND = (
    ("linear features", "long thin lines", "line-shaped objects"),
    ("round features", "circular spots", "round objects"),
)
LINEAR_SCENES, ROUND_SCENES = (
    ("cracked", "fibre mat", "wires", "needles"),
    ("labelled", "particles", "sintered", "powder"),
)
ABSENT = {
    "crack": "cracks",
    "pore": "pores",
    "particle": "particles",
    "agglomerate": "agglomerates",
    "fibre": "fibres",
    "scratch": "scratches",
    "precipitate": "precipitates",
    "vacancy": "vacancies",
    "step": "step edges",
    "flake": "flakes",
}
ASKED_AREA = 0.15
Rows = list[list[str]]


def kinds_rows(model: WordModel, data: Path, *, count: int = 60) -> Rows:
    """Told apart in simulated crops held back from training:"""
    right = total = 0
    for number in range(count):
        for scenes, own, other, form in (
            (LINEAR_SCENES, LINEAR, ROUND, "linear"),
            (ROUND_SCENES, ROUND, LINEAR, "round"),
        ):
            scene = render_scene(FIRST_SEED + number, scenes[number % len(scenes)])
            for group in scene.groups:
                if group.form != form or group.mask.sum() < SMALLEST_OBJECT_PX:
                    continue
                window = _around(group.mask)
                study = Study(CalibratedImage(scene.image[window]))
                means = [
                    np.mean([study.search(phrase, model=model).values[group.mask[window]].mean() for phrase in phrases])
                    for phrases in (own, other)
                ]
                right, total = right + int(means[0] > means[1]), total + 1
    cracks, boundaries = (
        _groups(model, ("cracks", "grain boundaries"), kind, scene_name, count)
        for kind, scene_name in (("crack", "cracked"), ("grain boundary", "polycrystal"))
    )
    scores, is_crack = np.concatenate([cracks, boundaries]), np.arange(len(cracks) + len(boundaries)) < len(cracks)
    alone = average_precision(scores[:, 0], is_crack)
    either = average_precision(scores[:, 0] - scores[:, 1], is_crack)
    counts = f"{len(cracks)} and {len(boundaries)}"
    return [
        [f"linear against round, {total} crops", f"{right / total:.1%}", "95 %"],
        [f"cracks against grain boundaries, “cracks” alone, average precision, {counts}", f"{alone:.3f}", "0.9"],
        ["the same by “cracks” less “grain boundaries”", f"{either:.3f}", ""],
    ]


def absent_rows(model: WordModel, data: Path, *, count: int = 60) -> Rows:
    """Queries for what is absent that yield no region, and for what is there that yield one, at 15 % of the area:"""
    simulated: list[bool] = []
    present: list[bool] = []
    for number in range(count):
        scene = render_scene(FIRST_SEED + 5_000 + number)
        study = Study(CalibratedImage(scene.image))
        there = {group.kind for group in scene.groups}
        for kind, query in ABSENT.items():
            if kind in there:
                present.append(_yields(study, query, model))
            elif not there & set(MAYBE.get(kind, ())) and not (
                kind == "particle" and there & {"nanoparticle", "satellite"}
            ):
                simulated.append(not _yields(study, query, model))
    real, real_present = [], []
    for name in SETS:
        for image, _ in marked_images(data, name):
            study = Study(image)
            for words in SETS:
                if words == name:
                    real_present.append(_yields(study, PHRASES[words][0], model))
                elif words not in relatives(name):
                    real.append(not _yields(study, PHRASES[words][0], model))
    rows = [["simulated, absent", simulated, "90 %"], ["simulated, there", present, ""]]
    rows += [["real, words of other sets", real, "90 %"], ["real, right words", real_present, ""]] if real else []
    return [[f"{what}, {len(found)} queries", f"{np.mean(found):.1%}", asked] for what, found, asked in rows]


def latency_rows(model: WordModel, data: Path, *, side_px: int = 512, turns: int = 15) -> Rows:
    """Times on this computer, median; one pass, a first and another query take turns, so that other work meets all:"""
    scene = render_scene(FIRST_SEED, "particles", side_px=side_px)
    image, backbone = CalibratedImage(scene.image), load_backbone()
    study = Study(image)
    study.search("cracks", model=model)
    works: tuple[Callable[[], object], ...] = (
        lambda: backbone.levels(scene.image, scale=1.0),
        lambda: Study(image).search("bright round particles", model=model),
        lambda: study.search("bright round particles", model=model),
    )
    times = np.array([[_seconds(work) for work in works] for _ in range(turns + 1)])[1:]
    forward, first, again = np.median(times, axis=0)
    ratio = np.median(times[:, 1] / times[:, 0])
    return [
        [f"default backbone, one pass at {side_px}²", f"{1e3 * forward:.0f} ms", ""],
        ["first query", f"{1e3 * first:.0f} ms, {ratio:.1f} passes", "5 passes"],
        ["another query", f"{1e3 * again:.0f} ms", "50 ms"],
    ]


def average_precision(scores: npt.NDArray[np.floating], is_positive: npt.NDArray[np.bool_]) -> float:
    """Mean precision at each positive, from the highest score down."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(is_positive, scores))


def _groups(
    model: WordModel, queries: tuple[str, ...], kind: str, scene_name: str, count: int
) -> npt.NDArray[np.float64]:
    """Mean scores of each held-back group of a kind, shape (n_groups, n_queries); what a crack covers is left out."""
    found = []
    for number in range(count):
        scene = render_scene(FIRST_SEED + 10_000 + number, scene_name)
        study = Study(CalibratedImage(scene.image))
        maps = [study.search(query, model=model).values for query in queries]
        crack = np.any([group.mask for group in scene.groups if group.kind == "crack"], axis=0)
        for group in scene.groups:
            mask = group.mask & ~crack if kind != "crack" else group.mask
            if group.kind == kind and mask.sum() >= SMALLEST_OBJECT_PX:
                found.append([values[mask].mean() for values in maps])
    return np.array(found)


def _yields(study: Study, query: str, model: WordModel) -> bool:
    return bool(study.regions(study.search(query, model=model), area_fraction=ASKED_AREA))


def _around(mask: npt.NDArray[np.bool_]) -> tuple[slice, slice]:
    """A crop of the frame in whose middle an object lies."""
    inside = np.argwhere(mask)
    middle = inside[len(inside) // 2]
    corner = np.clip(middle - CROP_PX // 2, 0, np.array(mask.shape) - CROP_PX)
    return (slice(int(corner[0]), int(corner[0]) + CROP_PX), slice(int(corner[1]), int(corner[1]) + CROP_PX))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
