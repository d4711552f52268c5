"""How many electrons the simulated specimen has had, frame by frame."""

from __future__ import annotations

import dataclasses
import threading
from collections import deque
from dataclasses import dataclass

from deepscan_core.errors import InputError
from deepscan_core.records.costs import dose_e_per_nm2, electrons
from deepscan_core.simulation.physics import Exposure

FRAMES_KEPT = 10_000


@dataclass(frozen=True, kw_only=True)
class DeliveredFrame:
    """One frame, whole or cut off.

    Attributes
    ----------
    exposure : the frame that was asked for.
    samples : how many of its samples the beam came to.
    """

    exposure: Exposure
    samples: int = 0

    @property
    def electrons(self) -> float:
        """Electrons that reached the specimen."""
        return electrons(self.samples, 1, self.exposure.dwell_time_us, self.exposure.beam_current_pa)

    @property
    def lines(self) -> int:
        """Lines that were begun."""
        return -(-self.samples // self.exposure.grid.cols)

    @property
    def dose_e_per_nm2(self) -> float:
        """Mean dose over the rectangle that was asked for."""
        exposure, grid = self.exposure, self.exposure.grid
        return dose_e_per_nm2(
            self.samples, 1, exposure.dwell_time_us, exposure.beam_current_pa, grid.height_nm, grid.width_nm
        )


class ElectronLedger:
    """Every frame's electrons, of any thread. Flyback, overheads and an idle beam count as blanked.

    The sum holds all frames, the list the latest `FRAMES_KEPT` of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frames: deque[DeliveredFrame] = deque(maxlen=FRAMES_KEPT)
        self._earlier_electrons = 0.0
        self._current: DeliveredFrame | None = None

    @property
    def frames(self) -> tuple[DeliveredFrame, ...]:
        """The frames so far, oldest first; the last one may still be running."""
        with self._lock:
            return (*self._frames, *([self._current] if self._current is not None else []))

    @property
    def electrons(self) -> float:
        """All electrons so far."""
        with self._lock:
            return self._earlier_electrons + (self._current.electrons if self._current is not None else 0.0)

    def begin(self, exposure: Exposure) -> DeliveredFrame | None:
        """A frame begins, and so the one before, which is returned, has ended."""
        with self._lock:
            ended = self._current
            if ended is not None:
                self._frames.append(ended)
                self._earlier_electrons += ended.electrons
            self._current = DeliveredFrame(exposure=exposure)
            return ended

    def deliver(self, samples: int) -> None:
        """That many more samples of the running frame have had their dwell; raises `InputError` without a frame."""
        with self._lock:
            if self._current is None:
                raise InputError(f"{samples} samples of no frame: begin one first")
            grid = self._current.exposure.grid
            total = min(grid.rows * grid.cols, self._current.samples + samples)
            self._current = dataclasses.replace(self._current, samples=total)
