"""The prototype of self-similarity: a rival for what replaces DeepScan's own score, and a limit to beat.

In a crystal, and in many textures, nearly every place looks like many others. Each pixel is predicted by the centres of the
patches that resemble its own most, after non-local means (Buades, Coll and Morel 2005, doi:10.1109/CVPR.2005.38), and what
the prediction misses is rare.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepscan_core.benchmarking.rivals.base import Map
from deepscan_core.benchmarking.scene import Scene
from deepscan_core.ingest.normalise import fill_unmeasured

PATCH_PX = 25
STEP_PX = 2
N_DIMENSIONS = 12
N_REFERENCES = 1500
N_NEAREST = 60
SMOOTHING_SIGMA_PX = 2.5
QUERIES_AT_ONCE = 4096


def self_similarity_prototype(scene: Scene) -> Map:
    """How far each pixel of the smoothed preview is from the median of its nearest patches' centres.

    Patches of 25 px around every second pixel, 12 principal components of them, 1,500 reference patches at random places,
    the 60 nearest of those (a patch is never its own reference). Zeros for a constant image.
    """
    from scipy import ndimage

    grey = fill_unmeasured(scene.preview.array).astype(np.float64)
    smooth = ndimage.gaussian_filter(grey - grey.mean(), SMOOTHING_SIGMA_PX, mode="reflect")
    if np.ptp(smooth) <= 1e-12 * (float(np.abs(grey).max()) or 1.0):
        return np.zeros(grey.shape)
    smooth /= smooth.std()
    rng = np.random.default_rng([scene.seed, 4])
    described, centres = _patch_space(smooth, rng)
    chosen = rng.choice(len(described), min(N_REFERENCES, len(described)), replace=False)
    missed = np.abs(centres - _predicted(described, centres, chosen))
    rows, cols = (-(-n // STEP_PX) for n in grey.shape)
    return _to_pixels(missed.reshape(rows, cols), grey.shape)


def _patch_space(
    smooth: npt.NDArray[np.float64], rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Components (n, 12) of the patch around every second pixel, and the pixel itself (n,).

    Principal components are learned from as many patches as there are references; each is then a correlation of the image
    with one patch, which spares 625 numbers a pixel.
    """
    from scipy.signal import fftconvolve

    half = PATCH_PX // 2
    padded = np.pad(smooth, half, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (PATCH_PX, PATCH_PX))
    places = rng.integers(0, smooth.shape, (N_REFERENCES, 2))
    sample = windows[places[:, 0], places[:, 1]].reshape(N_REFERENCES, -1)
    _, _, components = np.linalg.svd(sample - sample.mean(axis=0), full_matrices=False)
    kernels = components[:N_DIMENSIONS].reshape(-1, PATCH_PX, PATCH_PX)
    projected = [fftconvolve(padded, k[::-1, ::-1], mode="valid")[::STEP_PX, ::STEP_PX].ravel() for k in kernels]
    return np.stack(projected, axis=1).astype(np.float32), smooth[::STEP_PX, ::STEP_PX].ravel()


def _predicted(
    described: npt.NDArray[np.float32], centres: npt.NDArray[np.float64], chosen: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Median of the centres of the nearest references of each patch, other than itself."""
    references = described[chosen]
    squares = (references**2).sum(axis=1)
    own = np.full(len(described), -1)
    own[chosen] = np.arange(len(chosen))
    n_nearest = min(N_NEAREST, len(chosen) - 1)
    predicted = np.empty(len(described))
    for first in range(0, len(described), QUERIES_AT_ONCE):
        part = slice(first, first + QUERIES_AT_ONCE)
        distance = squares - 2 * described[part] @ references.T  # the query's own square moves no order
        is_reference = np.flatnonzero(own[part] >= 0)
        distance[is_reference, own[part][is_reference]] = np.inf
        nearest = np.argpartition(distance, n_nearest - 1, axis=1)[:, :n_nearest]
        predicted[part] = np.median(centres[chosen][nearest], axis=1)
    return predicted


def _to_pixels(grid: npt.NDArray[np.float64], shape: tuple[int, int]) -> Map:
    """Linear interpolation between every second pixel."""
    from scipy import ndimage

    y, x = np.ogrid[: shape[0], : shape[1]]
    places = np.broadcast_arrays(y / STEP_PX, x / STEP_PX)
    pixels: Map = ndimage.map_coordinates(grid, places, order=1, mode="nearest")
    return pixels
