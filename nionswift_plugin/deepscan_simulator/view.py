"""How a specimen is looked at first: field of view and dwell time of the live view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from deepscan_core.simulation.specimens import SpecimenKind, specimen_kind

from .generator import DEFAULT_BEAM_CURRENT_PA

SIDE_PX = 512
#: From the shortest dwell that Swift offers to the longest at which a frame of 512 x 512 stays under two seconds.
DWELL_RANGE_US = (1.0, 7.0)


@dataclass(frozen=True, kw_only=True)
class LiveView:
    """A square live view.

    Attributes
    ----------
    side_px, fov_nm, dwell_time_us : of its frames.
    """

    side_px: int = SIDE_PX
    fov_nm: float
    dwell_time_us: float


def usual_view(kind: SpecimenKind) -> LiveView:
    """The specimen's own field of view, with its usual dose at usim's current as far as a live view has time for it."""
    dwell_us = kind.dwell_time_us * kind.beam_current_pa / DEFAULT_BEAM_CURRENT_PA
    return LiveView(fov_nm=kind.fov_nm, dwell_time_us=float(np.clip(dwell_us, *DWELL_RANGE_US)))


def look_at(scan: Any, specimen: str) -> None:
    """Set the live view of a scan to what suits a specimen; it goes on if it was running."""
    view = usual_view(specimen_kind(specimen))
    parameters = scan.get_frame_parameters(0)
    parameters.pixel_size = (view.side_px, view.side_px)
    parameters.fov_nm = view.fov_nm
    parameters.pixel_time_us = view.dwell_time_us
    scan.set_frame_parameters(0, parameters)
    scan.set_selected_profile_index(0)
