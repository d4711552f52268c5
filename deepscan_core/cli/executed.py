"""What a run came to, as a report tells it: the steps that were carried out, whoever chose them."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Sequence

from deepscan_core.acquisition.controller import ScanController
from deepscan_core.acquisition.drift import DriftSettings
from deepscan_core.cli.overviews import preview_dwell_us
from deepscan_core.cli.pipeline import Timings, region_of
from deepscan_core.cli.planted import defects_in_frame
from deepscan_core.cli.reasons import Reasons, asked_in, explained_or_noted
from deepscan_core.deciders import DeciderSettings
from deepscan_core.efficiency import efficiency_rows
from deepscan_core.records.coordinates import YX
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.records.regions import RegionMeasurement
from deepscan_core.regions.measurement import measure_regions
from deepscan_core.reporting.decisions import Judgement, RunRecord, decisions_of
from deepscan_core.reporting.report_data import ReportData
from deepscan_core.reporting.versions import versions
from deepscan_core.simulation.specimens import Specimen
from deepscan_core.survey import Survey


def report_data(
    arguments: argparse.Namespace,
    protocol: ScanProtocol,
    controller: ScanController,
    specimen: Specimen | None,
    image: CalibratedImage,
    score_map: ScoreMap,
    measurements: tuple[RegionMeasurement, ...],
    survey: Survey,
    timings: Timings,
    judged: Sequence[Judgement],
    reasons: Callable[[], Reasons],
) -> ReportData:
    """All of it; `protocol` has the steps that are shown, see `as_executed`, and `reasons` makes what explains them."""
    truth_nm = [] if specimen is None else defects_in_frame(specimen, protocol.context)
    truth_px: list[YX] | None = [protocol.context.px_from_nm(p) for p in truth_nm] or None
    rows = efficiency_rows(protocol, truth_px=truth_px, preview_dwell_us=preview_dwell_us(protocol))
    regions = tuple(region_of(step) for step in protocol.steps)
    explanations, unexplained = timings.measure("explain", lambda: explained_or_noted(reasons, regions))
    return ReportData(
        title=f"{protocol.source_name}, scanned by {controller.name}",
        image=image,
        score_map=score_map,
        regions=regions,
        protocol=protocol,
        measurements=measurements,
        efficiency=tuple(row.to_dict() for row in rows),
        versions=versions(),
        parameters={
            "controller": controller.name,
            "strategy": arguments.strategy,
            "drift_corrected": arguments.drift,
            "seed": arguments.seed,
            "resumed": getattr(arguments, "resume", False),
            "steps_left_out": [one.order for one in survey.left_out],
            "faults": [fault.to_dict() for fault in survey.faults],
            "ledger": survey.ledger.status.to_dict(),
        },
        timings_s=timings.seconds,
        tiles=tuple(survey.frames),
        notes=survey.notes + unexplained,
        explanations=explanations,
        asked=asked_in(protocol),
        truth_nm=tuple(truth_nm),
        run=RunRecord(
            decisions=decisions_of(survey.frames, survey.left_out, judged),
            ledger=survey.ledger.status,
            dose_e_per_nm2=survey.ledger.dose_map,
        ),
    )


def decider_settings(arguments: argparse.Namespace) -> DeciderSettings:
    """What was typed of the strategy."""
    return DeciderSettings(
        strategy=arguments.strategy,
        drift=DriftSettings(allowed_nm=arguments.drift_allowed_nm) if arguments.drift else None,
        backbone=getattr(arguments, "backbone", None),
        beyond_plan=arguments.beyond_plan,
        overview_dwell_us=arguments.overview_dwell_us,
        seed=arguments.seed,
    )


def as_executed(protocol: ScanProtocol, frames: Sequence[ScanFrame]) -> ScanProtocol:
    """The steps that a strategy has carried out as a protocol, in their order; the plan it chose them from is gone."""
    steps = [frame.step for frame in frames if frame.step is not None]
    total = sum(frame.total_electrons or 0.0 for frame in frames)
    return dataclasses.replace(
        protocol,
        steps=tuple(dataclasses.replace(step, order=order) for order, step in enumerate(steps, start=1)),
        predicted_time_s=sum(frame.duration_s for frame in frames),
        predicted_electrons=None if protocol.context.beam_current_pa is None else total,
    )


def renumbered(frames: Sequence[ScanFrame]) -> tuple[ScanFrame, ...]:
    """The frames with the numbers that `as_executed` gives their steps."""
    return tuple(
        dataclasses.replace(frame, step=dataclasses.replace(frame.step, order=order))
        for order, frame in enumerate((one for one in frames if one.step is not None), start=1)
        if frame.step is not None
    )


def measure(protocol: ScanProtocol, image: CalibratedImage, score_map: ScoreMap) -> tuple[RegionMeasurement, ...]:
    """Objects inside the rectangles as they are turned: a turned one is searched straight, then sorted out."""
    found = measure_regions(image, [region_of(step) for step in protocol.steps], score_map)
    steps = protocol.steps
    kept = [
        one
        for one in found
        if not steps[one.region - 1].rotation_rad
        or steps[one.region - 1].holds_px(protocol.context, (one.centroid_y_px, one.centroid_x_px))
    ]
    return tuple(dataclasses.replace(one, id=number) for number, one in enumerate(kept, start=1))
