"""Grounds of microstructures: intensity by position, without an end, the same for the same seed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.simulation.randomness import BandNoise, hashed_uniform

FloatArray = npt.NDArray[np.float64]
JITTER = 0.85  # how far a grain's centre may lie from the middle of its cell, in halves of the cell


def smooth_step(values: FloatArray) -> FloatArray:
    """0 below 0, 1 above 1, smooth between."""
    t = np.clip(values, 0, 1)
    return t * t * (3 - 2 * t)


@dataclass(frozen=True, kw_only=True)
class Polished:
    """A flat surface: fine roughness, slow shading, and the lines that polishing leaves.

    Attributes
    ----------
    level : mean intensity.
    grain_nm : size of the roughness.
    roughness, shading, lines : relative amplitudes.
    lines_ccw_rad : direction of the polishing lines.
    """

    seed: int
    level: float
    grain_nm: float
    roughness: float = 0.05
    shading: float = 0.04
    lines: float = 0.0
    lines_ccw_rad: float = 0.0

    def __call__(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Intensity at positions."""
        relief = self.roughness * BandNoise(seed=self.seed, longest_nm=self.grain_nm, octaves=2)(y_nm, x_nm)
        relief += self.shading * BandNoise(seed=self.seed + 1, longest_nm=40 * self.grain_nm)(y_nm, x_nm)
        if self.lines:
            cos, sin = math.cos(self.lines_ccw_rad), math.sin(self.lines_ccw_rad)
            along, across = x_nm * cos - y_nm * sin, y_nm * cos + x_nm * sin
            relief += self.lines * _stretched(self.seed + 2, self.grain_nm, 60.0, across, along)
        return self.level * np.maximum(1 + relief, 0.05)


def _stretched(seed: int, size_nm: float, ratio: float, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
    """Noise drawn out along x: lines at hashed places that fade in and out."""
    band = y_nm / size_nm
    low = np.floor(band).astype(np.int64)
    part = band - low
    along = x_nm / (size_nm * ratio)
    start = np.floor(along).astype(np.int64)
    t = smooth_step(along - start)
    first, last = (
        (1 - t) * hashed_uniform(seed, low + k, start) + t * hashed_uniform(seed, low + k, start + 1) for k in (0, 1)
    )
    mixed: FloatArray = (1 - smooth_step(part)) * first + smooth_step(part) * last
    return (mixed - 0.5) * math.sqrt(12) * 1.6


@dataclass(frozen=True, kw_only=True)
class Grains:
    """A polycrystal: cells nearest to hashed centres (Voronoi), each with the intensity of its orientation.

    Attributes
    ----------
    size_nm : mean distance of grains.
    level, contrast : mean intensity, and the relative standard deviation between grains.
    groove, groove_nm : darkening (negative: brightening) and half width of the boundaries.
    roughness, grain_nm : of the surface.
    """

    seed: int
    size_nm: float
    level: float
    contrast: float = 0.15
    groove: float = 0.35
    groove_nm: float = 20.0
    roughness: float = 0.04
    grain_nm: float = 50.0

    def __call__(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Intensity at positions."""
        to_edge_nm, tone = self.cells(y_nm, x_nm)
        level = self.level * (1 + self.contrast * (tone - 0.5) * math.sqrt(12))
        level *= 1 - self.groove * np.exp(-0.5 * (to_edge_nm / self.groove_nm) ** 2)
        rough = BandNoise(seed=self.seed + 3, longest_nm=self.grain_nm, octaves=2)(y_nm, x_nm)
        return level * np.maximum(1 + self.roughness * rough, 0.05)

    def cells(self, y_nm: FloatArray, x_nm: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Distance to the nearest boundary in nm, and a number in [0, 1) that belongs to the grain."""
        v, u = np.asarray(y_nm) / self.size_nm, np.asarray(x_nm) / self.size_nm
        low_v, low_u = math.floor(v.min()) - 2, math.floor(u.min()) - 2
        rows = np.arange(low_v, math.ceil(v.max()) + 3)[:, None]
        cols = np.arange(low_u, math.ceil(u.max()) + 3)[None, :]
        center_v = rows + 0.5 + JITTER * (hashed_uniform(self.seed, rows, cols, 1) - 0.5)
        center_u = cols + 0.5 + JITTER * (hashed_uniform(self.seed, rows, cols, 2) - 0.5)
        tones = hashed_uniform(self.seed, rows, cols, 3)
        wide = cols.size
        home = (np.floor(v).astype(np.int64) - low_v) * wide + np.floor(u).astype(np.int64) - low_u
        nearest = np.full(v.shape, np.inf)
        second, owner, rival = nearest.copy(), np.zeros(v.shape, np.int64), np.zeros(v.shape, np.int64)
        flat_v, flat_u = center_v.ravel(), center_u.ravel()
        for i in (-1, 0, 1):
            for j in (-1, 0, 1):
                cell = home + (i * wide + j)
                away = (flat_v[cell] - v) ** 2 + (flat_u[cell] - u) ** 2
                first = away < nearest
                next_best = ~first & (away < second)
                second = np.where(first, nearest, np.where(next_best, away, second))
                rival = np.where(first, owner, np.where(next_best, cell, rival))
                nearest, owner = np.where(first, away, nearest), np.where(first, cell, owner)
        apart = np.hypot(flat_v[owner] - flat_v[rival], flat_u[owner] - flat_u[rival])
        to_edge = (second - nearest) / (2 * np.maximum(apart, 1e-9))
        return to_edge * self.size_nm, tones.ravel()[owner]


@dataclass(frozen=True, kw_only=True)
class Torn:
    """A fracture or an etched surface: ridges and hollows of many sizes.

    Attributes
    ----------
    level : mean intensity.
    size_nm : of the largest hollows.
    relief : relative amplitude.
    ridges : share of it that is folded to ridges.
    specks : brightness of small bright specks, relative to the level.
    """

    seed: int
    level: float
    size_nm: float
    relief: float = 0.25
    ridges: float = 0.6
    octaves: int = 3
    specks: float = 0.0

    def __call__(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Intensity at positions."""
        ridged = BandNoise(seed=self.seed, longest_nm=self.size_nm, octaves=self.octaves, roughness=0.7, ridged=True)(
            y_nm, x_nm
        )
        smooth = BandNoise(seed=self.seed + 9, longest_nm=1.7 * self.size_nm)(y_nm, x_nm)
        # ridges are sharp and bright, hollows wide and dark
        relief = self.relief * (self.ridges * np.exp(np.clip(ridged, -3, 1.4)) / 1.5 + (1 - self.ridges) * smooth)
        if self.specks:
            fine = BandNoise(seed=self.seed + 17, longest_nm=0.45 * self.size_nm)(y_nm, x_nm)
            relief = relief + self.specks * smooth_step((fine - 1.25) / 0.4)
        return self.level * np.maximum(0.8 + relief, 0.1)


@dataclass(frozen=True, kw_only=True)
class TwoPhase:
    """Islands of one phase in another, large with bright rims and small, as an etched superalloy shows its precipitates.

    Attributes
    ----------
    level : of the matrix.
    size_nm : of the islands.
    island : level of the islands, as a share of the matrix.
    rim : brightening along their outline.
    """

    seed: int
    level: float
    size_nm: float
    island: float = 0.55
    rim: float = 0.35
    roughness: float = 0.07

    def __call__(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Intensity at positions."""
        field = BandNoise(seed=self.seed, longest_nm=self.size_nm, octaves=2, roughness=0.3)(y_nm, x_nm)
        inside = smooth_step((field - 0.2) / 0.16)
        dots = BandNoise(seed=self.seed + 5, longest_nm=self.size_nm / 7)(y_nm, x_nm)
        small = smooth_step((dots - 1.5) / 0.5) * smooth_step((-0.15 - field) / 0.2)
        level = 1 + (self.island - 1) * np.maximum(inside, small)
        level += self.rim * np.exp(-0.5 * ((field - 0.15) / 0.09) ** 2)
        fine = BandNoise(seed=self.seed + 4, longest_nm=self.size_nm / 12)(y_nm, x_nm)
        return self.level * level * np.maximum(1 + self.roughness * fine, 0.05)


@dataclass(frozen=True, kw_only=True)
class FibreMat:
    """Long fibres over each other, each a bright-edged cylinder that bends a little.

    Attributes
    ----------
    level : of a fibre's middle on top.
    width_nm : of a fibre, on average.
    gap_nm : mean distance of the fibres of one layer.
    layers : of fibres, each in its own direction; lower ones are darker.
    """

    seed: int
    level: float
    width_nm: float
    gap_nm: float
    layers: int = 12

    def __call__(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Intensity at positions."""
        total = np.full(np.broadcast_shapes(y_nm.shape, x_nm.shape), 0.12 * self.level)
        for layer in range(self.layers):
            height = layer / max(self.layers - 1, 1)
            angle, phase, wave = (float(n) for n in hashed_uniform(self.seed, layer, np.arange(3)))
            cos, sin = math.cos(math.pi * angle), math.sin(math.pi * angle)
            along, across = x_nm * cos - y_nm * sin, y_nm * cos + x_nm * sin
            bend = 0.35 * self.gap_nm * np.sin(along / (self.gap_nm * (1.1 + wave)) + 2 * math.pi * phase)
            row = (across + bend) / self.gap_nm + phase
            index = np.floor(row).astype(np.int64)
            low = int(index.min())
            numbers = np.arange(low, int(index.max()) + 1)
            here, width = (hashed_uniform(self.seed + k, layer, numbers)[index - low] for k in (5, 6))
            half_nm = self.width_nm / 2 * (0.6 + 0.8 * width)
            away_nm = np.abs(row - index - 0.3 - 0.4 * here) * self.gap_nm
            up = np.sqrt(np.maximum(1 - (away_nm / half_nm) ** 2, 0))
            fibre = self.level * (0.25 + 0.75 * height) * (0.75 + 0.25 / np.maximum(up, 0.35))
            shadow = 1 - 0.45 * np.exp(-np.maximum(away_nm - half_nm, 0) / (0.4 * self.width_nm))
            inside = smooth_step((half_nm - away_nm) / (0.2 * self.width_nm) + 0.5)
            total = total * shadow * (1 - inside) + fibre * inside
        return total
