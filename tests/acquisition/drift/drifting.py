"""Specimens and pictures that drift as was planted."""

from __future__ import annotations

import numpy as np

from deepscan_core.records.coordinates import YX, SamplingGrid
from deepscan_core.simulation.physics import expected_counts
from deepscan_core.simulation.specimens import Specimen, make_specimen
from deepscan_core.simulation.specimens.plain import Spots

PITCH_NM = 0.04
LATTICE_NM = 0.3905
LATTICE_PX = LATTICE_NM / PITCH_NM


def scattered(seed: int = 0, *, reach_nm: float = 8.0, per_nm2: float = 0.6) -> Spots:
    """Spots anywhere: nothing repeats."""
    rng = np.random.default_rng(seed)
    count = round((2 * reach_nm) ** 2 * per_nm2)
    return Spots(defects_nm=rng.uniform(-reach_nm, reach_nm, (count, 2)), sigma_nm=0.12, peak=0.1, background=0.02)


def lattice(seed: int = 0) -> Specimen:
    """A square lattice without end and without a flaw."""
    return make_specimen("crystal", seed, defect_free=True)


def picture(
    specimen: Specimen,
    shape: tuple[int, int] = (96, 96),
    moved_px: YX = (0.0, 0.0),
    *,
    dwell_us: float = 2.0,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Counts of a specimen that has moved by so many pixels, at 50 pA; without noise where there is no generator."""
    grid = SamplingGrid(
        rows=shape[0],
        cols=shape[1],
        height_nm=shape[0] * PITCH_NM,
        width_nm=shape[1] * PITCH_NM,
        center_y_nm=-moved_px[0] * PITCH_NM,
        center_x_nm=-moved_px[1] * PITCH_NM,
    )
    mean = expected_counts(specimen, grid, dwell_us, 50.0)
    return mean if rng is None else rng.poisson(mean).astype(float)
