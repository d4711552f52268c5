"""``deepscan demo``: preview, plan, acquisition and report on a simulated microscope with a defective crystal."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from deepscan_core.cli.arguments import say
from deepscan_core.cli.pipeline import (
    Timings,
    in_visiting_order,
    say_summary,
    summary,
    versions,
    weights_of,
    write_artifacts,
)
from deepscan_core.cli.progress import stages
from deepscan_core.efficiency import efficiency_rows
from deepscan_core.features.backbones import DEFAULT_BACKBONE
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.planning import PlanSettings, make_protocol
from deepscan_core.records.coordinates import YX, ScanContext
from deepscan_core.reporting import artifacts
from deepscan_core.reporting.report_data import ReportData
from deepscan_core.simulation.specimens import Specimen, make_specimen
from deepscan_core.study import Study
from deepscan_core.survey import Survey, look

SPECIMEN = "crystal"
ROWS = COLS = 512
FOV_NM = 20.0
BEAM_CURRENT_PA = 50.0
PREVIEW_DWELL_US = 2.0
REGION_PX = 32
PREVIEW_DWELL = "preview_dwell_us"
STAGES = 6


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
    with stages(STAGES, "demo") as stage, artifacts.staged(arguments.out) as staging:
        stage("preview")
        specimen, controller = _microscope(arguments.seed)
        preview, image = timings.measure("preview", lambda: look(controller))
        stage("looking for what is rare")
        study = Study(image, backbone=arguments.backbone or DEFAULT_BACKBONE, seed=arguments.seed)
        score_map = timings.measure("score", study.surprisal)
        stage("planning")
        regions = timings.measure(
            "select",
            lambda: study.regions(score_map, area_fraction=arguments.area_fraction, region_size_px=REGION_PX),
        )
        protocol = timings.measure(
            "route",
            lambda: make_protocol(
                image,
                regions,
                PlanSettings(),
                context=controller.context(),
                provenance={
                    "tool": "deepscan demo",
                    "world": f"{SPECIMEN}:{arguments.seed}",
                    PREVIEW_DWELL: PREVIEW_DWELL_US,
                },
            ),
        )
        stage("visiting the regions")
        tiles = timings.measure("scan", lambda: Survey(protocol, controller).run())
        stage("measuring")
        visited = in_visiting_order(regions, protocol)
        measurements = timings.measure("measure", lambda: study.measure(visited, score_map))
        truth_nm = defects_in_frame(specimen, controller.context())
        truth_px = [controller.context().px_from_nm(point) for point in truth_nm]
        result = ReportData(
            title="Simulated SrTiO3 with point defects",
            image=image,
            score_map=score_map,
            regions=visited,
            protocol=protocol,
            measurements=measurements,
            efficiency=tuple(
                row.to_dict()
                for row in efficiency_rows(protocol, truth_px=truth_px, preview_dwell_us=preview.dwell_time_us)
            ),
            versions=versions(),
            parameters={
                "specimen": f"{SPECIMEN}:{arguments.seed}",
                "backbone": study.extractor.backbone,
                "backbone_source": weights_of(study.extractor.backbone),
                "area_fraction": arguments.area_fraction,
                "preview_dwell_us": PREVIEW_DWELL_US,
                "seed": arguments.seed,
            },
            timings_s=timings.seconds,
            tiles=tiles,
            notes=(f"the truth is known: {len(truth_nm)} defects were planted in this field of view",),
            truth_nm=tuple(truth_nm),
        )
        stage("writing")
        write_artifacts(result, staging)
    return summary(result, arguments.out)


def _microscope(seed: int) -> tuple[Specimen, SimulatedController]:
    specimen = make_specimen(SPECIMEN, seed)
    context = ScanContext(rows=ROWS, cols=COLS, fov_y_nm=FOV_NM, fov_x_nm=FOV_NM, beam_current_pa=BEAM_CURRENT_PA)
    return specimen, SimulatedController(specimen, context, dwell_time_us=PREVIEW_DWELL_US, seed=seed)


def defects_in_frame(specimen: Specimen, context: ScanContext) -> list[YX]:
    """Planted defects inside the context, in its own axes."""
    inside = []
    for point in np.asarray(specimen.defects_nm):
        place = context.nm_from_specimen((float(point[0]), float(point[1])))
        if all(abs(p) <= fov / 2 for p, fov in zip(place, context.fov_nm, strict=True)):
            inside.append(place)
    return inside
