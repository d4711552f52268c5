"""PaDiM on one image: how far is each place from the mean of all, in units of their covariance?

Defard, Setkov, Loesch and Audigier 2021, "PaDiM: a Patch Distribution Modeling Framework for Anomaly Detection and
Localization", doi:10.1007/978-3-030-68799-1_35: levels of an ImageNet network side by side, a Gaussian with a covariance
regularised by 0.01 of the identity, the Mahalanobis distance, a Gaussian filter of 4 px. All features are kept, where the
paper drops some at random to save time.

What differs: one image has one example of each place, so that one Gaussian is fitted to all places together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepscan_core.benchmarking.rivals.base import Map
from deepscan_core.benchmarking.rivals.dense import dense_features, smooth_map, varies
from deepscan_core.benchmarking.scene import Scene

STRIDES_PX = (4.0, 8.0, 16.0)
RIDGE = 0.01
SMOOTHING_SIGMA_PX = 4.0


def mahalanobis(scene: Scene) -> Map:
    """Mahalanobis distance of each place to the image's own distribution, smoothed."""
    features = dense_features(scene, strides_px=STRIDES_PX, aggregated=False)
    if not varies(features):
        return np.zeros(scene.preview.shape)
    distance = mahalanobis_distances(features.table().astype(np.float64))
    return smooth_map(features, distance, sigma_px=SMOOTHING_SIGMA_PX)


def mahalanobis_distances(table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Distance of each row (n, n_features) to the mean of all, under their covariance plus 0.01 of the identity."""
    from scipy import linalg

    centred = table - table.mean(axis=0)
    covariance = centred.T @ centred / max(len(table) - 1, 1) + RIDGE * np.eye(table.shape[1])
    whitened = linalg.solve_triangular(linalg.cholesky(covariance, lower=True), centred.T, lower=True)
    distance: npt.NDArray[np.float64] = np.sqrt((whitened**2).sum(axis=0))
    return distance
