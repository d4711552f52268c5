"""Crystals as they project along the beam: cells, sites and what stands on them.

Lattice vectors are ``(y, x)`` in nm before any rotation, y down.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from deepscan_core.simulation import constants
from deepscan_core.simulation.scattering import total_strength

YX = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Site:
    """A column of the cell: its place in fractions of the two lattice vectors, and its atoms in one repeat.

    ``label`` names the site in the truth; ``elements`` has one entry for each atom.
    """

    label: str
    first_frac: float
    second_frac: float
    elements: tuple[str, ...]

    @property
    def strength(self) -> float:
        """Brightness: the sum of ``Z^1.7``."""
        return total_strength(self.elements)


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A crystal in projection.

    Attributes
    ----------
    name : of the crystal and the axis.
    first_nm, second_nm : lattice vectors ``(y, x)``.
    sites : its columns.
    repeat_nm : period along the beam; None for a single layer.
    interstitials_frac : empty places of the cell where an extra atom fits, in fractions.
    dopants : heavy or light elements that may sit on a site, by the site's label.
    glide_frac : fraction along the second vector at which a plane cuts no atom: where a dislocation glides.
    twin_normal : ``(y, x)`` of the plane that a twin is mirrored in.
    """

    name: str
    first_nm: YX
    second_nm: YX
    sites: tuple[Site, ...]
    repeat_nm: float | None
    interstitials_frac: tuple[YX, ...]
    dopants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    glide_frac: float = 0.25
    twin_normal: YX = (1.0, 0.0)

    @property
    def cell_area_nm2(self) -> float:
        """Area of the cell."""
        return abs(self.first_nm[0] * self.second_nm[1] - self.first_nm[1] * self.second_nm[0])


def _square(name: str, a_nm: float, sites: tuple[Site, ...], **more: object) -> Phase:
    return Phase(name=name, first_nm=(0.0, a_nm), second_nm=(a_nm, 0.0), sites=sites, **more)  # type: ignore[arg-type]


def _honeycomb(name: str, a_nm: float, one: Site, other: Site, dopants: Mapping[str, tuple[str, ...]]) -> Phase:
    return Phase(
        name=name,
        first_nm=(0.0, a_nm),
        second_nm=(a_nm * math.sqrt(3) / 2, a_nm / 2),
        sites=(one, other),
        repeat_nm=None,
        interstitials_frac=((0.0, 0.0),),  # the middle of a hexagon
        dopants=dopants,
        glide_frac=0.0,
        twin_normal=(1.0, 0.0),
    )


def _site(label: str, first: float, second: float, *elements: str) -> Site:
    return Site(label=label, first_frac=first, second_frac=second, elements=elements)


SRTIO3 = _square(
    "SrTiO3 [001]",
    constants.STRONTIUM_TITANATE_A_NM,
    (
        _site("Sr", 0.0, 0.0, "Sr"),
        _site("TiO", 0.5, 0.5, "Ti", "O"),
        _site("O", 0.5, 0.0, "O"),
        _site("O", 0.0, 0.5, "O"),
    ),
    repeat_nm=constants.STRONTIUM_TITANATE_A_NM,
    interstitials_frac=((0.25, 0.25), (0.75, 0.25)),
    dopants={"Sr": ("La",), "TiO": ("W",)},
)
GRAPHENE = _honeycomb(
    "graphene",
    constants.GRAPHENE_A_NM,
    _site("C", 1 / 3, 1 / 3, "C"),
    _site("C", 2 / 3, 2 / 3, "C"),
    {"C": ("Si", "N")},
)
BORON_NITRIDE = _honeycomb(
    "hBN",
    constants.BORON_NITRIDE_A_NM,
    _site("B", 1 / 3, 1 / 3, "B"),
    _site("N", 2 / 3, 2 / 3, "N"),
    {"B": ("C", "Si"), "N": ("O",)},
)
MOLYBDENITE = _honeycomb(
    "MoS2",
    constants.MOLYBDENITE_A_NM,
    _site("Mo", 1 / 3, 1 / 3, "Mo"),
    _site("S2", 2 / 3, 2 / 3, "S", "S"),
    {"Mo": ("W",), "S2": ("Se",)},
)
_ARSENIDE, _GOLD = constants.GALLIUM_ARSENIDE_A_NM, constants.GOLD_A_NM
GALLIUM_ARSENIDE = Phase(
    name="GaAs [110]",
    first_nm=(0.0, _ARSENIDE / math.sqrt(2)),
    second_nm=(_ARSENIDE, 0.0),
    sites=(
        _site("Ga", 0.0, 0.0, "Ga"),
        _site("As", 0.0, 0.25, "As"),  # the dumbbell: a quarter of the cell apart, 0.141 nm
        _site("Ga", 0.5, 0.5, "Ga"),
        _site("As", 0.5, 0.75, "As"),
    ),
    repeat_nm=_ARSENIDE / math.sqrt(2),
    interstitials_frac=((0.5, 0.125), (0.0, 0.625)),
    dopants={"Ga": ("Si",), "As": ("Si",)},
    glide_frac=0.375,
    twin_normal=(1.0, math.sqrt(2)),  # {111}: sqrt(2) parts along <110>, 1 part along <001>
)
GOLD = Phase(
    name="gold [110]",
    first_nm=(0.0, _GOLD / math.sqrt(2)),
    second_nm=(_GOLD, 0.0),
    sites=(_site("Au", 0.0, 0.0, "Au"), _site("Au", 0.5, 0.5, "Au")),
    repeat_nm=_GOLD / math.sqrt(2),
    interstitials_frac=((0.5, 0.0), (0.0, 0.5)),
    dopants={"Au": ("Mo",)},
    glide_frac=0.25,
    twin_normal=(1.0, math.sqrt(2)),
)
PHASES: Mapping[str, Phase] = {
    "srtio3": SRTIO3,
    "graphene": GRAPHENE,
    "hbn": BORON_NITRIDE,
    "mos2": MOLYBDENITE,
    "gaas": GALLIUM_ARSENIDE,
    "gold": GOLD,
}
