"""What a scan costs in seconds and electrons: one arithmetic for planner, simulator and meter."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.records.coordinates import YX, check_finite, check_positive

FloatArray = npt.NDArray[np.float64]

ELEMENTARY_CHARGE_C = 1.602176634e-19  # exact in the SI since 2019
SQUARE_ANGSTROM_PER_NM2 = 100.0


def electrons_per_second(beam_current_pa: float) -> float:
    """Electrons a second in a probe current.

    >>> round(electrons_per_second(1.0))
    6241509
    """
    return beam_current_pa * 1e-12 / ELEMENTARY_CHARGE_C


@dataclass(frozen=True, kw_only=True)
class ScanCosts:
    """Overheads of an instrument. The defaults are of the order of a Nion scan box and can be replaced.

    Attributes
    ----------
    flyback_us : time lost at the end of each line.
    frame_overhead_s : start and read-out of one frame, whatever its size.
    settle_s : wait after the beam has been moved to another region.
    travel_nm_per_s : speed at which the beam is moved between regions.
    line_overhead_us : time lost at the start of each line, such as waiting for the mains.
    beam_shift_range_nm : moves further than this are made with the stage; None where the beam reaches everywhere.
    stage_nm_per_s, stage_settle_s : speed of the stage, and the wait until it stands.
    blanks_when_idle : the beam is off the specimen in flyback, overheads, travel and settling; else it exposes it.
    reserve_s : kept free before a limit of a run: by half of it a frame, with what follows it until the next one is sent,
        may be later than all this says; then it is stopped, and may take the other half to stop.
    lit_reserve_s : likewise for electrons and dose, where the beam is not blanked in idle times: the part of such a time in
        which it is on. None takes all of it.
    """

    flyback_us: float = 30.0
    frame_overhead_s: float = 0.02
    settle_s: float = 0.002
    travel_nm_per_s: float = 1e6
    line_overhead_us: float = 0.0
    beam_shift_range_nm: float | None = None
    stage_nm_per_s: float = 1e5
    stage_settle_s: float = 1.0
    blanks_when_idle: bool = True
    reserve_s: float = 0.0
    lit_reserve_s: float | None = None

    def __post_init__(self) -> None:
        check_finite("scan costs", self.flyback_us, self.frame_overhead_s, self.settle_s)
        check_finite("line_overhead_us, stage_settle_s", self.line_overhead_us, self.stage_settle_s)
        check_finite("reserve_s, lit_reserve_s", self.reserve_s, self.lit_s)
        check_positive("travel_nm_per_s", self.travel_nm_per_s)
        check_positive("stage_nm_per_s", self.stage_nm_per_s)
        if self.beam_shift_range_nm is not None:
            check_positive("beam_shift_range_nm", self.beam_shift_range_nm)

    @property
    def lit_s(self) -> float:
        """Time that is kept free before limits on electrons and dose."""
        return self.reserve_s if self.lit_reserve_s is None else self.lit_reserve_s

    @property
    def line_idle_us(self) -> float:
        """Time of a line in which nothing is recorded."""
        return self.flyback_us + self.line_overhead_us

    def line_time_s(self, cols: int, dwell_time_us: float) -> float:
        """Time from the start of one line to the start of the next."""
        return (cols * dwell_time_us + self.line_idle_us) * 1e-6

    def frame_time_s(self, rows: int, cols: int, dwell_time_us: float) -> float:
        """Time of one frame, with flyback and overheads."""
        return rows * (cols * dwell_time_us + self.line_idle_us) * 1e-6 + self.frame_overhead_s

    def frame_idle_s(self, rows: int) -> float:
        """Time of one frame in which nothing is recorded."""
        return rows * self.line_idle_us * 1e-6 + self.frame_overhead_s

    def travel_time_s(self, start_nm: YX, end_nm: YX) -> float:
        """Time to move to another place and to settle: with the beam, or beyond its range with the stage."""
        distance_nm = math.dist(start_nm, end_nm)
        if self.beam_shift_range_nm is not None and distance_nm > self.beam_shift_range_nm:
            return self.stage_time_s(distance_nm)
        return distance_nm / self.travel_nm_per_s + self.settle_s

    def stage_time_s(self, distance_nm: float) -> float:
        """Time to move the stage so far, and to wait until it stands."""
        return distance_nm / self.stage_nm_per_s + self.stage_settle_s

    def travel_times_s(self, starts_nm: FloatArray, ends_nm: FloatArray) -> FloatArray:
        """`travel_time_s` of many moves: arrays of shape (..., 2) that broadcast, to shape (...)."""
        distances_nm = np.hypot(*np.moveaxis(np.asarray(ends_nm, float) - np.asarray(starts_nm, float), -1, 0))
        by_beam: FloatArray = distances_nm / self.travel_nm_per_s + self.settle_s
        if self.beam_shift_range_nm is None:
            return by_beam
        by_stage = distances_nm / self.stage_nm_per_s + self.stage_settle_s
        return np.where(distances_nm > self.beam_shift_range_nm, by_stage, by_beam)

    def idle_electrons(self, idle_s: float, beam_current_pa: float) -> float:
        """Electrons that reach the specimen while nothing is recorded; none where the beam is blanked."""
        return 0.0 if self.blanks_when_idle else idle_s * electrons_per_second(beam_current_pa)

    def frame_electrons(self, rows: int, cols: int, dwell_time_us: float, beam_current_pa: float) -> float:
        """Electrons that reach the specimen in one frame: those recorded, and those of its idle times."""
        recorded = electrons(rows, cols, dwell_time_us, beam_current_pa)
        return recorded + self.idle_electrons(self.frame_idle_s(rows), beam_current_pa)


def electrons(rows: int, cols: int, dwell_time_us: float, beam_current_pa: float) -> float:
    """Electrons of the samples of one frame; `ScanCosts.frame_electrons` adds those of its idle times."""
    return rows * cols * dwell_time_us * 1e-6 * electrons_per_second(beam_current_pa)


def dose_e_per_nm2(
    rows: int, cols: int, dwell_time_us: float, beam_current_pa: float, height_nm: float, width_nm: float
) -> float:
    """Mean dose over the scanned rectangle, in electrons per nm²."""
    return electrons(rows, cols, dwell_time_us, beam_current_pa) / (height_nm * width_nm)


def longest_dwell_us(
    max_dose_e_per_nm2: float, rows: int, cols: int, beam_current_pa: float, height_nm: float, width_nm: float
) -> float:
    """The dwell time at which a frame reaches, and does not pass, a dose."""
    return max_dose_e_per_nm2 / dose_e_per_nm2(rows, cols, 1.0, beam_current_pa, height_nm, width_nm)
