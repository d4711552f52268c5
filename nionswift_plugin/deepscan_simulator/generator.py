"""The scan data of a DeepScan specimen, in the form that usim's scan device asks for."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.simulation.physics import record_counts
from deepscan_core.simulation.specimens import Specimen

DEFAULT_BEAM_CURRENT_PA = 200.0  # usim's own default


class SpecimenGenerator:
    """Computes detector counts from a specimen; the noise depends on dwell time and current, and the blanker counts.

    Parameters
    ----------
    specimen : what lies under the beam.
    seed : of the noise.

    Attributes
    ----------
    frames : how many frames were computed with the beam on, for tests.
    """

    def __init__(self, specimen: Specimen, *, seed: int = 0) -> None:
        self.frames = 0
        self._specimen = specimen
        self._rng = np.random.default_rng(seed)
        self._lock = threading.Lock()

    def generate_scan_data(self, instrument: Any, parameters: Any) -> npt.NDArray[np.float32]:
        """One frame, float32 ndarray of shape (rows, cols), in detected electrons.

        `parameters` describe the rectangle that is really scanned: for a sub-scan usim has folded fractions and
        rotation into ``fov_size_nm``, ``center_nm`` and ``rotation_rad`` already, so that true detail appears at any
        magnification. Stage and beam shift move the specimen as in usim.
        """
        grid = _sampled_grid(parameters, instrument.value_manager.actual_offset_m)
        with self._lock:
            if _value(instrument, "C_Blank", 0.0):
                return np.zeros((grid.rows, grid.cols), np.float32)
            self.frames += 1
            current_pa = _value(instrument, "BeamCurrent", DEFAULT_BEAM_CURRENT_PA * 1e-12) * 1e12
            return record_counts(self._specimen, grid, float(parameters.pixel_time_us), current_pa, self._rng)


def _sampled_grid(parameters: Any, offset_m: Any) -> SamplingGrid:
    """Where the samples lie on the specimen. A positive Nion rotation turns the scan clockwise over the specimen."""
    size, fov_nm, center_nm = parameters.size, parameters.fov_size_nm, parameters.center_nm
    return SamplingGrid(
        rows=size.height,
        cols=size.width,
        height_nm=fov_nm.height,
        width_nm=fov_nm.width,
        center_y_nm=center_nm.y - offset_m.y * 1e9,
        center_x_nm=center_nm.x - offset_m.x * 1e9,
        ccw_rad=-parameters.rotation_rad,
    )


def _value(instrument: Any, control: str, otherwise: float) -> float:
    found, value = instrument.TryGetVal(control)
    return float(value) if found and value is not None else otherwise
