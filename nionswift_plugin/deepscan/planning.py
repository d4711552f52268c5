"""From a whole frame to a plan; imported in the worker, because it loads the heavy parts of the core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepscan_core.acquisition.limits import check_context
from deepscan_core.errors import InputError
from deepscan_core.instruments.nion import NionScanController
from deepscan_core.planning import PlanSettings, make_protocol
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.study import Study

if TYPE_CHECKING:
    from .computations import MapSettings
    from .session import PlanForm


def plan_frame(image: CalibratedImage, source: Any | None, form: PlanForm, map_settings: MapSettings) -> ScanProtocol:
    """Plan on one frame.

    Parameters
    ----------
    image : the whole frame.
    source : the scan it came from, None for a still image.
    form : what the person filled in.
    map_settings : how surprisal is computed.

    Raises
    ------
    InputError
        The frame is not what the scan is set to now.
    """
    context = None if source is None else _live_context(image, source)
    study = Study(image, backbone=map_settings.backbone, seed=map_settings.seed)
    regions = study.regions(study.surprisal(), area_fraction=form.area_percent / 100, region_size_px=form.region_px)
    return make_protocol(
        image,
        regions,
        PlanSettings(dwell_time_us=form.dwell_time_us),
        context=context,
        provenance={"made_by": "DeepScan in Nion Swift", "backbone": map_settings.backbone, "seed": map_settings.seed},
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
