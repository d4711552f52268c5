"""From regions to a scan protocol: what to record where, in which order, within which limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepscan_core.affordable import Terms, as_allowed
from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX, ScanContext, check_finite, check_positive
from deepscan_core.records.costs import ScanCosts, dose_e_per_nm2, longest_dwell_us
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.protocol import (
    LARGEST_STEP_SAMPLES,
    LONGEST_DWELL_US,
    SHORTEST_DWELL_US,
    ScanLimits,
    ScanProtocol,
    ScanStep,
)
from deepscan_core.records.regions import ScanRegion
from deepscan_core.scoring.local_share import region_probabilities

DEFAULT_DWELL_US = 8.0
SMALLEST_DENSITY, LARGEST_DENSITY = 0.1, 100.0  # samples a pixel
ASSUMED_CURRENT_PA = 50.0  # of the order of an imaging probe; a plan says whether its current was given or assumed


@dataclass(frozen=True, kw_only=True)
class PlanSettings:
    """How regions are to be recorded.

    Attributes
    ----------
    density : samples a pixel of the preview, along each axis.
    dwell_time_us : per sample; None takes 8 µs, or less where the dose limit demands it.
    limits : dose of any one step and time of the whole plan.
    costs : overheads of the instrument.
    start_fraction : where the beam is at the start, ``(y, x)`` in fractions of the frame.
    """

    density: float = 2.0
    dwell_time_us: float | None = None
    limits: ScanLimits = ScanLimits()
    costs: ScanCosts = ScanCosts()
    start_fraction: YX = (0.5, 0.5)

    def __post_init__(self) -> None:
        check_positive("density", self.density)
        if not SMALLEST_DENSITY <= self.density <= LARGEST_DENSITY:
            raise InputError(
                f"a density of {self.density:g} samples a pixel is not for looking closer: "
                f"give {SMALLEST_DENSITY:g} to {LARGEST_DENSITY:g}"
            )
        if self.dwell_time_us is not None:
            check_positive("dwell_time_us", self.dwell_time_us)
            if not SHORTEST_DWELL_US <= self.dwell_time_us <= LONGEST_DWELL_US:
                raise InputError(
                    f"a dwell time of {self.dwell_time_us:g} µs is not for scanning: "
                    f"give {SHORTEST_DWELL_US:g} to {LONGEST_DWELL_US:g} µs"
                )


def make_protocol(
    image: CalibratedImage,
    regions: Sequence[ScanRegion],
    settings: PlanSettings | None = None,
    *,
    context: ScanContext | None = None,
    prizes: Sequence[float] | None = None,
    reason: str = "",
    provenance: Mapping[str, Any] | None = None,
) -> ScanProtocol:
    """Plan a visit of every region along a short open tour; where the limits do not allow all, of those worth most.

    Parameters
    ----------
    image : what the regions were found in.
    regions : best first.
    settings : see `PlanSettings`.
    prizes : what each region is worth under limits, such as the probability that something is there, see `expected_finds`;
        the scores by default.
    context : the scan the image came from; from the image's own calibration by default. It must have the image's shape.
    reason : put into every step, after the region's label.
    provenance : whatever should be remembered about how the plan was made.

    Raises
    ------
    InputError
        The dwell time passes the dose limit, not even one region fits the limits, or there is not one prize for each.
    """
    settings = settings or PlanSettings()
    context = context or image.context(beam_current_pa=ASSUMED_CURRENT_PA)
    if (context.rows, context.cols) != image.shape:
        raise InputError(
            f"the context has {context.rows} x {context.cols} px, the image {image.shape}: give the image's own context"
        )
    dwell_us = _dwell_us(regions, context, settings)
    steps = tuple(_step(region, context, settings, dwell_us, reason) for region in regions)
    terms = Terms(context=context, costs=settings.costs, limits=settings.limits, start_fraction=settings.start_fraction)
    steps = as_allowed(steps, _prizes(regions, prizes), terms)
    time_s, total = terms.spent(steps)
    return ScanProtocol(
        source_name=image.name,
        source_sha256=image.sha256,
        context=context,
        steps=steps,
        limits=settings.limits,
        predicted_time_s=time_s,
        predicted_electrons=total,
        provenance=dict(provenance or {}),
    )


def in_visiting_order(regions: Sequence[ScanRegion], protocol: ScanProtocol) -> tuple[ScanRegion, ...]:
    """The regions that the protocol visits, in its order."""
    by_center = {region.center_px: region for region in regions}
    return tuple(by_center[step.center_y_px, step.center_x_px] for step in protocol.steps)


def expected_finds(regions: Sequence[ScanRegion], score_map: ScoreMap) -> tuple[float, ...]:
    """What a visit of each region is worth under limits: the probability that something is there, or else its score.

    Parameters
    ----------
    regions : all that were found in the map.
    score_map : of surprisal, whose calibration gives probabilities, or of another kind.
    """
    if score_map.kind != "surprisal":
        return tuple(region.score for region in regions)
    return tuple(map(float, region_probabilities(np.array([r.score for r in regions], float), score_map.shape)))


def _prizes(regions: Sequence[ScanRegion], prizes: Sequence[float] | None) -> list[float]:
    """At least 0, and not all of them 0."""
    given = [region.score for region in regions] if prizes is None else [float(prize) for prize in prizes]
    if len(given) != len(regions):
        raise InputError(f"{len(given)} prizes for {len(regions)} regions: give one for each")
    check_finite("prizes of regions", *given)
    lowest = min(0.0, min(given, default=0.0))
    raised = [prize - lowest for prize in given]
    return raised if any(raised) else [1.0] * len(given)


def _samples(region: ScanRegion, settings: PlanSettings) -> tuple[int, int]:
    rows, cols = (max(1, round(side * settings.density)) for side in region.size_px)
    if max(rows, cols) > LARGEST_STEP_SAMPLES:
        raise InputError(
            f"a density of {settings.density:g} asks for {rows} x {cols} samples a region: "
            f"ask for at most {LARGEST_STEP_SAMPLES} a side"
        )
    return (rows, cols)


def _dwell_us(regions: Sequence[ScanRegion], context: ScanContext, settings: PlanSettings) -> float:
    limit = settings.limits.max_dose_e_per_nm2
    wanted = settings.dwell_time_us or DEFAULT_DWELL_US
    if limit is None or not regions:
        return wanted
    if not context.is_calibrated:
        raise InputError(f"a dose limit of {limit:g} e/nm² needs a pixel size: give it with --pixel-size-nm")
    if context.beam_current_pa is None:
        raise InputError(f"a dose limit of {limit:g} e/nm² needs the beam current: give it with --beam-current-pa")
    current = context.beam_current_pa
    longest = min(_longest_dwell_us(limit, region, context, settings, current) for region in regions)
    if settings.dwell_time_us is not None and settings.dwell_time_us > longest:
        raise InputError(
            f"a dwell time of {wanted:g} µs passes the dose limit of {limit:g} e/nm²: give at most {longest:.3g} µs"
        )
    if longest < SHORTEST_DWELL_US:
        raise InputError(
            f"the dose limit of {limit:g} e/nm² allows only {longest:.2g} µs a sample at {current:g} pA: "
            "lower the density or the beam current"
        )
    return min(wanted, _round_down(longest))


def _longest_dwell_us(
    limit: float, region: ScanRegion, context: ScanContext, settings: PlanSettings, current_pa: float
) -> float:
    """What a dose limit leaves for the samples of a region, where the beam is on in the idle times of its frame too."""
    (rows, cols), size_nm, costs = _samples(region, settings), context.size_nm_from_px(region.size_px), settings.costs
    idle_s = costs.frame_idle_s(rows) + costs.lit_s
    idle = costs.idle_electrons(idle_s, current_pa) / math.prod(size_nm)
    if idle >= limit:
        raise InputError(
            f"the dose limit of {limit:g} e/nm² is passed before the first sample: this instrument does not blank the beam "
            f"in the {idle_s:.3g} s in which a frame starts and ends, {idle:.3g} e/nm² in a region of this size; raise the "
            "limit or the region size, or lower the beam current"
        )
    return longest_dwell_us(limit - idle, rows, cols, current_pa, *size_nm)


def _round_down(value: float) -> float:
    """Three significant digits, never more than the value."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 2)
    return math.floor(value / unit * (1 + 1e-12)) * unit


def _step(region: ScanRegion, context: ScanContext, settings: PlanSettings, dwell_us: float, reason: str) -> ScanStep:
    rows, cols = _samples(region, settings)
    center_nm: tuple[float | None, float | None] = (None, None)
    size_nm: tuple[float | None, float | None] = (None, None)
    dose = None
    if context.is_calibrated:
        center_nm = context.nm_from_px(region.center_px)
        height_nm, width_nm = size_nm = context.size_nm_from_px(region.size_px)
        if context.beam_current_pa is not None:
            dose = dose_e_per_nm2(rows, cols, dwell_us, context.beam_current_pa, height_nm, width_nm)
    return ScanStep(
        order=1,
        center_y_px=region.center_px[0],
        center_x_px=region.center_px[1],
        height_px=region.size_px[0],
        width_px=region.size_px[1],
        center_y_nm=center_nm[0],
        center_x_nm=center_nm[1],
        height_nm=size_nm[0],
        width_nm=size_nm[1],
        rows=rows,
        cols=cols,
        dwell_time_us=dwell_us,
        dose_e_per_nm2=dose,
        priority=region.score,
        reason="; ".join(part for part in (region.label, reason) if part),
    )
