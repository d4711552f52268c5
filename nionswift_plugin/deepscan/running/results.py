"""What was planned and found: a line for each region, the view on one of them, and files to hand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepscan_core.records.coordinates import YX
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.protocol import ScanProtocol, ScanStep
from deepscan_core.records.regions import RegionMeasurement, ScanRegion

from ..drawing.annotations import State, sign

if TYPE_CHECKING:
    from deepscan_core.explain import Explanation

    from ..mapping.asking import Look
    from .planning import Plan

MARGIN = 3.0  # region sizes that the view shows around a region
PLANNED_SIGN = "○"  # in a list, where the others have one


def lines(plan: Plan, states: dict[int, State]) -> list[str]:
    """A line for each region, in visiting order."""
    signs = [sign(states.get(step.order, State.PLANNED)) or PLANNED_SIGN for step in plan.protocol.steps]
    return [
        f"{told} {step.order:>3}  {_score(step.priority)}  {_objects(plan, step.order)}"
        for told, step in zip(signs, plan.protocol.steps, strict=True)
    ]


def _score(score: float) -> str:
    """Three digits at most: beyond a hundred nats nothing is told apart."""
    return f"{score:5.1f}" if score < 100 else "> 100"


def _objects(plan: Plan, order: int) -> str:
    """The largest object of a region, and what the region is said to hold."""
    found = [one for one in plan.measurements if one.region == order]
    reason = plan.regions[order - 1].label.split(",")[0]
    if not found:
        return reason
    return f"{_area(max(found, key=lambda one: one.area_px))}  {reason}"


def _area(found: RegionMeasurement) -> str:
    at_least = "≥ " if found.touches_border else ""
    if found.area_nm2 is None:
        return f"{at_least}{found.area_px:.0f} px"
    return f"{at_least}{found.area_nm2:.3g} nm²"


def look_at(display_item: Any, protocol: ScanProtocol, step: ScanStep) -> None:
    """Zoom a display to a region, with its surroundings."""
    y, x = protocol.context.fraction_from_px((step.center_y_px, step.center_x_px))
    share = max(step.height_px / protocol.context.rows, step.width_px / protocol.context.cols)
    display_item.set_display_property("image_zoom", max(1.0, 1 / (MARGIN * share)))
    display_item.set_display_property("image_position", (y, x))
    display_item.set_display_property("image_canvas_mode", "custom")


def look_at_all(display_item: Any) -> None:
    """Show the whole image again."""
    display_item.set_display_property("image_canvas_mode", "fit")


def export(plan: Plan, frames: Sequence[ScanFrame], folder: Path, look: Look) -> Path:
    """Write protocol, map, measurements and report into a new folder; returns the report. Takes seconds.

    Parameters
    ----------
    plan, frames : what was planned and recorded.
    folder : takes the new one.
    look : what the plan's map was asked, and who answers, for the grounds of the regions.
    """
    from deepscan_core.efficiency import efficiency_rows
    from deepscan_core.reporting import artifacts
    from deepscan_core.reporting.report_data import ReportData
    from deepscan_core.reporting.versions import versions
    from deepscan_core.reporting.why import explained

    data = ReportData(
        title=plan.image.name,
        image=plan.image,
        score_map=plan.score_map,
        regions=plan.regions,
        protocol=plan.protocol,
        measurements=plan.measurements,
        tiles=tuple(frames),
        efficiency=tuple(row.to_dict() for row in efficiency_rows(plan.protocol)),
        parameters=plan.protocol.provenance,
        explanations=explained(_Reasons(image=plan.image, look=look), plan.regions),
        asked=look.told(plan.image),
        versions=versions(),
    )
    target = folder / f"DeepScan {datetime.now():%Y-%m-%d %H-%M-%S}"
    with artifacts.staged(target) as stage:
        artifacts.write_artifacts(data, stage)
    return target / artifacts.REPORT


@dataclass(frozen=True, kw_only=True)
class _Reasons:
    """Why regions of an image score as they do, by whatever made its map."""

    image: CalibratedImage
    look: Look

    def explain(self, region: ScanRegion, clicks_px: Sequence[YX] = ()) -> Explanation:
        """The look knows the clicks."""
        return self.look.explain(self.image, region)
