"""Planted truth, as reports show it."""

from __future__ import annotations

import numpy as np

from deepscan_core.records.coordinates import YX, ScanContext
from deepscan_core.simulation.specimens import Specimen


def defects_in_frame(specimen: Specimen, context: ScanContext) -> list[YX]:
    """Planted defects inside the context, in its own axes."""
    inside = []
    for point in np.asarray(specimen.defects_nm):
        place = context.nm_from_specimen((float(point[0]), float(point[1])))
        if all(abs(p) <= fov / 2 for p, fov in zip(place, context.fov_nm, strict=True)):
            inside.append(place)
    return inside
