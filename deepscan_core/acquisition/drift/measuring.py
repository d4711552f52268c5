"""The shift between two frames of the reference area, in nm of the context scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.acquisition.drift.correlation import match
from deepscan_core.acquisition.drift.spectra import SMALLEST_SIDE_PX, is_blank
from deepscan_core.acquisition.drift.surfaces import SearchArea
from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX, SamplingGrid
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

FloatArray = npt.NDArray[np.float64]
WIDEST_SHARE = 0.25  # of a frame's shorter side: beyond, too little is left in common


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredShift:
    """By how much the specimen has moved between two frames.

    Attributes
    ----------
    shift_nm : ``(y, x)`` in the axes of the context scan.
    covariance_nm2 : 2 x 2, of its standard errors.
    confidence : from 0 to 1; see `surfaces.confidence_of`.
    """

    shift_nm: YX
    covariance_nm2: FloatArray
    confidence: float


class ReferencePicture:
    """A frame of the reference area that later ones are compared with.

    Raises `InputError` for a frame that is no step, has less than 32 samples a side, or shows nothing at all.
    """

    def __init__(self, frame: ScanFrame) -> None:
        if is_blank(frame.values):
            raise InputError("the reference frame shows one value everywhere or none: raise its dwell time")
        if min(frame.values.shape) < SMALLEST_SIDE_PX:
            raise InputError(
                f"a reference of {frame.values.shape} samples is too small: give {SMALLEST_SIDE_PX} a side"
            )
        self.frame = frame
        self._step = step_of(frame)

    @property
    def widest_nm(self) -> float:
        """Radius of the widest search that is made."""
        return WIDEST_SHARE * min(self._step.size_nm)

    def shift_to(self, later: ScanFrame, expected_nm: YX, spread_nm2: FloatArray) -> MeasuredShift:
        """Measure how far the specimen has moved until `later`.

        Parameters
        ----------
        later : a frame of the same rectangle, wherever it was scanned: how far it was moved on purpose is taken out.
        expected_nm : where the shift is expected, ``(y, x)`` in the context's axes.
        spread_nm2 : 2 x 2; the search is limited to the ellipse ``(s-e)' spread^-1 (s-e) <= 1`` around it.

        Notes
        -----
        A blank frame has confidence 0. A drift that changes between the two frames shears them differently; for frames of
        a fraction of a second that is far below the width of a probe.

        Raises
        ------
        InputError
            `later` is of another rectangle, sampling or context.
        """
        step = step_of(later)
        self._check_alike(later, step)
        if is_blank(later.values):
            return MeasuredShift(shift_nm=expected_nm, covariance_nm2=np.diag([np.inf, np.inf]), confidence=0.0)
        grid = self._step.in_context()
        here, there = self._step.center_nm, step.center_nm
        aimed_nm = (there[0] - here[0], there[1] - here[1])
        to_px = np.linalg.inv(nm_a_px(grid))
        center = to_px @ np.subtract(expected_nm, aimed_nm)
        search = SearchArea(center_px=(float(center[0]), float(center[1])), spread_px2=to_px @ spread_nm2 @ to_px.T)
        found = match(self.frame.values, later.values, search)
        to_nm = nm_a_px(grid)
        shift_nm = to_nm @ np.asarray(found.shift_px) + aimed_nm
        known = np.isfinite(found.covariance_px2).all()
        return MeasuredShift(
            shift_nm=(float(shift_nm[0]), float(shift_nm[1])),
            covariance_nm2=to_nm @ found.covariance_px2 @ to_nm.T if known else np.diag([np.inf, np.inf]),
            confidence=found.confidence if known else 0.0,
        )

    def _check_alike(self, later: ScanFrame, step: ScanStep) -> None:
        sizes = (*self._step.size_nm, self._step.rotation_rad, self._step.rows, self._step.cols)
        others = (*step.size_nm, step.rotation_rad, step.rows, step.cols)
        if not np.allclose(sizes, others, rtol=1e-6, atol=1e-9):
            raise InputError(
                f"a frame of {others} cannot be compared with a reference of {sizes}: scan the same rectangle"
            )
        ours, theirs = self.frame.context, later.context
        if (ours.fov_nm, ours.rotation_rad) != (theirs.fov_nm, theirs.rotation_rad):
            raise InputError("the context scan has changed since the reference frame: begin with a new preview")


def step_of(frame: ScanFrame) -> ScanStep:
    """The step that a frame is of; raises `InputError` for a frame of the whole context."""
    if frame.step is None:
        raise InputError("a frame of the whole context is no reference frame: cut out a piece with piece_of()")
    return frame.step


def middle_s(frame: ScanFrame) -> float:
    """When the middle of a frame was recorded."""
    return frame.started_s + frame.duration_s / 2


def nm_a_px(grid: SamplingGrid) -> FloatArray:
    """What one sample down and one to the right are in nm of the plane: the columns of a 2 x 2 matrix."""
    origin = np.array(grid.plane_nm((0.0, 0.0)))
    down, right = np.array(grid.plane_nm((1.0, 0.0))), np.array(grid.plane_nm((0.0, 1.0)))
    return np.stack([down - origin, right - origin], axis=1)
