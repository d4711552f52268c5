"""A simulated microscope whose frames take longer than it says, and which counts what was exposed, where and when."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from deepscan_core.acquisition.controller import BeamRest
from deepscan_core.errors import RunAborted
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.records.costs import ScanCosts
from deepscan_core.simulation.physics import AcquisitionPhysics, Exposure
from tests.acquisition.small_runs import CONTEXT, SPECIMEN

RESERVE_S = 0.02
PLACES_NM = np.stack(np.meshgrid(np.linspace(-7.9, 7.9, 80), np.linspace(-7.9, 7.9, 80), indexing="ij"), axis=-1)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One exposure: where, from when to when, with how many electrons."""

    grid: SamplingGrid
    began_s: float
    ended_s: float
    electrons: float


class LateMicroscope(SimulatedController):
    """Frames, and what lies between them, are late by at most half of `RESERVE_S` together.

    Parameters
    ----------
    seed : of how late.
    opens : the beam is not blanked in idle times.

    Attributes
    ----------
    seen : all exposures.
    stops_at : numbers of the steps in which it is aborted, after their lines; each once.
    """

    def __init__(self, seed: int, *, opens: bool) -> None:
        costs = ScanCosts(blanks_when_idle=not opens, reserve_s=RESERVE_S)
        super().__init__(SPECIMEN, CONTEXT, costs=costs, physics=AcquisitionPhysics(moves_take_time=True))
        self.seen: list[Seen] = []
        self._chance = random.Random(seed)
        self._late_left_s = 0.0
        self.stops_at: set[int] = set()

    def rest(self, where: BeamRest) -> None:
        super().rest(where)
        self._wait(self._late())

    def _late(self) -> float:
        """Some of what is left of the lateness of this step."""
        late_s = self._late_left_s * self._chance.choice((0.0, self._chance.random(), 1.0))
        self._late_left_s -= late_s
        return late_s

    def _pass_time(self, exposure: Exposure, what: str) -> None:
        self._late_left_s = RESERVE_S / 2 * 0.999
        began_s, before = self.clock_s, self.exposed_electrons
        order = int(what.rpartition(" ")[2]) if what.startswith("step") else None
        try:
            super()._pass_time(exposure, what)
            if order in self.stops_at:
                self.stops_at.discard(order)
                raise RunAborted(f"aborted during {what}")
            self._idle(self._late())
        finally:
            self.seen.append(
                Seen(
                    grid=exposure.grid,
                    began_s=began_s,
                    ended_s=self.clock_s,
                    electrons=self.exposed_electrons - before,
                )
            )

    @property
    def highest_dose_e_per_nm2(self) -> float:
        """Of a dense grid of places, every exposure taken as even in its rectangle."""
        dose = np.zeros(PLACES_NM.shape[:2])
        for one in self.seen:
            away = PLACES_NM - (one.grid.center_y_nm, one.grid.center_x_nm)
            sine, cosine = np.sin(one.grid.ccw_rad), np.cos(one.grid.ccw_rad)
            down = np.abs(away[..., 0] * cosine + away[..., 1] * sine)
            right = np.abs(-away[..., 0] * sine + away[..., 1] * cosine)
            inside = (down < one.grid.height_nm / 2) & (right < one.grid.width_nm / 2)
            dose += inside * one.electrons / (one.grid.height_nm * one.grid.width_nm)
        return float(dose.max())


__all__ = ["RESERVE_S", "LateMicroscope", "Seen"]
