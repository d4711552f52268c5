"""Surfaces for scanning probe: terraces between steps, with islands, pits and adsorbates, as heights.

A probe reads heights, not electrons. So that one simulator serves both, `Surface.intensity` gives the height on a linear
scale between 0 and 1, and ``height_nm`` gives it back; counts then stand for the reading, and their Poisson noise for the
noise of the height, which falls with the dwell time as that of a feedback loop does.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.records.coordinates import check_positive
from deepscan_core.simulation.constants import GOLD_A_NM
from deepscan_core.simulation.randomness import BandNoise
from deepscan_core.simulation.shapes import Disc, Shape
from deepscan_core.simulation.specimens import outlines
from deepscan_core.simulation.specimens.features import Bump, Layer, soft_inside
from deepscan_core.simulation.specimens.mesoscale import Feature, Mesoscale
from deepscan_core.simulation.truth import PlantedDefect

FloatArray = npt.NDArray[np.float64]
EXTENT_NM = 400.0
STEP_NM = GOLD_A_NM / math.sqrt(3)  # monatomic step of gold (111): 0.235 nm
TIP_NM = 1.2  # standard deviation of the blur by the tip
SCALE_PER_NM = 0.08  # share of full scale a nanometre of height
OFFSET = 0.5


@dataclass(frozen=True, kw_only=True)
class Terraces:
    """A vicinal surface: flat terraces that fall by one step after the other, along wavy steps.

    Attributes
    ----------
    terrace_nm : mean width of a terrace.
    downhill_ccw_rad : direction in which it falls.
    waviness_nm, wave_nm : how far, and over which length, the steps wander.
    step_nm : height of a step.
    corrugation_nm : standard deviation of what is left of roughness on a terrace.
    floors : the surface falls by as many steps on either side of the origin and is flat beyond.
    """

    seed: int
    terrace_nm: float
    downhill_ccw_rad: float
    waviness_nm: float = 6.0
    wave_nm: float = 28.0
    step_nm: float = STEP_NM
    corrugation_nm: float = 0.012
    floors: int = 10

    def __call__(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Height as a share of full scale."""
        down = x_nm * math.cos(self.downhill_ccw_rad) - y_nm * math.sin(self.downhill_ccw_rad)
        wander = self.waviness_nm * BandNoise(seed=self.seed, longest_nm=self.wave_nm, octaves=2)(y_nm, x_nm)
        along = (down + wander) / self.terrace_nm
        index = np.clip(np.round(along), -self.floors, self.floors)
        to_step_nm = (along - index) * self.terrace_nm
        # only the nearest edges of the terrace are felt; each is rounded by the tip
        lower = soft_inside(self.terrace_nm / 2 - to_step_nm, TIP_NM) * (index < self.floors)
        upper = soft_inside(self.terrace_nm / 2 + to_step_nm, TIP_NM) * (index > -self.floors)
        height_nm = -self.step_nm * (index + lower - upper)
        height_nm += self.corrugation_nm * BandNoise(seed=self.seed + 1, longest_nm=2.5)(y_nm, x_nm)
        return OFFSET + SCALE_PER_NM * height_nm


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface(Mesoscale):
    """A specimen whose intensity is a height."""

    def height_nm(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Height at positions, relative to the terrace at the origin."""
        return (self.intensity(y_nm, x_nm) - OFFSET) / SCALE_PER_NM


def make_terraces(
    seed: int = 0, *, defect_free: bool = False, extent_nm: float = EXTENT_NM, density: float = 1.0
) -> Surface:
    """Gold (111) terraces with islands, pits and adsorbates.

    Parameters
    ----------
    seed : of steps and defects.
    defect_free : the same terraces and steps, without anything planted.
    extent_nm : side of the square, centred at the origin, that holds defects.
    density : factor on how many there are.

    Raises
    ------
    InputError
        Extent or density not above zero.
    """
    check_positive("extent_nm, density", extent_nm, density)
    rng = np.random.default_rng([seed, 43])
    terraces = Terraces(seed=seed, terrace_nm=48.0, downhill_ccw_rad=float(rng.uniform(0, 2 * math.pi)))
    count = density * (extent_nm / EXTENT_NM) ** 2
    features: list[Feature] = []
    places = outlines.free_places(rng, int(rng.poisson(48 * count)), extent_nm=extent_nm, apart_nm=26.0)
    for place, kind in zip(places, rng.choice(["island", "pit", "adsorbate"], len(places), p=[0.4, 0.3, 0.3])):
        features.append(_feature(rng, place, str(kind)))
    surface = Surface(name="terraces", material=terraces, features=tuple(features))
    return dataclasses.replace(surface, features=()) if defect_free else surface


def _feature(rng: np.random.Generator, place: FloatArray, kind: str) -> Feature:
    def body(shape: Shape, amplitude: float, *, is_extended: bool) -> PlantedDefect:
        return PlantedDefect(
            kind=kind,
            center_y_nm=float(place[0]),
            center_x_nm=float(place[1]),
            shape=shape,
            amplitude=amplitude,
            is_extended=is_extended,
        )

    if kind == "adsorbate":
        peak = SCALE_PER_NM * float(rng.uniform(0.15, 0.5))
        return Bump(body=body(Disc(radius_nm=2 * TIP_NM), peak, is_extended=False), edge_nm=TIP_NM, peak=peak)
    radius_nm = float(rng.uniform(3.0, 9.0))
    step = SCALE_PER_NM * STEP_NM * (1 if kind == "island" else -1)
    shape = outlines.faceted_blob(rng, radius_nm, sides=6) if kind == "island" else outlines.rough_blob(rng, radius_nm)
    return Layer(body=body(shape, step, is_extended=True), edge_nm=TIP_NM, height=step)
