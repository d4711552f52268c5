"""The pipeline that DeepScan was first described with, at its described settings, run as a rival.

Patches of 32 and 64 px at half stride, each magnified to 224 px and passed one by one through an ImageNet network, whose
pooled features go through a PCA to 50 components and an Isolation Forest (Liu, Ting and Zhou 2008,
doi:10.1109/ICDM.2008.17). A pixel's score is the mean of those of the patches over it. What was described visits places in
the order of their rank; so does the meter before it plans a tour.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepscan_core.benchmarking.rivals.base import Map
from deepscan_core.benchmarking.scene import Scene
from deepscan_core.features.backbones import DEFAULT_BACKBONE, load_backbone
from deepscan_core.ingest.normalise import normalise

if TYPE_CHECKING:
    import torch

PATCH_SIDES_PX = (32, 64)
MAGNIFIED_PX = 224
N_COMPONENTS = 50
BATCH = 32


def described_pipeline(scene: Scene) -> Map:
    """Anomaly of each pixel, in [-0.5, 0.5]; 0 everywhere where all patches are alike.

    Raises
    ------
    MissingError
        No network can be run on this computer.
    """
    from sklearn.decomposition import PCA
    from sklearn.ensemble import IsolationForest

    scaled = normalise(scene.preview.array)
    corners = patch_corners(scene.preview.shape)
    if not np.ptp(scaled):
        return np.zeros(scene.preview.shape)
    features = np.concatenate([_pooled(batch) for batch in _batches(scaled, corners)])
    n_components = min(N_COMPONENTS, *features.shape)
    reduced = PCA(n_components=n_components, svd_solver="full").fit_transform(features)
    forest = IsolationForest(contamination=0.1, random_state=scene.seed).fit(reduced)
    return _mean_over_patches(scene.preview.shape, corners, -forest.decision_function(reduced))


def patch_corners(shape: tuple[int, int]) -> list[tuple[int, int, int]]:
    """``(top, left, side)`` of every patch that fits the frame, at half stride."""
    return [
        (top, left, side)
        for side in PATCH_SIDES_PX
        for top in range(0, shape[0] - side + 1, side // 2)
        for left in range(0, shape[1] - side + 1, side // 2)
    ]


def _batches(scaled: npt.NDArray[np.float32], corners: list[tuple[int, int, int]]) -> Iterator[torch.Tensor]:
    """Magnified patches, (n, 1, 224, 224), never of two sides in a batch."""
    import torch
    from torch.nn import functional

    for side in PATCH_SIDES_PX:
        of_side = [(top, left) for top, left, own in corners if own == side]
        for first in range(0, len(of_side), BATCH):
            cut = [scaled[top : top + side, left : left + side] for top, left in of_side[first : first + BATCH]]
            batch = torch.from_numpy(np.stack(cut))[:, None]
            size = (MAGNIFIED_PX, MAGNIFIED_PX)
            yield functional.interpolate(batch, size=size, mode="bilinear", align_corners=False)


def _pooled(batch: torch.Tensor) -> npt.NDArray[np.float32]:
    """What the network without its classifier says about each patch."""
    import torch

    backbone = load_backbone(DEFAULT_BACKBONE)
    network: Any = backbone.network
    mean, std = (torch.tensor(three).view(1, -1, 1, 1) for three in (backbone.mean, backbone.std))
    with torch.inference_mode():
        last = network.forward_features((batch - mean) / std)
        pooled: npt.NDArray[np.float32] = network.forward_head(last, pre_logits=True).numpy()
    return pooled


def _mean_over_patches(
    shape: tuple[int, int], corners: list[tuple[int, int, int]], scores: npt.NDArray[np.float64]
) -> Map:
    """Mean score of the patches over each pixel; pixels that no patch reaches take the lowest score."""
    total, count = np.zeros(shape), np.zeros(shape)
    for (top, left, side), score in zip(corners, scores, strict=True):
        total[top : top + side, left : left + side] += score
        count[top : top + side, left : left + side] += 1
    return np.where(count > 0, total / np.maximum(count, 1), scores.min())
