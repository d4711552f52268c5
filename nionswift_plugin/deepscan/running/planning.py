"""From a whole frame to a plan; imported in the worker, because it loads the heavy parts of the core."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from deepscan_core.acquisition.limits import check_context
from deepscan_core.errors import InputError
from deepscan_core.instruments.nion import NionScanController
from deepscan_core.planning import PlanSettings, expected_finds, in_visiting_order, make_protocol
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.costs import ScanCosts
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.protocol import ScanLimits, ScanProtocol
from deepscan_core.records.regions import RegionMeasurement, ScanRegion
from deepscan_core.study import Study

from ..form import Form
from ..mapping.asking import Look, Question


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """A plan and what it was made from.

    Attributes
    ----------
    image : the whole frame.
    dwell_time_us : of that frame, None where it does not say.
    score_map : what was looked for.
    regions : in visiting order, one for each step of the protocol.
    measurements : objects in the frame, inside the regions.
    question : what the map was asked.
    """

    image: CalibratedImage
    dwell_time_us: float | None
    score_map: ScoreMap
    regions: tuple[ScanRegion, ...]
    protocol: ScanProtocol
    measurements: tuple[RegionMeasurement, ...]
    question: Question


def plan_frame(image: CalibratedImage, dwell_time_us: float | None, source: Any | None, form: Form, look: Look) -> Plan:
    """Plan on one frame.

    Parameters
    ----------
    image : the whole frame.
    dwell_time_us : of the frame.
    source : the scan it came from, None for a still image.
    form : what the person filled in.
    look : what the live map is asked, and who answers.

    Raises
    ------
    InputError
        The frame is not what the scan is set to now.
    """
    context = None if source is None else _live_context(image, source)
    score_map = look.map_of(image)
    study = Study(image)
    regions = study.regions(score_map, region_size_px=form.region_px, **form.rule())
    if score_map.kind == "surprisal":
        regions = study.labelled(regions)
    protocol = make_protocol(
        image,
        regions,
        PlanSettings(
            density=form.density,
            dwell_time_us=form.dwell_time_us,
            costs=ScanCosts() if source is None else NionScanController(source).costs,
            limits=ScanLimits(
                max_dose_e_per_nm2=form.max_dose_e_per_nm2,
                max_time_s=form.max_time_s,
                max_total_electrons=form.max_total_electrons,
            ),
        ),
        context=context,
        prizes=expected_finds(regions, score_map),
        provenance={"made_by": "DeepScan in Nion Swift", **asdict(form), "asked": look.told(image).to_dict()},
    )
    visited = in_visiting_order(regions, protocol)
    return Plan(
        image=image,
        dwell_time_us=dwell_time_us,
        score_map=score_map,
        regions=visited,
        protocol=protocol,
        measurements=study.measure(visited, score_map),
        question=look.question,
    )


def _live_context(image: CalibratedImage, source: Any) -> ScanContext:
    controller = NionScanController(source)
    context = controller.context()
    check_context(context, controller.capabilities)
    if image.shape != (context.rows, context.cols):
        rows, cols = image.shape
        raise InputError(
            f"the frame has {rows} x {cols} px, the scan is set to {context.rows} x {context.cols}: plan again"
        )
    return context
