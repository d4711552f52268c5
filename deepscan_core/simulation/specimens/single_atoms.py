"""Heavy single atoms on amorphous carbon, as in ``stem_pt_single_atoms``: bright dots on a speckle that gets thicker."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.records.coordinates import check_positive
from deepscan_core.simulation.randomness import BandNoise
from deepscan_core.simulation.scattering import total_strength
from deepscan_core.simulation.shapes import Disc
from deepscan_core.simulation.specimens import outlines
from deepscan_core.simulation.specimens.atomic import Illumination
from deepscan_core.simulation.specimens.features import Bump
from deepscan_core.simulation.specimens.materials import smooth_step
from deepscan_core.simulation.specimens.mesoscale import Mesoscale
from deepscan_core.simulation.truth import PlantedDefect

FloatArray = npt.NDArray[np.float64]
EXTENT_NM = 40.0
ATOM_SIGMA_NM = 0.065
ATOM = "Pt"


@dataclass(frozen=True, kw_only=True)
class AmorphousFilm:
    """Carbon with an edge to the vacuum, thicker further inside, speckled by its disorder.

    Attributes
    ----------
    level : share of the beam that the film scatters where it has its mean thickness.
    edge_nm : distance of its ragged edge from the origin.
    inward_ccw_rad : direction in which it gets thicker.
    speckle : relative standard deviation of the speckle.
    """

    seed: int
    level: float
    edge_nm: float
    inward_ccw_rad: float
    speckle: float = 0.1
    vacuum: float = 3e-4

    def __call__(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Intensity at positions."""
        inward = x_nm * math.cos(self.inward_ccw_rad) - y_nm * math.sin(self.inward_ccw_rad) + self.edge_nm
        inward = inward + 1.5 * BandNoise(seed=self.seed, longest_nm=4.0, octaves=2)(y_nm, x_nm)
        film = smooth_step(inward / 1.5) * (0.55 + 0.9 * smooth_step(inward / 18.0))
        patches = 0.15 * BandNoise(seed=self.seed + 1, longest_nm=1.6)(y_nm, x_nm)
        speckle = self.speckle * BandNoise(seed=self.seed + 2, longest_nm=0.16, octaves=2)(y_nm, x_nm)
        return self.vacuum + self.level * film * np.maximum(1 + patches + speckle, 0.1)


def make_single_atoms(
    seed: int = 0, *, defect_free: bool = False, extent_nm: float = EXTENT_NM, per_1000_nm2: float = 180.0
) -> Mesoscale:
    """Platinum atoms on a carbon film; the density is that of the real frames.

    Parameters
    ----------
    seed : of film and atoms.
    defect_free : the bare film.
    extent_nm : side of the square, centred at the origin, that holds atoms.
    per_1000_nm2 : how many there are.

    Raises
    ------
    InputError
        Extent or density not above zero.
    """
    check_positive("extent_nm, per_1000_nm2", extent_nm, per_1000_nm2)
    rng = np.random.default_rng([seed, 61])
    film = AmorphousFilm(seed=seed, level=0.02, edge_nm=3.0, inward_ccw_rad=float(rng.uniform(0, 2 * math.pi)))
    peak = Illumination(beam_kv=100.0, inner_mrad=60.0).share(total_strength((ATOM,)), ATOM_SIGMA_NM)
    count = int(rng.poisson(per_1000_nm2 * extent_nm**2 / 1000))
    atoms = []
    for y, x in outlines.free_places(rng, count, extent_nm=extent_nm, apart_nm=0.35):
        if film(np.array([[y]]), np.array([[x]]))[0, 0] < 0.4 * film.level:
            continue  # nothing holds an atom in the vacuum
        body = PlantedDefect(
            kind="single atom",
            center_y_nm=float(y),
            center_x_nm=float(x),
            shape=Disc(radius_nm=2 * ATOM_SIGMA_NM),
            amplitude=peak,
        )
        atoms.append(Bump(body=body, edge_nm=ATOM_SIGMA_NM, peak=peak))
    return Mesoscale(name="single-atoms", material=film, features=() if defect_free else tuple(atoms))
