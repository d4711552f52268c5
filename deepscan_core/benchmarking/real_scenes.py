"""Scenes from real micrographs with marked truth."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepscan_core.benchmarking.scene import BoolArray, Scene
from deepscan_core.errors import InputError
from deepscan_core.ingest.readers import read_image
from deepscan_core.records.image import CalibratedImage

POINT_REGION_SHARE = 24 / 512
OTHER_REGION_SHARE = 1 / 16


@dataclass(frozen=True, kw_only=True)
class RealSet:
    """A folder of frames and how its truth is written down.

    Attributes
    ----------
    folder, title : the latter for people.
    truth : ending of the truth beside ``NAME.png``: a picture, or a table of points with columns x_px, y_px.
    value : of the truth picture; None for everything above 0.
    pixel_size_nm : where it is known.
    """

    folder: str
    title: str
    truth: str
    value: int | None = None
    pixel_size_nm: float | None = None


SETS: Mapping[str, RealSet] = {
    "cracks": RealSet(folder="sem_ebc_cracks", title="cracks in coatings", truth="_mask.png", value=2),
    "satellites": RealSet(folder="sem_am_powder_satellites", title="satellites on powder", truth="_satellites.png"),
    "agglomerates": RealSet(folder="sem_nanocomposite_agglomerates", title="agglomerates", truth="_mask.png"),
    "atoms": RealSet(folder="stem_pt_single_atoms", title="platinum atoms", truth="_atoms.csv", pixel_size_nm=0.029297),
}


def files_of(data: Path, name: str) -> list[Path]:
    """Frames of a set that have a truth beside them, in order; none where the folder is absent."""
    chosen = SETS[name]
    return [path for path in sorted((data / chosen.folder).glob("*.png")) if _truth_of(path, chosen).is_file()]


def real_scene(name: str, path: Path, longest_px: int = 512, seed: int = 0) -> Scene:
    """A frame of a set as a preview, averaged over blocks until its shorter side has at most `longest_px`.

    The seed is of everything random in the strategies.

    Raises
    ------
    InputError
        The truth has another shape than the frame, or does not say anything.
    """
    chosen = SETS[name]
    image = read_image(path)
    factor = max(1, -(-min(image.shape) // longest_px))
    array = averaged(image.array, factor)
    points, mask = np.empty((0, 2)), None
    truth = _truth_of(path, chosen)
    if truth.suffix == ".csv":
        points = (_points(truth) + 0.5) / factor - 0.5
        inside = ((points >= -0.5) & (points < np.array(array.shape) - 0.5)).all(axis=1)
        points = points[inside]
    else:
        marks = read_image(truth).array
        if marks.shape != image.shape:
            raise InputError(f"{truth.name}: the truth has {marks.shape} px, the frame {image.shape}")
        marked: BoolArray = marks > 0 if chosen.value is None else marks == chosen.value
        mask = averaged(marked, factor) >= 0.5
    if len(points) == 0 and (mask is None or not mask.any()):
        raise InputError(f"{truth.name}: nothing is marked: leave the frame out")
    size_nm = None if chosen.pixel_size_nm is None else chosen.pixel_size_nm * factor
    return Scene(
        name=f"{name}/{path.stem}",
        preview=CalibratedImage(array.astype(np.float32), pixel_size_nm=size_nm, name=path.name),
        region_px=round(min(array.shape) * (POINT_REGION_SHARE if mask is None else OTHER_REGION_SHARE)),
        seed=seed,
        specimen=None,
        exposure=None,
        points_px=points,
        d_primes=np.full(len(points), np.nan),
        mask=mask,
    )


def averaged(array: npt.NDArray[np.generic], factor: int) -> npt.NDArray[np.float64]:
    """Mean over blocks of ``factor`` x ``factor`` pixels; what does not fill a block is left out."""
    rows, cols = (n // factor for n in array.shape)
    cut = array[: rows * factor, : cols * factor].astype(np.float64)
    mean: npt.NDArray[np.float64] = cut.reshape(rows, factor, cols, factor).mean(axis=(1, 3))
    return mean


def _truth_of(path: Path, chosen: RealSet) -> Path:
    return path.with_name(path.stem + chosen.truth)


def _points(path: Path) -> npt.NDArray[np.float64]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        return np.array([(float(row["y_px"]), float(row["x_px"])) for row in rows]).reshape(-1, 2)
    except (KeyError, ValueError):
        raise InputError(f"{path.name}: a table of points needs numbers in columns x_px and y_px") from None
