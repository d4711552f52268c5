"""Closed objects: pores, particles, precipitates, agglomerates, satellites, islands, and how they look."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deepscan_core.simulation.corpus.painting import (
    Blobs,
    Rng,
    Shape2,
    blobs,
    log_uniform,
    noise,
    ramp,
    scattered,
)
from deepscan_core.simulation.corpus.scene import Canvas, FloatArray

MOST_BODIES = 320


def radii(rng: Rng, shape: Shape2, median_px: float, area_share: float, *, spread: float = 0.25) -> FloatArray:
    """As many log-normal radii as would cover a share of the frame."""
    count = int(np.clip(area_share * shape[0] * shape[1] / (math.pi * median_px**2), 1, MOST_BODIES))
    return median_px * rng.lognormal(0, spread, count)


def size_px(rng: Rng, low: float, high: float) -> float:
    """A typical radius: any order of magnitude between two."""
    return log_uniform(rng, low, high)


def shaded(rng: Rng, canvas: Canvas, body: Blobs, style: str, level: float) -> None:
    """Fill bodies: "flat", "rim", "ball", "hollow" (edges and depth of thickness), each with a little texture."""
    rel, depth = body.relative, np.maximum(-body.distance_px, 0)
    own = body.per_object(rng.normal(0, rng.choice([0.0, 0.03, 0.08]), int(body.owner.max()) + 1))
    fill = level + own
    contrast = level - float(canvas.image.mean())
    if style == "rim":
        fill = fill + rng.uniform(0.1, 0.5) * np.exp(-depth / rng.uniform(0.8, 4.0))
    elif style == "ball":
        dome = np.sqrt(np.maximum(1 - rel**2, 0))
        fill = fill - rng.uniform(0.05, 0.4) * np.sign(rng.normal() + 1.2) * (dome - 0.7)
        light = rng.uniform(0, 2 * math.pi)
        fill = fill + rng.choice([0.0, 0.04]) * noise(rng, canvas.shape, 20, slope=2.5) * math.cos(light)
    elif style == "thick":  # transmission: contrast grows with thickness
        fill = canvas.image + contrast * np.sqrt(np.maximum(1 - rel**2, 0)) ** rng.uniform(0.3, 1.2) + own
    elif style == "hollow":
        inner, outer = rng.uniform(0.5, 0.8), rng.uniform(0.85, 0.95)
        shell = np.clip((rel - inner) / (outer - inner), 0, 1)
        fill = canvas.image + contrast * (rng.uniform(0.3, 0.7) + rng.uniform(0.2, 0.5) * shell)
    texture = rng.choice([0.0, 0.0, 0.03, 0.1])
    if texture:
        fill = fill + texture * noise(rng, canvas.shape, log_uniform(rng, 1.5, 12), slope=1.5)
    canvas.blend(np.asarray(fill, np.float32), ramp(body.distance_px, rng.uniform(0.8, 2.0)))


def glow(rng: Rng, canvas: Canvas, body: Blobs, strength: float) -> None:
    """Brightness or shadow that falls off outside."""
    outside = np.maximum(body.distance_px, 0)
    canvas.image = canvas.image + strength * np.exp(-outside / log_uniform(rng, 1.5, 14)) * (body.distance_px > 0)


def contrasting(rng: Rng, canvas: Canvas, tone: str) -> float:
    """A level clearly above or below that of the picture."""
    base, step = float(np.median(canvas.image)), rng.uniform(0.15, 0.65)
    return base + step if tone == "bright" else base - step


def particles(rng: Rng, canvas: Canvas) -> None:
    """Particles of one form, apart, in touch or crowded, on any support."""
    tone = str(rng.choice(["bright", "dark"]))
    form = str(rng.choice(["round", "round", "round", "angular", "angular", "irregular", "elongated"]))
    median = size_px(rng, 2.0, 75)
    stretch = (1.6, 5.0) if form == "elongated" else (1.0, 1.0) if rng.random() < 0.5 else (1.0, 1.4)
    gap = rng.choice([0.75, 1.0, 1.0, 1.4])
    sizes = radii(rng, canvas.shape, median, rng.choice([0.05, 0.15, 0.4]), spread=rng.choice([0.04, 0.15, 0.4]))
    centers, sizes = scattered(rng, canvas.shape, sizes, gap=gap)
    if rng.random() < 0.35 and len(sizes) > 2:  # in touch: drawn together, as drying does
        centers, sizes = drawn_together(rng, canvas.shape, sizes)
    base = "round" if form == "elongated" and rng.random() < 0.6 else "angular" if form == "elongated" else form
    body = blobs(rng, canvas.shape, centers, sizes, form=base, elongation=stretch)
    styles = ["flat", "rim", "rim", "ball", "ball"] if tone == "bright" else ["flat", "flat", "thick", "hollow", "rim"]
    if rng.random() < 0.4:
        glow(rng, canvas, body, rng.uniform(-0.2, 0.25))
    shaded(rng, canvas, body, str(rng.choice(styles)), contrasting(rng, canvas, tone))
    layout = "crowded" if (body.owner >= 0).mean() > 0.35 else "isolated" if len(sizes) < 6 else ""
    canvas.add("particle", body.distance_px < 0, form=form, diameter_px=2 * median, layout=layout)


def drawn_together(rng: Rng, shape: Shape2, sizes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Each body in touch with one that is there, in one or a few heaps."""
    heaps = int(rng.integers(1, 4))
    centers: list[FloatArray] = []
    for number, radius in enumerate(sizes):
        if number < heaps:
            centers.append(rng.uniform((0, 0), shape))
            continue
        for _ in range(8):
            host = int(rng.integers(number))
            angle = rng.uniform(0, 2 * math.pi)
            place = centers[host] + (sizes[host] + radius) * 1.02 * np.array([math.sin(angle), math.cos(angle)])
            apart = np.hypot(*(np.array(centers) - place).T)
            if (apart > 0.9 * (sizes[:number] + radius)).all():
                break
        centers.append(place)
    return np.array(centers), sizes


def pores(rng: Rng, canvas: Canvas) -> None:
    """Dark holes, round or ragged, often with a bright lip and something to be seen inside."""
    form = str(rng.choice(["round", "irregular", "irregular", "elongated"]))
    median = size_px(rng, 1.5, 40)
    stretch = (1.5, 4.0) if form == "elongated" else (1.0, 1.5)
    sizes = radii(rng, canvas.shape, median, rng.choice([0.02, 0.06, 0.15]), spread=rng.choice([0.2, 0.5]))
    centers, sizes = scattered(rng, canvas.shape, sizes, gap=rng.choice([0.6, 1.1]))
    angle = rng.uniform(0, math.pi) if form == "elongated" and rng.random() < 0.6 else None
    base = "irregular" if form == "elongated" else form
    body = blobs(rng, canvas.shape, centers, sizes, form=base, elongation=stretch, angle_rad=angle)
    hollow(rng, canvas, body.distance_px)
    canvas.add("pore", body.distance_px < 0, form=form, diameter_px=2 * median)


def hollow(rng: Rng, canvas: Canvas, distance_px: FloatArray) -> None:
    """Dig a dark hole where a distance is negative."""
    level = min(float(np.percentile(canvas.image, 10)) - rng.uniform(0.08, 0.45), rng.uniform(0.0, 0.3))
    inside = level + rng.choice([0.0, 0.05, 0.12]) * noise(rng, canvas.shape, log_uniform(rng, 3, 25), slope=2.0)
    wall = rng.choice([0.0, 0.0, 0.15, 0.3]) * np.exp(np.minimum(distance_px, 0) / rng.uniform(2, 8))
    lip = rng.choice([0.0, 0.1, 0.3]) * np.exp(-np.maximum(distance_px, 0) / rng.uniform(0.8, 3)) * (distance_px > 0)
    if rng.random() < 0.4:  # a detector at one side sees more of the edge that faces it
        down, right = np.gradient(distance_px)
        light = rng.uniform(0, 2 * math.pi)
        lip = lip * np.clip(1 + down * math.sin(light) + right * math.cos(light), 0, 2)
    canvas.image = canvas.image + lip.astype(np.float32)
    canvas.blend((inside + wall).astype(np.float32), ramp(distance_px, rng.uniform(0.8, 3.0)))


def connected_pores(rng: Rng, canvas: Canvas) -> None:
    """Open porosity between grains that have not grown together."""
    _, to_side = cells_of(rng, canvas)
    openness = noise(rng, canvas.shape, rng.uniform(20, 70), slope=2.5) - rng.uniform(0.4, 1.3)
    distance = (to_side - np.maximum(openness, -0.6) * rng.uniform(3, 9)).astype(np.float32)
    hollow(rng, canvas, distance)
    canvas.add("pore", distance < 0, form="irregular", layout="network")


def cells_of(rng: Rng, canvas: Canvas) -> tuple[npt.NDArray[np.int32], FloatArray]:
    """Cells of any size for a canvas."""
    from deepscan_core.simulation.corpus.painting import cells

    return cells(rng, canvas.shape, log_uniform(rng, 18, 60), warp=0.2)


def nanoparticles(rng: Rng, canvas: Canvas) -> None:
    """Small heavy particles on a support: bright in dark field, dark in bright field."""
    tone = 1.0 if rng.random() < 0.8 else -1.0
    median = size_px(rng, 1.2, 13)
    sizes = np.minimum(
        radii(rng, canvas.shape, median, rng.choice([0.01, 0.04, 0.12]), spread=rng.choice([0.15, 0.35])), 26
    )
    support = canvas.image > float(np.percentile(canvas.image, 25)) * 1.05

    def held(y: float, x: float) -> bool:
        row, col = (int(np.clip(v, 0, n - 1)) for v, n in zip((y, x), canvas.shape, strict=True))
        return bool(support[row, col]) or rng.random() < 0.1

    centers, sizes = scattered(rng, canvas.shape, sizes, gap=rng.choice([0.7, 1.0]), where=held)
    if len(sizes) == 0:
        return
    body = blobs(rng, canvas.shape, centers, sizes, form="round", elongation=(1.0, 1.3))
    dome = np.sqrt(np.maximum(1 - body.relative**2, 0)) ** rng.uniform(0.3, 1.0)
    strength = body.per_object(rng.uniform(0.5, 1.0, len(sizes))) * log_uniform(rng, 0.1, 0.7)
    canvas.image = canvas.image + tone * strength * dome * ramp(body.distance_px, 1.5)
    canvas.add("nanoparticle", body.distance_px < 0, form="round", diameter_px=2 * median)


def agglomerates(rng: Rng, canvas: Canvas) -> None:
    """Heaps of small grains that stick together, lit from the side, bright or dark."""
    ball, count = size_px(rng, 1.5, 7), int(rng.integers(1, 16))
    tone = "bright" if rng.random() < 0.8 else "dark"
    centers, sizes = [], []
    extents = []
    for _ in range(count):
        members = int(log_uniform(rng, 6, 90 if count < 5 else 30))
        middle = rng.uniform((0, 0), canvas.shape)
        extent = ball * math.sqrt(members) * rng.uniform(0.8, 1.25)
        stretch = np.array([rng.uniform(0.6, 1), 1.0])
        turn = rng.uniform(0, math.pi)
        around = rng.normal(0, 0.5, (members, 2)) * extent * stretch
        rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        centers.append(middle + around @ rotation)
        sizes.append(ball * rng.lognormal(0, 0.35, members))
        extents.append(2 * extent)
    body = blobs(
        rng, canvas.shape, np.concatenate(centers), np.concatenate(sizes), form=str(rng.choice(["round", "irregular"]))
    )
    if tone == "bright":
        glow(rng, canvas, body, rng.choice([-0.12, 0.0, 0.12]))
    level = contrasting(rng, canvas, tone)
    rel = body.relative
    grain = body.per_object(rng.normal(0, rng.uniform(0.03, 0.15), int(body.owner.max()) + 1))
    fill = (
        level + grain + rng.uniform(-0.35, 0.25) * (rel**2 - 0.5) + rng.uniform(0, 0.06) * noise(rng, canvas.shape, 3.0)
    )
    canvas.blend(fill.astype(np.float32), ramp(body.distance_px, rng.uniform(0.8, 1.6)))
    from scipy import ndimage

    whole = ndimage.binary_closing(body.distance_px < 0, iterations=2) | (body.distance_px < 0)
    canvas.add("agglomerate", whole, form="irregular", diameter_px=float(np.median(extents)))


def powder(rng: Rng, canvas: Canvas) -> None:
    """Balls of metal powder, side by side, with smaller ones stuck to them."""
    median = size_px(rng, 7, 50)
    sizes = radii(rng, canvas.shape, median, rng.uniform(0.35, 1.0), spread=rng.uniform(0.25, 0.5))
    centers, sizes = scattered(rng, canvas.shape, sizes, gap=rng.choice([0.9, 1.0]))
    body = blobs(rng, canvas.shape, centers, sizes, form="round", elongation=(1.0, rng.choice([1.05, 1.5])))
    level = float(np.median(canvas.image)) + rng.uniform(0.2, 0.5)
    _ball(rng, canvas, body, level, texture=rng.choice([0.03, 0.08, 0.14]))
    hosts = body.distance_px < 0
    chosen = [k for k in range(len(sizes)) if sizes[k] > 5 and rng.random() < rng.uniform(0.1, 0.8)]
    small_centers, small = [], []
    for k in chosen:
        for _ in range(int(rng.integers(1, 4))):
            radius = max(1.5, sizes[k] * rng.uniform(0.12, 0.42))
            angle, out = rng.uniform(0, 2 * math.pi), rng.uniform(0.55, 1.1) * sizes[k]
            small_centers.append(centers[k] + out * np.array([math.sin(angle), math.cos(angle)]))
            small.append(radius)
    canvas.add("particle", hosts, form="round", diameter_px=2 * median, layout="crowded" if hosts.mean() > 0.4 else "")
    if small:
        stuck = blobs(rng, canvas.shape, np.array(small_centers), np.array(small), form="round", elongation=(1.0, 1.3))
        canvas.image = canvas.image - rng.uniform(0, 0.2) * np.exp(-np.maximum(stuck.distance_px, 0) / 2) * (
            stuck.distance_px > 0
        )
        _ball(rng, canvas, stuck, level + rng.uniform(-0.05, 0.2), texture=0.02)
        canvas.add("satellite", stuck.distance_px < 0, form="round", diameter_px=float(2 * np.median(small)))


def _ball(rng: Rng, canvas: Canvas, body: Blobs, level: float, *, texture: float) -> None:
    """Secondary electrons: brighter towards the rim, where the surface is steep."""
    steep = 1 / np.sqrt(np.maximum(1 - body.relative**2, 0.06)) - 1
    fill = level + rng.uniform(0.05, 0.14) * steep + body.per_object(rng.normal(0, 0.06, int(body.owner.max()) + 1))
    fill = fill + texture * noise(rng, canvas.shape, log_uniform(rng, 2, 8), slope=1.4)
    canvas.blend(fill.astype(np.float32), ramp(body.distance_px, 1.5))


def islands(rng: Rng, canvas: Canvas) -> None:
    """Flat islands or pits of a surface."""
    is_pit = rng.random() < 0.5
    median = size_px(rng, 3, 30)
    form = str(rng.choice(["round", "angular", "irregular"]))
    sizes = radii(rng, canvas.shape, median, rng.choice([0.03, 0.12]), spread=0.3)
    centers, sizes = scattered(rng, canvas.shape, sizes, gap=1.2)
    body = blobs(rng, canvas.shape, centers, sizes, form=form)
    step = rng.uniform(0.1, 0.4) * (-1 if is_pit else 1)
    canvas.image = canvas.image + np.float32(step) * ramp(body.distance_px, rng.uniform(1.5, 4))
    canvas.add("pit" if is_pit else "island", body.distance_px < 0, form=form, diameter_px=2 * median)


def flakes(rng: Rng, canvas: Canvas) -> None:
    """Thin sheets that overlap, each a little brighter or darker than what is below, with crisp edges."""
    count, median = int(rng.integers(1, 7)), size_px(rng, 25, 90)
    sign = rng.choice([-1, 1])
    mask = np.zeros(canvas.shape, bool)
    for _ in range(count):
        body = blobs(
            rng,
            canvas.shape,
            rng.uniform((0, 0), canvas.shape, (1, 2)),
            np.array([median]),
            form="angular",
            elongation=(1.0, 2.0),
        )
        edge = np.exp(-np.abs(body.distance_px) / 1.2) * rng.choice([0.0, 0.15])
        canvas.image = canvas.image + sign * rng.uniform(0.06, 0.22) * ramp(body.distance_px) + edge.astype(np.float32)
        mask |= body.distance_px < 0
    canvas.add("flake", mask, form="angular", diameter_px=2 * median)


def stains(rng: Rng, canvas: Canvas) -> None:
    """Contamination: soft patches, or the dark square that a former scan has left."""
    if rng.random() < 0.3:
        y, x = np.mgrid[: canvas.shape[0], : canvas.shape[1]].astype(np.float32)
        middle, half = rng.uniform((40, 40), np.subtract(canvas.shape, 40)), rng.uniform(18, 70, 2)
        distance = np.maximum(np.abs(y - middle[0]) - half[0], np.abs(x - middle[1]) - half[1]).astype(np.float32)
        soft, form = rng.uniform(1, 6), "angular"
    else:
        field = noise(rng, canvas.shape, log_uniform(rng, 15, 80), slope=2.8) - rng.uniform(0.8, 1.6)
        distance, soft, form = (-field * 20).astype(np.float32), rng.uniform(6, 25), "irregular"
    change = rng.uniform(0.1, 0.4) * rng.choice([-1, -1, 1])
    canvas.image = canvas.image * (1 + np.float32(change) * ramp(distance, soft))
    canvas.add("contamination", distance < 0, form=form)


def debris(rng: Rng, canvas: Canvas) -> None:
    """A few bits of dirt of any form, bright from charging."""
    count, median = int(rng.integers(1, 10)), size_px(rng, 2, 16)
    centers = rng.uniform((0, 0), canvas.shape, (count, 2))
    body = blobs(
        rng, canvas.shape, centers, median * rng.lognormal(0, 0.5, count), form="irregular", elongation=(1.0, 3.0)
    )
    glow(rng, canvas, body, rng.uniform(-0.1, 0.2))
    shaded(rng, canvas, body, "rim", contrasting(rng, canvas, "bright"))
    canvas.add("debris", body.distance_px < 0, form="irregular", diameter_px=2 * median)
