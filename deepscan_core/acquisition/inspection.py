"""Whether a frame can be what was asked for, and whether the instrument is still set as the run left it.

What is dark or saturated is judged by a preview of the same instrument, in the same grey values. Without one only a bright
frame without any noise is told, since every detector that sees a beam has some; nothing at all may be counted where there
is nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from deepscan_core.acquisition.controller import BEAM_PARAMETERS, STEP_PARAMETERS
from deepscan_core.acquisition.faults import FaultFound, FaultKind
from deepscan_core.records.coordinates import SamplingGrid, ScanContext
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

SIGMAS = 6.0
FEWEST_SAMPLES = 64  # fewer can be all alike by chance
SATURATED_SHARE = 0.01
RELATIVE_TOLERANCE = 1e-3  # of dwell time and field; what instruments round is less
LARGEST_MISPLACEMENT_SAMPLES = 1.0  # of a corner; whole pixels and one pitch can be that far off

FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True, kw_only=True)
class Brightness:
    """What a preview says of how dark and how bright frames can be.

    Attributes
    ----------
    darkest : mean of its darkest place of the size of a step.
    darkest_error : standard error of that.
    usual : median of such means.
    dwell_time_us : of the preview; None where it is not known.
    saturated_share : of its samples that pile up at its highest value.
    """

    darkest: float
    darkest_error: float
    usual: float
    dwell_time_us: float | None
    saturated_share: float

    @classmethod
    def of(cls, values: FloatArray, *, place_px: int, dwell_time_us: float | None) -> Self:
        """Of a preview.

        Parameters
        ----------
        values : ndarray of shape (rows, cols).
        place_px : side of the smallest step, in pixels of the preview.
        dwell_time_us : of the preview.
        """
        from scipy import ndimage

        values = np.asarray(values, dtype=np.float64)
        side = max(1, min(place_px, *values.shape))
        inner = tuple(slice(side // 2, n - side // 2 or None) for n in values.shape)
        means = ndimage.uniform_filter(values, side, mode="nearest")[inner]
        return cls(
            darkest=float(means.min()),
            darkest_error=_noise(values) / side,
            usual=float(np.median(means)),
            dwell_time_us=dwell_time_us,
            saturated_share=pile_up(values),
        )

    def lowest_mean(self, dwell_time_us: float) -> float:
        """Below this no frame of the same place and current is expected.

        Half of the way from the usual to the darkest place is allowed for places that are darker still. Whether grey values
        grow with the dwell time is not known of every detector, so the lower of both is taken.
        """
        lowest = self.darkest - (self.usual - self.darkest) / 2
        ratio = 1.0 if self.dwell_time_us is None else dwell_time_us / self.dwell_time_us
        return min(lowest, lowest * ratio)


def pile_up(values: FloatArray) -> float:
    """The share of samples that have exactly the highest value, where more have it than the next lower one; else 0.

    Counts thin out towards their highest value; where a detector clips they pile up there.
    """
    levels, counts = np.unique(values, return_counts=True)
    if len(levels) < 2 or counts[-1] <= counts[-2]:
        return 0.0
    return float(counts[-1] / values.size)


class FrameInspector:
    """Raises `FaultFound` for a frame that cannot be right.

    Parameters
    ----------
    context : of the plan.
    brightness : from a preview of the same instrument; None where there is none.
    """

    def __init__(self, context: ScanContext, brightness: Brightness | None = None) -> None:
        self._context = context
        self._brightness = brightness

    def inspect(self, frame: ScanFrame, step: ScanStep) -> None:
        """See the class."""
        values = np.asarray(frame.values)
        if values.size == 0:
            raise FaultFound(FaultKind.EMPTY, "the instrument returned no samples")
        if values.shape != (step.rows, step.cols):
            raise FaultFound(FaultKind.SHAPE, f"a frame of {values.shape} came for {step.rows} x {step.cols} samples")
        unknown = int(values.size - np.isfinite(values).sum())
        if unknown:
            raise FaultFound(FaultKind.NAN, f"{unknown} of {values.size} samples are no numbers")
        self._check_done(frame, step)
        self._check_brightness(values, step)

    def _check_done(self, frame: ScanFrame, step: ScanStep) -> None:
        """What was scanned is what was asked for, as far as the instrument says what it did."""
        asked, done = step.dwell_time_us, frame.dwell_time_us
        if not math.isclose(asked, done, rel_tol=RELATIVE_TOLERANCE):
            raise FaultFound(FaultKind.MISMATCH, f"a dwell time of {asked:g} µs was asked for, {done:g} µs was used")
        for name in ("fov_y_nm", "fov_x_nm", "rotation_rad"):
            planned, present = getattr(self._context, name), getattr(frame.context, name)
            slack = RELATIVE_TOLERANCE * (1.0 if name == "rotation_rad" else abs(planned or 1.0))
            if planned is not None and (present is None or abs(planned - present) > slack):
                raise FaultFound(FaultKind.MISMATCH, f"the plan is for {name} = {planned:g}, the frame has {present}")
        if frame.scanned is not None:
            apart = apart_samples(step.in_context(), frame.scanned)
            if apart > LARGEST_MISPLACEMENT_SAMPLES:
                raise FaultFound(FaultKind.MISMATCH, f"what was scanned lies up to {apart:.3g} samples off its place")

    def _check_brightness(self, values: FloatArray, step: ScanStep) -> None:
        mean, seen = float(values.mean(dtype=np.float64)), self._brightness
        if values.size >= FEWEST_SAMPLES and values.min() == values.max() > 0:
            raise FaultFound(FaultKind.SATURATED, f"all {values.size} samples are {mean:g}, without any noise")
        if seen is None:
            return
        share, usual_share = pile_up(values), seen.saturated_share
        if share > SATURATED_SHARE + 2 * usual_share:
            raise FaultFound(
                FaultKind.SATURATED,
                f"{share:.1%} of the samples have the highest value, {values.max():g}; of the preview's {usual_share:.1%}",
            )
        lowest = seen.lowest_mean(step.dwell_time_us)
        error = math.hypot(float(values.std(dtype=np.float64)) / math.sqrt(values.size), seen.darkest_error)
        if mean < lowest - SIGMAS * error:
            text = f"its mean of {mean:.4g} is below anything that the preview allows ({lowest:.4g}): is there a beam?"
            raise FaultFound(FaultKind.DARK, text)


class ParameterWatch:
    """Finds what somebody else has changed while a run is on.

    Parameters
    ----------
    before : the instrument's parameters at the beginning of the run.
    """

    def __init__(self, before: Mapping[str, Any]) -> None:
        self._known = _watched(before)

    def check(self, present: Mapping[str, Any], *, nothing_exposed: bool) -> None:
        """Raise `FaultFound` where something is no longer as it was, that neither a step nor the beam's rest changes."""
        known, present = self._known, _watched(present)
        names = sorted(name for name in {*known, *present} if known.get(name) != present.get(name))
        if names:
            changes = ", ".join(f"{n} is {_short(present.get(n))} and was {_short(known.get(n))}" for n in names)
            raise FaultFound(
                FaultKind.CHANGED, f"somebody changed the instrument ({changes})", nothing_exposed=nothing_exposed
            )


def _watched(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if name not in BEAM_PARAMETERS | STEP_PARAMETERS}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _noise(values: FloatArray) -> float:
    """Standard deviation of a sample from differences of neighbours, which structure hardly enters."""
    if values.shape[1] < 2:
        return float(values.std())
    differences = np.diff(values, axis=1)
    return float(np.median(np.abs(differences - np.median(differences))) * 1.4826 / math.sqrt(2))


def apart_samples(asked: SamplingGrid, done: SamplingGrid) -> float:
    """The largest distance of a corner from its place, in samples."""
    pitch_nm = min(asked.height_nm / asked.rows, asked.width_nm / asked.cols)
    corners = [(i, j) for i in (-0.5, asked.rows - 0.5) for j in (-0.5, asked.cols - 0.5)]
    return max(math.dist(asked.plane_nm(corner), done.plane_nm(corner)) for corner in corners) / pitch_nm
