"""NumPy's npy files: numbers only, one image or a stack of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.ingest.pictures import Picture, check_array, damage_refused, split_colours


def read_npy(path: Path, content: bytes) -> list[Picture]:
    """The image, or the planes of a stack; npy carries no calibration.

    Raises
    ------
    InputError
        Damaged, objects instead of numbers, or neither two- nor three-dimensional.
    """
    with damage_refused(path, "npy"):
        array = array_of(path, content)
    if array.ndim not in (2, 3):
        raise InputError(f"{path}: holds an array of {' x '.join(map(str, array.shape))}: give a two-dimensional image")
    return [Picture(plane, name, facts={"format": "NumPy"}) for name, plane in split_colours(array)]


def array_of(path: Path, content: bytes) -> npt.NDArray[Any]:
    """A NumPy array that holds numbers and is as long as its header says; nothing is unpickled."""
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    check_array(path, shape, dtype.itemsize)
    if dtype.hasobject:
        raise ValueError("it holds pickled objects")
    file.seek(0)
    return np.asarray(np.load(file, allow_pickle=False))
