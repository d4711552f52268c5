"""Everything a report tells, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deepscan_core.explain import Explanation
from deepscan_core.records.asked import Asked
from deepscan_core.records.coordinates import YX
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.noise import NoiseModel
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.records.regions import RegionMeasurement, ScanRegion
from deepscan_core.reporting.decisions import RunRecord


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """What a report tells.

    Attributes
    ----------
    title : heading of the page.
    image, score_map : of the same (rows, cols).
    regions : where it pays to look, in visiting order.
    protocol : the plan, for a context of the image's rows and columns.
    measurements : objects segmented in the image.
    tiles : frames acquired; empty before the plan was run.
    efficiency : rows of ``efficiency.csv``: strategy, area_fraction, dose_fraction, time_s, captured_fraction, basis.
    parameters, versions : name and value, shown as they are.
    timings_s : seconds of each stage.
    notes : plain sentences, such as assumptions made.
    noise : of the detector, in grey values of the image; None where nobody asked.
    explanations : why a region scores as it does, by its number in visiting order; for some of them.
    asked : what the map answers; None where nobody said.
    run : how it went; None before the plan was run.
    truth_nm : planted defects ``(y, x)`` in the context's axes; simulation only.
    """

    title: str
    image: CalibratedImage
    score_map: ScoreMap
    regions: tuple[ScanRegion, ...]
    protocol: ScanProtocol
    measurements: tuple[RegionMeasurement, ...]
    tiles: tuple[ScanFrame, ...] = ()
    efficiency: tuple[Mapping[str, Any], ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    timings_s: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    noise: NoiseModel | None = None
    explanations: Mapping[int, Explanation] = field(default_factory=dict)
    asked: Asked | None = None
    truth_nm: tuple[YX, ...] = ()
    run: RunRecord | None = None
