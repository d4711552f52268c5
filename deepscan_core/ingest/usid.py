"""USID: HDF5 files of pyUSID, whose main data sets are tables of positions by spectroscopic points.

Read with h5py alone: RosettaSciIO's reader needs pyUSID and sidpy. Layout: pycroscopy.github.io/USID.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from deepscan_core.errors import InputError
from deepscan_core.ingest.pictures import Picture, facts, length_nm, pixel_size

REFERENCES = ("Position_Indices", "Position_Values", "Spectroscopic_Indices", "Spectroscopic_Values")
MOST_POINTS = 64  # spectroscopic points that are taken for images of their own


def main_datasets(file: Any) -> list[Any]:
    """The data sets that refer to positions and spectroscopic points."""
    found: list[Any] = []

    def visit(_: str, item: Any) -> None:
        if hasattr(item, "shape") and all(name in item.attrs for name in REFERENCES):
            found.append(item)

    file.visititems(visit)
    return found


def read_usid(path: Path, datasets: list[Any]) -> list[Picture]:
    """Every spectroscopic point of every main data set over a grid of two position axes, as an image.

    Raises
    ------
    InputError
        Spectra of many points, or positions that are no grid.
    """
    pictures: list[Picture] = []
    others: list[str] = []
    for dataset in datasets:
        indices = np.asarray(dataset.file[dataset.attrs["Position_Indices"]])
        if dataset.ndim != 2 or indices.ndim != 2 or indices.shape != (dataset.shape[0], 2):
            others.append("positions that are no two-dimensional grid")
        elif dataset.shape[1] > MOST_POINTS:
            others.append(f"spectra of {dataset.shape[1]} points")
        else:
            pictures += _pictures(dataset, indices)
    if not pictures:
        raise InputError(f"{path}: holds {' and '.join(others)}, no image: give a file with an image")
    return pictures


def _pictures(dataset: Any, indices: np.ndarray[Any, Any]) -> list[Picture]:
    values = np.asarray(dataset.file[dataset.attrs["Position_Values"]], np.float64)
    labels = [_text(label).casefold() for label in dataset.file[dataset.attrs["Position_Indices"]].attrs["labels"]]
    units = [_text(unit) for unit in dataset.file[dataset.attrs["Position_Values"]].attrs["units"]]
    changes = (np.diff(indices, axis=0) != 0).sum(axis=0)
    x = labels.index("x") if sorted(labels) == ["x", "y"] else int(changes.argmax())  # the fast axis
    y = 1 - x
    rows, cols = (int(indices[:, axis].max()) + 1 for axis in (y, x))
    if rows * cols != len(indices):
        raise ValueError(f"{len(indices)} positions on a grid of {rows} x {cols}")
    side = pixel_size(*(length_nm(_step(indices[:, axis], values[:, axis]), units[axis]) for axis in (y, x)))
    quantity, unit = _text(dataset.attrs.get("quantity", "")), _text(dataset.attrs.get("units", ""))
    known = facts(format="USID", signal_unit=unit)
    table, pictures = np.asarray(dataset[()]), []
    for k in range(table.shape[1]):
        array = np.zeros((rows, cols), table.dtype)
        array[indices[:, y], indices[:, x]] = table[:, k]
        pictures.append(Picture(array, f"{quantity} {k}".strip() if table.shape[1] > 1 else quantity, side, known))
    return pictures


def _step(indices: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> float:
    """The distance between neighbours, from the ends of the axis; zero, which calibrates nothing, where there is one."""
    first, last = int(indices.argmin()), int(indices.argmax())
    count = int(indices[last]) - int(indices[first])
    return float(abs(values[last] - values[first])) / count if count else 0.0


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
