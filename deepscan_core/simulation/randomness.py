"""Random numbers that belong to places: the same place always has the same ones, and there is no last place.

A hash of whole numbers (a lattice index, a cell) takes the part of a generator with a state, so that a specimen has no
edge and any sub-scan sees what the full scan saw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_positive

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
MOST_NODES = 50_000_000  # of one octave of noise; more is a field of view that this wavelength makes no sense in


def _mixed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64: Steele, Lea, Flood, OOPSLA 2014, doi 10.1145/2660193.2660195."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def hashed_uniform(seed: int, *indices: npt.ArrayLike) -> FloatArray:
    """Numbers in [0, 1) by whole-number indices, in the shape of the broadcast indices.

    >>> bool(hashed_uniform(1, 5, -3) == hashed_uniform(1, np.array([4, 5]), -3)[1])
    True
    """
    step = 0x9E3779B97F4A7C15
    state = _mixed(np.array([(seed + 1) * step & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64))
    for index in np.broadcast_arrays(*(np.asarray(i, dtype=np.int64) for i in indices)):
        # unsigned arithmetic wraps around, as a hash wants it
        state = _mixed(state + index.astype(np.uint64) * np.uint64(step) + np.uint64(1))
    shape = np.broadcast_shapes(*(np.shape(i) for i in indices))
    return ((state >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)


def hashed_normal(seed: int, *indices: npt.ArrayLike, most: float = 3.0) -> FloatArray:
    """Standard normal numbers by whole-number indices, held within `most` (Box and Muller, 1958)."""
    radius = np.sqrt(-2 * np.log1p(-hashed_uniform(2 * seed, *indices)))
    normal: FloatArray = radius * np.cos(2 * math.pi * hashed_uniform(2 * seed + 1, *indices))
    return np.clip(normal, -most, most)


@dataclass(frozen=True, kw_only=True)
class BandNoise:
    """Noise with a mean of 0 and a standard deviation near 1 that is a smooth function of position.

    Quadratic B-splines over hashed knots, in octaves: continuously differentiable, without an end or a period.

    Attributes
    ----------
    seed : of the knots.
    longest_nm : distance of the knots of the coarsest octave; about half the wavelength of its waves.
    octaves : each has half the distance of the one before.
    roughness : amplitude of an octave relative to the one before.
    ridged : fold the noise to ridges, as worn and torn surfaces have them.
    """

    seed: int
    longest_nm: float
    octaves: int = 1
    roughness: float = 0.6
    ridged: bool = False

    def __post_init__(self) -> None:
        check_positive("longest_nm, roughness of a noise", self.longest_nm, self.roughness)
        if self.octaves < 1:
            raise InputError(f"octaves is {self.octaves}: give a whole number of at least 1")

    def __call__(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Values at positions, in their broadcast shape."""
        y_nm, x_nm = np.broadcast_arrays(y_nm, x_nm)
        total, power = np.zeros(y_nm.shape), 0.0
        for octave in range(self.octaves):
            weight = self.roughness**octave
            total += weight * _spline_noise(self.seed * 64 + octave, self.longest_nm / 2**octave, y_nm, x_nm)
            power += weight**2
        total /= math.sqrt(power)
        # of a normal number: mean of |n| is sqrt(2 / pi), its variance 1 - 2 / pi
        return (math.sqrt(2 / math.pi) - np.abs(total)) / math.sqrt(1 - 2 / math.pi) if self.ridged else total


SPLINE_VARIANCE = (11 / 20) ** 2  # mean over a cell of the sum of squared quadratic B-spline weights, both axes


def _spline_noise(seed: int, knot_nm: float, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
    from scipy import ndimage

    if y_nm.size == 0:
        return np.zeros(y_nm.shape)
    # each octave lies turned and shifted, so that their knots never fall together
    angle, shift_v, shift_u = hashed_uniform(seed, np.arange(3), 7)
    cos, sin = math.cos(2 * math.pi * angle), math.sin(2 * math.pi * angle)
    v = (y_nm * cos - x_nm * sin) / knot_nm + shift_v
    u = (x_nm * cos + y_nm * sin) / knot_nm + shift_u
    first_v, first_u = math.floor(v.min()) - 2, math.floor(u.min()) - 2
    nodes_v, nodes_u = math.ceil(v.max()) + 3 - first_v, math.ceil(u.max()) + 3 - first_u
    if nodes_v * nodes_u > MOST_NODES:
        raise InputError(f"a field of {np.ptp(y_nm):g} x {np.ptp(x_nm):g} nm is too large for detail of {knot_nm:g} nm")
    knots = hashed_normal(
        seed, np.arange(first_v, first_v + nodes_v)[:, None], np.arange(first_u, first_u + nodes_u)[None, :]
    )
    places = [np.ravel(v) - first_v, np.ravel(u) - first_u]
    values: FloatArray = ndimage.map_coordinates(knots, places, order=2, prefilter=False).reshape(y_nm.shape)
    return values / math.sqrt(SPLINE_VARIANCE)
