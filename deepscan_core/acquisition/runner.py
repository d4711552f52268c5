"""Carry out a plan, step by step, and leave the instrument as it was found.

::

    IDLE ── run() ──> RUNNING ──> DONE      every step of the strategy was scanned
                       ↑   ├─────> ABORTED   abort() was called, from any thread
         resume()      │   └─────> FAILED    the strategy raised, or a fault whose policy says abort
                       └─ PAUSED             pause() was called, somebody else began to use the instrument, or a fault

While a run is paused the beam rests. Whatever the end, in ``finally``: the beam rests (blanked, or parked where a person
said) and the parameters are restored; the beam and the live view too, where that is wanted. No call on the instrument is
waited for without end (``watchdog.py``); what is done about faults says a policy (``faults.py``). A step that would pass a
limit of the run is not sent (``ledger.py``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from deepscan_core.acquisition.attempts import Attempts, disk_fault
from deepscan_core.acquisition.controller import BeamRest, ScanController
from deepscan_core.acquisition.custody import Custody, not_put_back
from deepscan_core.acquisition.faults import Action, Fault, FaultFound, FaultPolicy
from deepscan_core.acquisition.inspection import FrameInspector
from deepscan_core.acquisition.limits import check_rest
from deepscan_core.acquisition.reacting import Reactor, StepFailed
from deepscan_core.acquisition.status import NoLog, RunState, RunStatus, StepLog
from deepscan_core.acquisition.strategies import Strategy
from deepscan_core.acquisition.watchdog import Watchdog, WatchedController
from deepscan_core.errors import (
    BeyondLimit,
    DeepScanError,
    InputError,
    InstrumentError,
    InstrumentTaken,
    LimitReached,
    ProtocolError,
    RunAborted,
    StepSkipped,
)
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

__all__ = ["RunState", "RunStatus", "Runner", "StepLog"]
LONGEST_REASON = 1000
LONGEST_WAIT_S = 0.2  # in one go, so that an abort is heard


class Runner:
    """Drives a controller along a strategy.

    Parameters
    ----------
    controller : the instrument.
    rest : where the beam rests between steps and at the end.
    beam_as_before : at the end the beam and the live view are again as they were found; else the beam stays at rest.
    wait_if_taken : somebody can end a pause: pause when somebody else begins to use the instrument, and where a policy says
        so; else the run ends there.
    policy : what is done about faults.
    inspector : tells good frames from bad ones; None takes every frame.
    watchdog : how long the instrument may take.
    check_step : asked before a step is sent; raising in it refuses the step and ends the run.
    on_frame : called after each step, in the run's thread, with the frame; raising in it fails the run.
    on_status : called in the run's thread at every change of `RunStatus`.
    stage_context : see `Attempts`.

    Attributes
    ----------
    refused : numbers of the steps that were not sent, because they would have passed a limit, and why.
    stopped : likewise of those that were stopped on the way, because they took longer than predicted.
    """

    def __init__(
        self,
        controller: ScanController,
        *,
        rest: BeamRest | None = None,
        beam_as_before: bool = False,
        wait_if_taken: bool = False,
        policy: FaultPolicy | None = None,
        inspector: FrameInspector | None = None,
        watchdog: Watchdog | None = None,
        check_step: Callable[[ScanStep], None] | None = None,
        on_frame: Callable[[ScanFrame], None] | None = None,
        on_status: Callable[[RunStatus], None] | None = None,
        stage_context: ScanContext | None = None,
    ) -> None:
        self.refused: list[tuple[int, str]] = []
        self.stopped: list[tuple[int, str]] = []
        self._controller = WatchedController(controller, watchdog)
        self._rest = rest or BeamRest()
        self._custody = Custody(self._controller, self._rest, beam_as_before=beam_as_before)
        self._reactor = Reactor(policy or FaultPolicy(), can_wait=wait_if_taken)
        self._inspector = inspector
        self._check_step = check_step
        self._wait_if_taken = wait_if_taken
        self._on_frame = on_frame
        self._on_status = on_status
        self._stage_context = stage_context
        self._abort = threading.Event()
        self._going = threading.Event()
        self._going.set()
        self._status = RunStatus(state=RunState.IDLE, steps_done=0)
        self._use(NoLog())

    @property
    def status(self) -> RunStatus:
        """The latest snapshot."""
        return self._status

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What went wrong so far, and what was done about it."""
        return tuple(self._reactor.faults)

    def abort(self) -> None:
        """Stop as soon as the instrument can; from any thread; also before the first step."""
        self._abort.set()
        self._going.set()
        self._controller.abort()

    def pause(self) -> None:
        """Wait before the next step, with the beam at rest, until `resume` or `abort`; from any thread."""
        if not self._abort.is_set():
            self._going.clear()

    def resume(self) -> None:
        """Go on with a paused run; what somebody else started on the instrument meanwhile is stopped."""
        self._going.set()

    def run(
        self,
        strategy: Strategy,
        *,
        log: StepLog | None = None,
        parameters_at_end: Mapping[str, Any] | None = None,
    ) -> int:
        """Scan every step of `strategy` and return how many there were.

        Parameters
        ----------
        strategy : says what is next.
        log : told of every step; nobody by default.
        parameters_at_end : what the instrument's parameters shall be at the end, whatever `controller.prepare` found; those
            that are not named are as `controller.restore` leaves them.

        Raises
        ------
        RunAborted
            `abort` was called.
        InstrumentError
            The instrument failed; `InstrumentTaken` where somebody else uses it and the run does not wait.
        InputError
            The runner was used before: make a new one for each run.
        """
        if self._status.state is not RunState.IDLE:
            raise InputError(f"this run is {self._status.state.value} already: make a new Runner")
        check_rest(self._rest, self._controller.capabilities)
        self._use(log or NoLog())
        try:
            self._report(RunState.RUNNING)
            self._custody.take(parameters_at_end)
            self._in_run(strategy)
            self._tell_end(RunState.DONE)
        except BaseException as error:
            state = RunState.ABORTED if isinstance(error, RunAborted) else RunState.FAILED
            self._end(state, error)
            self._report(state)
            raise
        finally:
            self._controller.close()
        self._report(RunState.DONE)
        return self._status.steps_done

    def _use(self, log: StepLog) -> None:
        self._log = log
        self._attempts = Attempts(
            self._controller,
            self._custody,
            log,
            inspector=self._inspector,
            check_step=self._check_step,
            is_aborted=self._abort.is_set,
            stage_context=self._stage_context,
        )

    def _in_run(self, strategy: Strategy) -> None:
        try:
            self._custody.begin()
            self._visit(strategy)
        except Exception as error:
            problem = self._custody.leave(strategy.close)
            if problem is not None:
                raise InstrumentError(f"{error}; and {not_put_back(problem)}") from error
            raise
        except BaseException as error:
            problem = self._custody.leave(strategy.close)
            if problem is not None:
                error.add_note(not_put_back(problem))
            raise
        problem = self._custody.leave(strategy.close)
        if problem is not None:
            raise problem

    def _end(self, state: RunState, error: BaseException) -> None:
        try:
            self._tell_end(state, " ".join(str(error).split())[:LONGEST_REASON])
        except (OSError, DeepScanError) as unwritten:  # what ended the run is more important
            error.add_note(f"the end of the run could not be recorded: {unwritten}")

    def _tell_end(self, state: RunState, reason: str = "") -> None:
        is_restored, self._custody.is_restored = self._custody.is_restored, False
        if is_restored:
            self._log.restored(self._controller)
        self._log.ended(state, reason)

    def _visit(self, strategy: Strategy) -> None:
        self._log.deciding()
        step = next(strategy, None)
        while step is not None:
            try:
                frame, why = self._scan(step), f"step {step.order} was given up after a fault"
            except BeyondLimit as refused:
                frame, why = None, str(refused)
                self.refused.append((step.order, why))
                self._log.refused(step, why)
            except LimitReached as stopped:
                frame, why = None, str(stopped)
                self.stopped.append((step.order, why))
                self._custody.rest()
            self._log.deciding()
            try:
                step = strategy.send(frame) if frame is not None else strategy.throw(StepSkipped(why))
            except StopIteration:
                step = None

    def _scan(self, step: ScanStep) -> ScanFrame | None:
        """One step, as soon as nothing pauses the run; None where it is given up."""
        reason, tries = "", 0
        last: StepFailed | None = None
        while True:
            self._wait_while_paused(step, reason)
            self._report(RunState.RUNNING, step)
            try:
                return self._attempt(step)
            except InstrumentTaken as taken:
                if not self._wait_if_taken:
                    raise
                reason = str(taken)
                self.pause()
                continue
            except ProtocolError as refused:
                if last is None:
                    raise
                fault, error = self._react(last, tries, refused=str(refused)), last.error
            except StepFailed as failure:
                tries, last = tries + 1, failure
                fault, error = self._react(failure, tries), failure.error
            if fault.action is Action.ABORT:
                raise _as_end(fault, error)
            self._custody.rest()
            if fault.action is Action.SKIP:
                return None
            if fault.action is Action.PAUSE:
                reason = fault.told()
                self.pause()

    def _attempt(self, step: ScanStep) -> ScanFrame:
        """Send a step once; raises `StepFailed` for a fault."""
        self._wait_until_allowed(step)
        frame = self._attempts.expose(step)
        self._attempts.settle(step, frame, self._keep)
        try:
            self._keep(step, frame)
        finally:
            self._reactor.good()
            self._status = RunStatus(state=RunState.RUNNING, steps_done=self._status.steps_done + 1, step=step)
            if self._on_frame is not None:
                self._on_frame(frame)
        return frame

    def _keep(self, step: ScanStep, frame: ScanFrame) -> None:
        """Have the log record a frame, as often as the policy for a full disk says."""
        tries = 0
        while True:
            try:
                self._log.recorded(frame)
                return
            except OSError as error:
                tries += 1
                fault = self._react(StepFailed(disk_fault(step, error), error), tries)
                if fault.action is Action.PAUSE:
                    self.pause()
                    self._wait_while_paused(step, fault.told())
                elif fault.action is not Action.RETRY:
                    self._attempts.not_recorded(step, InstrumentError(f"its tile could not be kept: {error}"))
                    if fault.action is Action.SKIP:
                        return
                    raise
            except BaseException as error:
                self._attempts.not_recorded(step, InstrumentError(f"its tile could not be kept: {error}"))
                raise

    def _react(self, failure: StepFailed, tries: int, *, refused: str = "") -> Fault:
        fault = self._reactor.decide(failure, tries, refused=refused)
        try:
            self._log.fault(fault)
        except (OSError, DeepScanError) as unwritten:  # what it tells of is more important
            failure.error.add_note(f"that could not be recorded: {unwritten}")
        return fault

    def _wait_while_paused(self, step: ScanStep, reason: str) -> None:
        while not self._going.is_set():
            self._report(RunState.PAUSED, step, reason)
            self._going.wait()
            self._log.paused()
            reason = "" if self._abort.is_set() else self._taken_back()
            if reason:
                self.pause()
        self._check_going(step)

    def _taken_back(self) -> str:
        """Go on with the instrument after a pause; why that has to wait, where somebody records just now."""
        try:
            self._controller.take()
        except InstrumentError as taken:
            if not self._wait_if_taken:
                raise
            return str(taken)
        self._custody.rest()
        return ""

    def _wait_until_allowed(self, step: ScanStep) -> None:
        """Let the time pass that has to lie between neighbouring exposures; an abort ends it."""
        while (seconds := self._log.wait_s(step)) > 0:
            self._controller.wait(min(seconds, LONGEST_WAIT_S))
            self._check_going(step)

    def _check_going(self, step: ScanStep) -> None:
        if self._abort.is_set():
            raise RunAborted(f"aborted before step {step.order}")

    def _report(self, state: RunState, step: ScanStep | None = None, reason: str = "") -> None:
        self._status = RunStatus(state=state, steps_done=self._status.steps_done, step=step, reason=reason)
        if self._on_status is not None:
            self._on_status(self._status)


def _as_end(fault: Fault, error: Exception) -> Exception:
    """What a run raises that ends with a fault: the instrument's own error where there is one."""
    if not isinstance(error, FaultFound):
        return error
    return InstrumentError(f"{fault.told()}; look at the instrument, then go on with --resume")
