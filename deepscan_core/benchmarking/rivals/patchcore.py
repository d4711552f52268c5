"""PatchCore on one image: how far is each patch from its nearest neighbour in a memory of the image's other places?

Roth, Pemula, Zepeda, Schölkopf, Brox and Gehler 2022, "Towards Total Recall in Industrial Anomaly Detection",
doi:10.1109/CVPR52688.2022.01392: mid-level features of an ImageNet network, averaged over 3 x 3 cells, levels side by side;
a memory bank that a greedy coreset thins out; the distance to the nearest entry of it, then a Gaussian filter.

What differs, because there is one image and nobody vouches that it is good: the memory is made of the image itself, and
a patch does not meet what it shares pixels with. The paper's re-weighting is left out: it concerns the score of a whole
image, taken from its most anomalous patch, and leaves the map as it is.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepscan_core.benchmarking.rivals.base import Map
from deepscan_core.benchmarking.rivals.dense import dense_features, smooth_map, varies
from deepscan_core.benchmarking.scene import Scene

FloatTable = npt.NDArray[np.float32]
STRIDES_PX = (4.0, 8.0)
SCALE = 1.0
CORESET_SHARE = 0.1
MOST_REMEMBERED = 2000  # up to 1,789 x 1,789 px still above the paper's smallest share, 1 %
PROJECTED = 128  # dimensions in which the coreset is chosen, as in the paper
NEIGHBOURHOOD_PX = 32.0
SMOOTHING_SIGMA_PX = 4.0
QUERIES_AT_ONCE = 2048


def patchcore(scene: Scene) -> Map:
    """Distance of each patch to its nearest neighbour elsewhere in the image, smoothed."""
    features = dense_features(scene, strides_px=STRIDES_PX, aggregated=True, scale=SCALE)
    if not varies(features):
        return np.zeros(scene.preview.shape)
    table, centers_px = features.table(), features.centers_px()
    memory = greedy_coreset(table, share=CORESET_SHARE, seed=scene.seed)
    distance = nearest_elsewhere(table, centers_px, memory, away_px=NEIGHBOURHOOD_PX)
    return smooth_map(features, distance, sigma_px=SMOOTHING_SIGMA_PX)


def greedy_coreset(table: FloatTable, *, share: float, seed: int) -> npt.NDArray[np.int64]:
    """Indices of rows such that no other row is far from all of them: always the farthest one next.

    At most 2,000. Distances are those of a random projection (Johnson-Lindenstrauss), as in the paper.
    """
    rng = np.random.default_rng([seed, 5])
    count = min(max(1, round(share * len(table))), MOST_REMEMBERED)
    projected = table
    if table.shape[1] > PROJECTED:
        projection = rng.standard_normal((table.shape[1], PROJECTED), dtype=np.float32) / np.sqrt(np.float32(PROJECTED))
        projected = table @ projection
    squares = (projected**2).sum(axis=1)
    chosen = np.empty(count, np.int64)
    chosen[0] = rng.integers(len(table))
    nearest = np.full(len(table), np.inf, np.float32)
    for k in range(1, count):
        last = chosen[k - 1]
        np.minimum(nearest, squares + squares[last] - 2 * (projected @ projected[last]), out=nearest)
        nearest[last] = -np.inf
        chosen[k] = nearest.argmax()
    return chosen


def nearest_elsewhere(
    table: FloatTable, centers_px: npt.NDArray[np.float64], memory: npt.NDArray[np.int64], *, away_px: float
) -> npt.NDArray[np.float64]:
    """Distance of each row to the nearest row of the memory whose patch is at least `away_px` away along an axis.

    A row that has none such, which happens in small images only, takes the nearest of those least near to it.
    """
    bank, places = table[memory], centers_px[memory]
    squares = (bank**2).sum(axis=1)
    found = np.empty(len(table))
    for first in range(0, len(table), QUERIES_AT_ONCE):
        part = slice(first, first + QUERIES_AT_ONCE)
        own = table[part]
        distance = (own**2).sum(axis=1)[:, None] + squares - 2 * own @ bank.T
        apart = np.abs(centers_px[part, None, :] - places).max(axis=2)
        limit = np.minimum(away_px, apart.max(axis=1, keepdims=True))
        found[part] = np.where(apart >= limit, distance, np.inf).min(axis=1)
    return np.sqrt(np.maximum(found, 0))
