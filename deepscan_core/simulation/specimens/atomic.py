"""Crystals at atomic resolution, with defects, grains, thickness, contamination and a spread of column intensities."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_finite, check_positive
from deepscan_core.simulation.randomness import BandNoise, hashed_normal
from deepscan_core.simulation.scattering import annular_cross_section_nm2, peak_share
from deepscan_core.simulation.specimens.base import index_of, positions_of
from deepscan_core.simulation.specimens.columns import REACH_SIGMAS, Columns
from deepscan_core.simulation.specimens.lattice import Boundary, Box, Dislocation, Lattice, Places
from deepscan_core.simulation.truth import PlantedDefect

FloatArray = npt.NDArray[np.float64]
Key = tuple[int, int, int, int]  # grain, first and second index of the cell, site
CROWDED = 0.6  # columns of two grains nearer than this share of the shortest distance cannot both be there


@dataclass(frozen=True, kw_only=True)
class Illumination:
    """The microscope that the shares of the beam are computed for: voltage and angles of the annular detector."""

    beam_kv: float = 100.0
    inner_mrad: float = 90.0
    outer_mrad: float = 200.0

    def share(self, strength: float, sigma_nm: float) -> float:
        """Peak share of the beam of atoms whose ``Z^1.7`` add up to `strength`."""
        hydrogen_nm2 = (
            annular_cross_section_nm2("C", beam_kv=self.beam_kv, inner_mrad=self.inner_mrad, outer_mrad=self.outer_mrad)
            / 6**1.7
        )
        return peak_share(hydrogen_nm2 * strength, sigma_nm)


@dataclass(frozen=True, kw_only=True)
class AtomicEdit:
    """What a point defect changes.

    Attributes
    ----------
    truth : the defect.
    key : the column whose intensity is multiplied by ``factor``; None for an added one.
    factor : 0 takes the whole column away.
    added_strength : ``Z^1.7`` of the atoms that are added at the defect's centre.
    """

    truth: PlantedDefect
    key: Key | None = None
    factor: float = 1.0
    added_strength: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class AtomicSpecimen:
    """A crystal as an annular dark-field detector sees it: Gaussian columns of height ``Z^1.7``, incoherent and linear.

    Attributes
    ----------
    name : the name it can be made by again.
    lattice : the crystal; with a `boundary`, on the near side of it.
    second : the crystal on the far side.
    boundary : between the two, with the truth about it in ``extended``.
    sigma_nm : width of a column, probe included.
    atoms_deep : atoms of a column that count, thickness over repeat; 1 for a single layer.
    background : share of the beam detected everywhere.
    column_spread : relative standard deviation of intensities of columns alike.
    gradient_per_nm : relative change of thickness, ``(y, x)``; held between a quarter and four times the mean.
    contamination : share of the beam that the thickest contamination adds.
    contamination_nm : size of its patches.
    edits, dislocations : defects; a dislocation comes with its truth.
    extended : truth of the boundary, if there is one.
    seed : of spread and contamination.
    blur_nm : standard deviation of blur on top of ``sigma_nm``.

    Notes
    -----
    Channelling, strain contrast and absorption are left out: intensities of thick crystals are those of independent atoms.
    """

    name: str
    lattice: Lattice
    illumination: Illumination = Illumination()
    second: Lattice | None = None
    boundary: Boundary | None = None
    sigma_nm: float = 0.06
    atoms_deep: float = 1.0
    background: float = 0.002
    column_spread: float = 0.0
    gradient_per_nm: tuple[float, float] = (0.0, 0.0)
    contamination: float = 0.0
    contamination_nm: float = 8.0
    edits: tuple[AtomicEdit, ...] = ()
    dislocations: tuple[tuple[Dislocation, PlantedDefect], ...] = ()
    extended: tuple[PlantedDefect, ...] = ()
    seed: int = 0
    blur_nm: float = 0.0

    def __post_init__(self) -> None:
        check_positive("sigma_nm, atoms_deep, background", self.sigma_nm, self.atoms_deep, self.background)
        check_positive("contamination_nm", self.contamination_nm)
        check_finite("thickness gradient", *self.gradient_per_nm)
        if not 0 <= self.column_spread < 0.34:
            raise InputError(f"column_spread is {self.column_spread}: give 0 to 0.33, so that no column is negative")
        if (self.second is None) != (self.boundary is None):
            raise InputError("a second lattice needs a boundary, and a boundary a second lattice: give both or neither")

    @property
    def truth(self) -> tuple[PlantedDefect, ...]:
        """Points first, then dislocations and boundaries."""
        return (*(e.truth for e in self.edits), *(truth for _, truth in self.dislocations), *self.extended)

    @property
    def defects_nm(self) -> FloatArray:
        """See `Specimen`."""
        return positions_of(self.truth)

    def without(self, defect: PlantedDefect) -> AtomicSpecimen:
        """See `PlantedSpecimen`. Without its boundary the near crystal goes on for ever."""
        index_of(self.truth, defect)
        return self._keeping([one for one in self.truth if one != defect])

    def pristine(self) -> AtomicSpecimen:
        """See `PlantedSpecimen`."""
        return self._keeping([])

    def _keeping(self, kept: Sequence[PlantedDefect]) -> AtomicSpecimen:
        has_boundary = any(one in kept for one in self.extended)
        return dataclasses.replace(
            self,
            edits=tuple(e for e in self.edits if e.truth in kept),
            dislocations=tuple(pair for pair in self.dislocations if pair[1] in kept),
            extended=self.extended if has_boundary else (),
            boundary=self.boundary if has_boundary else None,
            second=self.second if has_boundary else None,
        )

    def blurred(self, sigma_nm: float) -> AtomicSpecimen:
        """Exact: widths add in quadrature, volumes stay. Contamination and thickness vary too slowly to notice."""
        check_finite("blur sigma_nm", sigma_nm)
        return dataclasses.replace(self, blur_nm=math.hypot(self.blur_nm, sigma_nm))

    @property
    def width_nm(self) -> float:
        """Standard deviation of a column as it is seen, blur included."""
        return math.hypot(self.sigma_nm, self.blur_nm)

    def intensity(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `Specimen`."""
        y_nm, x_nm = np.broadcast_arrays(np.asarray(y_nm, float), np.asarray(x_nm, float))
        if y_nm.size == 0:
            return np.zeros(y_nm.shape)
        total = self.background + self.columns(y_nm, x_nm).total(y_nm, x_nm) + self._contamination(y_nm, x_nm)
        return np.clip(total, 0.0, 1.0)

    def even(self) -> AtomicSpecimen:
        """See `SpreadOfColumns`."""
        return dataclasses.replace(self, column_spread=0.0)

    def column_modes(self, y_nm: FloatArray, x_nm: FloatArray) -> Any:
        """See `SpreadOfColumns`."""
        return self.columns(y_nm, x_nm).modes(y_nm, x_nm)

    def spread_fields(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """See `SpreadOfColumns`: columns of one site are a whole cell apart."""
        columns = self.columns(y_nm, x_nm)
        sites = range(len(self.lattice.phase.sites))
        return np.stack([columns.of_site(site).total(y_nm, x_nm) for site in sites])

    def columns(self, y_nm: FloatArray, x_nm: FloatArray) -> Columns:
        """All columns that add to the positions."""
        box = Box.around(y_nm, x_nm, REACH_SIGMAS * self.width_nm)
        near = [(grain, self._grain(grain, box)) for grain in range(1 if self.boundary is None else 2)]
        if len(near) == 2:
            near[1] = (1, _uncrowded(near[1][1], near[0][1], CROWDED * self.shortest_nm))
        y, x, peaks, alike, sites = (
            np.concatenate(parts)
            for parts in zip(*(self._seen(grain, places) for grain, places in near), self._added(box), strict=True)
        )
        thick = self.thickness(y, x)
        inside = box.holds(y, x)
        return Columns(
            y_nm=y[inside],
            x_nm=x[inside],
            peaks=(peaks * thick)[inside],
            spreads=(alike * thick * self.column_spread)[inside],
            sites=sites[inside].astype(np.int64),
            sigma_nm=self.width_nm,
        )

    def thickness(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Thickness relative to that at the origin."""
        return np.clip(1 + self.gradient_per_nm[0] * y_nm + self.gradient_per_nm[1] * x_nm, 0.25, 4.0)

    @cached_property
    def shortest_nm(self) -> float:
        """Shortest distance between two columns of the perfect lattice."""
        (y1, x1), (y2, x2) = self.lattice.vectors_nm
        away = [
            math.hypot(i * y1 + j * y2, i * x1 + j * x2)
            for one in self.lattice.phase.sites
            for other in self.lattice.phase.sites
            for i in (one.first_frac - other.first_frac + k for k in (-1, 0, 1))
            for j in (one.second_frac - other.second_frac + k for k in (-1, 0, 1))
        ]
        return min(d for d in away if d > 1e-6)

    def places(self, grain: int, box: Box) -> Places:
        """Columns of one grain as they stand, strained, in a box and a little around it."""
        lattice = self.lattice if grain == 0 or self.second is None else self.second
        slack = sum(one.largest_nm(box.furthest_nm(one.center_nm)) for one, _ in self.dislocations)
        found = lattice.places(
            Box(
                low_y_nm=box.low_y_nm - slack,
                high_y_nm=box.high_y_nm + slack,
                low_x_nm=box.low_x_nm - slack,
                high_x_nm=box.high_x_nm + slack,
            )
        )
        if self.boundary is not None:
            far = self.boundary.far_nm(found.y_nm, found.x_nm)
            found = found.take(far <= 1e-6 if grain == 0 else far > 1e-6)
        y, x = found.y_nm, found.x_nm
        for dislocation, _ in self.dislocations:
            dy, dx = dislocation.displacement_nm(found.y_nm, found.x_nm)
            y, x = y + dy, x + dx
        return dataclasses.replace(found, y_nm=y, x_nm=x)

    def peak_of(self, strength: float) -> float:
        """Peak share of the beam of one column at mean thickness, as it is seen."""
        return self.illumination.share(strength * self.atoms_deep, self.width_nm)

    def _grain(self, grain: int, box: Box) -> Places:
        # a boundary is decided with all neighbours at hand, so that it does not depend on the field of view
        margin = 0.0 if self.boundary is None else self.shortest_nm
        return self.places(
            grain,
            Box(
                low_y_nm=box.low_y_nm - margin,
                high_y_nm=box.high_y_nm + margin,
                low_x_nm=box.low_x_nm - margin,
                high_x_nm=box.high_x_nm + margin,
            ),
        )

    def _seen(self, grain: int, places: Places) -> tuple[FloatArray, ...]:
        peaks = np.array([self.peak_of(site.strength) for site in self.lattice.phase.sites])[places.site]
        for edit in self.edits:
            if edit.key is not None and edit.key[0] == grain:
                _, first, second, site = edit.key
                peaks[(places.first == first) & (places.second == second) & (places.site == site)] *= edit.factor
        alike = peaks.copy()
        if self.column_spread:
            key = (self.seed, grain, places.first, places.second, places.site)
            peaks *= 1 + self.column_spread * hashed_normal(*key)
        return places.y_nm, places.x_nm, peaks, alike, places.site.astype(float)

    def _added(self, box: Box) -> tuple[FloatArray, ...]:
        """Interstitials and adatoms: single atoms or columns, without a spread of their own."""
        added = [e for e in self.edits if e.added_strength]
        y, x = positions_of(tuple(e.truth for e in added)).T
        thick = self.thickness(y, x)
        strengths = np.array([e.added_strength for e in added])
        peaks = np.array([self.illumination.share(s, self.width_nm) for s in strengths]) / np.where(thick, thick, 1)
        return y, x, peaks.reshape(-1), np.zeros(len(added)), np.full(len(added), -1.0)

    def _contamination(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray | float:
        if not self.contamination:
            return 0.0
        noise = BandNoise(seed=self.seed + 101, longest_nm=self.contamination_nm, octaves=2)(y_nm, x_nm)
        covered = np.clip(noise - 0.2, 0, 1.5) / 1.5
        return self.contamination * covered * covered * (3 - 2 * covered)


def _uncrowded(places: Places, others: Places, nearest_nm: float) -> Places:
    """Those of the far grain that do not stand on a column of the near one."""
    from scipy.spatial import cKDTree

    if len(places.y_nm) == 0 or len(others.y_nm) == 0:
        return places
    away, _ = cKDTree(np.stack([others.y_nm, others.x_nm], 1)).query(
        np.stack([places.y_nm, places.x_nm], 1), distance_upper_bound=nearest_nm
    )
    return places.take(away > nearest_nm)
