"""Fields beyond the scan range: which steps need the stage, how far, and what they are in the field it brings them to.

A step that lies wholly inside the context is reached by the beam, with the stage where it was found. Any other one is
brought into the middle of the context by the stage, where that is allowed.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from deepscan_core.records.coordinates import YX, ScanContext
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

AT_HOME: YX = (0.0, 0.0)
EDGE_PX = 0.01  # as in the check of a plan
STAGE_OFFSET = "stage_offset_nm"  # in the metadata of a frame: where the stage stood, as read back


@dataclass(frozen=True, kw_only=True)
class Where:
    """Where beam and stage are.

    Attributes
    ----------
    beam_nm : the place that it is on or was on last, in the context's axes.
    stage_nm : its offset, see `offset_nm`.
    """

    beam_nm: YX = AT_HOME
    stage_nm: YX = AT_HOME

    @property
    def field_nm(self) -> YX:
        """Where the beam is in the field of the scan."""
        return (self.beam_nm[0] - self.stage_nm[0], self.beam_nm[1] - self.stage_nm[1])


START = Where()


def is_inside(step: ScanStep, context: ScanContext) -> bool:
    """Whether all of a step lies in the context."""
    grid = step.in_context()
    for i in (-0.5, step.rows - 0.5):
        for j in (-0.5, step.cols - 0.5):
            y_px, x_px = context.px_from_nm(grid.plane_nm((i, j)))
            if not (
                -0.5 - EDGE_PX <= y_px <= context.rows - 0.5 + EDGE_PX
                and -0.5 - EDGE_PX <= x_px <= context.cols - 0.5 + EDGE_PX
            ):
                return False
    return True


def offset_nm(step: ScanStep, context: ScanContext) -> YX:
    """Where the stage has to be for a step: the place, in the context's axes, that lies in the context's centre then."""
    reach_nm, fov_nm = math.hypot(*step.size_nm) / 2, context.fov_nm
    is_well_inside = all(abs(at) + reach_nm <= side / 2 for at, side in zip(step.center_nm, fov_nm, strict=True))
    return AT_HOME if is_well_inside or is_inside(step, context) else step.center_nm


def in_field(step: ScanStep, offset: YX, context: ScanContext) -> ScanStep:
    """The same step as it lies in the context when the stage is at an offset."""
    if offset == AT_HOME:
        return step
    return step.moved(context, (-offset[0], -offset[1]))


def as_asked(frame: ScanFrame, step: ScanStep, offset: YX) -> ScanFrame:
    """The frame of `in_field` as one of the step itself."""
    if offset == AT_HOME:
        return frame
    grid = frame.scanned or frame.in_context()
    there = dataclasses.replace(
        grid, center_y_nm=grid.center_y_nm + offset[0], center_x_nm=grid.center_x_nm + offset[1]
    )
    metadata = {**frame.metadata, STAGE_OFFSET: list(offset)}
    return dataclasses.replace(frame, step=step, scanned=there, metadata=metadata)
