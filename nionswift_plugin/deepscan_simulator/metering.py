"""Watches usim's scan device while it reads a frame, so that a frame that is cut off costs only what it delivered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .generator import SpecimenGenerator, is_blanked


class ScanMeter:
    """Reads how far each frame of a scan device has come.

    Usim computes a frame as a whole when it begins and hands it out row by row; ``read_partial`` is where it says how
    many rows the beam has been to.

    Parameters
    ----------
    device : usim's scan device.
    instrument : usim's STEM controller, for the blanker.
    generator : what computes the frames.
    """

    def __init__(self, device: Any, instrument: Any, generator: SpecimenGenerator) -> None:
        self._device = device
        self._instrument = instrument
        self._generator = generator
        self._frame_number: int | None = None
        self._seen_samples = 0
        self._is_dark = True

    def start(self) -> Callable[[], None]:
        """Begin to watch; returns what ends it and leaves the device as it was."""
        read_partial = self._device.read_partial

        def watched(frame_number: int | None, pixels_to_skip: int) -> Any:
            begun = self._generator.frames
            self._generator.next_frame()
            result = read_partial(frame_number, pixels_to_skip)
            self._read(result, is_new=self._generator.frames != begun)
            return result

        self._device.read_partial = watched
        self._generator.is_metered = True

        def stop() -> None:
            vars(self._device).pop("read_partial", None)  # its own method lies underneath, on the class
            self._generator.is_metered = False

        return stop

    def _read(self, result: Any, *, is_new: bool) -> None:
        elements, complete, _, _, frame_number, pixels_to_skip = result
        if frame_number != self._frame_number:
            self._frame_number, self._seen_samples = frame_number, 0
            self._is_dark = not is_new
        data = elements[-1]["data"]  # of the detector that was computed last
        samples = self._samples_reached(data) if complete else pixels_to_skip
        if not self._is_dark and not is_blanked(self._instrument):
            self._generator.ledger.deliver(max(0, samples - self._seen_samples))
        self._seen_samples = max(samples, self._seen_samples)

    def _samples_reached(self, data: Any) -> int:
        """Of a frame that calls itself complete: where it was cancelled, rows that the beam did not reach are empty."""
        computed = self._generator.latest
        if computed is not None and np.array_equal(data, computed):
            return int(data.size)
        filled = np.flatnonzero(data.any(axis=1))
        return (int(filled[-1]) + 1) * data.shape[1] if filled.size else 0
