"""Microstructures by name: each a material, what belongs to it, and what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from deepscan_core.records.coordinates import check_positive
from deepscan_core.simulation.randomness import BandNoise
from deepscan_core.simulation.shapes import Disc, Shape
from deepscan_core.simulation.specimens import outlines
from deepscan_core.simulation.specimens.features import Ball, Groove, Heap, Hollow, Plate
from deepscan_core.simulation.specimens.materials import FibreMat, Grains, Polished, Torn, TwoPhase
from deepscan_core.simulation.specimens.mesoscale import Feature, Material, Mesoscale
from deepscan_core.simulation.truth import PlantedDefect

FloatArray = npt.NDArray[np.float64]
EXTENT_NM = 40_000.0
EDGE_NM = 25.0  # softness of outlines: half the usual pixel
# A detected share of the beam is a yield: some tenths of a secondary electron for each primary one at 5 to 20 kV (Reimer).
LEVEL = 0.12


def _body(kind: str, place: FloatArray, shape: Shape, amplitude: float) -> PlantedDefect:
    return PlantedDefect(
        kind=kind,
        center_y_nm=float(place[0]),
        center_x_nm=float(place[1]),
        shape=shape,
        amplitude=amplitude,
        is_extended=True,
    )


class _Scene:
    """Draws features at places that are free."""

    def __init__(self, seed: int, extent_nm: float, density: float) -> None:
        self.rng = np.random.default_rng([seed, 29])
        self.seed, self.extent_nm = seed, extent_nm
        self._density = density * (extent_nm / EXTENT_NM) ** 2
        self._taken = np.empty((0, 2))
        self.features: list[Feature] = []

    def places(self, count: float, apart_nm: float) -> FloatArray:
        """So many places for each standard extent, away from all that were given before."""
        wanted = int(self.rng.poisson(count * self._density)) if count < 40 else round(count * self._density)
        found = outlines.free_places(self.rng, wanted, extent_nm=self.extent_nm, apart_nm=apart_nm, taken=self._taken)
        self._taken = np.vstack([self._taken, found])
        return found

    def size(self, mean_nm: float, spread: float = 0.3) -> float:
        """A size, log-normal."""
        return float(mean_nm * self.rng.lognormal(-(spread**2) / 2, spread))

    def hollows(self, count: float, radius_nm: float, *, roughness: float = 0.2) -> None:
        """Pores."""
        for place in self.places(count, 4 * radius_nm):
            shape = outlines.rough_blob(
                self.rng, self.size(radius_nm), roughness=roughness, elongation=float(self.rng.uniform(1, 2))
            )
            body = _body("pore", place, shape, -0.8 * LEVEL)
            self.features.append(Hollow(body=body, edge_nm=EDGE_NM))

    def plates(self, count: float, radius_nm: float, level: float, *, kind: str, sides: int = 0) -> None:
        """Precipitates and inclusions."""
        for place in self.places(count, 4 * radius_nm):
            long = float(self.rng.uniform(1, 1.8))
            radius = self.size(radius_nm)
            shape = (
                outlines.faceted_blob(self.rng, radius, sides=sides, elongation=long)
                if sides
                else outlines.rough_blob(self.rng, radius, roughness=0.08, elongation=long)
            )
            texture = BandNoise(seed=self.seed + len(self.features) + 50, longest_nm=radius / 2)
            body = _body(kind, place, shape, level - LEVEL)
            self.features.append(Plate(body=body, edge_nm=EDGE_NM, level=level, texture=texture))

    def balls(
        self,
        count: float,
        radius_nm: float,
        *,
        kind: str = "particle",
        planted: bool = True,
        glow: float = 0.0,
        level: float = 1.3 * LEVEL,
        rough: float = 0.0,
        spread: float = 0.35,
        apart: float = 3.0,
    ) -> None:
        """Particles."""
        for place in self.places(count, apart * radius_nm):
            radius = self.size(radius_nm, spread)
            shape = outlines.rough_blob(self.rng, radius, roughness=rough) if rough else Disc(radius_nm=radius)
            self.features.append(self.ball(kind, place, shape, level, planted, glow))

    def ball(self, kind: str, place: FloatArray, shape: Shape, level: float, planted: bool, glow: float = 0.0) -> Ball:
        """One particle."""
        texture = BandNoise(
            seed=self.seed + len(self.features) + 50, longest_nm=shape.reach_nm / 4, octaves=2, ridged=True
        )
        return Ball(
            body=_body(kind, place, shape, level - LEVEL),
            edge_nm=EDGE_NM,
            planted=planted,
            level=level,
            texture=texture,
            glow=glow,
            glow_nm=0.8 * shape.reach_nm,
        )

    def heaps(self, count: float, radius_nm: float, most: int = 150) -> None:
        """Agglomerates of small particles."""
        for place in self.places(count, 25 * radius_nm):
            cluster = outlines.grown_cluster(self.rng, int(self.rng.integers(most // 5, most)), radius_nm)
            body = _body("agglomerate", place, cluster, 2 * LEVEL)
            self.features.append(Heap(body=body, edge_nm=EDGE_NM, level=3.0 * LEVEL, glow_nm=5 * radius_nm))

    def cracks(self, count: float, length_nm: float, width_nm: float, *, toward_rad: float) -> None:
        """Jagged lines, all roughly in one direction, as stress makes them."""
        for place in self.places(count, 0.6 * length_nm):
            line = outlines.jagged_line(
                self.rng,
                self.size(length_nm, 0.4),
                self.size(width_nm, 0.25),
                angle_ccw_rad=toward_rad + float(self.rng.normal(0, 0.3)),
                jag=0.06,
            )
            body = _body("crack", place, line, -0.8 * LEVEL)
            self.features.append(Hollow(body=body, edge_nm=EDGE_NM, rim=0.3, lit_wall=0.1))

    def grooves(self, count: float, length_nm: float, width_nm: float) -> None:
        """Scratches."""
        for place in self.places(count, 0.1 * length_nm):
            line = outlines.bent_line(
                self.rng,
                self.size(length_nm, 0.4),
                self.size(width_nm, 0.2),
                angle_ccw_rad=float(self.rng.uniform(0, math.pi)),
                bend_rad=float(self.rng.normal(0, 0.2)),
            )
            self.features.append(Groove(body=_body("scratch", place, line, -0.35 * LEVEL), edge_nm=EDGE_NM))


def _polycrystal(scene: _Scene) -> Material:
    scene.hollows(16, 260)
    scene.plates(14, 300, 1.8 * LEVEL, kind="precipitate", sides=4)
    return Grains(seed=scene.seed, size_nm=2600, level=LEVEL, groove_nm=30, contrast=0.16)


def _cracks(scene: _Scene) -> Material:
    scene.cracks(9, 6500, 190, toward_rad=float(scene.rng.uniform(0, math.pi)))
    scene.hollows(60, 110)
    return Polished(seed=scene.seed, level=LEVEL, grain_nm=160, roughness=0.06, shading=0.08)


def _pores(scene: _Scene) -> Material:
    scene.hollows(30, 420, roughness=0.24)
    return Grains(seed=scene.seed, size_nm=1500, level=LEVEL, contrast=0.04, groove=0.06, groove_nm=35, roughness=0.06)


def _particles(scene: _Scene) -> Material:
    scene.balls(34, 330, glow=0.35, rough=0.05)
    return Polished(seed=scene.seed, level=0.6 * LEVEL, grain_nm=180, roughness=0.07, shading=0.12)


def _powder(scene: _Scene) -> Material:
    scene.balls(330, 1100, kind="grain", planted=False, level=LEVEL, rough=0.02, spread=0.35, apart=2.3)
    hosts = [f.body for f in scene.features]
    chosen = scene.rng.permutation(len(hosts))[: max(1, len(hosts) // 4)]
    for host in (hosts[i] for i in chosen):
        radius = host.reach_nm * float(scene.rng.uniform(0.22, 0.38))
        angle = float(scene.rng.uniform(0, 2 * math.pi))
        away = 0.95 * host.reach_nm
        place = np.array(host.center_nm) + away * np.array([-math.sin(angle), math.cos(angle)])
        shape = Disc(radius_nm=radius)
        scene.features.append(scene.ball("satellite", place, shape, 1.15 * LEVEL, planted=True))
    return Polished(seed=scene.seed, level=0.12 * LEVEL, grain_nm=400, roughness=0.2, shading=0.4)


def _scratches(scene: _Scene) -> Material:
    scene.grooves(8, 15_000, 260)
    return Polished(
        seed=scene.seed,
        level=LEVEL,
        grain_nm=90,
        roughness=0.05,
        lines=0.025,
        lines_ccw_rad=float(scene.rng.uniform(0, math.pi)),
    )


def _fibres(scene: _Scene) -> Material:
    scene.balls(16, 620, kind="bead", level=1.5 * LEVEL, rough=0.08)
    return FibreMat(seed=scene.seed, level=1.2 * LEVEL, width_nm=330, gap_nm=2400)


def _agglomerates(scene: _Scene) -> Material:
    scene.heaps(14, 150)
    return Torn(seed=scene.seed, level=0.8 * LEVEL, size_nm=900, relief=0.35, ridges=0.75)


def _precipitates(scene: _Scene) -> Material:
    scene.plates(45, 430, 2.4 * LEVEL, kind="precipitate", sides=5)
    return Torn(seed=scene.seed, level=0.6 * LEVEL, size_nm=330, relief=0.8, ridges=0.6, octaves=2, specks=2.0)


def _superalloy(scene: _Scene) -> Material:
    scene.hollows(14, 380, roughness=0.15)
    scene.plates(10, 420, 2.2 * LEVEL, kind="carbide", sides=4)
    return TwoPhase(seed=scene.seed, level=LEVEL, size_nm=1000)


MICROSTRUCTURES: Mapping[str, Callable[[_Scene], Material]] = {
    "polycrystal": _polycrystal,
    "cracks": _cracks,
    "pores": _pores,
    "particles": _particles,
    "powder": _powder,
    "scratches": _scratches,
    "fibres": _fibres,
    "agglomerates": _agglomerates,
    "precipitates": _precipitates,
    "superalloy": _superalloy,
}


def make_microstructure(
    name: str, seed: int = 0, *, defect_free: bool = False, extent_nm: float = EXTENT_NM, density: float = 1.0
) -> Mesoscale:
    """A microstructure with defects.

    Parameters
    ----------
    name : one of `MICROSTRUCTURES`.
    seed : of material and defects.
    defect_free : the same material, with all that belongs to it, without anything planted.
    extent_nm : side of the square, centred at the origin, that holds features; the material itself has no end.
    density : factor on how many features there are.

    Raises
    ------
    InputError
        Extent or density not above zero.
    """
    check_positive("extent_nm, density", extent_nm, density)
    scene = _Scene(seed, extent_nm, density)
    material = MICROSTRUCTURES[name](scene)
    specimen = Mesoscale(name=name, material=material, features=tuple(scene.features))
    return specimen.pristine() if defect_free else specimen
