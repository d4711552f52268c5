"""Atomic columns in a picture's plane: lattices with vacancies, foreign atoms, adatoms, dislocations and boundaries."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deepscan_core.simulation.corpus.painting import Rng, log_uniform, noise
from deepscan_core.simulation.corpus.scene import BoolArray, Canvas, FloatArray

Points = npt.NDArray[np.float64]


def lattice(rng: Rng, canvas: Canvas) -> None:
    """A crystal with a few point defects, at times with an edge dislocation or a second grain."""
    spacing = log_uniform(rng, 6, 26)
    points = _sites(rng, canvas, spacing)
    kind = str(rng.choice(["vacancy", "dopant", "both", "adatom", "dislocation", "boundary", "none"]))
    if kind == "dislocation":
        points = _dislocated(rng, canvas, points, spacing)
    if kind == "boundary":
        points = _bicrystal(rng, canvas, points, spacing)
    heights = np.ones(len(points)) * (1 + rng.normal(0, 0.03, len(points)))
    if rng.random() < 0.5:  # a sublattice of other atoms
        heights *= np.where(_parity(points, spacing), rng.uniform(0.25, 0.7), 1.0)
    count = int(rng.integers(1, 9))
    if kind in ("vacancy", "both"):
        _edit(rng, canvas, points, heights, "vacancy", count, 0.0, spacing)
    if kind in ("dopant", "both"):
        _edit(rng, canvas, points, heights, "dopant", count, rng.choice([0.45, 1.7, 2.2]), spacing)
    if kind == "adatom":
        extra = rng.uniform((0, 0), canvas.shape, (count, 2))
        points, heights = np.concatenate([points, extra]), np.append(heights, rng.uniform(1.2, 2.0, count))
        canvas.add("atom", near(canvas, extra, 0.45 * spacing), form="round", diameter_px=spacing)
    columns = spots(canvas, points, heights, rng.uniform(0.15, 0.27) * spacing)
    sign = -1.0 if rng.random() < 0.15 else 1.0
    canvas.image = (0.3 + 0.15 * (canvas.image - canvas.image.mean()) + sign * 0.5 * columns).astype(np.float32)
    # grey values are known only now: tones of point defects follow from what was changed
    groups, canvas.groups = canvas.groups, []
    canvas.add("lattice", np.ones(canvas.shape, bool), form="round", layout="crowded")
    for group in groups:
        canvas.add(group.kind, group.mask, form=group.form, layout=group.layout)


def single_atoms(rng: Rng, canvas: Canvas) -> None:
    """Heavy single atoms on a thin film: dots of one size."""
    sigma, count = rng.uniform(0.9, 3.0), int(rng.integers(5, 90))
    places = rng.uniform((0, 0), canvas.shape, (count, 2))
    canvas.image = canvas.image + np.float32(rng.uniform(0.15, 0.6)) * spots(canvas, places, np.ones(count), sigma)
    canvas.add("atom", near(canvas, places, 1.8 * sigma), form="round", diameter_px=4 * sigma)


def spots(canvas: Canvas, points: Points, heights: Points, sigma_px: float) -> FloatArray:
    """Gaussians of standard deviation `sigma_px` and peak `heights`, placed to a fraction of a pixel."""
    from scipy import ndimage

    margin = 4
    grid = np.zeros((canvas.shape[0] + 2 * margin, canvas.shape[1] + 2 * margin))
    shifted = points + margin
    low = np.floor(shifted).astype(int)
    kept = (low >= 0).all(1) & (low < np.array(grid.shape) - 1).all(1)
    low, part, height = low[kept], (shifted - low)[kept], heights[kept]
    for dy in (0, 1):
        for dx in (0, 1):
            weight = np.abs(1 - dy - part[:, 0]) * np.abs(1 - dx - part[:, 1])
            np.add.at(grid, (low[:, 0] + dy, low[:, 1] + dx), height * weight)
    blurred = ndimage.gaussian_filter(grid, sigma_px) * (2 * math.pi * sigma_px**2)
    cut: FloatArray = blurred[margin:-margin, margin:-margin].astype(np.float32)
    return cut


def near(canvas: Canvas, points: Points, radius_px: float) -> BoolArray:
    """Discs about points."""
    mask = np.zeros(canvas.shape, bool)
    y, x = np.ogrid[: canvas.shape[0], : canvas.shape[1]]
    for v, u in points:
        mask |= (y - v) ** 2 + (x - u) ** 2 <= max(radius_px, 1.5) ** 2
    return mask


def _sites(rng: Rng, canvas: Canvas, spacing: float, turn: float | None = None) -> Points:
    angle = rng.uniform(0, math.pi) if turn is None else turn
    opening = rng.choice([math.pi / 2, math.pi / 3, rng.uniform(1.0, 1.6)])
    first = spacing * np.array([math.sin(angle), math.cos(angle)])
    second = spacing * rng.uniform(0.8, 1.25) * np.array([math.sin(angle + opening), math.cos(angle + opening)])
    n = int(1.6 * max(canvas.shape) / spacing) + 3
    i, j = np.mgrid[-n : n + 1, -n : n + 1].reshape(2, -1, 1)
    points = i * first + j * second + np.array(canvas.shape) / 2 + rng.uniform(0, spacing, 2)
    on = ((points > -10) & (points < np.array(canvas.shape) + 10)).all(1)
    return points[on] + rng.normal(0, 0.012 * spacing, (int(on.sum()), 2))


def _parity(points: Points, spacing: float) -> BoolArray:
    is_odd: BoolArray = (np.rint(points / spacing).sum(1) % 2).astype(bool)
    return is_odd


def _edit(
    rng: Rng, canvas: Canvas, points: Points, heights: Points, kind: str, count: int, factor: float, spacing: float
) -> None:
    inside = np.flatnonzero(((points > 5) & (points < np.array(canvas.shape) - 5)).all(1))
    if len(inside) == 0:
        return
    chosen = rng.choice(inside, min(count, len(inside)), replace=False)
    heights[chosen] *= factor
    canvas.add(kind, near(canvas, points[chosen], 0.45 * spacing), form="round", diameter_px=spacing)


def _dislocated(rng: Rng, canvas: Canvas, points: Points, spacing: float) -> Points:
    cores = rng.uniform((30, 30), np.subtract(canvas.shape, 30), (int(rng.integers(1, 4)), 2))
    moved = points.copy()
    for core, sign in zip(cores, rng.choice([-1, 1], len(cores)), strict=True):
        away = points - core
        moved[:, 1] += sign * spacing * np.arctan2(away[:, 0], away[:, 1]) / (2 * math.pi)
    canvas.add("dislocation", near(canvas, cores, 1.3 * spacing), form="round")
    return moved


def _bicrystal(rng: Rng, canvas: Canvas, points: Points, spacing: float) -> Points:
    angle, middle = rng.uniform(0, math.pi), np.array(canvas.shape) * rng.uniform(0.3, 0.7, 2)
    normal = np.array([math.cos(angle), -math.sin(angle)])
    other = _sites(rng, canvas, spacing)
    kept = np.concatenate([points[(points - middle) @ normal < 0], other[(other - middle) @ normal > 0.5 * spacing]])
    y, x = np.mgrid[: canvas.shape[0], : canvas.shape[1]]
    along = (y - middle[0]) * normal[0] + (x - middle[1]) * normal[1]
    canvas.add("grain boundary", np.abs(along - 0.2 * spacing) < 0.6 * spacing, form="linear")
    return kept


def amorphous(rng: Rng, canvas: Canvas) -> None:
    """Speckle of a thin amorphous film added to a picture."""
    canvas.image = canvas.image + rng.uniform(0.02, 0.08) * noise(rng, canvas.shape, rng.uniform(1.5, 4), slope=1.0)
