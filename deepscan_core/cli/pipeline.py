"""From a study to its artifacts; what `run`, `execute` and `demo` share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepscan_core.features import classical
from deepscan_core.records.protocol import ScanStep
from deepscan_core.records.regions import ScanRegion
from deepscan_core.reporting import artifacts
from deepscan_core.reporting.report_data import ReportData


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


def weights_of(backbone: str, weights: Path | None = None) -> str:
    """Where a backbone's weights came from, for the records of a result."""
    if backbone == classical.NAME:
        return "none needed"
    from deepscan_core.weights.sources import described, find_weights

    return described(find_weights(backbone, weights))


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
