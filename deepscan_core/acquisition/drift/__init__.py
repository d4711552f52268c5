"""Drift: measured on a reference area, predicted to the time of each step, and taken out by moving the step.

::

    area = choose_reference(preview.values, preview.context, protocol.steps, dwell_time_us=preview.dwell_time_us)
    tracker = DriftTracker(area, DriftSettings(allowed_nm=0.25))
    tracker.measure(piece_of(preview, area))
    strategy = with_drift_correction(follow(protocol.steps), tracker, clock=clock, seen_s=seen_in(preview))

``docs/drift.md`` says how it works and where it fails.
"""

from deepscan_core.acquisition.drift.correcting import with_drift_correction
from deepscan_core.acquisition.drift.placing import shifted
from deepscan_core.acquisition.drift.prediction import DriftEstimate, DriftModel
from deepscan_core.acquisition.drift.reference import (
    REFERENCE_ORDER,
    REFERENCE_REASON,
    ReferenceArea,
    choose_reference,
    is_reference,
    piece_of,
    seen_in,
)
from deepscan_core.acquisition.drift.tracker import DriftMeasurement, DriftSettings, DriftTracker

__all__ = [
    "REFERENCE_ORDER",
    "REFERENCE_REASON",
    "DriftEstimate",
    "DriftMeasurement",
    "DriftModel",
    "DriftSettings",
    "DriftTracker",
    "ReferenceArea",
    "choose_reference",
    "is_reference",
    "piece_of",
    "seen_in",
    "shifted",
    "with_drift_correction",
]
