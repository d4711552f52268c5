"""Several maps of one image as one: surprise, likeness to clicks and words, as evidence that adds up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.maps import ScoreMap

MOST_LOG_ODDS = 9.0  # of one map: none can outvote all others by itself
SURPRISING_NATS = 3.0  # surprisal at which a place is as well worth a visit as not: one ordinary place in twenty has it


def log_odds(score_map: ScoreMap) -> npt.NDArray[np.float32]:
    """A map as log-odds that a place is meant, shape (rows, cols), within ± `MOST_LOG_ODDS`."""
    values = score_map.values
    if score_map.kind == "probability":
        share = np.clip(values, 1e-6, 1 - 1e-6)
        values = np.log(share / (1 - share))
    elif score_map.kind == "surprisal":
        values = values - np.float32(SURPRISING_NATS)
    within: npt.NDArray[np.float32] = np.clip(values, -MOST_LOG_ODDS, MOST_LOG_ODDS).astype(np.float32)
    return within


def combined(maps: Sequence[ScoreMap]) -> ScoreMap:
    """The sum of the log-odds of maps of one image; above 0 where they speak for a place together.

    Raises
    ------
    InputError
        No map, or maps of different shapes.

    Notes
    -----
    The sum is exact for evidence that is independent, which maps of one image are not: it ranks places, and its values are
    no calibrated odds.
    """
    if not maps:
        raise InputError("no maps were given: give at least one")
    shapes = {one.shape for one in maps}
    if len(shapes) > 1:
        raise InputError(f"maps of {' and '.join(map(str, sorted(shapes)))} px: give maps of one image")
    if len(maps) == 1:
        return maps[0]
    total = np.stack([log_odds(one) for one in maps]).sum(axis=0)
    label = " and ".join(one.label or one.kind for one in maps)
    return ScoreMap(total, kind="similarity", label=label, blur_px=max(one.blur_px for one in maps))
