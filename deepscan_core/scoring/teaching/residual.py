"""What the rest of the image does not predict, as features that a teacher learns from."""

from __future__ import annotations

import numpy as np

from deepscan_core.records.maps import FeatureMap
from deepscan_core.scoring.filters import halved, signed_spots
from deepscan_core.scoring.self_similarity import Residual

WIDTHS_PX = (1.2, 2.2, 4.0, 8.0)  # from half an atom to a patch of contamination
STEP_PX = 2
NAME = "self-similarity"


def residual_features(residual: Residual) -> FeatureMap:
    """Signed residual of self-similarity under Gaussians of four widths, every second pixel.

    Parameters
    ----------
    residual : of an image of at least 2 px a side.

    Notes
    -----
    The sign stays: a missing atom and one too many are equally rare and not alike. Sizes are compressed as
    ``log(1 + |r|)``, since an adatom may be a hundred sigmas high and a vacancy ten.
    """
    rows, cols = residual.scaled.shape
    widths = [halved(signed_spots(residual.sigmas(), width_px)) for width_px in WIDTHS_PX]
    values = np.stack(widths, axis=-1)
    return FeatureMap(
        values=np.copysign(np.log1p(np.abs(values)), values),
        step_px=float(STEP_PX),
        origin_px=(STEP_PX - 1) / 2,
        image_shape=(rows, cols),
        source=NAME,
    )
