"""DeepScan: find what is rare in a quick look, and scan only there.

>>> import deepscan_core as ds
>>> ds.CalibratedImage([[0.0] * 32] * 32, pixel_size_nm=0.02).pixel_size_nm
(0.02, 0.02)

Importing this package loads neither torch nor nion; each name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepscan_core.errors import DeepScanError
    from deepscan_core.ingest.normalise import Preprocessing
    from deepscan_core.ingest.readers import read_image
    from deepscan_core.planning import PlanSettings, make_protocol
    from deepscan_core.records.coordinates import ScanContext
    from deepscan_core.records.image import CalibratedImage
    from deepscan_core.records.maps import ScoreMap
    from deepscan_core.records.protocol import ScanLimits, ScanProtocol, ScanStep
    from deepscan_core.records.regions import RegionMeasurement, ScanRegion
    from deepscan_core.study import Study
    from deepscan_core.survey import Survey

__version__ = "0.1.0"

_HOMES = {
    "CalibratedImage": "records.image",
    "DeepScanError": "errors",
    "PlanSettings": "planning",
    "Preprocessing": "ingest.normalise",
    "RegionMeasurement": "records.regions",
    "ScanContext": "records.coordinates",
    "ScanLimits": "records.protocol",
    "ScanProtocol": "records.protocol",
    "ScanRegion": "records.regions",
    "ScanStep": "records.protocol",
    "ScoreMap": "records.maps",
    "Study": "study",
    "Survey": "survey",
    "make_protocol": "planning",
    "read_image": "ingest.readers",
}

__all__ = [
    "CalibratedImage",
    "DeepScanError",
    "PlanSettings",
    "Preprocessing",
    "RegionMeasurement",
    "ScanContext",
    "ScanLimits",
    "ScanProtocol",
    "ScanRegion",
    "ScanStep",
    "ScoreMap",
    "Study",
    "Survey",
    "make_protocol",
    "read_image",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
