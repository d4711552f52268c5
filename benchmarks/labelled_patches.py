"""Patches whose class is known: of simulated crystals, which anybody can make, and of micrographs with masks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial import KDTree

from deepscan_core import CalibratedImage
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.simulation.physics import record_counts
from deepscan_core.simulation.specimens import make_crystal

PATCH_PX = 16
MOST_PER_CLASS = 60  # patches of one class taken from one image
FRAMES = 6
SIDE_PX, FOV_NM = 512, 20.0  # as in `deepscan demo`, and so are the current and the dwell time
CURRENT_PA, DWELL_US = 50.0, 2.0
DEFECTS_PER_1000_NM2 = 200.0
ON_DEFECT_PX, OFF_DEFECT_PX = 3.0, 16.0
CENTRE_PX = 4  # a patch of a micrograph bears the class that most of this square at its centre bears


@dataclass(frozen=True)
class LabelledImage:
    """An image, and the class of a patch by its centre.

    Attributes
    ----------
    group : images of one group are never neighbours of each other.
    label : from the centres (n, 2) of patches, ``(y, x)`` in px, to classes (n,); -1 where there is none.
    step_px : distance between the patches that are looked at.
    """

    image: CalibratedImage
    group: str
    label: Callable[[np.ndarray], np.ndarray]
    step_px: float


@dataclass(frozen=True)
class LabelledSet:
    """Images of one kind.

    Attributes
    ----------
    name, classes : of the set; the classes in the order of their numbers.
    held_out : what one group is.
    """

    name: str
    classes: tuple[str, ...]
    held_out: str
    images: tuple[LabelledImage, ...]


def simulated() -> LabelledSet:
    """SrTiO3 with vacancies, substitutions and interstitials; one group a specimen, each with a lattice of its own turn."""
    images = []
    for seed in range(FRAMES):
        crystal = make_crystal(seed, defects_per_1000_nm2=DEFECTS_PER_1000_NM2)
        context = ScanContext(rows=SIDE_PX, cols=SIDE_PX, fov_y_nm=FOV_NM, fov_x_nm=FOV_NM, beam_current_pa=CURRENT_PA)
        counts = record_counts(crystal, context.on_specimen(), DWELL_US, CURRENT_PA, np.random.default_rng(seed))
        tree = KDTree([context.px_from_nm(context.nm_from_specimen((y, x))) for y, x in crystal.defects_nm])
        kinds = 1 + np.select([crystal.defect_intensity < 0, crystal.defect_intensity > 0.1], [0, 1], 2)

        def label(centers: np.ndarray, defects: KDTree = tree, kinds: np.ndarray = kinds) -> np.ndarray:
            distance, nearest = defects.query(centers)
            on = np.where(distance <= ON_DEFECT_PX, kinds[nearest], -1)
            return np.where(distance > OFF_DEFECT_PX, 0, on)

        images.append(LabelledImage(CalibratedImage(counts), f"crystal:{seed}", label, 4.0))
    return LabelledSet(
        "simulated SrTiO3", ("lattice", "vacancy", "substitution", "interstitial"), "specimen", tuple(images)
    )


# Folder below the data: (classes by mask value, what of the file's name is its group, what that is)
MASKS = {
    "sem_superalloy": ({0: "matrix", 1: "large precipitate", 2: "small precipitate"}, r"spot\d+", "spot"),
    "sem_uhcs_spheroidite": ({0: "matrix", 255: "carbide"}, r".+", "image, of two heat treatments"),
    "sem_ebc_cracks": ({0: "background", 1: "oxide", 2: "crack"}, r"\d+_\d+", "specimen"),
    "sem_pores_ceramic": ({0: "matrix", 255: "pore"}, r".+", "slice, of one volume"),
}


def micrographs(data: Path) -> Iterator[LabelledSet]:
    """The sets of `MASKS` that are there."""
    for name, (classes, group, held_out) in MASKS.items():
        images = []
        for path in sorted((data / name).glob("*_mask.png")):
            mask = np.array(Image.open(path))
            array = np.array(Image.open(path.with_name(path.name.replace("_mask", ""))))
            stem = path.name.removesuffix("_mask.png")
            found = re.match(group, stem)

            def label(
                centers: np.ndarray, mask: np.ndarray = mask, values: tuple[int, ...] = tuple(classes)
            ) -> np.ndarray:
                corner = np.clip(
                    np.rint(centers - (CENTRE_PX - 1) / 2).astype(int), 0, np.array(mask.shape) - CENTRE_PX
                )
                offsets = np.stack(np.meshgrid(range(CENTRE_PX), range(CENTRE_PX)), axis=-1).reshape(-1, 2)
                rows, cols = np.moveaxis(corner[:, None] + offsets[None], -1, 0)
                shares = np.stack([(mask[rows, cols] == value).mean(axis=1) for value in values], axis=1)
                return np.where(shares.max(axis=1) > 0.5, shares.argmax(axis=1), -1)

            images.append(LabelledImage(CalibratedImage(array), found[0] if found else stem, label, 8.0))
        if images:
            yield LabelledSet(name, tuple(classes.values()), held_out, tuple(images))


def choose(labels: np.ndarray, n_classes: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of at most `MOST_PER_CLASS` patches of each class."""
    chosen = []
    for k in range(n_classes):
        of_class = np.flatnonzero(labels == k)
        chosen.append(rng.permutation(of_class)[:MOST_PER_CLASS])
    return np.sort(np.concatenate(chosen))
