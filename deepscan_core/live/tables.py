"""Measurements as an array of numbers, with what its columns are."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepscan_core.records.regions import RegionMeasurement

COLUMNS = tuple(field.name for field in dataclasses.fields(RegionMeasurement))
_UNITS = {"nm2": "nm²", "nm": "nm", "rad": "rad", "px": "px"}


def unit_of(column: str) -> str:
    """The unit of a column; empty for a number without one.

    >>> unit_of("area_nm2"), unit_of("score")
    ('nm²', '')
    """
    return _UNITS.get(column.rpartition("_")[2], "")


def table_of(objects: Sequence[RegionMeasurement]) -> npt.NDArray[np.float64]:
    """One row an object, one column a name of `COLUMNS`.

    Returns
    -------
    float64 ndarray of shape (n_objects, n_columns), or (1, n_columns) of NaN where there is no object. NaN stands for what
    is not known, 1 for yes and 0 for no.
    """
    if not objects:
        return np.full((1, len(COLUMNS)), np.nan)
    rows = [[getattr(found, name) for name in COLUMNS] for found in objects]
    return np.array([[np.nan if value is None else float(value) for value in row] for row in rows])
