"""From a specimen to detector counts: electrons, probe, detector, scan errors, drift and damage.

Every effect is off by default and is switched on in `AcquisitionPhysics`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX, SamplingGrid, check_finite, check_positive
from deepscan_core.records.costs import ScanCosts, dose_e_per_nm2, electrons
from deepscan_core.simulation.blur import seen_through
from deepscan_core.simulation.damage import DoseMap, remaining_contrast
from deepscan_core.simulation.specimens.base import Specimen

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Detector:
    """What becomes of the electrons that reach it.

    Attributes
    ----------
    gain : counts for one electron.
    offset : counts without any electron.
    read_noise : standard deviation of the counts without any electron.
    efficiency : share of the electrons that it notices at all.
    """

    gain: float = 1.0
    offset: float = 0.0
    read_noise: float = 0.0
    efficiency: float = 1.0

    def __post_init__(self) -> None:
        check_positive("gain of a detector", self.gain)
        check_finite("offset, read_noise of a detector", self.offset, self.read_noise)
        if self.read_noise < 0:
            raise InputError(f"read_noise is {self.read_noise:g}: give a standard deviation of at least 0")
        if not 0 < self.efficiency <= 1:
            raise InputError(f"efficiency is {self.efficiency:g}: give a share above 0 and up to 1")

    def mean(self, arriving: FloatArray) -> FloatArray:
        """Mean counts of that many arriving electrons."""
        return self.gain * self.efficiency * arriving + self.offset

    def variance(self, arriving: FloatArray) -> FloatArray:
        """Variance of the counts: Poisson statistics of the noticed electrons, and read noise."""
        return self.gain**2 * self.efficiency * arriving + self.read_noise**2

    def counts(self, arriving: FloatArray, rng: np.random.Generator) -> FloatArray:
        """One realisation, from mean numbers of arriving electrons."""
        counts = rng.poisson(self.efficiency * arriving) * self.gain + self.offset
        if self.read_noise:
            counts = counts + rng.normal(0, self.read_noise, counts.shape)
        return np.asarray(counts, float)


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How the specimen moves under the scan: steadily, ever faster, and by what is left of its last move.

    Attributes
    ----------
    rate_nm_per_s : steady drift ``(y, x)`` on the specimen.
    acceleration_nm_per_s2 : by which the rate changes, ``(y, x)``.
    settling_nm : how far, ``(y, x)``, it creeps in all after the clock was started.
    settling_s : time constant of that.
    """

    rate_nm_per_s: YX = (0.0, 0.0)
    settling_nm: YX = (0.0, 0.0)
    settling_s: float = 60.0
    acceleration_nm_per_s2: YX = (0.0, 0.0)

    def __post_init__(self) -> None:
        check_finite("drift", *self.rate_nm_per_s, *self.acceleration_nm_per_s2, *self.settling_nm)
        check_positive("settling_s", self.settling_s)

    @property
    def is_still(self) -> bool:
        """Whether nothing moves."""
        return not any((*self.rate_nm_per_s, *self.acceleration_nm_per_s2, *self.settling_nm))

    def at(self, time_s: FloatArray | float) -> tuple[FloatArray, FloatArray]:
        """How far the specimen has moved by then, y and x in nm."""
        time_s = np.asarray(time_s, float)
        crept = -np.expm1(-time_s / self.settling_s)
        y, x = (
            rate * time_s + faster * time_s**2 / 2 + far * crept
            for rate, faster, far in zip(self.rate_nm_per_s, self.acceleration_nm_per_s2, self.settling_nm, strict=True)
        )
        return y, x


@dataclass(frozen=True, kw_only=True)
class AcquisitionPhysics:
    """All that stands between a specimen and its picture, each off by default.

    Attributes
    ----------
    probe_sigma_nm : standard deviation of a Gaussian probe, on top of what the specimen's own widths hold.
    detector : gain, offset, read noise, efficiency.
    line_jitter_nm : standard deviation of the shift of each line along itself.
    drift : of the specimen under the scan.
    critical_dose_e_per_nm2 : dose at which contrast has fallen to 1/e; None for a specimen that lasts for ever.
    destroyed_intensity : share of the beam that is detected where nothing is left of the contrast.
    moves_take_time : the clock runs, and the beam exposes where it is not blanked, while going to the next region.
    """

    probe_sigma_nm: float = 0.0
    detector: Detector = field(default_factory=Detector)
    line_jitter_nm: float = 0.0
    drift: Drift = field(default_factory=Drift)
    critical_dose_e_per_nm2: float | None = None
    destroyed_intensity: float = 0.02
    moves_take_time: bool = False

    def __post_init__(self) -> None:
        check_finite("probe_sigma_nm, line_jitter_nm", self.probe_sigma_nm, self.line_jitter_nm)
        if min(self.probe_sigma_nm, self.line_jitter_nm) < 0:
            raise InputError(
                f"probe_sigma_nm {self.probe_sigma_nm:g}, line_jitter_nm {self.line_jitter_nm:g}: give at least 0"
            )
        if self.critical_dose_e_per_nm2 is not None:
            check_positive("critical_dose_e_per_nm2", self.critical_dose_e_per_nm2)
        if not 0 <= self.destroyed_intensity <= 1:
            raise InputError(f"destroyed_intensity is {self.destroyed_intensity:g}: give a share between 0 and 1")


IDEAL = AcquisitionPhysics()


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """How one frame is taken.

    Attributes
    ----------
    grid : its samples in the plane of the specimen, as asked for.
    dwell_time_us, beam_current_pa : of each sample.
    started_s : on the instrument's clock.
    costs : overheads, for the time at which each sample is taken.
    """

    grid: SamplingGrid
    dwell_time_us: float
    beam_current_pa: float
    started_s: float = 0.0
    costs: ScanCosts = field(default_factory=ScanCosts)

    def __post_init__(self) -> None:
        check_positive("dwell_time_us, beam_current_pa of an exposure", self.dwell_time_us, self.beam_current_pa)
        check_finite("started_s", self.started_s)

    @property
    def electrons_a_sample(self) -> float:
        """Electrons of one dwell."""
        return electrons(1, 1, self.dwell_time_us, self.beam_current_pa)

    @property
    def dose_e_per_nm2(self) -> float:
        """Mean dose over the frame."""
        grid = self.grid
        return dose_e_per_nm2(
            grid.rows, grid.cols, self.dwell_time_us, self.beam_current_pa, grid.height_nm, grid.width_nm
        )

    def times_s(self) -> FloatArray:
        """When each sample is taken, shape (rows, cols): the middle of its dwell."""
        line_s = self.costs.line_time_s(self.grid.cols, self.dwell_time_us)
        lines = np.arange(self.grid.rows)[:, None] * line_s + self.costs.line_overhead_us * 1e-6
        samples = (np.arange(self.grid.cols) + 0.5)[None, :] * self.dwell_time_us * 1e-6
        return self.started_s + self.costs.frame_overhead_s + lines + samples


def expected_counts(specimen: Specimen, grid: SamplingGrid, dwell_time_us: float, beam_current_pa: float) -> FloatArray:
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


def visited_nm(
    exposure: Exposure, physics: AcquisitionPhysics, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Where on the specimen each sample is really taken, y and x in nm, shape (rows, cols).

    A specimen that has moved by ``d`` shows at a place what lay at that place less ``d``. Lines are shifted along
    themselves.
    """
    y_nm, x_nm = exposure.grid.mesh_nm()
    if not physics.drift.is_still:
        moved_y, moved_x = physics.drift.at(exposure.times_s())
        y_nm, x_nm = y_nm - moved_y, x_nm - moved_x
    if physics.line_jitter_nm:
        shift = rng.normal(0, physics.line_jitter_nm, (exposure.grid.rows, 1))
        y_nm = y_nm - shift * math.sin(exposure.grid.ccw_rad)
        x_nm = x_nm + shift * math.cos(exposure.grid.ccw_rad)
    return y_nm, x_nm


def arriving_electrons(
    specimen: Specimen,
    exposure: Exposure,
    physics: AcquisitionPhysics,
    rng: np.random.Generator,
    dose: DoseMap | None = None,
) -> FloatArray:
    """Mean electrons that reach the detector at each sample, shape (rows, cols).

    Parameters
    ----------
    specimen : what lies under the beam.
    exposure : how the frame is taken.
    physics : what stands in between.
    rng : of the line jitter.
    dose : what the specimen has had before; it is not changed here. Needed where a critical dose is given.
    """
    y_nm, x_nm = visited_nm(exposure, physics, rng)
    intensity = seen_through(specimen, physics.probe_sigma_nm).intensity(y_nm, x_nm)
    if physics.critical_dose_e_per_nm2 is not None:
        if dose is None:
            raise InputError("damage needs to know the dose so far: give a DoseMap")
        left = remaining_contrast(dose.at(y_nm, x_nm), exposure.dose_e_per_nm2, physics.critical_dose_e_per_nm2)
        intensity = physics.destroyed_intensity + (intensity - physics.destroyed_intensity) * left
    return intensity * exposure.electrons_a_sample


def record_frame(
    specimen: Specimen,
    exposure: Exposure,
    rng: np.random.Generator,
    *,
    physics: AcquisitionPhysics = IDEAL,
    dose: DoseMap | None = None,
) -> npt.NDArray[np.float32]:
    """One noisy frame in detector counts, float32 of shape (rows, cols); see `arriving_electrons`."""
    arriving = arriving_electrons(specimen, exposure, physics, rng, dose)
    return physics.detector.counts(arriving, rng).astype(np.float32)
