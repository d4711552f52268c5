"""Features without a network: intensity, edges and texture at several widths, from scikit-image.

For computers without torch, and as a baseline that a network has to beat.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepscan_core.features.pyramid import Level

NAME = "classical"
SIGMA_MIN_PX, SIGMA_MAX_PX = 1.0, 8.0


def classical_level(scaled: npt.NDArray[np.float32]) -> Level:
    """`skimage.feature.multiscale_basic_features` of a normalised image (rows, cols) as one level of stride 1."""
    from skimage.feature import multiscale_basic_features

    features = multiscale_basic_features(scaled, sigma_min=SIGMA_MIN_PX, sigma_max=SIGMA_MAX_PX)
    return Level(values=np.ascontiguousarray(features.transpose(2, 0, 1)), stride_px=1.0, origin_px=0.0)
