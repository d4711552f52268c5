"""The scan data of a DeepScan specimen, in the form that usim's scan device asks for."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.records.costs import ScanCosts
from deepscan_core.simulation.blur import seen_through
from deepscan_core.simulation.damage import DoseMap
from deepscan_core.simulation.physics import IDEAL, AcquisitionPhysics, Exposure, record_frame
from deepscan_core.simulation.specimens import Specimen
from deepscan_core.simulation.specimens.remembered import Remembered

from .ledger import DeliveredFrame, ElectronLedger

DEFAULT_BEAM_CURRENT_PA = 200.0  # usim's own default
USIM_COSTS = ScanCosts(flyback_us=0.0, frame_overhead_s=0.0)
#: Damage remembers where a drifting specimen was only to this share of a frame, so that its memory stays small.
DOSE_RASTER = 0.05


class SpecimenGenerator:
    """Computes detector counts from a specimen; the noise depends on dwell time and current, and the blanker counts.

    Parameters
    ----------
    specimen : what lies under the beam.
    seed : of the noise.
    physics : scan errors, drift and damage; none by default.
    clock : seconds, for the drift; it starts when the generator is made.

    Attributes
    ----------
    frames : how many frames were computed with the beam on, for tests.
    ledger : the electrons of each frame. Whole frames, unless a `ScanMeter` says how far each one came.
    is_metered : whether one does.
    latest : the counts that were computed last.
    """

    def __init__(
        self,
        specimen: Specimen,
        *,
        seed: int = 0,
        physics: AcquisitionPhysics = IDEAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.frames = 0
        self.ledger = ElectronLedger()
        self.is_metered = False
        self.latest: npt.NDArray[np.float32] | None = None
        self._physics = physics
        self._seen, self._behind_probe = self._through_probe(specimen)
        self._rng = np.random.default_rng(seed)
        self._lock = threading.Lock()
        self._clock = clock
        self._zero_s = clock()
        self._dose = DoseMap()
        self._exposed = self._dose  # by the frame that runs; another one once the specimen was changed meanwhile
        self._exposure: Exposure | None = None  # of the frame whose detectors are being read

    def show(self, specimen: Specimen) -> None:
        """Put another specimen, undamaged and at rest where it should be, under the same beam."""
        with self._lock:
            self._seen, self._behind_probe = self._through_probe(specimen)
            self._dose = DoseMap()
            self._zero_s = self._clock()

    def next_frame(self) -> None:
        """What is asked for from now on belongs to another frame, not to one more detector of the same."""
        self._exposure = None

    def generate_scan_data(self, instrument: Any, parameters: Any) -> npt.NDArray[np.float32]:
        """One frame, float32 ndarray of shape (rows, cols), in detected electrons.

        `parameters` describe the rectangle that is really scanned: for a sub-scan usim has folded fractions and
        rotation into ``fov_size_nm``, ``center_nm`` and ``rotation_rad`` already, so that true detail appears at any
        magnification. Stage and beam shift move the specimen as in usim.
        """
        grid = _sampled_grid(parameters, instrument.value_manager.actual_offset_m)
        with self._lock:
            if is_blanked(instrument):
                return np.zeros((grid.rows, grid.cols), np.float32)
            exposure = self._exposure
            if exposure is None or not self.is_metered:
                exposure = self._begin(grid, float(parameters.pixel_time_us), instrument)
            self.latest = record_frame(self._seen, exposure, self._rng, physics=self._behind_probe, dose=self._dose)
            return self.latest

    def _through_probe(self, specimen: Specimen) -> tuple[Specimen, AcquisitionPhysics]:
        """What the probe sees, kept from frame to frame since a live view asks again and again, and the physics behind."""
        seen = seen_through(specimen, self._physics.probe_sigma_nm)
        return Remembered(seen), dataclasses.replace(self._physics, probe_sigma_nm=0.0)

    def _begin(self, grid: SamplingGrid, dwell_time_us: float, instrument: Any) -> Exposure:
        """Account for a new frame, and for the damage that the one before has left."""
        exposure = Exposure(
            grid=grid,
            dwell_time_us=dwell_time_us,
            beam_current_pa=_value(instrument, "BeamCurrent", DEFAULT_BEAM_CURRENT_PA * 1e-12) * 1e12,
            started_s=self._clock() - self._zero_s,
            costs=USIM_COSTS,
        )
        ended = self.ledger.begin(exposure)
        if ended is not None and self._physics.critical_dose_e_per_nm2 is not None:
            self._damage(ended)
        self._exposed = self._dose
        if not self.is_metered:
            self.ledger.deliver(grid.rows * grid.cols)
        self.frames += 1
        self._exposure = exposure
        return exposure

    def _damage(self, ended: DeliveredFrame) -> None:
        grid = ended.exposure.grid
        moved_y, moved_x = self._physics.drift.at(ended.exposure.started_s)
        step_y, step_x = grid.height_nm * DOSE_RASTER, grid.width_nm * DOSE_RASTER
        drifted = dataclasses.replace(
            grid,
            center_y_nm=grid.center_y_nm - round(float(moved_y) / step_y) * step_y,
            center_x_nm=grid.center_x_nm - round(float(moved_x) / step_x) * step_x,
        )
        self._exposed.expose(drifted, ended.exposure.dose_e_per_nm2, lines=ended.lines)


def is_blanked(instrument: Any) -> bool:
    """Whether the beam is kept off the specimen."""
    return bool(_value(instrument, "C_Blank", 0.0))


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
