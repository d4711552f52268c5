"""What an instrument hands back for one scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import SamplingGrid, ScanContext
from deepscan_core.records.protocol import ScanStep


@dataclass(frozen=True, eq=False, kw_only=True)
class ScanFrame:
    """One recorded frame: the context itself (``step is None``) or a step of a plan.

    Attributes
    ----------
    values : float32 ndarray of shape (rows, cols), in detector counts or whatever the detector gives.
    channel : detector.
    context : the context scan as the instrument really had it.
    step : the step that asked for it.
    dwell_time_us : as used.
    dose_e_per_nm2, total_electrons : as delivered; None where the current is not known.
    started_s, duration_s : the instrument's clock.
    metadata : the instrument's own words.
    scanned : where the instrument says that it scanned, in the context's axes; None where it does not say.
    """

    values: npt.NDArray[np.float32]
    channel: str
    context: ScanContext
    step: ScanStep | None
    dwell_time_us: float
    dose_e_per_nm2: float | None = None
    total_electrons: float | None = None
    started_s: float = 0.0
    duration_s: float = 0.0
    metadata: Mapping[str, Any] = field(default_factory=dict)
    scanned: SamplingGrid | None = None

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=np.float32)
        expected = (self.context.rows, self.context.cols) if self.step is None else (self.step.rows, self.step.cols)
        if values.shape != expected:
            raise InputError(f"a frame of shape {values.shape} was asked for as {expected}")
        object.__setattr__(self, "values", values)

    def in_context(self) -> SamplingGrid:
        """Where the samples lie in the context's axes (a calibrated context is needed)."""
        if self.step is not None:
            return self.step.in_context()
        height_nm, width_nm = self.context.fov_nm
        return SamplingGrid(rows=self.context.rows, cols=self.context.cols, height_nm=height_nm, width_nm=width_nm)
