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
from deepscan_core.efficiency import COLUMNS
from deepscan_core.features import classical
from deepscan_core.records.protocol import ScanProtocol, ScanStep
from deepscan_core.records.regions import ScanRegion
from deepscan_core.reporting import artifacts
from deepscan_core.reporting.report_data import ReportData

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


def weights_of(backbone: str, weights: Path | None = None) -> str:
    """Where a backbone's weights came from, for the records of a result."""
    if backbone == classical.NAME:
        return "none needed"
    from deepscan_core.weights.sources import described, find_weights

    return described(find_weights(backbone, weights))


def write_artifacts(data: ReportData, directory: Path) -> dict[str, Any]:
    """Write all artifacts into an existing directory; returns what ``run.json`` holds."""
    from deepscan_core.reporting.figures import overlay_png
    from deepscan_core.reporting.report import render_report

    artifacts.write_scan_map(directory / artifacts.SCAN_MAP, data.score_map)
    artifacts.write_text(directory / artifacts.PROTOCOL, data.protocol.to_json())
    artifacts.write_text(directory / artifacts.EFFICIENCY, artifacts.table_csv(COLUMNS, data.efficiency))
    artifacts.write_text(directory / artifacts.QUANTIFICATION, artifacts.measurements_csv(data.measurements))
    overlay = overlay_png(data.image, data.score_map, data.regions, data.protocol)
    (directory / artifacts.OVERLAY).write_bytes(overlay)
    artifacts.write_text(directory / artifacts.REPORT, render_report(data))
    run = {
        "versions": dict(data.versions),
        "parameters": dict(data.parameters),
        "source": {"name": data.image.name, "sha256": data.image.sha256},
        "notes": list(data.notes),
        "timings_s": dict(data.timings_s),
        "artifacts_sha256": artifacts.hashes(directory),
    }
    artifacts.write_text(directory / artifacts.RUN, artifacts.to_json(run))
    return run


def summary(result: ReportData, directory: Path) -> dict[str, Any]:
    """What ``--json`` prints for one result."""
    protocol = result.protocol
    rows, cols = result.image.shape
    covered = sum(r.size_px[0] * r.size_px[1] for r in result.regions) / (rows * cols)
    captured = [row["captured_fraction"] for row in result.efficiency if row["strategy"] == "deepscan"]
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
