"""``deepscan demo``: preview, plan, acquisition and report on a simulated microscope with a defective crystal."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

import numpy as np

from deepscan_core.cli.arguments import say
from deepscan_core.cli.executed import as_executed, decider_settings, measure, renumbered, report_data
from deepscan_core.cli.live_loop import LoopDisplay
from deepscan_core.cli.overviews import PREVIEW_DWELL
from deepscan_core.cli.pipeline import Timings, say_summary, summary, weights_of
from deepscan_core.cli.reasons import ASKED, Reasons
from deepscan_core.deciders import decider_for
from deepscan_core.features.backbones import DEFAULT_BACKBONE
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.judged import Judged
from deepscan_core.planning import DEFAULT_DWELL_US, PlanSettings, make_protocol
from deepscan_core.records.asked import Asked
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.protocol import ScanLimits, ScanProtocol
from deepscan_core.reporting import artifacts
from deepscan_core.reporting.artifacts import write_artifacts
from deepscan_core.scoring.teaching.classes import Clicks
from deepscan_core.simulation.specimens import Specimen, make_specimen
from deepscan_core.study import Study
from deepscan_core.survey import DOSE_MAP, Survey, look

SPECIMEN = "crystal"
ROWS = COLS = 512
FOV_NM = 20.0
BEAM_CURRENT_PA = 50.0
PREVIEW_DWELL_US = 2.0
REGION_PX = 32
DENSITY = 2.0  # samples of a tile for each pixel of the preview, along each side
LIMIT_SHARE = 0.25  # of the time and the electrons that a raster like the tiles would take


def command(arguments: argparse.Namespace) -> int:
    """The main job, end to end."""
    artifacts.check_free(arguments.out, overwrite=arguments.overwrite)
    facts = _run(arguments)
    if arguments.json:
        say(artifacts.to_json(facts).rstrip())
    else:
        say("DeepScan on a simulated microscope, looking at strontium titanate with planted defects")
        for line in say_summary(facts):
            say(line)
    return 0


def _run(arguments: argparse.Namespace) -> dict[str, Any]:
    timings = Timings()
    judged: list[Judged] = []
    with LoopDisplay("demo", steps=0) as display, artifacts.staged(arguments.out) as staging:
        display.stage("preview")
        specimen, controller = _microscope(arguments.seed)
        preview, image = timings.measure("preview", lambda: look(controller))
        display.stage("looking for what is rare")
        study = Study(image, backbone=arguments.backbone or DEFAULT_BACKBONE, seed=arguments.seed)
        score_map = timings.measure("score", study.surprisal)
        display.stage("planning")
        regions = timings.measure(
            "select",
            lambda: study.labelled(
                study.regions(score_map, area_fraction=arguments.area_fraction, region_size_px=REGION_PX)
            ),
        )
        provenance = {
            "tool": "deepscan demo",
            "world": f"{SPECIMEN}:{arguments.seed}",
            PREVIEW_DWELL: PREVIEW_DWELL_US,
            ASKED: Asked(scorer=study.scorer).to_dict(),
        }
        planned = timings.measure(
            "route",
            lambda: make_protocol(
                image, regions, PlanSettings(density=DENSITY), context=controller.context(), provenance=provenance
            ),
        )

        def on_judged(one: Judged) -> None:
            judged.append(one)
            display.judged(one)

        display.planned(len(planned.steps))
        survey = Survey(
            planned,
            controller,
            strategy=decider_for(
                planned, decider_settings(arguments), preview=preview, study=study, on_judged=on_judged
            ),
            limits=_limits(controller, planned),
            previews=[preview],
            on_frame=display.frame,
            on_status=display.status,
            on_ledger=display.ledger,
        )
        timings.measure("scan", survey.run)
        display.stage("measuring")
        protocol = as_executed(planned, survey.frames)
        result = report_data(
            arguments,
            protocol,
            controller,
            specimen,
            image,
            score_map,
            timings.measure("measure", lambda: measure(protocol, image, score_map)),
            survey,
            timings,
            judged,
            lambda: Reasons(study, Clicks(positives_px={})),
        )
        result = dataclasses.replace(
            result,
            title="Simulated SrTiO3 with point defects",
            parameters={
                **result.parameters,
                "specimen": f"{SPECIMEN}:{arguments.seed}",
                "backbone": study.extractor.backbone,
                "backbone_source": weights_of(study.extractor.backbone),
                "area_fraction": arguments.area_fraction,
                "preview_dwell_us": PREVIEW_DWELL_US,
            },
            tiles=renumbered(survey.frames),
            notes=(
                f"the truth is known: {len(result.truth_nm)} defects were planted in this field of view",
                f"{len(planned.steps)} regions were planned, {len(protocol.steps)} steps taken ({arguments.strategy})",
                *result.notes,
            ),
        )
        display.stage("writing")
        write_artifacts(result, staging)
        np.save(staging / DOSE_MAP, survey.ledger.dose_map, allow_pickle=False)
    return {**summary(result, arguments.out), "ledger": survey.ledger.status.to_dict()}


def _limits(controller: SimulatedController, protocol: ScanProtocol) -> ScanLimits:
    """A part of what a raster of the whole frame would take, with the dwell time and density of the tiles."""
    rows, cols = round(ROWS * DENSITY), round(COLS * DENSITY)
    dwell_us = max((step.dwell_time_us for step in protocol.steps), default=DEFAULT_DWELL_US)
    return ScanLimits(
        max_time_s=LIMIT_SHARE * controller.costs.frame_time_s(rows, cols, dwell_us),
        max_total_electrons=LIMIT_SHARE * controller.costs.frame_electrons(rows, cols, dwell_us, BEAM_CURRENT_PA),
    )


def _microscope(seed: int) -> tuple[Specimen, SimulatedController]:
    specimen = make_specimen(SPECIMEN, seed)
    context = ScanContext(rows=ROWS, cols=COLS, fov_y_nm=FOV_NM, fov_x_nm=FOV_NM, beam_current_pa=BEAM_CURRENT_PA)
    return specimen, SimulatedController(specimen, context, dwell_time_us=PREVIEW_DWELL_US, seed=seed)
