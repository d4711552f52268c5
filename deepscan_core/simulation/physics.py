"""From a specimen to detector counts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.records.costs import electrons
from deepscan_core.simulation.specimens import Specimen


def expected_counts(
    specimen: Specimen, grid: SamplingGrid, dwell_time_us: float, beam_current_pa: float
) -> npt.NDArray[np.float64]:
    """Mean detected electrons a sample, shape (rows, cols): intensity times the electrons of one dwell."""
    y_nm, x_nm = grid.mesh_nm()
    return specimen.intensity(y_nm, x_nm) * electrons(1, 1, dwell_time_us, beam_current_pa)


def record_counts(
    specimen: Specimen,
    grid: SamplingGrid,
    dwell_time_us: float,
    beam_current_pa: float,
    rng: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """One noisy frame in detected electrons, float32 of shape (rows, cols).

    Counts are Poisson: the detector counts electrons one by one and adds nothing of its own.
    """
    return rng.poisson(expected_counts(specimen, grid, dwell_time_us, beam_current_pa)).astype(np.float32)
