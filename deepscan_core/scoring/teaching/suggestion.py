"""Which place would teach most, if somebody said what it is?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX
from deepscan_core.records.stacks import FeatureStack
from deepscan_core.scoring.teacher import Teacher

PEAK_CELLS = 5  # a candidate is the highest of a square of so many cells
MOST_CANDIDATES = 256
LEAST_LOG_ODDS = -1.0  # what is less likely teaches nothing about what is alike
APART_PX = 8.0  # from clicks that were made


def suggest_click(teacher: Teacher, features: FeatureStack, clicks_px: npt.NDArray[np.floating]) -> YX:
    """The next most useful click ``(y, x)``: what may be wanted, is doubtful, and is unlike the clicks so far.

    Parameters
    ----------
    teacher : that has learned.
    features : of the image to click on.
    clicks_px : clicks on this image so far, of either kind, shape (n, 2).

    Raises
    ------
    InputError
        The clicks leave no place.

    Notes
    -----
    Candidates are the peaks of the map, since people click on things. Each is worth its uncertainty, ``4 p (1 − p)``
    (Lewis and Gale 1994, doi:10.1007/978-1-4471-2099-5_1), times one minus the largest cosine between its features and
    those of the clicks, both in standard deviations from the bulk, so that one answer does not serve twice.
    """
    from scipy import ndimage
    from scipy.special import expit

    log_odds = teacher.log_odds(features)
    is_peak = log_odds == ndimage.maximum_filter(log_odds, PEAK_CELLS, mode="nearest")
    cells = np.argwhere(is_peak)
    points = features.finest.origin_px + features.finest.step_px * cells
    if len(clicks_px):
        points_apart = np.linalg.norm(points[:, None] - clicks_px[None], axis=2).min(axis=1) >= APART_PX
        cells, points = cells[points_apart], points[points_apart]
    if not len(points):
        raise InputError("the clicks leave no other place in this image: nothing is left to suggest")
    odds = log_odds[cells[:, 0], cells[:, 1]].astype(np.float64)
    best = np.argsort(-odds, kind="stable")[:MOST_CANDIDATES]
    best = best[: max(1, int((odds[best] >= LEAST_LOG_ODDS).sum()))]
    likely = expit(odds[best])
    uncertainty = 4 * likely * (1 - likely)
    known = _directions(teacher.learned_.standardised(np.concatenate([teacher.positive_, teacher.negative_])))
    new = _directions(teacher.learned_.standardised(features.at(points[best])))
    value = uncertainty * (1 - np.maximum(new @ known.T, 0).max(axis=1))
    y, x = points[best[int(value.argmax())]]
    return (float(y), float(x))


def _directions(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    directions: npt.NDArray[np.float32] = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return directions
