"""From an image to a feature pyramid: the backbone runs once a scale over the whole image."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.features import classical
from deepscan_core.features.backbones import AUTO, DEFAULT_BACKBONE, Backbone, load_backbone
from deepscan_core.features.footprint import pipeline_bytes
from deepscan_core.features.pyramid import FeaturePyramid, Level, PatchGrid
from deepscan_core.memory import check_memory
from deepscan_core.records.coordinates import check_positive
from deepscan_core.records.maps import FeatureMap

SMALLEST_SCALED_SIDE_PX = 16
TILE_PX, MARGIN_PX = 1024, 128
LARGEST_WHOLE_PX = 1536 * 1536  # larger images are seen tile by tile


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
    scales: tuple[float, ...] = field(default=(1.0,))
    device: str = AUTO
    precision: str = "float32"

    def __post_init__(self) -> None:
        if not self.scales:
            raise InputError("no scales were given: give at least one, e.g. 1.0")
        check_positive("scales", *self.scales)


def extract(scaled: npt.NDArray[np.float32], settings: ExtractorSettings) -> FeaturePyramid:
    """Feature maps of a normalised image, all at once.

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
    if np.ptp(scaled) == 0:  # nothing to see; a network would see the border it was given
        nothing = Level(values=np.zeros((1, *scaled.shape), np.float32), stride_px=1.0, origin_px=0.0)
        return FeaturePyramid(levels=(nothing,), image_shape=scaled.shape, source=settings.backbone)
    _check_memory(scaled.shape, settings)
    return _pyramid(scaled, settings)


def extract_patches(
    scaled: npt.NDArray[np.float32], settings: ExtractorSettings, *, patch_px: float, step_px: float
) -> FeatureMap:
    """Mean features of square patches, tile by tile, so that memory does not grow with the network's maps.

    Parameters
    ----------
    scaled, settings : as in `extract`.
    patch_px, step_px : as in `FeaturePyramid.patches`.

    Notes
    -----
    Tiles of 1,024 px are seen with 128 px around them. What a network sees beyond that is not taken into account, which
    changes features at the seams by a few per mille.
    """
    check_positive("patch_px", patch_px)
    grid = PatchGrid(image_shape=scaled.shape, step_px=step_px)
    _check_memory(scaled.shape, settings, seen_px=tile_px(scaled.shape))
    y_px, x_px = grid.centers_px(0), grid.centers_px(1)
    if np.ptp(scaled) == 0:
        return grid.feature_map(np.zeros((len(y_px), len(x_px), 1), np.float32), settings.backbone)
    bands, source = [], settings.backbone
    for top in range(0, scaled.shape[0], TILE_PX):
        parts = []
        for left in range(0, scaled.shape[1], TILE_PX):
            first = (max(0, top - MARGIN_PX), max(0, left - MARGIN_PX))
            tile = scaled[first[0] : top + TILE_PX + MARGIN_PX, first[1] : left + TILE_PX + MARGIN_PX]
            rows = y_px[(y_px >= top) & (y_px < top + TILE_PX)]
            cols = x_px[(x_px >= left) & (x_px < left + TILE_PX)]
            pyramid = _pyramid(np.ascontiguousarray(tile), settings)
            parts.append(pyramid.pooled(rows - first[0], cols - first[1], patch_px))
            source = pyramid.source
        bands.append(np.concatenate(parts, axis=1))
    return grid.feature_map(np.concatenate(bands), source)


def _pyramid(scaled: npt.NDArray[np.float32], settings: ExtractorSettings) -> FeaturePyramid:
    rows, cols = scaled.shape
    if settings.backbone == classical.NAME:
        levels = [classical.classical_level(scaled)]
        return FeaturePyramid(levels=tuple(levels), image_shape=(rows, cols), source=settings.backbone)
    backbone = _backbone(settings)
    fitting = [s for s in settings.scales if s * min(rows, cols) >= SMALLEST_SCALED_SIDE_PX]
    levels = [level for scale in fitting or [max(settings.scales)] for level in backbone.levels(scaled, scale=scale)]
    return FeaturePyramid(levels=tuple(levels), image_shape=(rows, cols), source=backbone.name)


def _backbone(settings: ExtractorSettings) -> Backbone:
    return load_backbone(settings.backbone, settings.weights, settings.device, settings.precision)


def tile_px(shape: tuple[int, ...]) -> int:
    """How many pixels of a large image are seen at once."""
    return math.prod(min(n, TILE_PX + 2 * MARGIN_PX) for n in shape)


def check_room(shape: tuple[int, int], settings: ExtractorSettings) -> None:
    """Raise `InputError` where not even the image and its map fit the memory; a network is checked when it is needed."""
    seen_px = None
    if settings.backbone != classical.NAME:
        seen_px = 0
    elif math.prod(shape) > LARGEST_WHOLE_PX:
        seen_px = tile_px(shape)
    _check(shape, settings, None, seen_px)


def _check_memory(shape: tuple[int, int], settings: ExtractorSettings, seen_px: int | None = None) -> None:
    _check(shape, settings, None if settings.backbone == classical.NAME else _backbone(settings), seen_px)


def _check(shape: tuple[int, int], settings: ExtractorSettings, backbone: Backbone | None, seen_px: int | None) -> None:
    rows, cols = shape
    check_memory(
        pipeline_bytes((rows, cols), settings.scales, backbone, seen_px=seen_px),
        f"an image of {rows} x {cols} px with {settings.backbone}",
    )
