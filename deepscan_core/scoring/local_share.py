"""The probability that a region holds something, from the surprisal of all regions: one minus the local false share."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.scoring.calibration import n_places

FloatArray = npt.NDArray[np.float64]
FEWEST = 0.5  # regions that are taken to hold something where none stands out


def region_probabilities(scores_nats: npt.NDArray[np.floating], shape: tuple[int, ...]) -> FloatArray:
    """How probable it is that each region holds something that chance has not made.

    Chance lets ``n exp(-s)`` of the image's n places exceed a surprisal s, and so makes as many regions a nat there. What
    holds something is taken to be spread evenly over s, as many a nat as stand out between the level that one place exceeds
    by chance and twice that level. The probability is the share of the second in both: one minus the local false
    discovery rate (Efron 2004, doi:10.1198/016214504000000089).

    Parameters
    ----------
    scores_nats : of all regions that were found, shape (n,).
    shape : of the image.

    Returns
    -------
    ndarray of shape (n,), rising with the score.

    Notes
    -----
    As good as the surprisal's calibration. Where far more is faint than clear, faint regions are likelier than it says.

    Raises
    ------
    InputError
        Scores that are not finite.
    """
    scores = np.asarray(scores_nats, float)
    if not np.isfinite(scores).all():
        raise InputError("scores of regions hold NaN or infinity: give finite ones")
    places = n_places(shape)
    level = max(math.log(places), 1.0)
    standing_out = float(((scores > level) & (scores <= 2 * level)).sum())
    by_target = max(standing_out - 1, FEWEST) / level  # of the places, one exceeds the level by chance
    found: FloatArray = by_target / (by_target + places * np.exp(-scores))
    return found
