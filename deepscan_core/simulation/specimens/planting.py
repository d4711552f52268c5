"""Putting point defects, dislocations and boundaries into a crystal, and writing down the truth about each."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_finite, check_positive
from deepscan_core.simulation.scattering import total_strength
from deepscan_core.simulation.shapes import Disc, Stroke
from deepscan_core.simulation.specimens.atomic import AtomicEdit, AtomicSpecimen
from deepscan_core.simulation.specimens.lattice import Boundary, Box, Dislocation, Lattice
from deepscan_core.simulation.specimens.phases import Site
from deepscan_core.simulation.truth import PlantedDefect

FloatArray = npt.NDArray[np.float64]
POINT_KINDS = ("vacancy", "substitution", "antisite", "interstitial", "adatom")
FAINTEST_HOST = 0.3  # defects sit on columns at least this bright, relative to the brightest
CORE_RADIUS_NM = 0.6
ADATOM = "Au"
MOST_TRIES = 200


def plant_points(
    specimen: AtomicSpecimen,
    rng: np.random.Generator,
    *,
    per_1000_nm2: Mapping[str, float],
    extent_nm: float,
    separation_nm: float = 1.2,
    depth: float = 0.5,
) -> AtomicSpecimen:
    """Plant point defects, well apart from each other and from lines.

    Parameters
    ----------
    specimen : a crystal.
    rng : of kinds, places and elements; numbers are Poisson.
    per_1000_nm2 : how many of each of `POINT_KINDS`.
    extent_nm : side of the square, centred at the origin, that holds defects.
    separation_nm : nothing planted is nearer to anything else that was planted.
    depth : share of a column's atoms that are changed; of single layers it is one atom.

    Raises
    ------
    InputError
        An unknown kind.
    """
    check_positive("extent_nm, separation_nm, depth", extent_nm, separation_nm, depth)
    planter = _Planter(specimen, rng, extent_nm, separation_nm, depth)
    for kind, density in per_1000_nm2.items():
        if kind not in POINT_KINDS:
            raise InputError(f"defect {kind!r} is not known: give {', '.join(POINT_KINDS)}")
        check_finite(f"density of {kind}", density)
        for _ in range(rng.poisson(density * extent_nm**2 / 1000)):
            planter.plant(kind)
    return dataclasses.replace(specimen, edits=(*specimen.edits, *planter.edits))


class _Planter:
    """Chooses places one after the other."""

    def __init__(
        self, specimen: AtomicSpecimen, rng: np.random.Generator, extent_nm: float, separation_nm: float, depth: float
    ) -> None:
        half = extent_nm / 2
        box = Box(low_y_nm=-half, high_y_nm=half, low_x_nm=-half, high_x_nm=half)
        self._specimen, self._rng, self._half, self._separation = specimen, rng, half, separation_nm
        self._atoms = max(1, round(depth * specimen.atoms_deep)) if specimen.atoms_deep > 1 else 1
        self._grains = [specimen.places(grain, box) for grain in range(1 if specimen.second is None else 2)]
        strengths = np.array([site.strength for site in specimen.lattice.phase.sites])
        self._hosts = strengths >= FAINTEST_HOST * strengths.max()
        self._taken = [one.center_nm for one in specimen.truth if not isinstance(one.shape, Stroke)]
        self.edits: list[AtomicEdit] = []

    def plant(self, kind: str) -> None:
        """One more, or none where there is no room left."""
        for _ in range(MOST_TRIES):
            edit = self._draw(kind)
            if edit is not None and self._free(edit.truth.center_nm):
                self.edits.append(edit)
                self._taken.append(edit.truth.center_nm)
                return

    def _free(self, place: tuple[float, float]) -> bool:
        boundary = self._specimen.boundary
        clear = boundary is None or abs(float(boundary.far_nm(*_arrays(*place)))) > self._separation
        inside = max(abs(place[0]), abs(place[1])) <= self._half
        return inside and clear and all(math.dist(place, other) > self._separation for other in self._taken)

    def _draw(self, kind: str) -> AtomicEdit | None:
        if kind in ("vacancy", "substitution", "antisite"):
            return self._on_a_column(kind)
        if kind == "adatom":
            y, x = self._rng.uniform(-self._half, self._half, 2)
            return self._added(kind, float(y), float(x), total_strength((ADATOM,)))
        lattice = self._specimen.lattice
        places = self._grains[0]
        chosen = int(self._rng.integers(len(places.y_nm)))
        first, second = lattice.phase.interstitials_frac[int(self._rng.integers(len(lattice.phase.interstitials_frac)))]
        y_nm, x_nm = lattice.at(float(places.first[chosen] + first), float(places.second[chosen] + second))
        boundary = self._specimen.boundary
        if boundary is not None and boundary.far_nm(y_nm, x_nm) > 0:
            return None
        for dislocation, _ in self._specimen.dislocations:
            dy, dx = dislocation.displacement_nm(y_nm, x_nm)
            y_nm, x_nm = y_nm + dy, x_nm + dx
        strength = self._atoms * total_strength(lattice.phase.sites[0].elements[:1])
        return self._added(kind, float(y_nm), float(x_nm), strength)

    def _on_a_column(self, kind: str) -> AtomicEdit | None:
        grain = int(self._rng.integers(len(self._grains)))
        places, sites = self._grains[grain], self._specimen.lattice.phase.sites
        chosen = int(self._rng.integers(len(places.y_nm)))
        index = int(places.site[chosen])
        if not self._hosts[index]:
            return None
        change = self._change(kind, sites[index])
        if change is None:
            return None
        y_nm, x_nm = float(places.y_nm[chosen]), float(places.x_nm[chosen])
        strength = sites[index].strength * self._specimen.atoms_deep
        factor = max(0.0, 1 + self._atoms * change / strength)
        peak = self._specimen.peak_of(sites[index].strength) * float(self._specimen.thickness(*_arrays(y_nm, x_nm)))
        return AtomicEdit(
            truth=self._truth(kind, y_nm, x_nm, (factor - 1) * peak),
            key=(grain, int(places.first[chosen]), int(places.second[chosen]), index),
            factor=factor,
        )

    def _change(self, kind: str, site: Site) -> float | None:
        """By how much the strength of one repeat changes."""
        phase = self._specimen.lattice.phase
        leaving = total_strength(site.elements[:1])
        if kind == "vacancy":
            return -leaving
        if kind == "substitution":
            dopants = phase.dopants.get(site.label, ())
            if not dopants:
                return None
            return total_strength((dopants[int(self._rng.integers(len(dopants)))],)) - leaving
        others = [other for other in phase.sites if other.label != site.label and other.strength != site.strength]
        # an antisite is the atom of the other sublattice; oxygen does not sit on cations
        others = [o for o, host in zip(phase.sites, self._hosts, strict=True) if host and o in others]
        if not others:
            return None
        other = others[int(self._rng.integers(len(others)))]
        # in a layer the whole of the other site may take the place, such as Mo on S2 or S2 on Mo
        whole = self._specimen.atoms_deep == 1
        return other.strength - site.strength if whole else total_strength(other.elements[:1]) - leaving

    def _added(self, kind: str, y_nm: float, x_nm: float, strength: float) -> AtomicEdit:
        peak = self._specimen.illumination.share(strength, self._specimen.width_nm)
        return AtomicEdit(truth=self._truth(kind, y_nm, x_nm, peak), added_strength=strength)

    def _truth(self, kind: str, y_nm: float, x_nm: float, amplitude: float) -> PlantedDefect:
        extent = Disc(radius_nm=2 * self._specimen.width_nm)
        return PlantedDefect(kind=kind, center_y_nm=y_nm, center_x_nm=x_nm, shape=extent, amplitude=amplitude)


def _arrays(*values: float) -> tuple[FloatArray, ...]:
    return tuple(np.asarray(value, float) for value in values)


def brightest(specimen: AtomicSpecimen) -> float:
    """Peak of the brightest column at mean thickness."""
    return max(specimen.peak_of(site.strength) for site in specimen.lattice.phase.sites)


def plant_boundary(
    specimen: AtomicSpecimen, *, extent_nm: float, angle_ccw_rad: float, tilt_rad: float, shift_frac: float = 0.37
) -> AtomicSpecimen:
    """A second grain, turned by a tilt, beyond a line through the origin; the truth is the line within the extent."""
    y, x = specimen.lattice.at(shift_frac, 0.61 * shift_frac)
    tilted = dataclasses.replace(
        specimen.lattice,
        rotation_rad=specimen.lattice.rotation_rad + tilt_rad,
        origin_nm=(float(y), float(x)),
    )
    return _with_second(specimen, tilted, angle_ccw_rad, (0.0, 0.0), "grain boundary", extent_nm)


def plant_twin(specimen: AtomicSpecimen, *, extent_nm: float) -> AtomicSpecimen:
    """A coherent twin: the lattice mirrored in its twin plane, which runs through the atom at the origin."""
    normal_y, normal_x = specimen.lattice.phase.twin_normal
    angle = specimen.lattice.rotation_rad + math.atan2(normal_x, normal_y)
    site = specimen.lattice.phase.sites[0]
    y, x = (float(c) for c in specimen.lattice.at(site.first_frac, site.second_frac))
    # mirrored about the plane through that atom: the origin of the lattice is mirrored too
    dy, dx = specimen.lattice.origin_nm[0] - y, specimen.lattice.origin_nm[1] - x
    cos, sin = math.cos(2 * angle), math.sin(2 * angle)
    mirrored = dataclasses.replace(
        specimen.lattice,
        mirrored_about_rad=angle,
        origin_nm=(y - dy * cos - dx * sin, x + dx * cos - dy * sin),
    )
    return _with_second(specimen, mirrored, angle, (y, x), "twin boundary", extent_nm)


def _with_second(
    specimen: AtomicSpecimen, second: Lattice, angle: float, point: tuple[float, float], kind: str, extent_nm: float
) -> AtomicSpecimen:
    boundary = Boundary(point_nm=point, angle_ccw_rad=angle)
    along = np.array([-math.sin(angle), math.cos(angle)])
    half = extent_nm / 2 / np.abs(along).max()  # to the sides of the square extent
    width = 2 * max(float(v) for v in np.hypot(*specimen.lattice.vectors_nm.T))
    truth = PlantedDefect(
        kind=kind,
        center_y_nm=point[0],
        center_x_nm=point[1],
        shape=Stroke(points_nm=np.array([-half * along, half * along]), width_nm=width),
        amplitude=brightest(specimen),
        is_extended=True,
    )
    return dataclasses.replace(specimen, second=second, boundary=boundary, extended=(truth,))


def plant_dislocations(
    specimen: AtomicSpecimen, rng: np.random.Generator, *, count: int, extent_nm: float, separation_nm: float = 4.0
) -> AtomicSpecimen:
    """Edge dislocations of either sign in turn, so that the strain does not build up; Burgers vector the first one."""
    lattice = specimen.lattice
    vector = lattice.vectors_nm[0]
    steps = np.linalg.inv(lattice.vectors_nm)
    planted: list[tuple[Dislocation, PlantedDefect]] = []
    for _ in range(count * MOST_TRIES):
        if len(planted) == count:
            break
        cell = np.floor(rng.uniform(-extent_nm / 2, extent_nm / 2, 2) @ steps)
        y, x = (float(c) for c in lattice.at(cell[0] + 0.5, cell[1] + lattice.phase.glide_frac))
        if any(math.dist((y, x), one.center_nm) < separation_nm for _, one in planted):
            continue
        sign = 1 if len(planted) % 2 == 0 else -1
        truth = PlantedDefect(
            kind="dislocation",
            center_y_nm=y,
            center_x_nm=x,
            shape=Disc(radius_nm=CORE_RADIUS_NM),
            amplitude=-brightest(specimen),
        )
        planted.append(
            (Dislocation(center_nm=(y, x), burgers_nm=(float(sign * vector[0]), float(sign * vector[1]))), truth)
        )
    return dataclasses.replace(specimen, dislocations=tuple(planted))
