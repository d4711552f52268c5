"""Runs of a few small steps on a simulated microscope that remembers what was exposed, and fails when it is told to."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

from deepscan_core.acquisition.journal import Journal
from deepscan_core.errors import InstrumentError, InstrumentTaken
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.planning import make_protocol
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.protocol import ScanLimits, ScanProtocol, ScanStep
from deepscan_core.records.regions import ScanRegion
from deepscan_core.simulation.specimens import make_spots
from deepscan_core.survey import Survey, look

CONTEXT = ScanContext(rows=64, cols=64, fov_y_nm=16, fov_x_nm=16, beam_current_pa=50)
SPECIMEN = make_spots(1, extent_nm=12)
PLACES_PX = ((10.5, 12.5), (10.5, 44.5), (40.5, 12.5), (40.5, 44.5))
KINDS = ("abort", "fail", "taken")


class Microscope(SimulatedController):
    """Counts how often each step was exposed, and stops at one of them.

    Parameters
    ----------
    like : another one on the same specimen, whose counts and doses go on.
    stop_at, kind : the order of a step and what happens there: "abort" and "fail" after some lines, "taken" before any.
    """

    def __init__(self, like: Microscope | None = None, *, stop_at: int | None = None, kind: str = "abort") -> None:
        super().__init__(SPECIMEN, CONTEXT, sleep=self._line)
        self.exposed: Counter[int] = Counter() if like is None else like.exposed
        if like is not None:
            self.dose = like.dose
        self._stop_at, self._kind = stop_at, kind
        self._order, self._waits = 0, 0

    def scan(self, step: ScanStep) -> ScanFrame:
        if step.order == self._stop_at and self._kind == "taken":
            raise InstrumentTaken("somebody else was quicker", nothing_exposed=True)
        before, self._waits = self.exposed_electrons, 0
        self._order = step.order
        try:
            return super().scan(step)
        finally:
            self._order = 0
            self.exposed[step.order] += self.exposed_electrons > before

    def _line(self, seconds: float) -> None:
        """The second wait of a step is for its first lines, the fourth for the rest."""
        self._waits += 1
        if self._order == self._stop_at and self._kind == "abort" and self._waits == 2:
            self.abort()
        if self._order == self._stop_at and self._kind == "fail" and self._waits == 4:
            raise InstrumentError("the scan unit does not answer")


def plan(count: int = 4, *, max_doses: float | None = None) -> ScanProtocol:
    """Steps of 40 x 40 samples that do not overlap; `max_doses` is the limit in doses of one step."""
    image: CalibratedImage = look(Microscope())[1]
    regions = [ScanRegion(center_px=place, size_px=(20, 20), score=1) for place in PLACES_PX[:count]]
    protocol = make_protocol(image, regions, context=Microscope().context())
    if max_doses is None:
        return protocol
    assert protocol.steps[0].dose_e_per_nm2 is not None
    limit = max_doses * protocol.steps[0].dose_e_per_nm2
    return dataclasses.replace(protocol, limits=ScanLimits(max_dose_e_per_nm2=limit))


def session(protocol: ScanProtocol, directory: Path, microscope: Microscope, **options: Any) -> Survey:
    """One run, to its end or to where the microscope stops it."""
    survey = Survey(protocol, microscope, directory=directory, **options)
    with contextlib.suppress(InstrumentError):
        survey.run()
    return survey


def recorded(directory: Path) -> frozenset[int]:
    """Orders that the journal calls recorded; it must stand to its last byte."""
    journal = Journal.resume(directory)
    assert journal.set_aside is None, journal.problem
    return journal.history.recorded


__all__ = ["CONTEXT", "KINDS", "Microscope", "plan", "recorded", "session"]
