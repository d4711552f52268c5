"""The crystals of the benchmark, by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_positive
from deepscan_core.simulation.specimens.atomic import AtomicSpecimen, Illumination
from deepscan_core.simulation.specimens.lattice import Lattice
from deepscan_core.simulation.specimens.phases import PHASES
from deepscan_core.simulation.specimens.planting import plant_boundary, plant_dislocations, plant_points, plant_twin

STRUCTURES = ("single", "bicrystal", "twin", "dislocations")
EXTENT_NM = 40.0
POINTS = {"vacancy": 6.0, "substitution": 5.0, "antisite": 4.0, "interstitial": 4.0, "adatom": 3.0}  # shares
POINTS_A_VIEW = 9.0  # point defects in a usual field of view


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How a crystal comes: thickness (None for a single layer), column width, background, and the usual detector."""

    thickness_nm: float | None
    sigma_nm: float
    background: float
    illumination: Illumination
    per_1000_nm2: Mapping[str, float]
    contamination: float


_LAYER = Illumination(beam_kv=60.0, inner_mrad=50.0, outer_mrad=180.0)
_FOIL = Illumination(beam_kv=200.0, inner_mrad=80.0, outer_mrad=200.0)


def _densities(view_nm: float, **points: float) -> Mapping[str, float]:
    """How many of each kind, so that a usual field of view holds enough to count."""
    shares = {**POINTS, **points}
    factor = 1000 / view_nm**2 * POINTS_A_VIEW / sum(shares.values())
    return {kind: share * factor for kind, share in shares.items()}


def _layer(contamination: float, view_nm: float, **points: float) -> Preparation:
    return Preparation(
        thickness_nm=None,
        sigma_nm=0.055,
        background=2e-4,
        illumination=_LAYER,
        per_1000_nm2=_densities(view_nm, **points),
        contamination=contamination,
    )


def _foil(thickness_nm: float, sigma_nm: float, background: float, view_nm: float, **points: float) -> Preparation:
    return Preparation(
        thickness_nm=thickness_nm,
        sigma_nm=sigma_nm,
        background=background,
        illumination=_FOIL,
        per_1000_nm2=_densities(view_nm, adatom=0.0, **points),
        contamination=background,
    )


PREPARATIONS: Mapping[str, Preparation] = {
    "srtio3": _foil(20.0, 0.062, 0.01, 20.0),
    "graphene": _layer(8e-4, 8.0, antisite=0.0),
    "hbn": _layer(8e-4, 8.0),
    "mos2": _layer(8e-4, 10.0),
    "gaas": _foil(15.0, 0.048, 0.01, 16.0),
    "gold": _foil(8.0, 0.05, 0.012, 14.0, antisite=0.0),
}


def make_atomic(
    crystal: str,
    seed: int = 0,
    *,
    structure: str = "single",
    defect_free: bool = False,
    rotation_rad: float | None = None,
    spacing: float = 1.0,
    column_spread: float = 0.04,
    gradient_per_nm: float = 0.004,
    contamination: float | None = None,
    per_1000_nm2: Mapping[str, float] | None = None,
    extent_nm: float = EXTENT_NM,
    depth: float = 0.5,
    name: str | None = None,
) -> AtomicSpecimen:
    """A crystal with defects.

    Parameters
    ----------
    crystal : one of `PREPARATIONS`.
    seed : of rotation, defects, spread, contamination and the direction of the thickness gradient.
    structure : one of `STRUCTURES`.
    defect_free : the same crystal, with its spread and contamination, without anything planted.
    rotation_rad : of the lattice, counter-clockwise; by the seed where not given.
    spacing : factor on the lattice constants; widths stay.
    column_spread : relative standard deviation of columns alike.
    gradient_per_nm : relative change of thickness over a nanometre, in a direction by the seed.
    contamination : share of the beam that the thickest contamination adds; the preparation's own where not given.
    per_1000_nm2 : how many point defects of each kind; the preparation's own where not given.
    extent_nm : side of the square, centred at the origin, that holds defects.
    depth : share of a thick column's atoms that a point defect changes.
    name : what the specimen is called.

    Raises
    ------
    InputError
        Unknown names.
    """
    if crystal not in PREPARATIONS:
        raise InputError(f"crystal {crystal!r} is not known: give one of {', '.join(PREPARATIONS)}")
    if structure not in STRUCTURES:
        raise InputError(f"structure {structure!r} is not known: give one of {', '.join(STRUCTURES)}")
    check_positive("spacing, extent_nm", spacing, extent_nm)
    rng = np.random.default_rng([seed, 17])
    prepared, phase = PREPARATIONS[crystal], PHASES[crystal]
    drawn_rad, downhill = float(rng.uniform(-math.pi / 6, math.pi / 6)), float(rng.uniform(0, 2 * math.pi))
    thick = prepared.thickness_nm is not None and phase.repeat_nm is not None
    steep = gradient_per_nm if thick else 0.0
    specimen = AtomicSpecimen(
        name=name or crystal,
        lattice=Lattice(phase=phase, spacing=spacing, rotation_rad=drawn_rad if rotation_rad is None else rotation_rad),
        illumination=prepared.illumination,
        sigma_nm=prepared.sigma_nm,
        atoms_deep=round(prepared.thickness_nm / phase.repeat_nm) if thick else 1.0,  # type: ignore[operator]
        background=prepared.background,
        column_spread=column_spread,
        gradient_per_nm=(steep * math.sin(downhill), steep * math.cos(downhill)),
        contamination=prepared.contamination if contamination is None else contamination,
        seed=seed,
    )
    if structure == "bicrystal":
        specimen = plant_boundary(
            specimen,
            extent_nm=extent_nm,
            angle_ccw_rad=float(rng.uniform(0, math.pi)),
            tilt_rad=float(rng.choice([-1, 1]) * rng.uniform(math.radians(8), math.radians(22))),
        )
    elif structure == "twin":
        specimen = plant_twin(specimen, extent_nm=extent_nm)
    elif structure == "dislocations":
        specimen = plant_dislocations(
            specimen, rng, count=max(2, round(4.0 * extent_nm**2 / 1000)), extent_nm=extent_nm
        )
    density = prepared.per_1000_nm2 if per_1000_nm2 is None else per_1000_nm2
    specimen = plant_points(specimen, rng, per_1000_nm2=density, extent_nm=extent_nm, depth=depth)
    return specimen.pristine() if defect_free else specimen
