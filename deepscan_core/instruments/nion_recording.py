"""One frame after the other from a Nion scan device, each of which can be aborted from any thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from deepscan_core.errors import InstrumentError, InstrumentTaken, RunAborted, WrongFrame
from deepscan_core.instruments.nion_beam import Beam

ABORT_PERIOD_S = 0.01


class Recorder:
    """Records frames through a scan hardware source.

    Parameters
    ----------
    source : gives the scan hardware source.
    beam : let through for a frame.
    in_run : whether it lies between `prepare` and `restore` of its controller.
    """

    def __init__(self, source: Callable[[], Any], beam: Beam, in_run: Callable[[], bool]) -> None:
        self._source = source
        self._beam = beam
        self._in_run = in_run
        self._recording = threading.Event()
        self._aborted = threading.Event()

    def record(self, parameters: Any, shape: tuple[int, int], what: str) -> Any:
        """The data of one frame as Nion gives them.

        Parameters
        ----------
        parameters : Nion's frame parameters.
        shape : samples that are expected.
        what : is recorded, for people.

        Raises
        ------
        RunAborted
            `abort` was called before or meanwhile.
        InstrumentTaken
            Somebody started the view during the frame.
        WrongFrame
            Nothing came, or something else.
        """
        name = self._source().display_name
        if self._source().is_recording:
            raise InstrumentError(f"{name} is recording: wait until it is done", nothing_exposed=True)
        recorded = self._unless_aborted(parameters, what)
        xdata = recorded[0] if recorded else None
        if xdata is None or xdata.data is None or xdata.data.shape != shape:
            found = None if xdata is None or xdata.data is None else tuple(int(side) for side in xdata.data.shape)
            got = "nothing" if found is None else f"a frame of shape {found}"
            raise WrongFrame(
                f"{name} returned {got} for {shape[0]} x {shape[1]} samples: see Swift's log for its reason",
                shape=found,
            )
        return xdata

    def forget_abort(self) -> None:
        """An abort that was asked for is over."""
        self._aborted.clear()

    def abort(self) -> None:
        """Stop a frame; between `prepare` and `restore` also the next one; else without effect when none runs."""
        if self._recording.is_set() or self._in_run():
            self._aborted.set()
        if self._recording.is_set():
            threading.Thread(target=self._keep_aborting, name="deepscan-abort", daemon=True).start()

    def _keep_aborting(self) -> None:
        """Take the beam off and ask again until it stopped: a frame that has not quite started would not hear one call."""
        while self._recording.is_set() and self._aborted.is_set():
            self._beam.cut()
            self._source().abort_recording()
            time.sleep(ABORT_PERIOD_S)

    def _unless_aborted(self, parameters: Any, what: str) -> Any:
        """The list of frames that Nion returns."""
        self._recording.set()
        try:
            if self._aborted.is_set():
                raise RunAborted(f"aborted before {what}", nothing_exposed=True)
            with self._beam.on():
                recorded = self._source().record_immediate(parameters)
            if self._aborted.is_set():
                raise RunAborted(f"aborted in {what}")
            if self._in_run() and self._source().is_playing:
                raise InstrumentTaken(
                    f"somebody started the view during {what}: the run waits, Resume repeats the step"
                )
            return recorded
        finally:
            self._recording.clear()
            if not self._in_run():
                self._aborted.clear()
