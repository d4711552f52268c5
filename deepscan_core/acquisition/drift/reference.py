"""Where drift is to be measured: a rectangle off all regions that cannot be mistaken for itself moved."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.acquisition.drift.correlation import match, match_itself
from deepscan_core.acquisition.drift.measuring import WIDEST_SHARE, nm_a_px
from deepscan_core.acquisition.drift.spectra import SMALLEST_SIDE_PX, is_blank, spectrum_of, unlike_itself
from deepscan_core.acquisition.drift.surfaces import SearchArea
from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import ScanContext, check_count, check_positive
from deepscan_core.records.costs import dose_e_per_nm2
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

REFERENCE_ORDER = 0  # steps of a plan are numbered from 1; a run numbers references from -1 down
REFERENCE_REASON = "drift reference"
NEEDED_CONFIDENCE = 0.2  # windows alone let the repeats of a lattice look up to a tenth lower
DOUBTFUL_CONFIDENCE = 0.4  # a repeat that is expected to leave less than this may one day leave less than needed
LOOKED_AT = 12  # candidates whose whole autocorrelation is looked at
HALVES_WITHIN_PX = 1.5
STRIDE_SHARE = 0.25  # of a side, from one candidate to the next, unless there were too many
MOST_CANDIDATES = 128
USUAL_ROOM_SHARES = (0.1, 0.05, 0.0)  # of the field of view, as much as the steps leave


@dataclass(frozen=True, kw_only=True)
class ReferenceArea:
    """Where drift is measured, and how well that will go.

    Attributes
    ----------
    step : the rectangle as a step, in samples of the preview; it is charged like any other.
    context : of the preview.
    confidence : expected without any prediction; on a perfect lattice 0.
    unambiguous_radius_nm : how well the shift has to be predicted so that no repeat can be mistaken for it: half the
        shortest such repeat; a quarter of the shorter side, where nothing repeats.
    sigma_nm : expected standard error of a shift, in the direction in which it is largest.
    """

    step: ScanStep
    context: ScanContext
    confidence: float
    unambiguous_radius_nm: float
    sigma_nm: float

    @property
    def is_ambiguous(self) -> bool:
        """Whether a shift can be measured only where it is predicted."""
        return self.confidence < DOUBTFUL_CONFIDENCE


def choose_reference(
    values: npt.NDArray[np.floating],
    context: ScanContext,
    steps: Sequence[ScanStep] = (),
    *,
    side_px: int | tuple[int, int] = 128,
    dwell_time_us: float,
    margin_nm: float = 0.0,
    room_nm: float | None = None,
) -> ReferenceArea:
    """Choose a rectangle off all steps whose autocorrelation is least ambiguous.

    Parameters
    ----------
    values : ndarray of shape (rows, cols): the preview.
    context : of the preview, calibrated.
    steps : the plan; the rectangle keeps away from each.
    side_px : its rows and columns, in pixels of the preview.
    dwell_time_us : of the reference frames; with that of the preview they are as noisy as what is judged here.
    margin_nm : distance to all steps.
    room_nm : distance to the edges of the context, so that it can follow the drift for a while; None takes a tenth of the
        field of view, or as much as there is.

    Returns
    -------
    The rectangle that needs no prediction most clearly; if all need one, that with the longest repeat.

    Notes
    -----
    The 12 rectangles that differ most from a lattice and from noise are compared; the others are not looked at closely. One
    whose even and odd columns do not show the same thing is taken only if they all are so.

    Raises
    ------
    InputError
        No rectangle of that size lies off the steps, or none shows anything but noise.
    """
    check_positive("dwell_time_us of a reference", dwell_time_us)
    rows, cols = (side_px, side_px) if isinstance(side_px, int) else side_px
    check_count("side_px of a reference", rows, cols)
    if values.shape != (context.rows, context.cols):
        raise InputError(f"a preview of shape {values.shape} is not of a context of {context.rows} x {context.cols} px")
    if min(rows, cols) < SMALLEST_SIDE_PX:
        raise InputError(f"a reference of {rows} x {cols} px is too small: give at least {SMALLEST_SIDE_PX} px a side")
    rooms_nm = [room_nm] if room_nm is not None else [share * min(context.fov_nm) for share in USUAL_ROOM_SHARES]
    judged: list[_Judged] = []
    for one_nm in rooms_nm:
        corners = _candidates(context, steps, (rows, cols), margin_nm, one_nm)
        judged += _judged(values, context, corners, (rows, cols), dwell_time_us)
        if any(one.is_proven for one in judged):
            break
    else:
        if not corners:
            raise InputError(
                f"no rectangle of {rows} x {cols} px lies {margin_nm:g} nm off all steps and {rooms_nm[-1]:g} nm off the "
                f"edges of a context of {context.rows} x {context.cols} px: give the reference fewer pixels or plan "
                "fewer regions"
            )
    if not judged:
        raise InputError("no place of the preview shows more than noise to measure drift by: raise its dwell time")
    return max(judged, key=lambda one: one.rank).area


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """A candidate, and whether it is proven to show more than noise."""

    area: ReferenceArea
    is_proven: bool

    @property
    def rank(self) -> tuple[bool, float, float, float]:
        return (self.is_proven, self.area.confidence, self.area.unambiguous_radius_nm, -self.area.sigma_nm)


def _judged(
    values: npt.NDArray[np.floating],
    context: ScanContext,
    corners: Sequence[tuple[int, int]],
    shape: tuple[int, int],
    dwell_time_us: float,
) -> list[_Judged]:
    """The most promising of the candidates that show anything."""
    spectra = {corner: spectrum_of(_cut(values, corner, shape)) for corner in corners if _shows(values, corner, shape)}
    judged = []
    for corner in sorted(spectra, key=lambda corner: -unlike_itself(spectra[corner]))[:LOOKED_AT]:
        area = _area(spectra[corner], _step(corner, shape, context, dwell_time_us), context)
        if area is not None:
            judged.append(_Judged(area=area, is_proven=_agrees_with_itself(_cut(values, corner, shape))))
    return judged


def is_reference(step: ScanStep | None) -> bool:
    """Whether a step only measures drift."""
    return step is not None and step.order <= REFERENCE_ORDER and step.reason == REFERENCE_REASON


def piece_of(preview: ScanFrame, area: ReferenceArea) -> ScanFrame:
    """The reference area as the preview shows it, with the time of its own rows: the first reference frame, at no dose.

    Drift is then known since the preview, on which the plan was made.
    """
    step = area.step
    top, left = round(step.center_y_px - (step.rows - 1) / 2), round(step.center_x_px - (step.cols - 1) / 2)
    a_row_s = preview.duration_s / preview.context.rows
    return ScanFrame(
        values=_cut(preview.values, (top, left), (step.rows, step.cols)),
        channel=preview.channel,
        context=preview.context,
        step=dataclasses.replace(step, dwell_time_us=preview.dwell_time_us),
        dwell_time_us=preview.dwell_time_us,
        started_s=preview.started_s + top * a_row_s,
        duration_s=step.rows * a_row_s,
        metadata=preview.metadata,
    )


def seen_in(preview: ScanFrame) -> Callable[[ScanStep], float]:
    """When the preview passed over the middle of a step."""

    def seen_s(step: ScanStep) -> float:
        fraction, _ = preview.context.fraction_from_px((step.center_y_px, step.center_x_px))
        return preview.started_s + fraction * preview.duration_s

    return seen_s


def _candidates(
    context: ScanContext, steps: Sequence[ScanStep], shape: tuple[int, int], margin_nm: float, room_nm: float
) -> list[tuple[int, int]]:
    """Top left corners of rectangles of whole pixels off all steps."""
    boxes = [_box_px(step, context, margin_nm) for step in steps]
    return [
        (top, left)
        for top, left in _corners(context, shape, room_nm)
        if not any(
            top - 0.5 < box[2]
            and top + shape[0] - 0.5 > box[0]
            and left - 0.5 < box[3]
            and left + shape[1] - 0.5 > box[1]
            for box in boxes
        )
    ]


def _corners(context: ScanContext, shape: tuple[int, int], room_nm: float) -> list[tuple[int, int]]:
    """Top left corners of rectangles that cover the context, but for its edges."""
    room_px = [math.ceil(room_nm / pitch) for pitch in context.pixel_size_nm]
    spans = [n - side - 2 * room for n, side, room in zip((context.rows, context.cols), shape, room_px, strict=True)]
    if min(spans) < 0:
        return []
    strides = [max(1, round(side * STRIDE_SHARE)) for side in shape]
    while math.prod(span // stride + 1 for span, stride in zip(spans, strides, strict=True)) > MOST_CANDIDATES:
        strides = [math.ceil(1.2 * stride) for stride in strides]
    tops, lefts = (
        range(room, room + span + 1, stride) for room, span, stride in zip(room_px, spans, strides, strict=True)
    )
    return [(top, left) for top in tops for left in lefts]


def _box_px(step: ScanStep, context: ScanContext, margin_nm: float) -> tuple[float, float, float, float]:
    """Top, left, bottom, right of the upright box around a step, with a margin."""
    grid = step.in_context()
    corners = np.array(
        [
            context.px_from_nm(grid.plane_nm((row, col)))
            for row in (-0.5, grid.rows - 0.5)
            for col in (-0.5, grid.cols - 0.5)
        ]
    )
    margins = [margin_nm / pitch for pitch in context.pixel_size_nm]
    (top, left), (bottom, right) = corners.min(axis=0) - margins, corners.max(axis=0) + margins
    return float(top), float(left), float(bottom), float(right)


def _cut(values: npt.NDArray[np.floating], corner: tuple[int, int], shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    cut = values[corner[0] : corner[0] + shape[0], corner[1] : corner[1] + shape[1]]
    return np.asarray(cut, np.float32)


def _shows(values: npt.NDArray[np.floating], corner: tuple[int, int], shape: tuple[int, int]) -> bool:
    return not is_blank(_cut(values, corner, shape))


def _agrees_with_itself(cut: npt.NDArray[np.float32]) -> bool:
    """Whether the even and the odd columns, whose noise is independent, show the same thing half a column apart."""
    even, odd = cut[:, 0 : cut.shape[1] // 2 * 2 : 2], cut[:, 1::2]
    if min(even.shape) < SMALLEST_SIDE_PX:
        return False
    found = match(even, odd, SearchArea.circle(HALVES_WITHIN_PX, (0.0, -0.5)))
    return found.confidence >= NEEDED_CONFIDENCE


def _step(corner: tuple[int, int], shape: tuple[int, int], context: ScanContext, dwell_time_us: float) -> ScanStep:
    center_px = (corner[0] + (shape[0] - 1) / 2, corner[1] + (shape[1] - 1) / 2)
    center_nm, size_nm = context.nm_from_px(center_px), context.size_nm_from_px((float(shape[0]), float(shape[1])))
    current = context.beam_current_pa
    return ScanStep(
        order=REFERENCE_ORDER,
        center_y_px=center_px[0],
        center_x_px=center_px[1],
        height_px=float(shape[0]),
        width_px=float(shape[1]),
        center_y_nm=center_nm[0],
        center_x_nm=center_nm[1],
        height_nm=size_nm[0],
        width_nm=size_nm[1],
        rows=shape[0],
        cols=shape[1],
        dwell_time_us=dwell_time_us,
        dose_e_per_nm2=None if current is None else dose_e_per_nm2(*shape, dwell_time_us, current, *size_nm),
        reason=REFERENCE_REASON,
    )


def _area(spectrum: npt.NDArray[np.complex128], step: ScanStep, context: ScanContext) -> ReferenceArea | None:
    """What is to be expected of a candidate; None where it shows no more than noise."""
    itself = match_itself(spectrum, DOUBTFUL_CONFIDENCE, context.pixel_size_nm)
    if itself.confidence_alone < DOUBTFUL_CONFIDENCE or not np.isfinite(itself.covariance_px2).all():
        return None
    to_nm = nm_a_px(step.in_context())
    radius_nm = WIDEST_SHARE * min(step.size_nm)
    if itself.repeat_px is not None:
        radius_nm = min(radius_nm, math.hypot(*(to_nm @ np.asarray(itself.repeat_px))) / 2)
    covariance = to_nm @ itself.covariance_px2 @ to_nm.T
    return ReferenceArea(
        step=step,
        context=context,
        confidence=itself.confidence,
        unambiguous_radius_nm=radius_nm,
        sigma_nm=float(np.sqrt(np.linalg.eigvalsh(covariance).max())),
    )
