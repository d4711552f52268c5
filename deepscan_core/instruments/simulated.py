"""A simulated scanning microscope: any specimen, counting statistics, and what else of `AcquisitionPhysics` is wanted."""

from __future__ import annotations

import dataclasses
import math
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from deepscan_core.acquisition.controller import BeamRest, Capabilities
from deepscan_core.acquisition.limits import check_context, check_rest, check_stage, check_step
from deepscan_core.errors import InputError, InstrumentTaken, RunAborted
from deepscan_core.instruments.stage import Stage, check_position
from deepscan_core.records.coordinates import YX, SamplingGrid, ScanContext, check_positive
from deepscan_core.records.costs import ScanCosts, dose_e_per_nm2, electrons
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep
from deepscan_core.simulation.damage import DoseMap
from deepscan_core.simulation.physics import IDEAL, AcquisitionPhysics, Exposure, record_frame
from deepscan_core.simulation.specimens.base import Specimen

EVERYTHING = Capabilities(
    center=True, rotation=True, non_square_context=True, blanker=True, park=True, stage=False, line_abort=True
)
WITH_STAGE = dataclasses.replace(EVERYTHING, stage=True)
CHANNEL = "HAADF"
LINES_A_CHUNK = 32


class SimulatedController:
    """Obeys `ScanController` on a specimen.

    Parameters
    ----------
    specimen : what lies under the beam.
    context : calibrated; its ``beam_current_pa`` is the probe current.
    dwell_time_us : of previews.
    seed : of the noise; the same calls in the same order give the same counts.
    capabilities : what this instrument can do; everything but a stage by default.
    costs : its overheads.
    physics : probe, detector, scan errors, drift and damage; all ideal by default.
    sleep : called with the seconds that pass at the instrument. Nothing by default, so that tests and demos are quick;
        `time.sleep` makes it as slow as a real one.

    Attributes
    ----------
    beam : "blanked", "parked (y, x)" or "on sample", for tests and displays.
    exposed_electrons : all electrons that reached the specimen so far.
    dose : where they did.
    clock_s : the instrument's time.
    stage_nm : position of the stage as (y, x) on the specimen; what is seen moves as it does.
    """

    def __init__(
        self,
        specimen: Specimen,
        context: ScanContext,
        *,
        dwell_time_us: float = 1.0,
        seed: int = 0,
        capabilities: Capabilities = EVERYTHING,
        costs: ScanCosts | None = None,
        physics: AcquisitionPhysics = IDEAL,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        check_context(context, capabilities)
        check_positive("dwell_time_us", dwell_time_us)
        if context.beam_current_pa is None:
            raise InputError("a simulated microscope needs a beam current: give beam_current_pa in the context")
        self.name = f"simulated microscope ({specimen.name})"
        self.capabilities = capabilities
        self.beam = "on sample"
        self.is_viewing = True
        self.exposed_electrons = 0.0
        self.dose = DoseMap()
        self.clock_s = 0.0
        self._specimen = specimen
        self._context = dataclasses.replace(context, channels=(CHANNEL,))
        self._current_pa = context.beam_current_pa
        self._dwell_time_us = dwell_time_us
        self._rng = np.random.default_rng(seed)
        self.costs = costs or ScanCosts()
        self._physics = physics
        self.stage_nm: YX = (0.0, 0.0)
        self._stage = Stage(
            read=lambda: self.stage_nm,
            write=self._write_stage,
            settle_s=self.costs.stage_settle_s if physics.moves_take_time else 0.0,
            wait=self._wait,
        )
        self._here_nm = (context.center_y_nm, context.center_x_nm)
        self._sleep = sleep
        self._abort = threading.Event()
        self._found: tuple[str, bool] | None = None  # beam and view at prepare
        self._busy = threading.Event()  # from prepare to restore, and while a frame is recorded

    def now_s(self) -> float:
        """See `ScanController.now_s`."""
        return self.clock_s

    def wait(self, seconds: float) -> None:
        """See `ScanController.wait`."""
        self._wait(seconds)

    def context(self) -> ScanContext:
        """See `ScanController.context`."""
        return self._context

    def preview(self) -> ScanFrame:
        """See `ScanController.preview`."""
        return self._record(self._context.on_specimen(), self._dwell_time_us, None)

    def prepare(self) -> None:
        """See `ScanController.prepare`: the simulated view is stopped; no other parameter is ever changed."""
        self._abort.clear()
        self._busy.set()
        self._found = (self.beam, self.is_viewing)
        self._stage.remember()
        self.is_viewing = False

    def scan(self, step: ScanStep) -> ScanFrame:
        """See `ScanController.scan`."""
        check_step(step, self._context, self.capabilities)
        if self.is_viewing and self._found is not None:
            raise InstrumentTaken(
                f"the live view of {self.name} was started: the run waits for the view to end", nothing_exposed=True
            )
        self.beam = "on sample"
        return self._record(step.on_specimen(self._context), step.dwell_time_us, step)

    def rest(self, where: BeamRest) -> None:
        """See `ScanController.rest`."""
        check_rest(where, self.capabilities)
        self.beam = "blanked" if where.park_fraction is None else f"parked {where.park_fraction}"

    def move_stage(self, to_nm: YX) -> YX:
        """See `ScanController.move_stage`."""
        check_stage(self.capabilities)
        return self._stage.go_in(self._context, to_nm)

    def take(self) -> None:
        """See `ScanController.take`."""
        self.is_viewing = False

    def restore(self, *, beam: bool = False) -> None:
        """See `ScanController.restore`: but for beam and view there is nothing to undo, steps never change the context."""
        self._stage.go_home()
        found, self._found = self._found, None
        if beam and found is not None:
            self.beam, self.is_viewing = found
        self._busy.clear()
        self._abort.clear()

    def parameters(self) -> dict[str, Any]:
        """See `ScanController.parameters`: where the beam is, and whether the view runs."""
        stage = {"stage_nm": list(self.stage_nm)} if self.capabilities.stage else {}
        return {"beam": self.beam, "viewing": self.is_viewing, **stage}

    def restore_parameters(self, parameters: Mapping[str, Any]) -> None:
        """See `ScanController.restore_parameters`."""
        for name, value in parameters.items():
            if name not in self.parameters():
                known = ", ".join(self.parameters())
                raise InputError(f"parameter {name!r} is none that DeepScan writes: give {known}")
            if name == "stage_nm":
                check_position(value)
            if name == "viewing" and not isinstance(value, bool):
                raise InputError(f"viewing is {value!r}: give true or false")
            if name == "beam" and not _is_beam(value):
                raise InputError(
                    f"beam is {value!r}: give 'on sample', 'blanked' or 'parked (y, x)' with two fractions"
                )
        if self._found is not None:
            raise InstrumentTaken(f"a run uses {self.name}: wait until it is done")
        if "stage_nm" in parameters:
            self._stage.to_position(check_position(parameters["stage_nm"]))
        self.is_viewing = parameters.get("viewing", self.is_viewing)
        self.beam = parameters.get("beam", self.beam)

    def abort(self) -> None:
        """See `ScanController.abort`."""
        if self._busy.is_set():
            self._abort.set()

    def _record(self, grid: SamplingGrid, dwell_time_us: float, step: ScanStep | None) -> ScanFrame:
        with self._interruptible():
            what = "the preview" if step is None else f"step {step.order}"
            if self._abort.is_set():
                raise RunAborted(f"aborted before {what}", nothing_exposed=True)
            self._go_to(grid)
            grid = dataclasses.replace(
                grid,
                center_y_nm=grid.center_y_nm - self.stage_nm[0],
                center_x_nm=grid.center_x_nm - self.stage_nm[1],
            )
            started_s = self.clock_s
            exposure = Exposure(
                grid=grid,
                dwell_time_us=dwell_time_us,
                beam_current_pa=self._current_pa,
                started_s=started_s,
                costs=self.costs,
            )
            values = record_frame(self._specimen, exposure, self._rng, physics=self._physics, dose=self.dose)
            self._pass_time(exposure, what)
        total = electrons(grid.rows, grid.cols, dwell_time_us, self._current_pa)
        return ScanFrame(
            values=values,
            channel=CHANNEL,
            context=self._context,
            step=step,
            dwell_time_us=dwell_time_us,
            dose_e_per_nm2=dose_e_per_nm2(
                grid.rows, grid.cols, dwell_time_us, self._current_pa, grid.height_nm, grid.width_nm
            ),
            total_electrons=total,
            started_s=started_s,
            duration_s=self.clock_s - started_s,
            metadata={"instrument": self.name},
        )

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """A frame can be aborted while it is recorded, also outside a run."""
        in_run = self._busy.is_set()
        self._busy.set()
        try:
            yield
        finally:
            if not in_run:
                self._busy.clear()
                self._abort.clear()

    def _write_stage(self, position_nm: YX) -> None:
        if self._physics.moves_take_time:
            self._wait(math.dist(position_nm, self.stage_nm) / self.costs.stage_nm_per_s)
        self.stage_nm = position_nm

    def _go_to(self, grid: SamplingGrid) -> None:
        """Bring the beam to the middle of the next frame."""
        there_nm = (grid.center_y_nm, grid.center_x_nm)
        if self._physics.moves_take_time:
            self._idle(self.costs.travel_time_s(self._here_nm, there_nm))
        self._here_nm = there_nm

    def _pass_time(self, exposure: Exposure, what: str) -> None:
        """Let the lines go by, so that an abort takes effect within a few of them."""
        rows, cols = exposure.grid.rows, exposure.grid.cols
        self._idle(self.costs.frame_overhead_s)
        done = 0
        try:
            for top in range(0, rows, LINES_A_CHUNK):
                if self._abort.is_set():
                    raise RunAborted(f"aborted during {what}")
                lines = min(LINES_A_CHUNK, rows - top)
                self._wait(lines * cols * exposure.dwell_time_us * 1e-6)
                self._idle(lines * self.costs.line_idle_us * 1e-6)
                self.exposed_electrons += electrons(lines, cols, exposure.dwell_time_us, self._current_pa)
                done = top + lines
        finally:
            self.dose.expose(self._drifted(exposure.grid), exposure.dose_e_per_nm2, lines=done)

    def _drifted(self, grid: SamplingGrid) -> SamplingGrid:
        """Where on the specimen a frame that has just been taken has left its dose."""
        moved_y, moved_x = self._physics.drift.at(self.clock_s)
        return dataclasses.replace(
            grid,
            center_y_nm=grid.center_y_nm - float(moved_y),
            center_x_nm=grid.center_x_nm - float(moved_x),
        )

    def _idle(self, seconds: float) -> None:
        """Time in which nothing is recorded; a beam that is not blanked exposes all the same."""
        self._wait(seconds)
        self.exposed_electrons += self.costs.idle_electrons(seconds, self._current_pa)

    def _wait(self, seconds: float) -> None:
        self.clock_s += seconds
        if self._sleep is not None:
            self._sleep(seconds)


def _is_beam(value: Any) -> bool:
    """Whether a value is one that `SimulatedController.beam` can have."""
    if not isinstance(value, str):
        return False
    place = re.fullmatch(r"parked \(([0-9.e-]{1,30}), ([0-9.e-]{1,30})\)", value)
    try:
        return value in ("on sample", "blanked") or (
            place is not None and all(0 <= float(part) <= 1 for part in place.groups())
        )
    except ValueError:
        return False
