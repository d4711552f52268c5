"""Steps moved with the specimen."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from deepscan_core.acquisition.drift.prediction import DriftEstimate
from deepscan_core.acquisition.limits import check_inside
from deepscan_core.errors import ProtocolError, UnsupportedStep
from deepscan_core.records.coordinates import YX, ScanContext, rotate_ccw
from deepscan_core.records.protocol import ScanStep

MARGIN_SIGMAS = 2.0


def shifted(
    step: ScanStep, context: ScanContext, drift: DriftEstimate, *, margin_sigmas: float = MARGIN_SIGMAS
) -> ScanStep:
    """The step where its place will be, larger by what is not known of the drift.

    A specimen that has moved by ``d`` shows at ``p + d`` what the plan saw at ``p``, so the step is moved by the drift. The
    margin is added on every side in whole samples of the step's own pitch, so that dose per area and dwell time are as
    planned. Where the margin alone would leave the context, it is left out.

    Raises
    ------
    UnsupportedStep
        The place itself has drifted out of the context.
    """
    moved = step.moved(context, drift.shift_nm)
    for candidate in (_grown(moved, drift, margin_sigmas), moved):
        try:
            check_inside(candidate, context)
        except ProtocolError:
            continue
        return candidate
    y_nm, x_nm = drift.shift_nm
    raise UnsupportedStep(
        f"step {step.order} has drifted by ({y_nm:.3g}, {x_nm:.3g}) nm out of the context: move the stage or plan again"
    )


def moved_into(step: ScanStep, context: ScanContext, shift_nm: YX) -> ScanStep:
    """The step moved by a shift, or by as much of it, along y and along x, as keeps it inside the context."""
    share = [1.0, 1.0]
    grid = step.in_context()
    corners = [grid.plane_nm((i, j)) for i in (-0.5, grid.rows - 0.5) for j in (-0.5, grid.cols - 0.5)]
    for axis, half_nm in enumerate(nm / 2 for nm in context.fov_nm):
        low, high = min(c[axis] for c in corners), max(c[axis] for c in corners)
        allowed_nm = min(max(shift_nm[axis], -half_nm - low), half_nm - high)
        share[axis] = allowed_nm / shift_nm[axis] if shift_nm[axis] else 1.0
    return step.moved(context, (shift_nm[0] * share[0], shift_nm[1] * share[1]))


def at_planned_place(moved: ScanStep, planned: ScanStep) -> ScanStep:
    """A moved step as it lies on the specimen of the plan: for whoever thinks in the plan's coordinates."""
    return dataclasses.replace(
        moved,
        center_y_nm=planned.center_y_nm,
        center_x_nm=planned.center_x_nm,
        center_y_px=planned.center_y_px,
        center_x_px=planned.center_x_px,
    )


def _grown(step: ScanStep, drift: DriftEstimate, sigmas: float) -> ScanStep:
    """With the uncertainty along each of its own sides added at both ends."""
    samples = []
    for count, length_nm, along in zip((step.rows, step.cols), step.size_nm, ((1.0, 0.0), (0.0, 1.0)), strict=True):
        direction = np.asarray(rotate_ccw(along, step.rotation_rad))
        sigma_nm = math.sqrt(max(float(direction @ drift.covariance_nm2 @ direction), 0.0))
        samples.append(count + 2 * math.ceil(sigmas * sigma_nm / (length_nm / count) - 1e-9))
    rows, cols = samples
    height_nm, width_nm = step.size_nm
    return dataclasses.replace(
        step,
        rows=rows,
        cols=cols,
        height_nm=height_nm * rows / step.rows,
        width_nm=width_nm * cols / step.cols,
        height_px=step.height_px * rows / step.rows,
        width_px=step.width_px * cols / step.cols,
    )
