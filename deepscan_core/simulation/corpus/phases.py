"""Bodies of a second phase at any volume fraction: from a few specks to large ones with clefts of matrix between them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.simulation.corpus.alloys import fine_ones
from deepscan_core.simulation.corpus.bodies import radii
from deepscan_core.simulation.corpus.painting import FAR_PX, Rng, Shape2, log_uniform, noise, ramp, scattered
from deepscan_core.simulation.corpus.scene import Canvas, FloatArray

LEAST_SHARE, MOST_SHARE = 0.02, 0.7  # of the field that bodies take
SMALLEST_PX = 2.5  # median radius; the largest bodies are half as wide as the field
REACH = 3.0  # radii around a body within which it grows


@dataclass(frozen=True, kw_only=True)
class Habit:
    """How the bodies of one phase grow.

    Attributes
    ----------
    form : see `scene.Group`.
    sharpness : exponent of the outline, even: 2 is an ellipse, 8 a square with rounded corners.
    elongation : range of length over width.
    waviness : how far outlines wander, over the radius.
    """

    form: str
    sharpness: int
    elongation: tuple[float, float]
    waviness: float


HABITS: tuple[Habit, ...] = (
    Habit(form="round", sharpness=2, elongation=(1.0, 1.4), waviness=0.05),
    Habit(form="angular", sharpness=4, elongation=(1.0, 1.5), waviness=0.06),
    Habit(form="angular", sharpness=8, elongation=(1.0, 1.8), waviness=0.03),
    Habit(form="irregular", sharpness=2, elongation=(1.0, 2.0), waviness=0.3),
    Habit(form="irregular", sharpness=4, elongation=(1.0, 1.6), waviness=0.22),
    Habit(form="elongated", sharpness=4, elongation=(3.0, 7.0), waviness=0.08),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Grown:
    """Bodies that grew until they met.

    Attributes
    ----------
    distance_px : from the nearest outline, about; negative inside.
    owner : number of the nearest body at each pixel.
    radius_px : median of the bodies that found a place, at the size to which they grew.
    """

    distance_px: FloatArray
    owner: npt.NDArray[np.int32]
    radius_px: float


def phase_bodies(rng: Rng, canvas: Canvas) -> None:
    """Rounded, cuboidal, irregular or lath-like bodies, on common axes or not, of a share drawn first."""
    habit = HABITS[int(rng.integers(len(HABITS)))]
    share = rng.uniform(LEAST_SHARE, MOST_SHARE)
    grown = grow(rng, canvas.shape, habit, share=share, radius_px=log_uniform(rng, SMALLEST_PX, min(canvas.shape) / 4))
    step = rng.uniform(0.08, 0.45) * rng.choice([-1, -1, 1])
    _paint(rng, canvas, grown, step)
    mask = grown.distance_px < 0
    if rng.random() < 0.5:
        mask = mask | fine_ones(rng, canvas, grown.distance_px, grown.radius_px, step)
    layout = "crowded" if mask.mean() > 0.35 else ""
    canvas.add("precipitate", mask, form=habit.form, diameter_px=2 * grown.radius_px, layout=layout)


def grow(rng: Rng, shape: Shape2, habit: Habit, *, share: float, radius_px: float) -> Grown:
    """Bodies that take `share` of the field; where two meet, a channel of matrix stays between them, open or healed.

    Notes
    -----
    Nuclei grow at rates of their own until the share is reached, so that it holds whatever their sizes are. Channels are as
    wide as a smooth field says; where it is negative bodies have grown together, and a channel that ends there is a
    cleft. At most some hundred nuclei, so that a share of few small bodies may come as fewer, larger ones.
    """
    spread = float(rng.choice([0.1, 0.3, 0.5]))
    sizes = np.minimum(radii(rng, shape, radius_px, max(0.3, share), spread=spread), min(shape) / 3)
    centers, sizes = scattered(rng, shape, sizes, gap=rng.uniform(0.6, 1.0))
    distance, second, owner = _races(rng, shape, habit, centers, sizes)
    between = (second - distance) / 2  # from the line where two bodies would meet
    width = log_uniform(rng, 1.0, max(1.5, 0.3 * radius_px))
    opened = rng.choice([0.2, 0.8, 1.6]) + noise(rng, shape, radius_px * rng.uniform(1, 3), slope=3.0)
    channel = (np.clip(opened, -1, 1.5) * width / 2 - between).astype(np.float32)
    is_free = channel < 0
    reached = float(np.quantile(distance[is_free], min(1.0, share * is_free.size / max(1, int(is_free.sum())))))
    return Grown(
        distance_px=np.maximum(distance - np.float32(reached), channel),
        owner=owner,
        radius_px=max(1.0, float(np.median(sizes)) + reached),
    )


def _races(
    rng: Rng, shape: Shape2, habit: Habit, centers_px: FloatArray, sizes_px: FloatArray
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.int32]]:
    """Distance from the outline of the body that is nearest, of the second nearest, and whose the first is."""
    median = float(np.median(sizes_px))
    aside = [habit.waviness * median * noise(rng, shape, median * rng.uniform(0.7, 2), slope=3.0) for _ in range(2)]
    axes = rng.uniform(0, math.pi) + rng.choice([0.0, math.pi / 2, math.pi / 3]) * np.arange(3)
    is_aligned = habit.form != "round" and rng.random() < 0.7
    first, second = np.full(shape, FAR_PX, np.float32), np.full(shape, FAR_PX, np.float32)
    owner = np.zeros(shape, np.int32)
    for number, ((y, x), radius) in enumerate(zip(centers_px, sizes_px, strict=True)):
        stretch = math.sqrt(log_uniform(rng, *habit.elongation))
        angle = rng.choice(axes) + rng.normal(0, 0.05) if is_aligned else rng.uniform(0, math.pi)
        reach = REACH * radius * stretch + 12
        rows, cols = (slice(max(0, int(c - reach)), max(0, int(c + reach))) for c in (y, x))
        window = (rows, cols)
        v = (np.arange(shape[0], dtype=np.float32)[rows, None] - np.float32(y)) + aside[0][window]
        u = (np.arange(shape[1], dtype=np.float32)[None, cols] - np.float32(x)) + aside[1][window]
        along = np.abs(u * np.float32(math.cos(angle)) + v * np.float32(math.sin(angle))) / np.float32(stretch)
        across = np.abs(v * np.float32(math.cos(angle)) - u * np.float32(math.sin(angle))) * np.float32(stretch)
        away = (_norm(along, across, habit.sharpness) - np.float32(radius)) / np.float32(stretch)
        is_first = away < first[window]
        second[window] = np.where(is_first, first[window], np.minimum(second[window], away))
        first[window] = np.where(is_first, away, first[window])
        owner[window] = np.where(is_first, number, owner[window])
    return first, second, owner


def _norm(along: FloatArray, across: FloatArray, sharpness: int) -> FloatArray:
    """Generalised distance from the middle, by squares and roots alone: exponents are 2, 4 or 8."""
    halvings = int(math.log2(sharpness))
    for _ in range(halvings):
        along, across = along * along, across * across
    total = along + across
    for _ in range(halvings):
        total = np.sqrt(total)
    return total


def _paint(rng: Rng, canvas: Canvas, grown: Grown, step: float) -> None:
    """The phase as polish and etchant leave it: its own shade and texture, lips and slopes as wide as bodies are large."""
    radius, distance = grown.radius_px, grown.distance_px
    base = float(np.median(canvas.image))
    own = rng.normal(0, rng.choice([0.0, 0.0, 0.03]), int(grown.owner.max()) + 1).astype(np.float32)[grown.owner]
    texture = rng.uniform(0, 0.07) * noise(rng, canvas.shape, log_uniform(rng, 1.5, 12), slope=1.5)
    shade = rng.uniform(0, 0.06) * noise(rng, canvas.shape, radius * rng.uniform(1, 4), slope=2.5)
    marks = rng.choice([0.0, 0.02, 0.05]) * noise(rng, canvas.shape, 3.0, slope=1.2, stretch=rng.uniform(8, 30))
    inner = rng.uniform(-0.15, 0.15) * np.exp(np.minimum(distance, 0) / log_uniform(rng, 1.5, max(4.0, 0.4 * radius)))
    soft = rng.uniform(0.8, max(2.5, min(6.0, 0.1 * radius)))
    canvas.blend((base + step + own + texture + shade + marks + inner).astype(np.float32), ramp(distance, soft))
    lip_px = log_uniform(rng, 0.8, max(3.0, 0.2 * radius))
    lip = np.exp(-np.abs(distance - rng.uniform(-1, 1) * lip_px) / lip_px)
    canvas.image = canvas.image + np.float32(rng.choice([0.0, 0.0, 0.15, 0.35])) * lip.astype(np.float32)
