"""Controllers that fail in one of every way at one step, around any other controller."""

from __future__ import annotations

import dataclasses
import errno
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from deepscan_core.acquisition.recording import Recording
from deepscan_core.acquisition.watchdog import Watchdog
from deepscan_core.errors import InputError, InstrumentError, InstrumentTaken, WrongFrame
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

#: Kinds that a frame shows, or that come instead of one.
KINDS = ("time-out", "error", "empty", "nan", "shape", "saturated", "dark", "changed", "mismatch", "disk")
QUICK = Watchdog(factor=1.0, slack_s=0.3, grace_s=5.0, call_s=5.0)
DIAL = "dial"


class Faulty:
    """Obeys `ScanController` as another one does, but for the fault.

    Parameters
    ----------
    inner : a controller.
    kind : one of `KINDS`; "disk" is not done here.
    at : the order of the step.
    times : how often it fails.

    Attributes
    ----------
    dial : a parameter beside those of the other one, which anybody can turn.
    exposed : how often each step was sent.
    """

    def __init__(self, inner: Any, kind: str, *, at: int = 2, times: int = 1) -> None:
        self._inner, self._kind, self._at, self._left = inner, kind, at, times
        self._released = threading.Event()
        self._is_prepared = False
        self.dial = 3.5
        self.exposed: Counter[int] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def prepare(self) -> None:
        self._inner.prepare()
        self._is_prepared = True

    def restore(self, *, beam: bool = False) -> None:
        self._inner.restore(beam=beam)
        self._is_prepared = False

    def parameters(self) -> dict[str, Any]:
        return {**self._inner.parameters(), DIAL: self.dial}

    def restore_parameters(self, parameters: Mapping[str, Any]) -> None:
        if self._is_prepared:
            raise InstrumentTaken("a run uses it")
        others = {name: value for name, value in parameters.items() if name != DIAL}
        if not set(others) <= set(self._inner.parameters()):
            raise InputError(f"unknown parameters {sorted(others)}")
        self._inner.restore_parameters(others)
        self.dial = parameters.get(DIAL, self.dial)

    def abort(self) -> None:
        self._released.set()
        self._inner.abort()

    def scan(self, step: ScanStep) -> ScanFrame:
        self.exposed[step.order] += 1
        if step.order != self._at or not self._left:
            return self._inner.scan(step)
        self._left -= 1
        if self._kind == "error":
            raise InstrumentError("the scan unit does not answer")
        if self._kind == "time-out":
            self._released.clear()
            assert self._released.wait(20), "nobody aborted"
            raise InstrumentError("it was cut off")
        frame: ScanFrame = self._inner.scan(step)
        if self._kind in ("empty", "shape"):
            shape = None if self._kind == "empty" else (3, 5)
            raise WrongFrame(f"returned a frame of shape {shape}", shape=shape)
        if self._kind == "changed":
            self.dial += 1
            return frame
        if self._kind == "mismatch":
            return dataclasses.replace(frame, dwell_time_us=2 * frame.dwell_time_us)
        values = frame.values.copy()
        if self._kind == "nan":
            values[1, 2] = np.nan
        elif self._kind == "dark":
            values[:] = 0
        elif self._kind == "saturated":
            values = np.minimum(values, np.quantile(values, 0.5))
        return dataclasses.replace(frame, values=values)


def fail_to_write(monkeypatch: Any, *, at: int = 2, times: int = 1) -> None:
    """Have the disk be full when the tile of a step is to be kept."""
    left = [times]
    original = Recording.recorded

    def recorded(self: Recording, frame: ScanFrame) -> None:
        if frame.step is not None and frame.step.order == at and left[0]:
            left[0] -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        original(self, frame)

    monkeypatch.setattr(Recording, "recorded", recorded)


class Recorder:
    """Writes down every call on a controller, and every attribute that is set."""

    def __init__(self, inner: Any) -> None:
        object.__setattr__(self, "_inner", inner)
        object.__setattr__(self, "calls", [])

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if not callable(value):
            self.calls.append(name)
            return value

        def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append(name)
            return value(*arguments, **named)

        return call

    def __setattr__(self, name: str, value: Any) -> None:
        self.calls.append(f"{name} =")
        setattr(self._inner, name, value)


__all__ = ["DIAL", "KINDS", "QUICK", "Faulty", "Recorder", "fail_to_write"]
