"""Particles as electrons see them that pass through: contrast by thickness, which adds up where they overlap."""

from __future__ import annotations

import math

import numpy as np

from deepscan_core.simulation.corpus.bodies import drawn_together, radii, size_px
from deepscan_core.simulation.corpus.painting import Blobs, Rng, blobs, log_uniform, noise, ramp, scattered
from deepscan_core.simulation.corpus.scene import Canvas, FloatArray

LAYERS = 3  # of particles that may lie above each other


def film(rng: Rng, canvas: Canvas) -> None:
    """Make the ground a thin amorphous film that lets nearly all through."""
    canvas.image = (
        rng.uniform(0.65, 0.95)
        + rng.uniform(0.01, 0.06) * noise(rng, canvas.shape, rng.uniform(1.2, 4), slope=rng.uniform(0.8, 1.6))
        + rng.uniform(0, 0.06) * noise(rng, canvas.shape, rng.uniform(30, 150), slope=2.5)
    ).astype(np.float32)


def particles(rng: Rng, canvas: Canvas) -> None:
    """Solid, hollow or coated particles on a film: dark in bright field, bright in dark field.

    Bright field falls exponentially with thickness (Beer and Lambert), more for crystals that happen to diffract; a focus
    that is a little off adds fringes at the outline.
    """
    form = str(rng.choice(["round", "round", "round", "angular", "angular", "elongated", "irregular"]))
    median = size_px(rng, 2.5, 60)
    sizes = radii(rng, canvas.shape, median, rng.choice([0.03, 0.12, 0.3, 0.6]), spread=rng.choice([0.04, 0.12, 0.3]))
    centers, sizes = _places(rng, canvas, sizes)
    base = "round" if form == "elongated" and rng.random() < 0.6 else "angular" if form == "elongated" else form
    stretch = (1.6, 5.0) if form == "elongated" else (1.0, 1.0) if rng.random() < 0.5 else (1.0, 1.35)
    build, order = str(rng.choice(["solid", "solid", "plate", "hollow", "coated"])), rng.permutation(len(sizes))
    matter, mask = np.zeros(canvas.shape, np.float32), np.zeros(canvas.shape, bool)
    distance = np.full(canvas.shape, 1e3, np.float32)
    for chosen in np.array_split(order, LAYERS):
        body = blobs(rng, canvas.shape, centers[chosen], sizes[chosen], form=base, elongation=stretch)
        matter += thickness(rng, body, build)
        distance = np.minimum(distance, body.distance_px)
        mask |= body.distance_px < 0
    expose(rng, canvas, matter, distance, is_bright_field=rng.random() < 0.75)
    layout = "crowded" if mask.mean() > 0.35 else "isolated" if len(sizes) < 6 else ""
    canvas.add("particle", mask, form=form, diameter_px=2 * median, layout=layout)


def _places(rng: Rng, canvas: Canvas, sizes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Scattered, in heaps, or in the close-packed rows into which equal particles dry."""
    arrangement = str(rng.choice(["scattered", "scattered", "heaps", "rows"]))
    if arrangement == "heaps":
        return drawn_together(rng, canvas.shape, sizes)
    if arrangement == "scattered":
        return scattered(rng, canvas.shape, sizes, gap=rng.choice([0.4, 0.8, 1.0, 1.4]))
    pitch, turn = 2.15 * float(np.median(sizes)), rng.uniform(0, math.pi / 3)
    first, second = (pitch * np.array([math.sin(turn + a), math.cos(turn + a)]) for a in (0.0, math.pi / 3))
    n = int(1.3 * max(canvas.shape) / pitch) + 2
    i, j = np.mgrid[-n : n + 1, -n : n + 1].reshape(2, -1, 1)
    sites = i * first + j * second + np.array(canvas.shape) / 2
    sites = sites[((sites > -pitch) & (sites < np.array(canvas.shape) + pitch)).all(1)]
    held = noise(rng, canvas.shape, rng.uniform(40, 120), slope=2.5) > rng.uniform(-1.5, 0.5)
    rows, cols = (np.clip(np.rint(sites[:, k]).astype(int), 0, canvas.shape[k] - 1) for k in (0, 1))
    sites = sites[held[rows, cols]][:600]
    if len(sites) == 0:
        return scattered(rng, canvas.shape, sizes, gap=1.0)
    jitter = rng.normal(0, 0.04 * pitch, sites.shape)
    return sites + jitter, rng.choice(sizes, len(sites))


def thickness(rng: Rng, body: Blobs, build: str) -> FloatArray:
    """Of matter along the beam, about 1 at the centre of a solid particle; some diffract and count more."""
    dome = np.sqrt(np.maximum(1 - body.relative**2, 0))
    if build == "plate":
        dome = (body.owner >= 0) * np.float32(0.8)
    elif build == "hollow":
        inner = rng.uniform(0.5, 0.85)
        dome = dome - np.sqrt(np.maximum(inner**2 - body.relative**2, 0))
    elif build == "coated":
        inner = rng.uniform(0.5, 0.85)
        dome = rng.uniform(0.25, 0.5) * dome + np.sqrt(np.maximum(inner**2 - body.relative**2, 0))
    weights = rng.lognormal(0, rng.choice([0.05, 0.2, 0.5]), int(body.owner.max()) + 1)
    along: FloatArray = (dome * body.per_object(weights)).astype(np.float32)
    return along


def expose(rng: Rng, canvas: Canvas, matter: FloatArray, distance_px: FloatArray, *, is_bright_field: bool) -> None:
    """What a thickness of matter makes of the film: darker in bright field, brighter in dark field, with fringes."""
    if is_bright_field:
        canvas.image = canvas.image * np.exp(-log_uniform(rng, 0.25, 2.5) * matter)
    else:  # the film is dark, what scatters is bright
        canvas.image = (0.9 - canvas.image) * 0.5 + log_uniform(rng, 0.15, 0.7) * matter
    width, strength = rng.uniform(0.8, 3), rng.choice([0.0, 0.0, 0.08, 0.2]) * rng.choice([-1, 1, 1])
    fringe = np.exp(-(((distance_px - width) / width) ** 2)) - 0.5 * np.exp(-(((distance_px + width) / width) ** 2))
    canvas.image = (canvas.image + strength * fringe).astype(np.float32)
    if rng.random() < 0.3:
        canvas.image = canvas.image + np.float32(0.1) * ramp(-distance_px, 1.0) * noise(rng, canvas.shape, 3.0)
