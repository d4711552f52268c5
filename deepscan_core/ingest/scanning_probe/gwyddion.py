"""Gwyddion's gwy files; gwyfile reads them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from deepscan_core.ingest.pictures import Picture, damage_refused, facts, length_nm, optional_module, pixel_size


def read_gwy(path: Path, content: bytes) -> list[Picture]:
    """Every channel, by its title."""
    gwyfile = optional_module("gwyfile", path, "Gwyddion gwy files")
    with damage_refused(path, "Gwyddion"):
        tree = gwyfile.objects.GwyObject.fromfile(io.BytesIO(content))
        keys = sorted((key for key in tree if key.split("/")[2:] == ["data"]), key=lambda key: int(key.split("/")[1]))
        return [_picture(tree[key], str(tree.get(f"{key}/title", ""))) for key in keys]


def _picture(field: Any, title: str) -> Picture:
    array = np.array(field.data)
    rows, cols = array.shape
    unit = _unit(field.get("si_unit_xy"))
    side = pixel_size(length_nm(field["yreal"] / rows, unit), length_nm(field["xreal"] / cols, unit))
    return Picture(array, title, side, facts(format="Gwyddion", signal_unit=_unit(field.get("si_unit_z"))))


def _unit(unit: Any) -> str:
    return "" if unit is None else str(unit.unitstr)
