"""Real micrographs with marked objects, and phrases of which the corpus knows no noun, for ``benchmarks/words.py``."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepscan_core.ingest.readers import read_image
from deepscan_core.records.image import CalibratedImage

BoolArray = npt.NDArray[np.bool_]
PHRASES: Mapping[str, list[str]] = json.loads(
    Path(__file__).with_name("words_phrases.json").read_text(encoding="utf-8")
)
# A nanoparticle is a particle, a carbide a precipitate, a satellite a particle: none is a wrong answer for another.
FAMILY = ("particles", "precipitates", "carbides", "nanoparticles", "satellites")


@dataclass(frozen=True, kw_only=True)
class MarkedSet:
    """A folder of images and how its truth is written down.

    Attributes
    ----------
    folder : below the data.
    truth : ending of the picture beside ``NAME.png``, or the table of boxes x, y, w, h in px.
    value : of the truth picture; None for everything above 0.
    target, worst : least mean and least single pixel AUROC that issue 8 asks for; None where it asks for none.
    beats_rule : whether the best rule of brightness has to be beaten.
    """

    folder: str
    truth: str = "_mask.png"
    value: int | None = None
    target: float | None = None
    worst: float | None = None
    beats_rule: bool = False


SETS: Mapping[str, MarkedSet] = {
    "cracks": MarkedSet(folder="sem_ebc_cracks", value=2, target=0.96, worst=0.8, beats_rule=True),
    "agglomerates": MarkedSet(folder="sem_nanocomposite_agglomerates", target=0.95, worst=0.8),
    "particles": MarkedSet(folder="em_particles_emps", truth="_instances.png", target=0.95, worst=0.8, beats_rule=True),
    "pores": MarkedSet(folder="sem_pores_ceramic", target=0.92, worst=0.8, beats_rule=True),
    "precipitates": MarkedSet(folder="sem_superalloy", target=0.88),
    "carbides": MarkedSet(folder="sem_uhcs_spheroidite", target=0.88),
    "nanoparticles": MarkedSet(folder="tem_nanoparticles_boxes", truth="boxes.csv", target=0.88),
    "satellites": MarkedSet(folder="sem_am_powder_satellites", truth="_satellites.png"),
}


def marked_images(data: Path, name: str) -> Iterator[tuple[CalibratedImage, BoolArray]]:
    """Each image of a set that shows something marked, with its mask of the same shape."""
    chosen = SETS[name]
    for path in sorted((data / chosen.folder).glob("*.png")):
        if chosen.truth.endswith(".csv"):
            image = read_image(path)
            mask = _boxes(path, image.shape, chosen)
        else:
            truth = path.with_name(path.stem + chosen.truth)
            if not truth.is_file():
                continue
            image, marks = read_image(path), read_image(truth).array
            mask = marks > 0 if chosen.value is None else marks == chosen.value
        if mask.any():
            yield image, mask


def relatives(name: str) -> tuple[str, ...]:
    """Sets whose objects the words of this one may mean as well."""
    return FAMILY if name in FAMILY else (name,)


def _boxes(path: Path, shape: tuple[int, int], chosen: MarkedSet) -> BoolArray:
    mask = np.zeros(shape, bool)
    with path.with_name(chosen.truth).open(newline="") as file:
        for row in csv.DictReader(file):
            if row["image"] == path.name:
                x, y, w, h = (float(row[key]) for key in "xywh")
                mask[round(y) : round(y + h), round(x) : round(x + w)] = True
    return mask
