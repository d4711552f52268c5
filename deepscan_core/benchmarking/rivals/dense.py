"""Dense features of the packaged network for rivals: locally aggregated, on one grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from deepscan_core.benchmarking.rivals.base import Map
from deepscan_core.benchmarking.scene import Scene
from deepscan_core.features.extractor import ExtractorSettings, extract
from deepscan_core.features.pyramid import FeaturePyramid
from deepscan_core.ingest.normalise import normalise
from deepscan_core.records.maps import FeatureMap
from deepscan_core.scoring.rarity import BORDER_REACH_PX, level_border

STEP_PX = 4.0  # of the finest level
AGGREGATED_CELLS = 3


def dense_features(
    scene: Scene, *, strides_px: tuple[float, ...], aggregated: bool, scale: float = 1.0, step_px: float = STEP_PX
) -> FeatureMap:
    """Levels of given strides, interpolated linearly to one grid and put side by side.

    Parameters
    ----------
    scene : its preview is normalised and passed through the network once.
    strides_px : which levels, in pixels of the preview.
    aggregated : average 3 x 3 cells of each level first.
    scale : the preview is magnified by this factor before.
    step_px : of the grid.
    """
    pyramid = extract(normalise(scene.preview.array), ExtractorSettings(scales=(scale,)))
    levels = tuple(level for level in pyramid.levels if level.stride_px in strides_px) or pyramid.levels
    if aggregated:
        size = (1, AGGREGATED_CELLS, AGGREGATED_CELLS)
        levels = tuple(replace(one, values=ndimage.uniform_filter(one.values, size, mode="reflect")) for one in levels)
    chosen = FeaturePyramid(levels=levels, image_shape=pyramid.image_shape, source=pyramid.source)
    return chosen.patches(patch_px=step_px, step_px=step_px)


def smooth_map(features: FeatureMap, scores: npt.NDArray[np.float64], *, sigma_px: float) -> Map:
    """From one score a cell to a smooth map, shape (rows, cols), the frame's border levelled as DeepScan levels its own.

    A crystal that is reflected at the border is unlike the crystal: without levelling the border would be all there is.
    """
    grid = scores.reshape(features.values.shape[:2])
    levelled = level_border(grid, n_rings=round(BORDER_REACH_PX / features.step_px))
    pixels = features.to_pixels(levelled).astype(np.float64)
    smooth: Map = ndimage.gaussian_filter(pixels, sigma_px, mode="reflect")
    return smooth


def varies(features: FeatureMap) -> bool:
    """Whether there is anything to tell apart."""
    return bool(np.ptp(features.values, axis=(0, 1)).max() > 0)
