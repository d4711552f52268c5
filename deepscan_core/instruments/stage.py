"""A stage that is moved to a place and back, whatever instrument it belongs to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError, InstrumentError
from deepscan_core.records.coordinates import YX, ScanContext, check_finite

PERIOD_S = 0.05
LONGEST_MOVE_S = 30.0
SAME_NM = 1e-3  # nobody moves a stage for less
TOLERANCE_NM = 20.0  # what a stage is off is made up for by the beam
CONTENT_FOLLOWS = ((1.0, 0.0), (0.0, 1.0))  # what is seen moves as the stage does


class Stage:
    """Moves relative to where it was found.

    Parameters
    ----------
    read : the stage's position in nm, by its own axes.
    write : sends it to a position; need not wait.
    is_still : whether it stands; a stage that does not say so counts as standing when its position is right.
    axes : by how much what is seen moves, in nm on the specimen as (y, x), when the stage's first coordinate grows by 1 nm,
        and when its second does.
    settle_s : waited after each move.
    tolerance_nm : further off is an error.
    wait : lets seconds pass.
    """

    def __init__(
        self,
        *,
        read: Callable[[], YX],
        write: Callable[[YX], None],
        is_still: Callable[[], bool] = lambda: True,
        axes: tuple[YX, YX] = CONTENT_FOLLOWS,
        settle_s: float,
        tolerance_nm: float = TOLERANCE_NM,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        check_finite("axes of a stage", *axes[0], *axes[1])
        self._content: npt.NDArray[np.float64] = np.array(axes, float).T
        if abs(np.linalg.det(self._content)) < 1e-6:
            raise InputError(f"axes of a stage {axes} are not two directions: give how what is seen moves along each")
        self._read, self._write, self._is_still = read, write, is_still
        self._settle_s, self._tolerance_nm, self._wait = settle_s, tolerance_nm, wait
        self._home: YX | None = None

    @property
    def position_nm(self) -> YX:
        """By the stage's own axes."""
        return self._read()

    def remember(self) -> None:
        """Take where it is now for its home."""
        self._home = self._read()

    def go(self, place_nm: YX) -> YX:
        """Bring a place of the specimen, seen from the centre at home, into the centre; where it stands, likewise.

        Raises
        ------
        InstrumentError
            It did not arrive; nothing was exposed.
        """
        if self._home is None:
            raise InstrumentError("the stage was not prepared: call prepare first", nothing_exposed=True)
        by = np.linalg.solve(self._content, -np.array(place_nm, float))
        self.to_position((self._home[0] + float(by[0]), self._home[1] + float(by[1])))
        y, x = -(self._content @ (np.array(self._read(), float) - self._home))
        return (float(y), float(x))

    def go_in(self, context: ScanContext, place_nm: YX) -> YX:
        """The same in the axes of a context."""
        y_nm, x_nm = context.specimen_from_nm(place_nm)
        stands = self.go((y_nm - context.center_y_nm, x_nm - context.center_x_nm))
        return context.nm_from_specimen((stands[0] + context.center_y_nm, stands[1] + context.center_x_nm))

    def go_home(self) -> None:
        """Back to where it was remembered; does nothing where it was not, or is there."""
        home, self._home = self._home, None
        if home is not None:
            self.to_position(home)

    def to_position(self, position_nm: YX) -> None:
        """Send it to a position by its own axes, and wait until it stands there."""
        if math.dist(self._read(), position_nm) < SAME_NM:
            return
        self._write(position_nm)
        self._wait(self._settle_s)
        waited_s = 0.0
        while not self._is_still() or math.dist(self._read(), position_nm) > self._tolerance_nm:
            if waited_s > LONGEST_MOVE_S:
                raise InstrumentError(
                    f"the stage was sent to {_told(position_nm)} and is at {_told(self._read())}: look at it",
                    nothing_exposed=True,
                )
            self._wait(PERIOD_S)
            waited_s += PERIOD_S


def _told(position_nm: YX) -> str:
    return f"({position_nm[0]:.4g}, {position_nm[1]:.4g}) nm"


def check_position(value: object) -> YX:
    """A position as a journal gives it back; raises `InputError`."""
    if not isinstance(value, list) or len(value) != 2:
        raise InputError(f"stage_nm is {value!r}: give two numbers")
    check_finite("stage_nm", *value)
    return (float(value[0]), float(value[1]))
