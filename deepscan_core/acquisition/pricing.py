"""What the frames, ways and rests of one run cost: `records.costs` with the run's current and the place of its beam."""

from __future__ import annotations

from dataclasses import dataclass

from deepscan_core.acquisition.strategies.budget import Cost
from deepscan_core.records.coordinates import YX
from deepscan_core.records.costs import ScanCosts, electrons_per_second
from deepscan_core.records.protocol import ScanStep


@dataclass(frozen=True, kw_only=True)
class Prices:
    """The prices of a run.

    Attributes
    ----------
    costs : of the instrument.
    beam_current_pa : of the probe; None counts as no electrons.
    is_parked : between steps the beam stands on the specimen rather than being blanked.
    """

    costs: ScanCosts
    beam_current_pa: float | None
    is_parked: bool

    def frame(self, step: ScanStep) -> Cost:
        """Predicted, of a step's frame alone."""
        return self.frame_of(step.rows, step.cols, step.dwell_time_us)

    def frame_of(
        self, rows: int, cols: int, dwell_time_us: float, *, lasted_s: float = 0.0, of_which_dark_s: float = 0.0
    ) -> Cost:
        """Of a frame that took at least so long, of which the beam was at rest for a while before its first line."""
        time_s, current_pa = self.costs.frame_time_s(rows, cols, dwell_time_us), self.beam_current_pa or 0.0
        total = self.costs.frame_electrons(rows, cols, dwell_time_us, current_pa)
        lit_longer_s = max(0.0, lasted_s - of_which_dark_s - time_s)
        return Cost(time_s=max(time_s, lasted_s), electrons=total + self.costs.idle_electrons(lit_longer_s, current_pa))

    def way(self, from_nm: YX, to_nm: YX, *, stage_nm: float = 0.0) -> Cost:
        """From one place in the context's axes to another, and settling there.

        Parameters
        ----------
        from_nm, to_nm : of the beam, in the field of the scan.
        stage_nm : that the stage moves before, with the beam at rest.
        """
        stage_s = self.costs.stage_time_s(stage_nm) if stage_nm else 0.0
        time_s = self.costs.travel_time_s(from_nm, to_nm)
        return Cost(time_s=stage_s + time_s, electrons=self.rest(stage_s) + self.idle(time_s))

    def idle(self, seconds: float) -> float:
        """Electrons while the beam is on its way or settles."""
        return self.rest(seconds) if self.costs.blanks_when_idle else self._open(seconds)

    def rest(self, seconds: float) -> float:
        """Electrons while the beam is at rest: none where it is blanked."""
        return self._open(seconds) if self.is_parked else 0.0

    def late(self, seconds: float) -> float:
        """Electrons of a frame that takes so much longer than predicted."""
        return self.costs.idle_electrons(seconds, self.beam_current_pa or 0.0)

    def _open(self, seconds: float) -> float:
        return seconds * electrons_per_second(self.beam_current_pa or 0.0)
