"""Specimens given as functions of position, so that any scan at any magnification shows true detail.

`make_specimen` makes one by its name; `specimen_kind` says how it is usually looked at; ``docs/specimens.md`` shows all.
"""

from deepscan_core.simulation.specimens.atomic import AtomicEdit, AtomicSpecimen, Illumination
from deepscan_core.simulation.specimens.atomic_kinds import make_atomic
from deepscan_core.simulation.specimens.base import (
    BlurredByItself,
    PlantedSpecimen,
    Specimen,
    SpreadOfColumns,
)
from deepscan_core.simulation.specimens.catalogue import (
    KINDS,
    SpecimenKind,
    make_specimen,
    specimen_kind,
    specimen_names,
)
from deepscan_core.simulation.specimens.mesoscale import Mesoscale
from deepscan_core.simulation.specimens.mesoscale_kinds import make_microstructure
from deepscan_core.simulation.specimens.plain import (
    STRONTIUM_TITANATE,
    Column,
    Crystal,
    ImageSpecimen,
    Spots,
    make_crystal,
    make_spots,
)
from deepscan_core.simulation.specimens.single_atoms import make_single_atoms
from deepscan_core.simulation.specimens.surfaces import Surface, make_terraces
from deepscan_core.simulation.truth import PlantedDefect

__all__ = [
    "AtomicEdit",
    "AtomicSpecimen",
    "BlurredByItself",
    "Column",
    "Crystal",
    "Illumination",
    "ImageSpecimen",
    "KINDS",
    "Mesoscale",
    "PlantedDefect",
    "PlantedSpecimen",
    "STRONTIUM_TITANATE",
    "Specimen",
    "SpecimenKind",
    "Spots",
    "SpreadOfColumns",
    "Surface",
    "make_atomic",
    "make_crystal",
    "make_microstructure",
    "make_single_atoms",
    "make_specimen",
    "make_spots",
    "make_terraces",
    "specimen_kind",
    "specimen_names",
]
