"""What lies behind the objects: plain, rough, ground, grained, layered, cloudy, patterned."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from deepscan_core.simulation.corpus.painting import Rng, Shape2, cells, log_uniform, noise, ramp
from deepscan_core.simulation.corpus.scene import Canvas, FloatArray


def plain(rng: Rng, shape: Shape2) -> Canvas:
    """A level with a slow gradient."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32) / max(shape) - 0.5
    angle, strength = rng.uniform(0, 2 * math.pi), rng.choice([0.0, 0.05, 0.2])
    level = rng.uniform(0.08, 0.9)
    image = level + strength * (x * math.cos(angle) + y * math.sin(angle))
    image = image + rng.choice([0.0, 0.02, 0.05]) * noise(rng, shape, rng.uniform(20, 120), slope=2.5)
    return Canvas(image=image.astype(np.float32))


def rough(rng: Rng, shape: Shape2) -> Canvas:
    """Textured at many scales, as broken, deposited or amorphous matter is."""
    level = rng.uniform(0.15, 0.75)
    field = noise(
        rng, shape, log_uniform(rng, 3, 90), slope=rng.uniform(0.9, 2.2), stretch=rng.choice([1.0, 1.0, 2.0, 5.0])
    )
    if rng.random() < 0.35:
        field = (0.8 - np.abs(field)) * 1.6 * rng.choice([-1, 1])  # ridges or furrows
    return Canvas(image=(level + log_uniform(rng, 0.015, 0.16) * field).astype(np.float32))


def speckled(rng: Rng, shape: Shape2) -> Canvas:
    """Fine grain, as thin films in transmission have."""
    field = noise(rng, shape, rng.uniform(1.5, 5), slope=rng.uniform(0.8, 2))
    slow = noise(rng, shape, rng.uniform(30, 150), slope=2.5)
    image = rng.uniform(0.3, 0.9) + rng.uniform(0.02, 0.1) * field + rng.uniform(0, 0.08) * slow
    return Canvas(image=image.astype(np.float32))


def ground(rng: Rng, shape: Shape2) -> Canvas:
    """A polished face with faint parallel marks."""
    canvas = plain(rng, shape)
    marks = noise(rng, shape, 2.0, slope=1.2, stretch=rng.uniform(10, 40))
    canvas.image = canvas.image + rng.uniform(0.005, 0.05) * marks
    return canvas


def grained(rng: Rng, shape: Shape2, *, noted: bool = True) -> Canvas:
    """A polycrystal; see `polycrystal`."""
    return polycrystal(rng, shape, noted=noted)[0]


def polycrystal(rng: Rng, shape: Shape2, *, noted: bool = True) -> tuple[Canvas, npt.NDArray[np.int32]]:
    """Grains, each of its own tone, boundaries dark, bright or only a change of tone; and the grain's number at each pixel.

    Boundaries are etched here more and there less, and at times are grooves of which one side is lit.
    """
    size = log_uniform(rng, 14, 130)
    number, to_side = cells(rng, shape, size, warp=rng.choice([0.03, 0.12, 0.2]))
    spread = rng.choice([0.0, 0.02, 0.05, 0.12])
    tones = rng.normal(0, 1, int(number.max()) + 1).astype(np.float32)
    image = rng.uniform(0.25, 0.75) + spread * tones[number]
    image = image + rng.uniform(0, 0.04) * noise(rng, shape, rng.uniform(2, 20))
    width = log_uniform(rng, 0.8, max(1.2, size / 12))
    depth = rng.uniform(0.08, 0.4) * rng.choice([-1, -1, -1, 1]) if spread < 0.1 or rng.random() < 0.5 else 0.0
    etched = np.clip(1 + rng.choice([0.0, 0.3]) * noise(rng, shape, rng.uniform(30, 90), slope=2.5), 0.4, 1.5)
    line = (etched * ramp(to_side - width / 2)).astype(np.float32)
    canvas = Canvas(image=(image + depth * line).astype(np.float32))
    if rng.random() < 0.25:
        shift = int(max(1, round(width)))
        lit = np.roll(line, (shift, int(rng.choice([-shift, shift]))), (0, 1)) * (1 - line)
        canvas.image = canvas.image - np.float32(0.7 * depth) * lit
    if noted:
        canvas.add("grain", to_side > max(2.0, width), form="angular", diameter_px=size)
        canvas.add("grain boundary", to_side < max(1.2, width / 2 + 0.6), form="linear", layout="network")
    return canvas, number


def layered(rng: Rng, shape: Shape2) -> Canvas:
    """A cross-section: bands of different tone with wavy faces between them, often with an edge to the void."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angle = rng.choice([0.0, 0.0, rng.uniform(-0.2, 0.2), math.pi / 2])
    along = y * math.cos(angle) + x * math.sin(angle)
    count = int(rng.integers(2, 5))
    faces = np.sort(rng.uniform(0.1, 0.9, count - 1)) * shape[0]
    levels = rng.permutation(np.linspace(0.15, 0.95, count)) + rng.uniform(-0.05, 0.05, count)
    image = np.full(shape, levels[0], np.float32)
    nearest = np.full(shape, 1e3, np.float32)
    bands = np.zeros(shape, int)
    for number, (face, level) in enumerate(zip(faces, levels[1:], strict=True), start=1):
        wave = rng.uniform(0.5, 10) * noise(rng, shape, rng.uniform(20, 100), slope=2.5)
        distance = face + wave - along
        image = image + ramp(distance, rng.uniform(1, 2.5)) * (level - image)
        bands[distance < 0] = number
        nearest = np.minimum(nearest, np.abs(distance))
    for number in range(count):
        inside = bands == number
        texture = rng.choice([0.0, 0.02, 0.06]) * noise(rng, shape, log_uniform(rng, 3, 40), slope=rng.uniform(1, 2.2))
        image = image + inside * texture
    canvas = Canvas(image=image.astype(np.float32))

    canvas.add("interface", nearest < 1.6, form="linear")
    return canvas


def cloudy(rng: Rng, shape: Shape2) -> Canvas:
    """Overlapping rounded lumps of a porous support, thick or thin, before a dark void."""
    size = log_uniform(rng, 6, 60)
    image = np.zeros(shape, np.float32)
    for octave in range(int(rng.integers(2, 4))):
        field = noise(rng, shape, size / 1.7**octave, slope=2.6)
        image += (0.6**octave) * np.maximum(field + rng.uniform(0, 0.6), 0)
    outside = noise(rng, shape, max(shape) / 1.5, slope=3.0) + rng.uniform(-0.4, 1.4)
    support = ramp(-outside * 60, 60.0)
    image = image / (image.std() + 1e-6) * rng.uniform(0.1, 0.22) + rng.uniform(0.0, 0.3)
    canvas = Canvas(image=(0.05 + support * image).astype(np.float32))
    if (outside < -0.25).mean() > 0.05:
        canvas.add("vacuum", outside < -0.25)
    return canvas


def patched(rng: Rng, shape: Shape2) -> Canvas:
    """Two phases with a wavy limit, as a blend or a stained film has."""
    field = noise(rng, shape, log_uniform(rng, 12, 120), slope=2.5) + rng.uniform(-0.8, 0.8)
    low, high = rng.uniform(0.15, 0.5), rng.uniform(0.5, 0.9)
    share = ramp(-field * 12, 12 * rng.uniform(0.2, 1.2))
    image = low + share * (high - low) + rng.uniform(0, 0.05) * noise(rng, shape, rng.uniform(2, 12))
    return Canvas(image=image.astype(np.float32))


def needled(rng: Rng, shape: Shape2) -> Canvas:
    """Etched steel: packets of fine laths, each packet in its own direction."""
    number, _ = cells(rng, shape, log_uniform(rng, 15, 70), warp=0.2)
    fields = [noise(rng, shape, rng.uniform(1.5, 5), slope=1.4, stretch=rng.uniform(3, 8)) for _ in range(4)]
    chosen = np.choose(number % 4, fields)
    level, depth = rng.uniform(0.2, 0.5), rng.uniform(0.03, 0.12)
    return Canvas(image=(level + depth * chosen).astype(np.float32))


def lamellar(rng: Rng, shape: Shape2) -> Canvas:
    """Colonies of alternating plates."""
    number, _ = cells(rng, shape, log_uniform(rng, 50, 200), warp=0.15)
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angles = rng.uniform(0, math.pi, int(number.max()) + 1).astype(np.float32)
    period = log_uniform(rng, 4, 22)
    bend = rng.uniform(0, 0.35) * period * noise(rng, shape, rng.uniform(15, 60), slope=2.5)
    phase = (y * np.cos(angles)[number] + x * np.sin(angles)[number] + bend) * (2 * math.pi / period)
    share = ramp(-np.sin(phase) - rng.uniform(-0.5, 0.5), rng.uniform(0.4, 1.2))
    image = rng.uniform(0.2, 0.5) + rng.uniform(0.15, 0.45) * share
    canvas = Canvas(image=image.astype(np.float32))
    canvas.add("lamella", np.ones(shape, bool), form="linear", layout="parallel")
    return canvas


GROUNDS: dict[str, tuple[Callable[[Rng, Shape2], Canvas], float]] = {
    "plain": (plain, 4.0),
    "rough": (rough, 4.0),
    "speckled": (speckled, 2.0),
    "ground": (ground, 1.5),
    "grained": (grained, 1.2),
    "layered": (layered, 1.2),
    "cloudy": (cloudy, 1.0),
    "patched": (patched, 1.0),
    "needled": (needled, 1.0),
}


def any_ground(rng: Rng, shape: Shape2) -> Canvas:
    """One of them, the plain ones more often."""
    names = list(GROUNDS)
    weights = np.array([GROUNDS[name][1] for name in names])
    return GROUNDS[str(rng.choice(names, p=weights / weights.sum()))][0](rng, shape)


def lit(image: FloatArray, rng: Rng) -> FloatArray:
    """With slow changes of brightness, as detectors and charging make them."""
    slow = noise(rng, (image.shape[0], image.shape[1]), max(image.shape), slope=3.0)
    seen: FloatArray = (image + rng.choice([0.0, 0.0, 0.04, 0.12]) * slow).astype(np.float32)
    return seen
