"""What of a Nion microscope is set by named controls: the blanker, and the stage."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from deepscan_core.errors import InstrumentError
from deepscan_core.instruments.stage import Stage
from deepscan_core.records.coordinates import YX

BLANKER = "C_Blank"
BEAM_CURRENT = "BeamCurrent"  # in A
STAGE = "stage_position_m"
STAGE_SETTLE_S = 1.0


class Beam:
    """The beam of a STEM controller.

    Parameters
    ----------
    stem : gives the STEM controller that is registered.
    """

    def __init__(self, stem: Callable[[], Any]) -> None:
        self._stem = stem
        self._is_lit = threading.Event()  # the blanker was opened for a frame

    def control(self, control: str) -> float | None:
        """The value of an instrument control, None where the instrument has no such control."""
        found, value = self._stem().TryGetVal(control)
        return float(value) if found and value is not None else None

    @property
    def has_blanker(self) -> bool:
        """Whether its control answers."""
        return self.control(BLANKER) is not None

    @property
    def is_blanked(self) -> bool:
        """Whether there is a blanker and it is closed."""
        return bool(self.control(BLANKER))

    @property
    def current_pa(self) -> float | None:
        """Where the instrument tells one."""
        current_a = self.control(BEAM_CURRENT)
        return current_a * 1e12 if current_a and current_a > 0 else None

    def blank(self, blanked: bool) -> None:
        """Close or open the blanker; raises `InstrumentError` where it does not."""
        self._stem().SetVal(BLANKER, 1.0 if blanked else 0.0)
        if self.is_blanked is not blanked:
            raise InstrumentError(f"the beam blanker ({BLANKER}) did not {'close' if blanked else 'open'}: check it")

    @contextmanager
    def on(self) -> Iterator[None]:
        """Open the blanker, where there is one that is closed, and close it again whatever happens."""
        was_blanked = self.is_blanked
        if was_blanked:
            self._is_lit.set()
            self.blank(False)
        try:
            yield
        finally:
            self._is_lit.clear()
            if was_blanked:
                self.blank(True)

    def cut(self) -> None:
        """Close a blanker that was opened for a frame, at once and from any thread; the frame ends in the dark."""
        if self._is_lit.is_set():
            self._stem().SetVal(BLANKER, 1.0)

    def stage(self) -> Stage:
        """The stage; what is seen moves as its control does."""
        return Stage(read=self._stage_nm, write=self._move_stage, settle_s=STAGE_SETTLE_S)

    @property
    def has_stage(self) -> bool:
        """Whether the control of its position answers."""
        try:
            self._stage_nm()
        except Exception:  # whatever a STEM controller without one does
            return False
        return True

    def _stage_nm(self) -> YX:
        position_m = self._stem().GetVal2D(STAGE)
        return (float(position_m.y) * 1e9, float(position_m.x) * 1e9)

    def _move_stage(self, position_nm: YX) -> None:
        """By its control: `change_stage_position` turns what it is given with the scan in some versions, in others not."""
        point = type(self._stem().GetVal2D(STAGE))  # a class of Nion's, which is not imported here
        self._stem().SetVal2D(STAGE, point(y=position_nm[0] * 1e-9, x=position_nm[1] * 1e-9))
