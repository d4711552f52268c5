"""The bins of a local power spectrum: its taper, its rings, the half plane that counts, and places between bins."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

SLOWEST_BINS = 2.5  # periods a window: slower changes are brightness
LEAST_BINS = 3.5  # of a lattice vector: nearer to zero its half way lies in the lobe of what is slow
RING_GROWTH = 1.25  # from ring to ring
LOW_QUANTILE = 0.25  # of a ring, which peaks of a crystal may fill to a half


def ring_background(power: FloatImage) -> FloatImage:
    """What the mean of each ring would be by its lower part, at each bin: noise and speckle are exponential."""
    levels = np.array([np.quantile(power.ravel()[bins], LOW_QUANTILE) for bins in _ring_bins(len(power))])
    levels /= -math.log(1 - LOW_QUANTILE)
    background: FloatImage = levels.astype(np.float32)[_ring_numbers(len(power))]
    return background


def refined(power: FloatImage, bins: Ints) -> Floats:
    """Places of peaks to a fraction of a bin: for a sine under a Hann taper the ratio to the neighbour is exact."""
    side = len(power)
    y, x = bins.T
    shifts = []
    for dy, dx in ((1, 0), (0, 1)):
        here = np.sqrt(power[y, x])
        after = np.sqrt(power[(y + dy) % side, (x + dx) % side])
        before = np.sqrt(power[(y - dy) % side, (x - dx) % side])
        beside = np.maximum(after, before)
        shift = (2 * beside - here) / np.maximum(here + beside, np.finfo(np.float32).tiny)
        shifts.append(np.where(after >= before, 1, -1) * np.clip(shift, 0, 0.5))
    places: Floats = bins + np.stack(shifts, axis=1)
    return places


@lru_cache(maxsize=4)
def taper_of(side: int) -> FloatImage:
    """A periodic Hann window."""
    one = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(side) + 0.5) / side)
    return np.outer(one, one).astype(np.float32)


@lru_cache(maxsize=4)
def radius_of(side: int) -> Floats:
    """Distance of each bin from the zero frequency, shape (side, side)."""
    away = np.arange(side) - side // 2
    radius: Floats = np.hypot(away[:, None], away[None])
    return radius


@lru_cache(maxsize=4)
def half_plane_bins(side: int) -> tuple[Ints, Ints]:
    """Rows and columns of the bins of one half plane, without the highest frequencies, which have no other half."""
    away = np.arange(side) - side // 2
    y, x = np.meshgrid(away, away, indexing="ij")
    kept = ((y > 0) | ((y == 0) & (x > 0))) & (np.maximum(np.abs(y), np.abs(x)) < side // 2 - 1)
    rows, cols = np.nonzero(kept)
    return rows, cols


@lru_cache(maxsize=4)
def _ring_numbers(side: int) -> Ints:
    steps = np.log(np.maximum(radius_of(side), LEAST_BINS) / LEAST_BINS) / math.log(RING_GROWTH)
    numbers: Ints = np.minimum(steps.astype(np.intp), int(math.log(side / 2 / LEAST_BINS) / math.log(RING_GROWTH)))
    return numbers


@lru_cache(maxsize=4)
def _ring_bins(side: int) -> tuple[Ints, ...]:
    numbers = np.where(radius_of(side) >= SLOWEST_BINS, _ring_numbers(side), -1).ravel()
    return tuple(np.flatnonzero(numbers == number) for number in range(int(numbers.max()) + 1))
