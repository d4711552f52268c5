"""The simplest looks at the preview: contrast, brightness, darkness."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepscan_core.benchmarking.rivals.base import Map
from deepscan_core.benchmarking.scene import Scene
from deepscan_core.ingest.normalise import fill_unmeasured

VARIANCE_WINDOW_PX = 9  # a compromise: narrower finds more cracks, wider more agglomerates
BRIGHTNESS_SIGMA_PX = 2.0  # from 1 to 4 px it matters little


def local_variance(scene: Scene) -> Map:
    """Variance in a square of 9 px."""
    from scipy import ndimage

    grey = _grey(scene)
    mean: Map = ndimage.uniform_filter(grey, VARIANCE_WINDOW_PX, mode="reflect")
    square: Map = ndimage.uniform_filter(grey**2, VARIANCE_WINDOW_PX, mode="reflect")
    return np.maximum(square - mean**2, 0)


def brightest(scene: Scene) -> Map:
    """Brightness after a Gaussian filter of 2 px against noise."""
    from scipy import ndimage

    smooth: Map = ndimage.gaussian_filter(_grey(scene), BRIGHTNESS_SIGMA_PX, mode="reflect")
    return smooth


def darkest(scene: Scene) -> Map:
    """The same, upside down."""
    return -brightest(scene)


def _grey(scene: Scene) -> npt.NDArray[np.float64]:
    """Grey values around 0 with standard deviation 1, which keeps squares of them exact; zeros where nothing varies."""
    values = fill_unmeasured(scene.preview.array).astype(np.float64)
    centred: npt.NDArray[np.float64] = values - values.mean()
    spread = float(centred.std())
    return centred / spread if spread > 0 else centred
