"""Means over scenes and what is known about them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepscan_core.errors import InputError

CONFIDENCE = 0.95
RESAMPLES = 10_000


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A mean and its 95 % interval.

    Attributes
    ----------
    value : the mean.
    count : of how many numbers.
    half_width : of the interval; None for a single number, about which nothing is known.
    """

    value: float
    count: int
    half_width: float | None

    @property
    def low(self) -> float | None:
        """Lower end of the interval."""
        return None if self.half_width is None else self.value - self.half_width

    @property
    def high(self) -> float | None:
        """Upper end of the interval."""
        return None if self.half_width is None else self.value + self.half_width

    def holds(self, value: float) -> bool:
        """Whether a value lies in the interval, its ends included; True where there is none."""
        return self.half_width is None or abs(value - self.value) <= self.half_width + 1e-12


def mean_of(values: Sequence[float]) -> Mean:
    """Mean and Student's t interval of independent numbers; raises `InputError` where there are none.

    Notes
    -----
    Frames of one suite differ in kind, dose and seed, so that the interval holds all three; it takes their means as normal,
    which shares near 0 or 1 in a few frames are not.

    >>> found = mean_of([1.0, 2.0, 3.0])
    >>> round(found.value, 3), round(found.half_width, 3)   # 4.303 / sqrt(3)
    (2.0, 2.484)
    """
    from scipy import stats

    if len(values) == 0:
        raise InputError("a mean of no numbers: give at least one")
    array = np.asarray(values, dtype=float)
    half = None
    if len(array) > 1:
        quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(array) - 1))
        half = quantile * float(array.std(ddof=1)) / math.sqrt(len(array))
    return Mean(value=float(array.mean()), count=len(array), half_width=half)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A mean of paired differences and its 95 % bootstrap interval.

    Attributes
    ----------
    value : the mean.
    low, high : ends of the interval.
    count : of how many pairs.
    """

    value: float
    low: float
    high: float
    count: int


def paired_difference(ones: Sequence[float], others: Sequence[float], *, seed: int = 0) -> Difference:
    """Mean of ``one - other`` over pairs, such as two strategies on the same frames.

    Parameters
    ----------
    ones, others : of the same length, in the same order.
    seed : of the resampling.

    Raises
    ------
    InputError
        No pairs, or sequences of different lengths.

    Notes
    -----
    Percentiles of the means of 10,000 resamples (Efron 1979, doi:10.1214/aos/1176344552). Too narrow for fewer than about
    ten pairs.

    >>> paired_difference([2.0, 3.0, 4.0], [1.0, 2.0, 3.0])
    Difference(value=1.0, low=1.0, high=1.0, count=3)
    """
    if len(ones) != len(others) or len(ones) == 0:
        raise InputError(f"{len(ones)} and {len(others)} numbers: give two sequences of one length, not empty")
    apart = np.asarray(ones, float) - np.asarray(others, float)
    drawn = np.random.default_rng([seed, 29]).integers(len(apart), size=(RESAMPLES, len(apart)))
    means = apart[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Difference(value=float(apart.mean()), low=float(low), high=float(high), count=len(apart))
