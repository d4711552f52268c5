"""How a lattice differs from the lattices around it: turned, and strained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from deepscan_core.explain.spectrum import Lattice
from deepscan_core.records.coordinates import YX

Floats = npt.NDArray[np.float64]

FEWEST_AROUND = 3
SIGMA_OF_MAD = 1.4826
SURE_SIGMAS = 5.0  # principal strains of mere noise lie apart, and the scatter is that of a few windows
LEAST_SCATTER = 0.002  # of strain and, in rad, of rotation: what peaks of one window are read to
OTHER_GRAIN_RAD, OTHER_GRAIN_SHARE = math.radians(2.0), 0.15  # from the median, and how many may be so far from it
MOST_STRAIN = 0.1  # beyond, it is another lattice
TURN_COST = 0.1  # of a radian in units of strain: a symmetry of the crystal is a turn without strain


@dataclass(frozen=True, kw_only=True)
class Deformation:
    """A lattice against the median of those around it.

    Attributes
    ----------
    rotation_rad : counter-clockwise as seen on the screen.
    largest_strain, smallest_strain : principal strains; 0.01 is one per cent longer.
    rotation_scatter_rad, strain_scatter : robust standard deviations among the lattices around it.
    n_around : how many those are.
    among_several : whether the lattices around it are not one lattice, as at the boundary of two grains.
    """

    rotation_rad: float
    largest_strain: float
    smallest_strain: float
    rotation_scatter_rad: float
    strain_scatter: float
    n_around: int
    among_several: bool

    @property
    def is_turned(self) -> bool:
        """Beyond five times the scatter."""
        return abs(self.rotation_rad) > SURE_SIGMAS * max(self.rotation_scatter_rad, LEAST_SCATTER)

    @property
    def is_strained(self) -> bool:
        """Beyond five times the scatter."""
        most = max(abs(self.largest_strain), abs(self.smallest_strain))
        return most > SURE_SIGMAS * max(self.strain_scatter, LEAST_SCATTER)


def deformation_of(lattice: Lattice, around: Sequence[Lattice], pitch: YX = (1.0, 1.0)) -> Deformation | None:
    """Compare a lattice with those of the surroundings; None where it is no crystal or fewer than three of them are.

    Parameters
    ----------
    lattice, around : from windows of one size.
    pitch : height and width of a pixel, in any unit: angles need its aspect.

    Notes
    -----
    A rotation is known up to the symmetry of the crystal: 35° of a hexagonal one is also -25°, which is given. Strain is
    read off whole windows; geometric phase analysis (Hÿtch and others 1998, doi:10.1016/S0304-3991(98)00035-7) has one at
    each pixel. Strains beyond a tenth are taken for another lattice.
    """
    found = [f for f in (_gradient(lattice, other, pitch) for other in around) if f is not None]
    if len(found) < FEWEST_AROUND:
        return None
    gradients = np.stack(found)
    own = _parts(np.median(gradients, axis=0)[None])[0]
    each = _parts(gradients)
    away = np.abs(each - np.median(each, axis=0))
    spread = SIGMA_OF_MAD * np.median(away, axis=0)
    return Deformation(
        rotation_rad=float(own[0]),
        largest_strain=float(own[1]),
        smallest_strain=float(own[2]),
        rotation_scatter_rad=float(spread[0]),
        strain_scatter=float(spread[1:].max()),
        n_around=len(found),
        among_several=bool((away[:, 0] > OTHER_GRAIN_RAD).mean() > OTHER_GRAIN_SHARE),
    )


def _gradient(lattice: Lattice, other: Lattice, pitch: YX) -> Floats | None:
    """The matrix that makes translations ``(y, x)`` of this lattice from those of the other; None where none is near one.

    Of all small combinations of the vectors, that with the least strain and turn. One lattice may be twice as fine as the
    other: where atoms of a second kind are too faint to be seen.
    """
    if len(lattice.reciprocal_per_px) != 2 or len(other.reciprocal_per_px) != 2:
        return None
    own, theirs = (np.asarray(one.vectors_px) * pitch for one in (lattice, other))
    combinations = _combinations()
    coarser = np.linalg.solve(combinations @ theirs, np.broadcast_to(own, combinations.shape))
    finer = np.linalg.solve(combinations @ own, np.broadcast_to(theirs, combinations.shape))
    tried = np.concatenate([coarser, np.linalg.inv(finer)]).transpose(0, 2, 1)
    angle, *strains = _parts(tried).T
    most = np.abs(strains).max(axis=0)
    best = int((most + TURN_COST * np.abs(angle)).argmin())
    gradient: Floats = tried[best]
    return gradient if most[best] <= MOST_STRAIN else None


@cache
def _combinations() -> Floats:
    """Matrices of small whole numbers that make a lattice as fine as the one they act on, or half as fine."""
    entries = np.arange(-2, 3)
    tried = np.stack(np.meshgrid(*[entries] * 4, indexing="ij"), axis=-1).reshape(-1, 2, 2).astype(float)
    fineness = np.abs(tried[:, 0, 0] * tried[:, 1, 1] - tried[:, 0, 1] * tried[:, 1, 0])
    chosen: Floats = tried[(fineness == 1) | (fineness == 2)]
    return chosen


def _parts(gradients: Floats) -> Floats:
    """Rotation in rad and the principal strains, the larger first, of each matrix of shape (n, 2, 2), shape (n, 3)."""
    (a, b), (c, d) = gradients[:, 0].T, gradients[:, 1].T
    along, across = np.hypot(a + d, c - b) / 2, np.hypot(a - d, b + c) / 2
    return np.stack([np.arctan2(c - b, a + d), along + across - 1, along - across - 1], axis=1)
