"""From a study to its artifacts; what `run`, `execute` and `demo` share."""

from __future__ import annotations

import importlib.metadata
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import deepscan_core
from deepscan_core.efficiency import COLUMNS, EfficiencyRow
from deepscan_core.records.coordinates import YX
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.protocol import ScanProtocol, ScanStep
from deepscan_core.records.regions import RegionMeasurement, ScanRegion
from deepscan_core.reporting import artifacts

_PACKAGES = ("numpy", "scipy", "scikit-image", "scikit-learn", "torch", "timm", "fast-tsp")


@dataclass(kw_only=True)
class Timings:
    """Seconds of each stage, in the order they were begun."""

    seconds: dict[str, float] = field(default_factory=dict)

    def measure(self, stage: str, work: Callable[[], Any]) -> Any:
        """Do some work and note how long it took."""
        begun = time.perf_counter()
        try:
            return work()
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - begun


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """Everything the artifacts are made of; see `reporting.report_data.ReportData`."""

    title: str
    image: CalibratedImage
    score_map: ScoreMap
    regions: tuple[ScanRegion, ...]
    protocol: ScanProtocol
    measurements: tuple[RegionMeasurement, ...]
    efficiency: tuple[EfficiencyRow, ...]
    parameters: Mapping[str, Any]
    timings_s: Mapping[str, float]
    tiles: tuple[ScanFrame, ...] = ()
    notes: tuple[str, ...] = ()
    truth_nm: tuple[YX, ...] = ()


def in_visiting_order(regions: Sequence[ScanRegion], protocol: ScanProtocol) -> tuple[ScanRegion, ...]:
    """The regions that the protocol visits, in its order."""
    by_center = {region.center_px: region for region in regions}
    return tuple(by_center[step.center_y_px, step.center_x_px] for step in protocol.steps)


def region_of(step: ScanStep) -> ScanRegion:
    """The region a step of a protocol stands for."""
    calibrated = step.center_y_nm is not None
    return ScanRegion(
        center_px=(step.center_y_px, step.center_x_px),
        size_px=(step.height_px, step.width_px),
        score=step.priority,
        label=step.reason,
        center_nm=step.center_nm if calibrated else None,
        size_nm=step.size_nm if calibrated else None,
    )


def versions() -> dict[str, str]:
    """Versions of what takes part in a result."""
    found = {"deepscan": deepscan_core.__version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def write_artifacts(result: Result, directory: Path) -> dict[str, Any]:
    """Write all artifacts into an existing directory; returns what ``run.json`` holds."""
    from deepscan_core.reporting.figures import overlay_png
    from deepscan_core.reporting.report import render_report
    from deepscan_core.reporting.report_data import ReportData

    rows = [row.to_dict() for row in result.efficiency]
    report = ReportData(
        title=result.title,
        image=result.image,
        score_map=result.score_map,
        regions=result.regions,
        protocol=result.protocol,
        measurements=result.measurements,
        tiles=result.tiles,
        efficiency=tuple(rows),
        parameters=result.parameters,
        versions=versions(),
        timings_s=result.timings_s,
        notes=result.notes,
        truth_nm=result.truth_nm,
    )
    artifacts.write_scan_map(directory / artifacts.SCAN_MAP, result.score_map)
    artifacts.write_text(directory / artifacts.PROTOCOL, result.protocol.to_json())
    artifacts.write_text(directory / artifacts.EFFICIENCY, artifacts.table_csv(COLUMNS, rows))
    artifacts.write_text(directory / artifacts.QUANTIFICATION, artifacts.measurements_csv(result.measurements))
    overlay = overlay_png(result.image, result.score_map, result.regions, result.protocol)
    (directory / artifacts.OVERLAY).write_bytes(overlay)
    artifacts.write_text(directory / artifacts.REPORT, render_report(report))
    run = {
        "versions": versions(),
        "parameters": dict(result.parameters),
        "source": {"name": result.image.name, "sha256": result.image.sha256},
        "notes": list(result.notes),
        "timings_s": dict(result.timings_s),
        "artifacts_sha256": artifacts.hashes(directory),
    }
    artifacts.write_text(directory / artifacts.RUN, artifacts.to_json(run))
    return run


def summary(result: Result, directory: Path) -> dict[str, Any]:
    """What ``--json`` prints for one result."""
    protocol = result.protocol
    rows, cols = result.image.shape
    covered = sum(r.size_px[0] * r.size_px[1] for r in result.regions) / (rows * cols)
    captured = [row.captured_fraction for row in result.efficiency if row.strategy == "deepscan"]
    return {
        "source": result.image.name,
        "out": str(directory),
        "regions": len(result.regions),
        "area_fraction": covered,
        "objects": len(result.measurements),
        "predicted_time_s": protocol.predicted_time_s,
        "predicted_electrons": protocol.predicted_electrons,
        "captured_fraction": captured[-1] if captured else None,
        "tiles": len(result.tiles),
        "notes": list(result.notes),
        "timings_s": dict(result.timings_s),
    }


def say_summary(facts: Mapping[str, Any]) -> list[str]:
    """The same for people."""
    lines = [
        f"{facts['source']}: {facts['regions']} regions on {facts['area_fraction']:.1%} of the image, "
        f"{facts['objects']} objects measured, {facts['predicted_time_s']:.2f} s of scanning"
    ]
    if facts["captured_fraction"] is not None:
        lines.append(f"  of the planted defects {facts['captured_fraction']:.0%} lie inside the regions")
    lines += [f"  note: {note}" for note in facts["notes"]]
    lines.append(f"  {Path(facts['out']) / artifacts.REPORT}")
    return lines
