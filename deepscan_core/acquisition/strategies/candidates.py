"""A place that may be worth a tile, how it is looked at cheaply, and the callable that judges frames."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX, check_finite
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import SHORTEST_DWELL_US, ScanStep

Judge = Callable[[ScanFrame], float]
"""From a frame to the logarithm of how much likelier it is with something there than without, in nats."""

SUREST = 1 - 1e-9


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A place that may be worth a tile.

    Attributes
    ----------
    step : the tile, as it is to be recorded in the end.
    probability : that something is there, calibrated, before any tile.
    features : what makes it like or unlike other candidates, in units in which a distance of one is "rather alike".
    """

    step: ScanStep
    probability: float
    features: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise InputError(f"a candidate's probability is {self.probability}: give a number from 0 to 1")
        check_finite("features of a candidate", *self.features)

    @property
    def log_odds(self) -> float:
        """Of something being there, in nats; finite."""
        return log_odds(self.probability)

    @property
    def center_px(self) -> YX:
        """Centre of its tile."""
        return (self.step.center_y_px, self.step.center_x_px)


def log_odds(probability: float) -> float:
    """``ln(p / (1 - p))``, kept finite.

    >>> log_odds(0.5)
    0.0
    """
    kept = min(max(probability, 1 - SUREST), SUREST)
    return math.log(kept / (1 - kept))


def probability(log_odds_nats: float) -> float:
    """The inverse of `log_odds`.

    >>> probability(0.0)
    0.5
    """
    return 1 / (1 + math.exp(-min(max(log_odds_nats, -700.0), 700.0)))


def cheap_look(step: ScanStep, *, dwell_share: float = 0.25, density_share: float = 0.5) -> ScanStep:
    """The same place with less dwell and fewer samples.

    Parameters
    ----------
    step : as it is to be recorded in the end.
    dwell_share : of its dwell time a sample, in (0, 1].
    density_share : of its samples along each axis, in (0, 1].

    Raises
    ------
    InputError
        Shares out of range.
    """
    if not (0 < dwell_share <= 1 and 0 < density_share <= 1):
        raise InputError(f"a look with {dwell_share} of the dwell and {density_share} of the density: give (0, 1]")
    rows, cols = (max(1, round(n * density_share)) for n in (step.rows, step.cols))
    dwell_us = max(step.dwell_time_us * dwell_share, min(SHORTEST_DWELL_US, step.dwell_time_us))
    fewer = rows * cols * dwell_us / (step.rows * step.cols * step.dwell_time_us)
    dose = None if step.dose_e_per_nm2 is None else step.dose_e_per_nm2 * fewer
    return replace(step, rows=rows, cols=cols, dwell_time_us=dwell_us, dose_e_per_nm2=dose)


def narrow_look(step: ScanStep, *, side_share: float) -> ScanStep:
    """The middle of a place alone, recorded as the whole is: for a large tile around something small.

    Parameters
    ----------
    step : as it is to be recorded in the end.
    side_share : of its sides, in (0, 1].

    Raises
    ------
    InputError
        A share out of range.
    """
    if not 0 < side_share <= 1:
        raise InputError(f"a look at {side_share} of the sides: give a share in (0, 1]")
    rows, cols = (max(1, round(n * side_share)) for n in (step.rows, step.cols))
    down, right = rows / step.rows, cols / step.cols
    return replace(
        step,
        rows=rows,
        cols=cols,
        height_px=step.height_px * down,
        width_px=step.width_px * right,
        height_nm=None if step.height_nm is None else step.height_nm * down,
        width_nm=None if step.width_nm is None else step.width_nm * right,
    )
