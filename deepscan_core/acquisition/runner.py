"""Carry out a plan, step by step, and leave the instrument as it was found.

::

    IDLE ── run() ──> RUNNING ──> DONE      every step of the strategy was scanned
                          ├─────> ABORTED   abort() was called, from any thread
                          └─────> FAILED    the instrument or the strategy raised

Whatever the end, in ``finally``: the beam rests (blanked, or parked where a person said) and the parameters are restored.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable
from dataclasses import dataclass

from deepscan_core.acquisition.controller import BeamRest, ScanController
from deepscan_core.acquisition.limits import check_rest
from deepscan_core.acquisition.strategies import Strategy
from deepscan_core.errors import InputError, RunAborted
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep


class RunState(enum.Enum):
    """Where a run stands."""

    IDLE = "idle"
    RUNNING = "running"
    DONE = "done"
    ABORTED = "aborted"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """A snapshot of a run.

    Attributes
    ----------
    state : see `RunState`.
    steps_done : frames recorded by this run.
    step : the step being scanned, or None.
    """

    state: RunState
    steps_done: int
    step: ScanStep | None = None


class Runner:
    """Drives a controller along a strategy.

    Parameters
    ----------
    controller : the instrument.
    rest : where the beam rests between steps and at the end.
    on_frame : called after each step, in the run's thread, with the frame; raising in it fails the run.
    on_status : called in the run's thread at every change of `RunStatus`.
    """

    def __init__(
        self,
        controller: ScanController,
        *,
        rest: BeamRest | None = None,
        on_frame: Callable[[ScanFrame], None] | None = None,
        on_status: Callable[[RunStatus], None] | None = None,
    ) -> None:
        self._controller = controller
        self._rest = rest or BeamRest()
        self._on_frame = on_frame
        self._on_status = on_status
        self._abort = threading.Event()
        self._status = RunStatus(state=RunState.IDLE, steps_done=0)

    @property
    def status(self) -> RunStatus:
        """The latest snapshot."""
        return self._status

    def abort(self) -> None:
        """Stop as soon as the instrument can; from any thread; also before the first step."""
        self._abort.set()
        self._controller.abort()

    def run(self, strategy: Strategy) -> int:
        """Scan every step of `strategy` and return how many there were.

        Raises
        ------
        RunAborted
            `abort` was called.
        InstrumentError
            The instrument failed.
        InputError
            The runner was used before: make a new one for each run.
        """
        if self._status.state is not RunState.IDLE:
            raise InputError(f"this run is {self._status.state.value} already: make a new Runner")
        check_rest(self._rest, self._controller.capabilities)
        try:
            self._report(RunState.RUNNING)
            try:
                self._controller.prepare()
                self._controller.rest(self._rest)
                self._visit(strategy)
            finally:
                strategy.close()
                try:
                    self._controller.rest(self._rest)
                finally:
                    self._controller.restore()
        except RunAborted:
            self._report(RunState.ABORTED)
            raise
        except BaseException:
            self._report(RunState.FAILED)
            raise
        self._report(RunState.DONE)
        return self._status.steps_done

    def _visit(self, strategy: Strategy) -> None:
        step = next(strategy, None)
        while step is not None:
            if self._abort.is_set():
                raise RunAborted(f"aborted before step {step.order}")
            self._report(RunState.RUNNING, step)
            frame = self._controller.scan(step)
            try:
                self._controller.rest(self._rest)
            finally:  # what was exposed is kept, even if the beam cannot be put to rest
                self._status = RunStatus(state=RunState.RUNNING, steps_done=self._status.steps_done + 1, step=step)
                if self._on_frame is not None:
                    self._on_frame(frame)
            try:
                step = strategy.send(frame)
            except StopIteration:
                step = None

    def _report(self, state: RunState, step: ScanStep | None = None) -> None:
        self._status = RunStatus(state=state, steps_done=self._status.steps_done, step=step)
        if self._on_status is not None:
            self._on_status(self._status)
