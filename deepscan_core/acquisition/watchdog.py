"""Nobody waits forever for an instrument: every call on it is made in a thread of its own and given a time."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from deepscan_core.acquisition.controller import BeamRest, Capabilities, ScanController
from deepscan_core.errors import InstrumentError, LimitReached, RunAborted, TimedOut
from deepscan_core.records.coordinates import YX, ScanContext, check_positive
from deepscan_core.records.costs import ScanCosts
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

T = TypeVar("T")
# A wait that has no end cannot be interrupted from the keyboard on every system.
SLICE_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Watchdog:
    """How long an instrument may take.

    Attributes
    ----------
    factor, slack_s : a step may take this many times what is predicted, and so many seconds more; then it is aborted.
    grace_s : after the abort it has this long to stop; then it counts as hung.
    call_s : what any other call may take. Stopping a live view can take the rest of a slow frame.
    costs : of the instrument, for the prediction.
    """

    factor: float = 3.0
    slack_s: float = 10.0
    grace_s: float = 10.0
    call_s: float = 60.0
    costs: ScanCosts = field(default_factory=ScanCosts)

    def __post_init__(self) -> None:
        check_positive(
            "factor, slack, grace or call of a watchdog", self.factor, self.slack_s, self.grace_s, self.call_s
        )

    def limit_s(self, step: ScanStep) -> float:
        """The time after which a step is aborted."""
        return self.factor * self.costs.frame_time_s(step.rows, step.cols, step.dwell_time_us) + self.slack_s


class _Call:
    """Something that is done in another thread."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self.done = threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None

    def make(self) -> None:
        try:
            self.result = self._function()
        except BaseException as error:  # raised again in the thread that waits
            self.error = error
        finally:
            self.done.set()

    def wait(self, seconds: float, also_left_s: Callable[[], float] = lambda: math.inf) -> bool:
        """Whether it was done in time: in so many seconds, and while another clock has some left."""
        deadline = time.monotonic() + seconds
        while not self.done.is_set():
            left = min(deadline - time.monotonic(), also_left_s())
            if left <= 0:
                return self.done.is_set()
            self.done.wait(min(left, SLICE_S))
        return True

    def outcome(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.result


class _Worker:
    """One thread that makes calls one after the other."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="deepscan-instrument", daemon=True).start()

    def start(self, function: Callable[[], Any]) -> _Call:
        call = _Call(function)
        self._calls.put(call)
        return call

    def close(self) -> None:
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call.make()


class WatchedController:
    """A `ScanController` whose calls end: with their result, or with `TimedOut`.

    All calls are made in one thread. Where a call hangs, that thread is given up and the next call is made in another, so
    that the beam can still be put to rest and parameters restored as far as the instrument lets it.

    Parameters
    ----------
    controller : the instrument.
    watchdog : how long it may take.

    Attributes
    ----------
    is_hung : a call did not end, so what it was doing may go on.
    """

    def __init__(self, controller: ScanController, watchdog: Watchdog | None = None) -> None:
        self.is_hung = False
        self._controller = controller
        self._watchdog = watchdog or Watchdog()
        self._worker: _Worker | None = None
        self._abort_error: Exception | None = None

    @property
    def name(self) -> str:
        """See `ScanController.name`."""
        return self._controller.name

    @property
    def capabilities(self) -> Capabilities:
        """See `ScanController.capabilities`."""
        return self._call("capabilities", lambda: self._controller.capabilities)

    @property
    def costs(self) -> ScanCosts:
        """See `ScanController.costs`."""
        return self._controller.costs

    def now_s(self) -> float:
        """See `ScanController.now_s`."""
        return self._controller.now_s()

    def wait(self, seconds: float) -> None:
        """See `ScanController.wait`."""
        self._controller.wait(seconds)

    def context(self) -> ScanContext:
        """See `ScanController.context`."""
        return self._call("context", self._controller.context)

    def preview(self) -> ScanFrame:
        """See `ScanController.preview`."""
        return self._call("preview", self._controller.preview)

    def prepare(self) -> None:
        """See `ScanController.prepare`."""
        self._call("prepare", self._controller.prepare)

    def move_stage(self, to_nm: YX) -> YX:
        """See `ScanController.move_stage`."""
        return self._call("move_stage", lambda: self._controller.move_stage(to_nm))

    def take(self) -> None:
        """See `ScanController.take`."""
        self._call("take", self._controller.take)

    def rest(self, where: BeamRest) -> None:
        """See `ScanController.rest`."""
        self._call("rest", lambda: self._controller.rest(where))

    def restore(self, *, beam: bool = False) -> None:
        """See `ScanController.restore`."""
        self._call("restore", lambda: self._controller.restore(beam=beam))

    def parameters(self) -> Mapping[str, Any]:
        """See `ScanController.parameters`."""
        return self._call("parameters", self._controller.parameters)

    def restore_parameters(self, parameters: Mapping[str, Any]) -> None:
        """See `ScanController.restore_parameters`."""
        self._call("restore_parameters", lambda: self._controller.restore_parameters(parameters))

    def abort(self) -> None:
        """See `ScanController.abort`."""
        self._controller.abort()

    def scan(self, step: ScanStep, *, patience_s: float = math.inf) -> ScanFrame:
        """See `ScanController.scan`; a step that takes too long is aborted.

        Parameters
        ----------
        patience_s : on the instrument's clock, after which it would pass a limit of the run.

        Raises
        ------
        TimedOut
            It was, and may have exposed the specimen; `TimedOut.is_hung` where it did not even stop then.
        LimitReached
            It was because of a limit of the run, and may have exposed the specimen in part.
        """
        limit_s, end_s = self._watchdog.limit_s(step), self.now_s() + patience_s
        call = self._start(lambda: self._controller.scan(step))
        try:
            if call.wait(limit_s, lambda: end_s - self.now_s()):
                frame: ScanFrame = call.outcome()
                return frame
        except BaseException as error:
            if not call.done.is_set():  # Control-C: the instrument is stopped too
                self._stop(call, f"step {step.order}", error)
            raise
        if self.now_s() >= end_s:
            return self._at_limit(call, step, patience_s)
        late = f"step {step.order} took longer than {limit_s:.3g} s"
        self._stop(call, late)
        try:
            call.outcome()
        except RunAborted:
            raise TimedOut(f"{late} and was aborted: look at the instrument") from None
        except Exception as error:
            raise TimedOut(f"{late} and failed when it was aborted ({error}): look at the instrument") from None
        raise TimedOut(f"{late}: its frame was thrown away")

    def _at_limit(self, call: _Call, step: ScanStep, patience_s: float) -> ScanFrame:
        """Stop a step that would pass a limit; its frame, where it was done just then."""
        late = f"step {step.order} was not done within {patience_s:.3g} s and would have passed a limit of the run"
        self._stop(call, late)
        try:
            frame: ScanFrame = call.outcome()
        except RunAborted as aborted:
            raise LimitReached(f"{late}: it was stopped", nothing_exposed=aborted.nothing_exposed) from None
        except InstrumentError as error:
            raise LimitReached(f"{late}: it was stopped, and failed ({error})") from None
        return frame

    def close(self) -> None:
        """Let the thread end; another call would start another."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def _stop(self, call: _Call, what: str, cause: BaseException | None = None) -> None:
        """Abort a call, from yet another thread since an abort can hang as well, and wait for its end."""
        threading.Thread(target=self._abort_quietly, name="deepscan-watchdog", daemon=True).start()
        if not call.wait(self._watchdog.grace_s):
            self._give_up()
            why = "" if self._abort_error is None else f" ({self._abort_error})"
            silent = f"{what}, and {self.name} did not stop within {self._watchdog.grace_s:g} s of an abort{why}"
            raise TimedOut(f"{silent}: it may be scanning still, look at it", is_hung=True) from cause

    def _abort_quietly(self) -> None:
        try:
            self._controller.abort()
        except Exception as error:  # whoever waits finds out that nothing has stopped
            self._abort_error = error

    def _call(self, what: str, function: Callable[[], T]) -> T:
        call = self._start(function)
        if not call.wait(self._watchdog.call_s):
            self._give_up()
            raise TimedOut(
                f"{self.name} did not answer {what} within {self._watchdog.call_s:g} s: look at it", is_hung=True
            )
        result: T = call.outcome()
        return result

    def _start(self, function: Callable[[], Any]) -> _Call:
        if self._worker is None:
            self._worker = _Worker()
        return self._worker.start(function)

    def _give_up(self) -> None:
        self.is_hung = True
        self.close()
