"""Where a run stands, and whom it tells of what it does."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Protocol

from deepscan_core.acquisition.controller import ScanController
from deepscan_core.acquisition.faults import Fault
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep


class RunState(enum.Enum):
    """Where a run stands."""

    IDLE = "idle"
    RUNNING = "running"
    PAUSED = "paused"
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
    reason : why it is paused, where it did so by itself.
    """

    state: RunState
    steps_done: int
    step: ScanStep | None = None
    reason: str = ""


class StepLog(Protocol):
    """What a run tells as it goes, in its own thread; raising in it fails the run."""

    def deciding(self) -> None:
        """The strategy is about to be asked for the next step."""
        ...

    def paused(self) -> None:
        """A pause is over, during which the beam was at rest."""
        ...

    def wait_s(self, step: ScanStep) -> float:
        """How long a step still has to wait before it may be sent; 0 where it need not.

        Raises
        ------
        BeyondLimit
            Waiting and all, it would pass a limit of the run.
        """
        ...

    def exposing(self, step: ScanStep) -> None:
        """A step is about to be sent; where this raises, it is not.

        Raises
        ------
        BeyondLimit
            It would pass a limit of the run.
        """
        ...

    @property
    def patience_s(self) -> float:
        """How much longer the step that is sent may take before it would pass a limit; infinite where there is none."""
        ...

    def recorded(self, frame: ScanFrame) -> None:
        """A step was scanned and the beam is at rest."""
        ...

    def not_recorded(self, step: ScanStep, error: BaseException, frame: ScanFrame | None = None) -> None:
        """A step that was announced has led to no frame that is kept; `frame` is one that is no good."""
        ...

    def refused(self, step: ScanStep, reason: str) -> None:
        """A step was not sent, because it would have passed a limit."""
        ...

    def fault(self, fault: Fault) -> None:
        """Something went wrong, and this was done about it."""
        ...

    def restored(self, controller: ScanController) -> None:
        """The instrument's parameters were put back."""
        ...

    def ended(self, state: RunState, reason: str = "") -> None:
        """The run is over: done, aborted or failed."""
        ...


class NoLog:
    """A `StepLog` for runs of which nobody is told."""

    patience_s = math.inf

    def deciding(self) -> None:
        """See `StepLog.deciding`."""

    def paused(self) -> None:
        """See `StepLog.paused`."""

    def wait_s(self, step: ScanStep) -> float:
        """See `StepLog.wait_s`."""
        return 0.0

    def exposing(self, step: ScanStep) -> None:
        """See `StepLog.exposing`."""

    def recorded(self, frame: ScanFrame) -> None:
        """See `StepLog.recorded`."""

    def not_recorded(self, step: ScanStep, error: BaseException, frame: ScanFrame | None = None) -> None:
        """See `StepLog.not_recorded`."""

    def refused(self, step: ScanStep, reason: str) -> None:
        """See `StepLog.refused`."""

    def fault(self, fault: Fault) -> None:
        """See `StepLog.fault`."""

    def restored(self, controller: ScanController) -> None:
        """See `StepLog.restored`."""

    def ended(self, state: RunState, reason: str = "") -> None:
        """See `StepLog.ended`."""
