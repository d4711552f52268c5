"""All kinds of specimen by name, with the field of view and the dose they are usually looked at with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

from deepscan_core.errors import InputError
from deepscan_core.simulation.specimens.atomic_kinds import PREPARATIONS, make_atomic
from deepscan_core.simulation.specimens.base import PlantedSpecimen
from deepscan_core.simulation.specimens.mesoscale_kinds import MICROSTRUCTURES, make_microstructure
from deepscan_core.simulation.specimens.phases import PHASES
from deepscan_core.simulation.specimens.plain import make_crystal, make_spots
from deepscan_core.simulation.specimens.single_atoms import make_single_atoms
from deepscan_core.simulation.specimens.surfaces import make_terraces

Family = Literal["plain", "atomic", "microstructure", "surface"]


@dataclass(frozen=True, kw_only=True)
class SpecimenKind:
    """A kind of specimen, and how it is usually looked at.

    Attributes
    ----------
    name : given to `make_specimen`.
    title : for people.
    family : what it belongs to.
    fov_nm : side of a usual field of view; defects reach well beyond it.
    dwell_time_us, beam_current_pa : of a usual preview.
    make : ``make(seed, defect_free=...)``.
    """

    name: str
    title: str
    family: Family
    fov_nm: float
    dwell_time_us: float
    beam_current_pa: float
    make: Callable[..., PlantedSpecimen]


# Electrons a sample are chosen so that a bright column of a preview gives 10 to 40 counts.
_ATOMIC_VIEW: Mapping[str, tuple[float, float, float]] = {  # field of view nm, dwell µs, current pA
    "srtio3": (20.0, 2.0, 30.0),
    "graphene": (8.0, 32.0, 60.0),
    "hbn": (8.0, 32.0, 60.0),
    "mos2": (10.0, 8.0, 30.0),
    "gaas": (16.0, 2.0, 40.0),
    "gold": (14.0, 1.0, 30.0),
}
_STRUCTURED = (
    ("srtio3", "bicrystal"),
    ("srtio3", "dislocations"),
    ("graphene", "bicrystal"),
    ("mos2", "bicrystal"),
    ("mos2", "twin"),
    ("gaas", "dislocations"),
    ("gold", "twin"),
    ("gold", "bicrystal"),
)
_MICRO_TITLES = {
    "polycrystal": "polished polycrystal with pores and precipitates",
    "cracks": "polished coating with cracks",
    "pores": "ceramic with pores",
    "particles": "charging particles on a substrate",
    "powder": "metal powder with satellites",
    "scratches": "polished surface with scratches",
    "fibres": "fibre mat with beads",
    "agglomerates": "fracture surface with agglomerates",
    "precipitates": "etched steel with coarse precipitates",
    "superalloy": "etched superalloy with pores and carbides",
}


def _all_kinds() -> dict[str, SpecimenKind]:
    kinds = [
        SpecimenKind(
            name="crystal",
            title="SrTiO3 [001], the demo's crystal",
            family="plain",
            fov_nm=20.0,
            dwell_time_us=2.0,
            beam_current_pa=50.0,
            make=make_crystal,
        ),
        SpecimenKind(
            name="spots",
            title="spots on a flat support",
            family="plain",
            fov_nm=16.0,
            dwell_time_us=1.0,
            beam_current_pa=50.0,
            make=make_spots,
        ),
    ]
    structures = [*((crystal, "single") for crystal in PREPARATIONS), *_STRUCTURED]
    for crystal, structure in structures:
        fov_nm, dwell_us, current_pa = _ATOMIC_VIEW[crystal]
        name = crystal if structure == "single" else f"{crystal}-{structure}"
        kinds.append(
            SpecimenKind(
                name=name,
                title=PHASES[crystal].name + ("" if structure == "single" else f", {structure}"),
                family="atomic",
                fov_nm=fov_nm,
                dwell_time_us=dwell_us,
                beam_current_pa=current_pa,
                make=partial(make_atomic, crystal, structure=structure, name=name),
            )
        )
    kinds.append(
        SpecimenKind(
            name="single-atoms",
            title="platinum atoms on amorphous carbon",
            family="atomic",
            fov_nm=15.0,
            dwell_time_us=8.0,
            beam_current_pa=30.0,
            make=make_single_atoms,
        )
    )
    kinds += [
        SpecimenKind(
            name=name,
            title=_MICRO_TITLES[name],
            family="microstructure",
            fov_nm=20_000.0,
            dwell_time_us=1.0,
            beam_current_pa=60.0,
            make=partial(make_microstructure, name),
        )
        for name in MICROSTRUCTURES
    ]
    kinds.append(
        SpecimenKind(
            name="terraces",
            title="gold (111) terraces with islands, pits and adsorbates (heights)",
            family="surface",
            fov_nm=200.0,
            dwell_time_us=100.0,
            beam_current_pa=100.0,
            make=make_terraces,
        )
    )
    return {kind.name: kind for kind in kinds}


KINDS: Mapping[str, SpecimenKind] = _all_kinds()


def specimen_names() -> tuple[str, ...]:
    """Names that `make_specimen` knows."""
    return tuple(sorted(KINDS))


def specimen_kind(name: str) -> SpecimenKind:
    """A kind by its name; raises `InputError` that lists the names."""
    if name not in KINDS:
        raise InputError(f"specimen {name!r} is not known: give one of {', '.join(specimen_names())}")
    return KINDS[name]


def make_specimen(name: str, seed: int = 0, *, defect_free: bool = False) -> PlantedSpecimen:
    """Make a specimen by its name; raises `InputError` that lists the names.

    With `defect_free` the same seed gives the same material without anything planted.
    """
    return specimen_kind(name).make(seed, defect_free=defect_free)
