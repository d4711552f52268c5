"""One attempt at a step: announced, sent, inspected, and kept or told of."""

from __future__ import annotations

from collections.abc import Callable

from deepscan_core.acquisition.custody import Custody
from deepscan_core.acquisition.faults import Fault, FaultFound, FaultKind
from deepscan_core.acquisition.inspection import FrameInspector
from deepscan_core.acquisition.reacting import StepFailed, failed, found
from deepscan_core.acquisition.stages import as_asked, in_field, offset_nm
from deepscan_core.acquisition.status import StepLog
from deepscan_core.acquisition.watchdog import WatchedController
from deepscan_core.errors import DeepScanError, LimitReached, RunAborted, TimedOut
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep


class Attempts:
    """Sends steps, each once.

    Parameters
    ----------
    controller, custody : the instrument, and what holds it.
    log : told of everything.
    inspector : tells good frames from bad ones; None takes every frame.
    check_step : asked before a step is sent; raising in it refuses the step.
    is_aborted : whether the run is to end.
    stage_context : of the run, where the stage may bring steps beyond it into it; None leaves the stage alone.
    """

    def __init__(
        self,
        controller: WatchedController,
        custody: Custody,
        log: StepLog,
        *,
        inspector: FrameInspector | None,
        check_step: Callable[[ScanStep], None] | None,
        is_aborted: Callable[[], bool],
        stage_context: ScanContext | None = None,
    ) -> None:
        self._controller = controller
        self._custody = custody
        self._log = log
        self._inspector = inspector
        self._check_step = check_step
        self._is_aborted = is_aborted
        self._stage_context = stage_context

    def expose(self, step: ScanStep) -> ScanFrame:
        """Send a step; raises `StepFailed` for a fault. Where it returns, the frame still has to be settled."""
        self._before_sending(step)
        try:
            self._log.exposing(step)
        except OSError as error:
            raise StepFailed(disk_fault(step, error), error) from error
        frame = None
        try:
            frame = self._scan(step)
            if self._inspector is not None:
                self._inspector.inspect(frame, step)
            return frame
        except BaseException as error:
            self.not_recorded(step, error, frame)
            self._custody.is_astray |= isinstance(error, TimedOut | LimitReached)
            failure = failed(error, step.order)
            if failure is None:
                raise
            raise failure from error

    def settle(self, step: ScanStep, frame: ScanFrame, keep: Callable[[ScanStep, ScanFrame], None]) -> None:
        """Put the beam to rest after a step and see whether it was undisturbed; raises `StepFailed` where not."""
        try:
            self._custody.rest()
        except BaseException:
            keep(step, frame)  # what was exposed is kept, even if the beam cannot be put to rest
            raise
        try:
            self._custody.check_unchanged(nothing_exposed=False)
        except FaultFound as changed:
            self.not_recorded(step, changed, frame)
            raise found(changed, step.order) from changed

    def _scan(self, step: ScanStep) -> ScanFrame:
        """Send a step to the instrument, with the stage where it has to be."""
        context = self._stage_context
        if context is None:
            return self._controller.scan(step, patience_s=self._log.patience_s)
        stands_nm = self._custody.move_stage(offset_nm(step, context))
        sent = in_field(step, stands_nm, context)
        return as_asked(self._controller.scan(sent, patience_s=self._log.patience_s), step, stands_nm)

    def not_recorded(self, step: ScanStep, error: BaseException, frame: ScanFrame | None = None) -> None:
        """Tell the log; where that fails the step stays announced, and so counts as exposed."""
        try:
            self._log.not_recorded(step, error, frame)
        except (OSError, DeepScanError) as unwritten:
            error.add_note(f"that could not be recorded: {unwritten}")

    def _before_sending(self, step: ScanStep) -> None:
        """Whatever can still be refused or found wrong without exposing anything."""
        if self._check_step is not None:
            self._check_step(step)
        try:
            if self._custody.is_astray:
                self._custody.put_back()
                if self._is_aborted():
                    raise RunAborted("aborted while the instrument was put back")
            self._custody.check_unchanged(nothing_exposed=True)
        except FaultFound as changed:
            raise found(changed, step.order) from changed


def disk_fault(step: ScanStep, error: Exception) -> Fault:
    """Writing can be tried again without exposing anything."""
    return Fault(kind=FaultKind.DISK, order=step.order, words=str(error), nothing_exposed=True)
