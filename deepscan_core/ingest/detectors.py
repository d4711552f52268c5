"""What an image's metadata say about the noise of its detector."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from deepscan_core.records.noise import KnownNoise

COUNTS = ("", "counts", "count")  # units of grey values that are what the detector counted


def known_noise(metadata: Mapping[str, Any]) -> KnownNoise:
    """The detector's calibration: ``counts_per_electron`` is its gain, where the signal is counts.

    Parameters
    ----------
    metadata : of a `CalibratedImage`, names as in `ingest.pictures.facts`. Counts are ``signal_scale`` times the grey value
        plus ``signal_offset``, as in Nion's calibrations.
    """
    if str(metadata.get("signal_unit", "")).lower() not in COUNTS:
        return KnownNoise()
    gain, scale = _number(metadata.get("counts_per_electron")), _number(metadata.get("signal_scale", 1.0))
    offset = _number(metadata.get("signal_offset"))
    if gain is None or scale is None or not (gain > 0 and scale > 0 and 0 < gain / scale < math.inf):
        return KnownNoise()
    return KnownNoise(gain=gain / scale, offset=None if offset is None else -offset / scale)


def _number(value: Any) -> float | None:
    """A finite number, else None; text is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
