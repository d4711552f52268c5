"""A second phase in a matrix: scattered precipitates, coherent ones in rows, networks, carbides in steel."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deepscan_core.simulation.corpus.bodies import glow, radii, shaded, size_px
from deepscan_core.simulation.corpus.painting import Rng, blobs, cells, log_uniform, noise, ramp, scattered
from deepscan_core.simulation.corpus.scene import BoolArray, Canvas, FloatArray


def coherent_precipitates(rng: Rng, canvas: Canvas) -> None:
    """Cuboids, rafts or lobed bodies that share the matrix's crystal axes, with narrow channels between, as gamma prime.

    Each grain has its own axes; where there are several, their boundary is noted.
    """
    spacing = log_uniform(rng, 11, 95)
    grains, to_side = _orientations(rng, canvas)
    sharpness, lobes = float(rng.choice([2.2, 4.0, 6.0, 9.0])), float(rng.choice([0.0, 0.0, 0.12, 0.3]))
    raft = float(rng.choice([1.0, 1.0, 1.0, 1.6, 3.0]))
    fill = rng.uniform(0.62, 0.93)
    distance = _rows(rng, canvas, grains, spacing, fill=fill, raft=raft, sharpness=sharpness, lobes=lobes)
    mask = _etched(rng, canvas, distance)
    if rng.random() < 0.5:
        fine = _rows(
            rng, canvas, grains, spacing * rng.uniform(0.12, 0.3), fill=0.6, raft=1.0, sharpness=2.0, lobes=0.0
        )
        fine = np.maximum(fine, 0.06 * spacing + 1.0 - distance)
        mask = mask | _etched(rng, canvas, fine, like=mask)
    form = "irregular" if lobes > 0.2 else "angular" if sharpness > 3 else "elongated" if raft > 2 else "round"
    canvas.add(
        "precipitate", mask, form=form, diameter_px=fill * spacing, layout="crowded" if mask.mean() > 0.35 else ""
    )
    if grains.any():
        canvas.image = canvas.image + np.float32(rng.uniform(-0.3, 0.2)) * ramp(to_side - 0.7)
        canvas.add("grain boundary", to_side < 1.6, form="linear")


def domains(rng: Rng, canvas: Canvas) -> None:
    """Islands and networks of a second phase that has coarsened: lobed, of any area up to half of the field."""
    size = log_uniform(rng, 8, 90)
    field = noise(rng, canvas.shape, size, slope=5.0) - 0.4 * noise(rng, canvas.shape, 3 * size, slope=5.0)
    distance = ((float(np.quantile(field, 1 - rng.uniform(0.15, 0.5))) - field) * size / 3).astype(np.float32)
    mask = _etched(rng, canvas, distance)
    canvas.add("precipitate", mask, form="irregular", diameter_px=size)


def coarsened_precipitates(rng: Rng, canvas: Canvas) -> None:
    """Cuboids of many sizes on common axes that have met, grown together and split again, with fine ones between.

    The shape of gamma prime after long or slow heat treatment: compounds with re-entrant corners and clefts.
    """
    median, angle = log_uniform(rng, 10, 55), rng.uniform(0, math.pi)
    sizes = radii(rng, canvas.shape, median, rng.uniform(0.35, 0.8), spread=rng.uniform(0.3, 0.6))
    centers, sizes = scattered(rng, canvas.shape, np.minimum(sizes, 90), gap=rng.uniform(0.55, 0.95))
    sharpness = float(rng.choice([2.5, 3.5, 5.0]))
    y, x = np.mgrid[: canvas.shape[0], : canvas.shape[1]].astype(np.float32)
    bend = rng.uniform(0.03, 0.2) * median
    y, x = (v + bend * noise(rng, canvas.shape, median * rng.uniform(0.7, 2.5), slope=3.0) for v in (y, x))
    distance = np.full(canvas.shape, median, np.float32)
    for (row, col), size in zip(centers, sizes, strict=True):
        along = np.abs((x - col) * math.cos(angle) + (y - row) * math.sin(angle)) / rng.uniform(0.8, 1.25)
        across = np.abs((y - row) * math.cos(angle) - (x - col) * math.sin(angle))
        distance = np.minimum(distance, (along**sharpness + across**sharpness) ** (1 / sharpness) - 0.85 * size)
    distance = _with_clefts(rng, canvas, distance.astype(np.float32), median)
    mask = _etched(rng, canvas, distance)
    if rng.random() < 0.7:
        step = float(canvas.image[mask].mean() - canvas.image[~mask].mean()) if 0 < mask.mean() < 1 else -0.2
        mask = mask | fine_ones(rng, canvas, distance, median, step)
    layout = "crowded" if mask.mean() > 0.35 else ""
    canvas.add("precipitate", mask, form="irregular", diameter_px=2 * median, layout=layout)


def _with_clefts(rng: Rng, canvas: Canvas, distance_px: FloatArray, size_px: float) -> FloatArray:
    """Bodies cut here and there by narrow channels of matrix, along the zero lines of a smooth field."""
    if rng.random() < 0.4:
        return distance_px
    field = noise(rng, canvas.shape, size_px * rng.uniform(1.0, 2.5), slope=3.5)
    steep = np.hypot(*np.gradient(field)) + 1e-3
    is_open = noise(rng, canvas.shape, size_px * rng.uniform(1.0, 2.0), slope=3.0) > rng.uniform(-0.3, 0.8)
    channel = log_uniform(rng, 1.0, max(1.5, 0.15 * size_px)) - np.abs(field) / steep
    cut: FloatArray = np.where(is_open, np.maximum(distance_px, channel), distance_px).astype(np.float32)
    return cut


def _orientations(rng: Rng, canvas: Canvas) -> tuple[npt.NDArray[np.int32], FloatArray]:
    """Number of the grain at each pixel, mostly 0 everywhere, and distance to the nearest boundary in pixels."""
    if rng.random() < 0.75:
        return np.zeros(canvas.shape, np.int32), np.full(canvas.shape, 1e3, np.float32)
    number, to_side = cells(rng, canvas.shape, rng.uniform(110, 220), warp=0.12)
    return np.unique(number, return_inverse=True)[1].reshape(canvas.shape).astype(np.int32) + 1, to_side


def _rows(
    rng: Rng,
    canvas: Canvas,
    grains: npt.NDArray[np.int32],
    spacing: float,
    *,
    fill: float,
    raft: float,
    sharpness: float,
    lobes: float,
) -> FloatArray:
    """Distance from the outlines of bodies on jittered sites, one a site, in pixels; negative inside.

    Parameters
    ----------
    fill : side of a body over that of its site.
    raft : length of a site over its width.
    sharpness : exponent of the outline: 2 is an ellipse, 9 a square with hardly rounded corners.
    lobes : how far corners grow beyond it.
    """
    y, x = np.mgrid[: canvas.shape[0], : canvas.shape[1]].astype(np.float32)
    angles = rng.uniform(0, math.pi, int(grains.max()) + 1).astype(np.float32)[grains]
    bend = rng.choice([0.02, 0.08, 0.2]) * spacing
    y, x = (v + bend * noise(rng, canvas.shape, spacing * rng.uniform(2, 5), slope=3.5) for v in (y, x))
    along = (x * np.cos(angles) + y * np.sin(angles)) / (spacing * raft)
    across = (y * np.cos(angles) - x * np.sin(angles)) / spacing
    row = np.floor(across)
    along = along + _lottery(rng, row, row)  # rows are not in step
    column = np.floor(along)
    size = fill * (1 - rng.uniform(0.05, 0.45) * _lottery(rng, row, column))
    free = 1 - size
    u = along - column - 0.5 - free * (_lottery(rng, row, column) - 0.5)
    v = across - row - 0.5 - free * (_lottery(rng, row, column) - 0.5)
    reach = (np.abs(u) ** sharpness + np.abs(v) ** sharpness) ** (1 / sharpness)
    if lobes:
        reach = reach * (1 + lobes * np.cos(4 * np.arctan2(v, u)))
    distance = (reach - size / 2) * spacing
    missing = _lottery(rng, row, column) < rng.choice([0.0, 0.06, 0.25])
    outside: FloatArray = np.where(missing, np.float32(0.3 * spacing), distance).astype(np.float32)
    return outside


def _lottery(rng: Rng, row: FloatArray, column: FloatArray) -> FloatArray:
    """A number from 0 to 1 for each site, drawn anew at each call."""
    table = rng.random(4096).astype(np.float32)
    drawn: FloatArray = table[(row.astype(np.int64) * 73 + column.astype(np.int64) * 151) % len(table)]
    return drawn


def _etched(rng: Rng, canvas: Canvas, distance_px: FloatArray, like: BoolArray | None = None) -> BoolArray:
    """Paint a phase that an etchant has hollowed out or left standing, with its edges; `like` what is there already."""
    base = float(np.median(canvas.image))
    if like is not None and like.any():
        step = float(canvas.image[like].mean() - canvas.image[~like].mean())
    else:
        step = rng.uniform(0.08, 0.45) * rng.choice([-1, -1, 1])
    texture = rng.uniform(0, 0.07) * noise(rng, canvas.shape, log_uniform(rng, 1.5, 12), slope=1.5)
    edge = rng.choice([0.0, 0.0, 0.15, 0.35]) * np.exp(-np.abs(distance_px - rng.uniform(-2, 1)) / rng.uniform(0.8, 3))
    inner = rng.uniform(-0.15, 0.15) * np.exp(np.minimum(distance_px, 0) / rng.uniform(2, 8))
    canvas.blend((base + step + texture + inner).astype(np.float32), ramp(distance_px, rng.uniform(0.8, 2.5)))
    canvas.image = canvas.image + edge.astype(np.float32)
    inside: BoolArray = distance_px < 0
    return inside


def precipitates(rng: Rng, canvas: Canvas) -> None:
    """A second phase in a matrix: coarse cuboids or lobed bodies, darker or brighter, often with fine ones."""
    tone = str(rng.choice(["dark", "dark", "bright"]))
    median, share = size_px(rng, 4, 55), rng.uniform(0.2, 0.8)
    form = str(rng.choice(["angular", "irregular", "round"]))
    sizes = radii(rng, canvas.shape, median, share, spread=rng.choice([0.15, 0.4]))
    centers, sizes = scattered(rng, canvas.shape, sizes, gap=rng.choice([0.95, 1.05, 1.2]))
    body = blobs(rng, canvas.shape, centers, sizes, form=form, elongation=(1.0, 1.7), angle_rad=None)
    base = float(np.median(canvas.image))
    step = rng.uniform(0.08, 0.4) * (1 if tone == "bright" else -1)
    fill = base + step + rng.uniform(0, 0.06) * noise(rng, canvas.shape, log_uniform(rng, 1.5, 10))
    lip = np.exp(-np.maximum(body.distance_px, 0) / rng.uniform(1, 5)) * (body.distance_px > 0)
    canvas.image = canvas.image + rng.choice([0.0, 0.15, 0.35]) * lip.astype(np.float32)
    shadow = np.exp(np.minimum(body.distance_px, 0) / rng.uniform(1, 5)) * rng.choice([0.0, -0.15, 0.15])
    canvas.blend((fill + shadow).astype(np.float32), ramp(body.distance_px, rng.uniform(1, 3)))
    mask = body.distance_px < 0
    if rng.random() < 0.6:
        mask |= fine_ones(rng, canvas, body.distance_px, median, step)
    canvas.add("precipitate", mask, form=form, diameter_px=2 * median, layout="crowded" if mask.mean() > 0.35 else "")


def fine_ones(rng: Rng, canvas: Canvas, taken_px: FloatArray, median_px: float, step: float) -> BoolArray:
    """Much smaller bodies of the same phase, painted in patches where the coarse ones leave room."""
    radius = max(1.0, median_px * rng.uniform(0.08, 0.25))
    patch = noise(rng, canvas.shape, 50, slope=2.5)

    def free(y: float, x: float) -> bool:
        row, col = (int(np.clip(v, 0, n - 1)) for v, n in zip((y, x), canvas.shape, strict=True))
        return bool(taken_px[row, col] > 3 * radius and patch[row, col] > -0.3)

    sizes = radii(rng, canvas.shape, radius, 0.08, spread=0.2)
    centers, sizes = scattered(rng, canvas.shape, sizes, gap=1.3, where=free)
    if len(sizes) == 0:
        return np.zeros(canvas.shape, bool)
    fine = blobs(rng, canvas.shape, centers, sizes, form="round")
    canvas.blend(float(np.median(canvas.image) + step * rng.uniform(0.8, 1.6)), ramp(fine.distance_px, 1.2))
    return fine.distance_px < 0


def carbides(rng: Rng, canvas: Canvas) -> None:
    """Hard bright second-phase particles in etched steel, from tiny to coarse in the same field."""
    median = size_px(rng, 1.5, 12)
    sizes = radii(rng, canvas.shape, median, rng.uniform(0.04, 0.25), spread=rng.uniform(0.3, 0.75))
    centers, sizes = scattered(rng, canvas.shape, np.minimum(sizes, 45), gap=1.1)
    angle = rng.uniform(0, math.pi) if rng.random() < 0.5 else None
    form = str(rng.choice(["round", "irregular", "angular"]))
    body = blobs(
        rng, canvas.shape, centers, sizes, form=form, elongation=(1.0, rng.choice([1.4, 3.0])), angle_rad=angle
    )
    level = float(np.percentile(canvas.image, 90)) + rng.uniform(0.15, 0.6)
    if rng.random() < 0.4:
        glow(rng, canvas, body, -rng.uniform(0.05, 0.2))
    shaded(rng, canvas, body, str(rng.choice(["flat", "rim", "rim", "ball"])), level)
    canvas.add("carbide", body.distance_px < 0, form=form, diameter_px=2 * median)
