"""Random outlines: rounded, jagged, bent, heaped. All lie around the origin."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deepscan_core.simulation.shapes import Blob, Cluster, Stroke

FloatArray = npt.NDArray[np.float64]
MOST_TRIES = 40


def free_places(
    rng: np.random.Generator, count: int, *, extent_nm: float, apart_nm: float, taken: FloatArray | None = None
) -> FloatArray:
    """Up to `count` places ``(y, x)`` in a square about the origin, no two nearer than `apart_nm`; shape (n, 2)."""
    places = np.empty((0, 2)) if taken is None else np.asarray(taken, float).reshape(-1, 2)
    first, tries = len(places), count * MOST_TRIES
    while len(places) - first < count and tries:
        tries -= 1
        place = rng.uniform(-extent_nm / 2, extent_nm / 2, 2)
        if len(places) == 0 or np.hypot(*(places - place).T).min() > apart_nm:
            places = np.vstack([places, place])
    return places[first:]


def rough_blob(
    rng: np.random.Generator, radius_nm: float, *, roughness: float = 0.12, waves: int = 6, elongation: float = 1.0
) -> Blob:
    """A rounded outline; waves fall off with their number."""
    amplitudes = rng.normal(0, roughness, waves) / np.arange(1, waves + 1) ** 0.9
    amplitudes *= min(1.0, 0.8 / max(np.abs(amplitudes).sum(), 1e-9))
    return Blob(
        radius_nm=radius_nm,
        waves=tuple(map(float, amplitudes)),
        phases_rad=tuple(map(float, rng.uniform(0, 2 * math.pi, waves))),
        elongation=elongation,
        angle_ccw_rad=float(rng.uniform(0, math.pi)),
    )


def faceted_blob(rng: np.random.Generator, radius_nm: float, *, sides: int = 4, elongation: float = 1.0) -> Blob:
    """A rounded polygon."""
    waves = [0.0] * (2 * sides - 1)
    waves[sides - 2] = 0.75 / sides**1.5
    waves[2 * sides - 2] = 0.18 / sides**1.5
    phase = float(rng.uniform(0, 2 * math.pi))
    return Blob(
        radius_nm=radius_nm,
        waves=tuple(waves),
        phases_rad=(phase,) * len(waves),
        elongation=elongation,
        angle_ccw_rad=float(rng.uniform(0, math.pi)),
    )


def jagged_line(
    rng: np.random.Generator, length_nm: float, width_nm: float, *, angle_ccw_rad: float, jag: float, halvings: int = 5
) -> Stroke:
    """A crack: a line whose middle points are moved aside again and again, each time by less."""
    half = np.array([-math.sin(angle_ccw_rad), math.cos(angle_ccw_rad)]) * length_nm / 2
    points = np.stack([-half, half])
    aside = jag * length_nm
    for _ in range(halvings):
        step = np.diff(points, axis=0)
        normals = np.stack([step[:, 1], -step[:, 0]], 1) / np.hypot(*step.T)[:, None]
        middle = points[:-1] + step * rng.uniform(0.35, 0.65, (len(step), 1))
        middle += normals * rng.normal(0, aside, (len(step), 1))
        points = np.insert(points, np.arange(1, len(points)), middle, axis=0)
        aside *= 0.5
    return Stroke(points_nm=points - points[len(points) // 2], width_nm=width_nm, tapered=True)


def bent_line(
    rng: np.random.Generator,
    length_nm: float,
    width_nm: float,
    *,
    angle_ccw_rad: float,
    bend_rad: float,
    parts: int = 8,
) -> Stroke:
    """A scratch: nearly straight, turning evenly by `bend_rad` over its length."""
    angles = angle_ccw_rad + bend_rad * (np.arange(parts) / max(parts - 1, 1) - 0.5)
    steps = np.stack([-np.sin(angles), np.cos(angles)], 1) * length_nm / parts
    points = np.vstack([np.zeros(2), np.cumsum(steps, 0)])
    return Stroke(points_nm=points - points[parts // 2], width_nm=width_nm, tapered=True)


def grown_cluster(rng: np.random.Generator, count: int, radius_nm: float) -> Cluster:
    """An agglomerate: each ball sticks to one that is there, more often to a younger one."""
    radii = radius_nm * rng.lognormal(0, 0.3, count)
    centers = np.zeros((count, 2))
    for i in range(1, count):
        host = int(i * rng.uniform(0, 1) ** 0.5)
        angle = rng.uniform(0, 2 * math.pi)
        reach = 0.7 * (radii[host] + radii[i])
        centers[i] = centers[host] + reach * np.array([-math.sin(angle), math.cos(angle)])
    return Cluster(centers_nm=centers - centers.mean(0), radii_nm=radii)
