"""What a scan costs in seconds and electrons: one arithmetic for planner, simulator and meter."""

from __future__ import annotations

import math
from dataclasses import dataclass

from deepscan_core.records.coordinates import YX, check_finite, check_positive

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
    """

    flyback_us: float = 30.0
    frame_overhead_s: float = 0.02
    settle_s: float = 0.002
    travel_nm_per_s: float = 1e6

    def __post_init__(self) -> None:
        check_finite("scan costs", self.flyback_us, self.frame_overhead_s, self.settle_s)
        check_positive("travel_nm_per_s", self.travel_nm_per_s)

    def frame_time_s(self, rows: int, cols: int, dwell_time_us: float) -> float:
        """Time of one frame, with flyback and overhead."""
        return rows * (cols * dwell_time_us + self.flyback_us) * 1e-6 + self.frame_overhead_s

    def travel_time_s(self, start_nm: YX, end_nm: YX) -> float:
        """Time to move the beam and let it settle."""
        return math.dist(start_nm, end_nm) / self.travel_nm_per_s + self.settle_s


def electrons(rows: int, cols: int, dwell_time_us: float, beam_current_pa: float) -> float:
    """Electrons that reach the specimen in one frame; flyback is taken as blanked or off the frame."""
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
