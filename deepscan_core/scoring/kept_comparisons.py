"""How much each shift counts, as one frame of a view leaves it to the next.

Every second tile of a new frame, in turns, compares a quarter of its samples, in turns, and adds them to a running mean.
Where what is kept misjudges the new frame, the view has changed: then all samples of all tiles are compared, as in an image
without a past.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepscan_core.scoring.nonlocal_means import (
    Disagreement,
    Shares,
    ShiftedImage,
    Trial,
    Windows,
    disagreement,
    shares_of,
    usual_least,
    windows_of,
)

QUARTERS = ((0, 0), (2, 2), (0, 2), (2, 0))  # pixels down and right in a block
SHARE = np.float32(1 / 2)  # of the new frame in the running mean
EVERY_BLOCK = 2  # is looked at, along both axes
MOST_CHANGE = 1.25  # of the median of a tile's blocks under the shift that agreed best, in either direction
MOST_LOCAL_CHANGE = 2.0  # and of all but a few of them: a change of a part
LOCAL_QUANTILE = 0.98


@dataclass(frozen=True, kw_only=True, eq=False)
class KeptComparison:
    """Of one tile.

    Attributes
    ----------
    trial, windows : what is compared.
    found : running mean of the disagreement.
    shares : of the shifts, that follow from it.
    """

    trial: Trial
    windows: Windows
    found: Disagreement
    shares: Shares


@dataclass(frozen=True, kw_only=True, eq=False)
class KeptComparisons:
    """Of all tiles of an image.

    Attributes
    ----------
    shape : of the image.
    tiles : one for each of its tiles, by rows.
    turn : counts frames.
    """

    shape: tuple[int, ...]
    tiles: list[KeptComparison]
    turn: int = 0


def next_comparisons(kept: KeptComparisons | None, shifted: ShiftedImage, trials: list[Trial]) -> KeptComparisons:
    """What holds for a new frame.

    Parameters
    ----------
    kept : from the frame before, None where there was none.
    shifted : the frame.
    trials : of its tiles, by rows.
    """
    followed = None
    if kept is not None and kept.shape == shifted.shape:
        followed = _followed(kept, shifted, trials)
    return followed or _anew(shifted, trials)


def _anew(shifted: ShiftedImage, trials: list[Trial]) -> KeptComparisons:
    windows = [windows_of(shifted, trial) for trial in trials]
    found = [disagreement(shifted, *one) for one in zip(trials, windows, strict=True)]
    usual = usual_least(found)
    tiles = [
        KeptComparison(trial=trial, windows=window, found=one, shares=shares_of(one, usual))
        for trial, window, one in zip(trials, windows, found, strict=True)
    ]
    return KeptComparisons(shape=shifted.shape, tiles=tiles)


def _followed(kept: KeptComparisons, shifted: ShiftedImage, trials: list[Trial]) -> KeptComparisons | None:
    """The same by what was kept; None where the view has changed."""
    quarter = QUARTERS[kept.turn // 2 % len(QUARTERS)]
    updated: dict[int, tuple[Windows, Disagreement]] = {}
    for number, (before, trial) in enumerate(zip(kept.tiles, trials, strict=True)):
        if before.trial != trial:  # this tile's translations were found anew
            windows = windows_of(shifted, trial)
            updated[number] = windows, disagreement(shifted, trial, windows)
        elif number % 2 == kept.turn % 2:
            new = disagreement(shifted, trial, before.windows, quarter=quarter)
            if not _still_holds(before.found, new):
                return None
            updated[number] = before.windows, new * SHARE + before.found * (1 - SHARE)
    found = [updated[n][1] if n in updated else before.found for n, before in enumerate(kept.tiles)]
    usual = usual_least(found)
    tiles = list(kept.tiles)
    for number, (windows, one) in updated.items():
        tiles[number] = KeptComparison(trial=trials[number], windows=windows, found=one, shares=shares_of(one, usual))
    return KeptComparisons(shape=kept.shape, tiles=tiles, turn=kept.turn + 1)


def _still_holds(kept: Disagreement, new: Disagreement) -> bool:
    """Whether the new frame agrees as well under the shift that was best so far."""
    few = (slice(None), slice(None, None, EVERY_BLOCK), slice(None, None, EVERY_BLOCK))
    best = kept[few].argmin(axis=0)[None]
    before, now = (np.take_along_axis(found[few], best, axis=0).ravel() for found in (kept, new))
    known = np.isfinite(before) & (before > 0)
    if not known.any():
        return not now[np.isfinite(now)].any()
    change = now[known] / before[known]
    low, middle, high = np.quantile(change, [1 - LOCAL_QUANTILE, 0.5, LOCAL_QUANTILE])
    return bool(1 / MOST_CHANGE <= middle <= MOST_CHANGE and low >= 1 / MOST_LOCAL_CHANGE and high <= MOST_LOCAL_CHANGE)
