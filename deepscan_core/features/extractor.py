"""From an image to a feature pyramid: the backbone runs once a scale over the whole image."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.features import classical
from deepscan_core.features.backbones import AUTO, DEFAULT_BACKBONE, Backbone, load_backbone
from deepscan_core.features.footprint import pipeline_bytes
from deepscan_core.features.pyramid import FeaturePyramid, Level
from deepscan_core.memory import check_memory
from deepscan_core.records.coordinates import check_positive

SMALLEST_SCALED_SIDE_PX = 16


@dataclass(frozen=True, kw_only=True)
class ExtractorSettings:
    """How features are made.

    Attributes
    ----------
    backbone : a timm model, or "classical" for features without a network.
    weights : local weights file of the backbone; "random" for a network that learnt nothing, to measure times; or None.
    scales : factors by which the image is resampled, one pass each.
    device : of torch, e.g. "cpu" or "cuda"; "auto" is CUDA where torch finds it, else the CPU.
    precision : "float32", or "float16" or "bfloat16" for mixed precision.
    """

    backbone: str = DEFAULT_BACKBONE
    weights: Path | Literal["random"] | None = None
    scales: tuple[float, ...] = field(default=(1.0, 0.5))
    device: str = AUTO
    precision: str = "float32"

    def __post_init__(self) -> None:
        if not self.scales:
            raise InputError("no scales were given: give at least one, e.g. 1.0")
        check_positive("scales", *self.scales)


def extract(scaled: npt.NDArray[np.float32], settings: ExtractorSettings) -> FeaturePyramid:
    """Feature maps of a normalised image.

    Parameters
    ----------
    scaled : float32 ndarray of shape (rows, cols), from `ingest.normalise`.
    settings : see `ExtractorSettings`.

    Raises
    ------
    InputError
        It would take more memory than is allowed, see `deepscan_core.memory`.

    Notes
    -----
    Memory is some 300 bytes a pixel with the default backbone (``benchmarks/memory.py``). A scale that leaves
    fewer than 16 px a side is left out, but for the largest one.
    """
    rows, cols = scaled.shape
    source = settings.backbone
    if np.ptp(scaled) == 0:  # nothing to see; a network would see the border it was given
        nothing = np.zeros((1, rows, cols), np.float32)
        levels = [Level(values=nothing, stride_px=1.0, origin_px=0.0)]
    elif settings.backbone == classical.NAME:
        _check_memory(rows, cols, settings, None)
        levels = [classical.classical_level(scaled)]
    else:
        backbone = load_backbone(settings.backbone, settings.weights, settings.device, settings.precision)
        _check_memory(rows, cols, settings, backbone)
        source = backbone.name
        fitting = [s for s in settings.scales if s * min(rows, cols) >= SMALLEST_SCALED_SIDE_PX]
        levels = [
            level for scale in fitting or [max(settings.scales)] for level in backbone.levels(scaled, scale=scale)
        ]
    return FeaturePyramid(levels=tuple(levels), image_shape=(rows, cols), source=source)


def _check_memory(rows: int, cols: int, settings: ExtractorSettings, backbone: Backbone | None) -> None:
    check_memory(
        pipeline_bytes((rows, cols), settings.scales, backbone),
        f"an image of {rows} x {cols} px with {settings.backbone}",
    )
