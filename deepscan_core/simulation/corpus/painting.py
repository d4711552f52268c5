"""Brushes: noise, outlines, strokes and cells, as arrays in pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.simulation.corpus.scene import FloatArray

Rng = np.random.Generator
Shape2 = tuple[int, int]
ANGLES = 128  # entries of an outline's table
FAR_PX = 1e3
MOST_TRIES = 12


def log_uniform(rng: Rng, low: float, high: float) -> float:
    """A number between two others, each ratio being as likely."""
    return float(math.exp(rng.uniform(math.log(low), math.log(high))))


def noise(rng: Rng, shape: Shape2, longest_px: float, *, slope: float = 1.5, stretch: float = 1.0) -> FloatArray:
    """Noise of mean 0 and standard deviation 1 whose amplitude falls with frequency from `longest_px` on.

    Parameters
    ----------
    slope : the amplitude falls as frequency to minus this; above 2 it is smooth, at 0 white.
    stretch : how many times longer along a random direction.
    """
    rows, cols = shape
    v, u = np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(cols)[None, :]
    if stretch != 1:
        angle = rng.uniform(0, math.pi)
        v, u = (v * math.cos(angle) - u * math.sin(angle)) * stretch, v * math.sin(angle) + u * math.cos(angle)
    amplitude = (np.hypot(v, u) ** 2 + longest_px**-2.0) ** (-slope / 2)
    spectrum = np.fft.rfft2(rng.standard_normal(shape)) * amplitude
    spectrum[0, 0] = 0
    field = np.fft.irfft2(spectrum, s=shape)
    scaled: FloatArray = (field / (field.std() + 1e-9)).astype(np.float32)
    return scaled


def ramp(distance_px: FloatArray, edge_px: float = 1.0) -> FloatArray:
    """1 inside (negative distances), 0 outside, with an edge of some width."""
    share: FloatArray = np.clip(0.5 - distance_px / edge_px, 0, 1).astype(np.float32)
    return share


# --- outlines ---------------------------------------------------------------------------------------------------------
def outline(rng: Rng, form: str) -> FloatArray:
    """Radius by angle, of mean 1, shape (ANGLES,)."""
    theta = np.arange(ANGLES) * (2 * math.pi / ANGLES)
    if form == "angular":
        radius = _polygon(rng, theta)
    elif form == "irregular":
        radius = _waves(rng, theta, rng.uniform(0.1, 0.28), first=2, count=7)
    else:
        radius = _waves(rng, theta, rng.uniform(0.0, 0.035), first=2, count=4)
    relative: FloatArray = (radius / radius.mean()).astype(np.float32)
    return relative


def _polygon(rng: Rng, theta: FloatArray) -> FloatArray:
    sides = int(rng.choice([3, 4, 4, 4, 5, 6, 6, 8]))
    corner = (theta + rng.uniform(0, 2 * math.pi)) % (2 * math.pi / sides) - math.pi / sides
    sharp = math.cos(math.pi / sides) / np.cos(corner)
    softness = rng.uniform(0.1, 0.6)
    irregular = _waves(rng, theta, rng.choice([0.0, 0.08]), first=1, count=3)
    rounded: FloatArray = (sharp * (1 - softness) + softness) * irregular
    return rounded


def _waves(rng: Rng, theta: FloatArray, strength: float, *, first: int, count: int) -> FloatArray:
    radius = np.ones_like(theta)
    for k in range(first, first + count):
        radius += strength * rng.normal() / (k - first + 1) ** 0.8 * np.cos(k * theta + rng.uniform(0, 2 * math.pi))
    return np.maximum(radius, 0.25)


@dataclass(frozen=True, kw_only=True, eq=False)
class Blobs:
    """Closed shapes on a frame, the later above the earlier.

    Attributes
    ----------
    distance_px : from the nearest outline, negative inside, shape (rows, cols).
    relative : distance from the own centre over the own radius in that direction, where inside; else 1.
    owner : number of the shape that covers a pixel, -1 for none.
    """

    distance_px: FloatArray
    relative: FloatArray
    owner: npt.NDArray[np.int32]

    def per_object(self, values: npt.ArrayLike) -> FloatArray:
        """A value of each shape at its pixels; 0 elsewhere."""
        table = np.append(np.asarray(values, np.float32), np.float32(0))
        return table[self.owner]


def blobs(
    rng: Rng,
    shape: Shape2,
    centers_px: FloatArray,
    radii_px: FloatArray,
    *,
    form: str,
    elongation: tuple[float, float] = (1.0, 1.0),
    angle_rad: float | None = None,
) -> Blobs:
    """Draw shapes of one form; `elongation` is the range of long over short axis, `angle_rad` that of all long axes."""
    distance = np.full(shape, FAR_PX, np.float32)
    relative, owner = np.ones(shape, np.float32), np.full(shape, -1, np.int32)
    tables = [outline(rng, form) for _ in range(min(len(radii_px), 24))]
    for number, ((y, x), radius) in enumerate(zip(centers_px, radii_px, strict=True)):
        stretch = math.sqrt(log_uniform(rng, *elongation))
        reach = radius * 1.9 * stretch + 3
        top, left = max(0, int(y - reach)), max(0, int(x - reach))
        window = (slice(top, max(top, int(y + reach) + 1)), slice(left, max(left, int(x + reach) + 1)))
        v = np.arange(top, min(shape[0], window[0].stop), dtype=np.float32)[:, None] - np.float32(y)
        u = np.arange(left, min(shape[1], window[1].stop), dtype=np.float32)[None, :] - np.float32(x)
        if v.size == 0 or u.size == 0:
            continue
        angle = rng.uniform(0, math.pi) if angle_rad is None else angle_rad + rng.normal(0, 0.1)
        cos, sin = math.cos(angle), math.sin(angle)
        along, across = (u * cos + v * sin) / stretch, (v * cos - u * sin) * stretch
        spoke = np.hypot(along, across)
        places = (np.arctan2(across, along) * (ANGLES / (2 * math.pi))).astype(np.int32) % ANGLES
        own = tables[number % len(tables)][places] * np.float32(radius)
        away = (spoke - own) / stretch
        inside = away < 0
        distance[window] = np.where(inside, away, np.minimum(distance[window], np.maximum(away, -0.5)))
        relative[window] = np.where(inside, spoke / own, relative[window])
        owner[window] = np.where(inside, number, owner[window])
    return Blobs(distance_px=distance, relative=relative, owner=owner)


def scattered(
    rng: Rng,
    shape: Shape2,
    radii_px: FloatArray,
    *,
    gap: float,
    where: Callable[[float, float], bool] | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Centres for as many of the radii as find a place; neighbours stay `gap` times the sum of their radii apart."""
    centers: list[tuple[float, float]] = []
    kept: list[float] = []
    for radius in np.sort(radii_px)[::-1]:
        for _ in range(MOST_TRIES):
            y, x = rng.uniform(-radius, shape[0] + radius), rng.uniform(-radius, shape[1] + radius)
            if where is not None and not where(y, x):
                continue
            if centers and gap > 0:
                apart = np.hypot(*(np.array(centers) - (y, x)).T)
                if (apart < gap * (np.array(kept) + radius)).any():
                    continue
            centers.append((y, x))
            kept.append(float(radius))
            break
    return np.array(centers).reshape(-1, 2), np.array(kept)


# --- strokes ----------------------------------------------------------------------------------------------------------
def wandering(rng: Rng, shape: Shape2, *, jag: float, length_px: float, angle_rad: float | None = None) -> FloatArray:
    """A path that starts anywhere and wanders: shape (n, 2), about a pixel between points."""
    count = max(8, int(length_px))
    angle = rng.uniform(0, 2 * math.pi) if angle_rad is None else angle_rad + rng.normal(0, 0.12)
    if jag > 0:
        coarse = rng.normal(0, 1, count // 5 + 3)
        turns = np.interp(np.arange(count) / 5, np.arange(len(coarse)), coarse)
        walk = np.cumsum(rng.normal(0, 0.12, count))
        heading = angle + jag * (turns + 0.6 * (walk - np.linspace(0, walk[-1], count)))
    else:
        heading = angle + rng.uniform(-0.15, 0.15) * np.linspace(-1, 1, count)
    steps = np.stack([np.sin(heading), np.cos(heading)], 1)
    path = np.cumsum(steps, 0)
    placed: FloatArray = path - path[count // 2] + rng.uniform((0, 0), shape)
    return placed


def branches(rng: Rng, shape: Shape2, path: FloatArray, *, jag: float, count: int) -> list[FloatArray]:
    """Side branches that leave a path."""
    found = []
    for _ in range(count):
        at = int(rng.integers(len(path) // 8, len(path)))
        before = path[max(0, at - 4)]
        heading = math.atan2(*(path[at] - before)) + rng.choice([-1, 1]) * rng.uniform(0.4, 1.3)
        side = wandering(rng, shape, jag=jag, length_px=len(path) * rng.uniform(0.1, 0.5), angle_rad=heading)
        found.append(side - side[0] + path[at])
    return found


def strokes(shape: Shape2, paths: Sequence[FloatArray], widths_px: Sequence[FloatArray]) -> FloatArray:
    """Distance from the edge of the nearest stroke, negative inside.

    Parameters
    ----------
    paths : each of shape (n, 2), points about a pixel apart.
    widths_px : full width at each point.

    Notes
    -----
    Exact to about half a pixel: the distance is that to the nearest pixel of a path.
    """
    from scipy import ndimage

    lines, half = np.ones(shape, bool), np.zeros(shape, np.float32)
    points, widths = np.concatenate(paths), np.concatenate(widths_px)
    rows, cols = np.rint(points).astype(int).T
    inside = (rows >= 0) & (rows < shape[0]) & (cols >= 0) & (cols < shape[1])
    if not inside.any():
        return np.full(shape, FAR_PX, np.float32)
    lines[rows[inside], cols[inside]] = False
    half[rows[inside], cols[inside]] = widths[inside] / 2
    away, nearest = ndimage.distance_transform_edt(lines, return_indices=True)
    distance: FloatArray = (away - half[nearest[0], nearest[1]]).astype(np.float32)
    return distance


# --- cells ------------------------------------------------------------------------------------------------------------
def cells(rng: Rng, shape: Shape2, size_px: float, *, warp: float = 0.15) -> tuple[npt.NDArray[np.int32], FloatArray]:
    """Voronoi cells with warped sides: number of the cell, and distance to the nearest side in pixels."""
    from scipy.spatial import cKDTree

    margin = 2 * size_px
    count = max(6, int((shape[0] + 2 * margin) * (shape[1] + 2 * margin) / size_px**2))
    seeds = rng.uniform((-margin, -margin), (shape[0] + margin, shape[1] + margin), (count, 2))
    y, x = np.mgrid[: shape[0] : 2, : shape[1] : 2].astype(np.float32)
    aside = [warp * size_px * noise(rng, y.shape, size_px / 2, slope=2.5) for _ in range(2)]
    places = np.stack([y + aside[0], x + aside[1]], -1).reshape(-1, 2)
    away, number = cKDTree(seeds).query(places, k=2)
    to_side = ((away[:, 1] - away[:, 0]) / 2).reshape(y.shape)
    whole = np.repeat(np.repeat(number[:, 0].reshape(y.shape), 2, 0), 2, 1)[: shape[0], : shape[1]]
    return whole.astype(np.int32), doubled(to_side.astype(np.float32), shape)


def doubled(values: FloatArray, shape: Shape2) -> FloatArray:
    """Twice as fine, by linear interpolation, cut to `shape`."""
    from scipy import ndimage

    finer = ndimage.zoom(values, 2, order=1, grid_mode=True, mode="nearest")
    cut: FloatArray = finer[: shape[0], : shape[1]].astype(np.float32)
    return cut
