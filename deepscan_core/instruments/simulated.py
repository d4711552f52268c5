"""A simulated scanning microscope: any specimen, Poisson noise by dwell time and current, seeded."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from deepscan_core.acquisition.controller import BeamRest, Capabilities
from deepscan_core.acquisition.limits import check_context, check_rest, check_step
from deepscan_core.errors import InputError, RunAborted
from deepscan_core.records.coordinates import SamplingGrid, ScanContext, check_positive
from deepscan_core.records.costs import ScanCosts, dose_e_per_nm2, electrons
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep
from deepscan_core.simulation.physics import record_counts
from deepscan_core.simulation.specimens import Specimen

EVERYTHING = Capabilities(
    center=True, rotation=True, non_square_context=True, blanker=True, park=True, stage=False, line_abort=True
)
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
    sleep : called with the seconds that pass at the instrument. Nothing by default, so that tests and demos are quick;
        `time.sleep` makes it as slow as a real one.

    Attributes
    ----------
    beam : "blanked", "parked (y, x)" or "on sample", for tests and displays.
    exposed_electrons : all electrons that reached the specimen in frames so far.
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
        self._specimen = specimen
        self._context = dataclasses.replace(context, channels=(CHANNEL,))
        self._current_pa = context.beam_current_pa
        self._dwell_time_us = dwell_time_us
        self._rng = np.random.default_rng(seed)
        self._costs = costs or ScanCosts()
        self._sleep = sleep
        self._clock_s = 0.0
        self._abort = threading.Event()
        self._busy = threading.Event()  # from prepare to restore, and while a frame is recorded

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
        self.is_viewing = False

    def scan(self, step: ScanStep) -> ScanFrame:
        """See `ScanController.scan`."""
        check_step(step, self._context, self.capabilities)
        self.beam = "on sample"
        return self._record(step.on_specimen(self._context), step.dwell_time_us, step)

    def rest(self, where: BeamRest) -> None:
        """See `ScanController.rest`."""
        check_rest(where, self.capabilities)
        self.beam = "blanked" if where.park_fraction is None else f"parked {where.park_fraction}"

    def restore(self) -> None:
        """See `ScanController.restore`: there is nothing to undo, steps never change the context."""
        self._busy.clear()
        self._abort.clear()

    def abort(self) -> None:
        """See `ScanController.abort`."""
        if self._busy.is_set():
            self._abort.set()

    def _record(self, grid: SamplingGrid, dwell_time_us: float, step: ScanStep | None) -> ScanFrame:
        values = record_counts(self._specimen, grid, dwell_time_us, self._current_pa, self._rng)
        started_s = self._clock_s
        with self._interruptible():
            self._pass_time(values, dwell_time_us, step)
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
            duration_s=self._clock_s - started_s,
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

    def _pass_time(self, values: npt.NDArray[np.float32], dwell_time_us: float, step: ScanStep | None) -> None:
        """Let the lines go by, so that an abort takes effect within a few of them."""
        rows, cols = values.shape
        self._wait(self._costs.frame_overhead_s)
        line_s = (cols * dwell_time_us + self._costs.flyback_us) * 1e-6
        for top in range(0, rows, LINES_A_CHUNK):
            if self._abort.is_set():
                raise RunAborted("aborted during " + ("the preview" if step is None else f"step {step.order}"))
            lines = min(LINES_A_CHUNK, rows - top)
            self._wait(lines * line_s)
            self.exposed_electrons += electrons(lines, cols, dwell_time_us, self._current_pa)

    def _wait(self, seconds: float) -> None:
        self._clock_s += seconds
        if self._sleep is not None:
            self._sleep(seconds)
