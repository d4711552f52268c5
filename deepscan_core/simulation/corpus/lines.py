"""Line-like objects: scratches, fibres, wires, needles, steps; and what the instrument draws itself."""

from __future__ import annotations

import math

import numpy as np

from deepscan_core.simulation.corpus.painting import Rng, log_uniform, noise, ramp, strokes, wandering
from deepscan_core.simulation.corpus.scene import Canvas


def scratches(rng: Rng, canvas: Canvas) -> None:
    """Straight marks of polishing or handling, mostly parallel, with a dark and a bright side or only one of them."""
    angle = rng.uniform(0, math.pi)
    count, width = int(rng.choice([1, 2, 4, 9])), log_uniform(rng, 0.8, 5)
    is_parallel = rng.random() < 0.6
    paths = [
        wandering(
            rng,
            canvas.shape,
            jag=0.0,
            length_px=max(canvas.shape) * rng.uniform(0.4, 2.6),
            angle_rad=angle if is_parallel else None,
        )
        for _ in range(count)
    ]
    distance = strokes(canvas.shape, paths, [np.full(len(p), width * rng.uniform(0.6, 1.4), np.float32) for p in paths])
    depth = rng.uniform(0.08, 0.3) * rng.choice([-1, -1, 1])
    line = ramp(distance, 1.5)
    canvas.image = canvas.image + np.float32(depth) * line
    if rng.random() < 0.5:
        shift = int(max(1, round(width)))
        canvas.image = canvas.image - np.float32(0.7 * depth) * np.roll(line, (shift, shift), (0, 1)) * (1 - line)
    canvas.add("scratch", distance < 0.5, form="linear", layout="parallel" if is_parallel and count > 2 else "")


def fibres(rng: Rng, canvas: Canvas) -> None:
    """Long bent threads with round sides, crossing each other."""
    width = log_uniform(rng, 2.5, 26)
    count = int(np.clip(rng.choice([3, 8, 20]) * 8 / width, 1, 30))
    _threads(rng, canvas, kind="fibre", width=width, count=count, jag=rng.uniform(0.0, 0.12))


def wires(rng: Rng, canvas: Canvas) -> None:
    """Thin straight wires or rods of one width."""
    width = log_uniform(rng, 1.5, 9)
    count = int(rng.choice([2, 6, 16]))
    _threads(rng, canvas, kind="wire", width=width, count=count, jag=rng.choice([0.0, 0.0, 0.03]))


def needles(rng: Rng, canvas: Canvas) -> None:
    """Short straight needles or plates seen edge-on, in two or three directions of a crystal."""
    first = rng.uniform(0, math.pi)
    directions = [first + k * math.pi / rng.choice([2, 3]) for k in range(int(rng.integers(1, 4)))]
    width = log_uniform(rng, 1.0, 5)
    paths = [
        wandering(
            rng, canvas.shape, jag=0.0, length_px=width * rng.uniform(7, 22), angle_rad=float(rng.choice(directions))
        )
        for _ in range(int(rng.integers(10, 80)))
    ]
    distance = strokes(canvas.shape, paths, [np.full(len(p), width, np.float32) for p in paths])
    canvas.image = canvas.image + np.float32(rng.uniform(0.12, 0.4) * rng.choice([-1, 1])) * ramp(distance, 1.5)
    canvas.add("needle", distance < 0.3, form="elongated", layout="parallel" if len(directions) == 1 else "")


def _threads(rng: Rng, canvas: Canvas, *, kind: str, width: float, count: int, jag: float) -> None:
    tone = rng.choice([-1, 1, 1])
    angle = rng.uniform(0, math.pi) if rng.random() < 0.3 else None
    mask = np.zeros(canvas.shape, bool)
    level = float(np.median(canvas.image)) + tone * rng.uniform(0.2, 0.6)
    for _ in range(max(1, count // 4)):  # some at a time, so that later ones lie on earlier ones
        paths = [
            wandering(rng, canvas.shape, jag=jag, length_px=max(canvas.shape) * rng.uniform(0.5, 2.2), angle_rad=angle)
            for _ in range(min(count, 4))
        ]
        distance = strokes(
            canvas.shape, paths, [np.full(len(p), width * rng.lognormal(0, 0.15), np.float32) for p in paths]
        )
        rel = np.clip(1 + distance / (width / 2), 0, 1)
        fill = level + rng.uniform(-0.25, 0.25) * rel**2 + rng.uniform(-0.05, 0.05)
        canvas.blend(fill.astype(np.float32), ramp(distance, 1.3))
        mask |= distance < 0
    canvas.add(
        kind,
        mask,
        form="linear",
        diameter_px=0.0,
        layout="parallel" if angle is not None else "network" if count > 8 else "",
    )


def steps(rng: Rng, canvas: Canvas) -> None:
    """Terraces between the steps of a vicinal surface."""
    y, x = np.mgrid[: canvas.shape[0], : canvas.shape[1]].astype(np.float32)
    angle, terrace = rng.uniform(0, 2 * math.pi), log_uniform(rng, 18, 110)
    wave = rng.uniform(1, 0.35 * terrace) * noise(rng, canvas.shape, log_uniform(rng, 20, 90), slope=2.5)
    along = (x * math.cos(angle) + y * math.sin(angle) + wave) / terrace
    to_step = np.abs(along - np.round(along)) * terrace  # steps where `along` is a whole number
    height = np.floor(along) + ramp((np.round(along) - along) * terrace, 3.0) * 0
    canvas.image = (
        0.06 * (height - height.mean()) / max(1.0, 0.25 * np.ptp(height)) * 4
        + 0.5
        + 0.15 * (canvas.image - canvas.image.mean())
    ).astype(np.float32)
    if rng.random() < 0.4:  # phase or error signal: edges alone
        edge = np.exp(-((to_step / 1.5) ** 2)).astype(np.float32)
        canvas.image = canvas.image + np.float32(rng.choice([-0.3, 0.3])) * edge
    canvas.add("step", to_step < 2.0, form="linear", layout="parallel")


# --- of the instrument ------------------------------------------------------------------------------------------------
def charging(rng: Rng, canvas: Canvas) -> None:
    """Bright streaks along the scan from places that cannot lead the charge away, with dark tails."""
    rows = rng.choice(canvas.shape[0], int(rng.integers(3, 25)))
    field = np.zeros(canvas.shape, np.float32)
    for row in rows:
        start, length = int(rng.integers(0, canvas.shape[1])), int(rng.integers(20, canvas.shape[1]))
        height = int(rng.integers(1, 5))
        field[row : row + height, start : start + length] += rng.uniform(0.25, 0.7)
    canvas.image = canvas.image + field
    canvas.add("charging", field > 0, form="linear", layout="parallel")


def curtains(rng: Rng, canvas: Canvas) -> None:
    """Vertical stripes that ion milling leaves, or stripes of a disturbed scan."""
    is_vertical = rng.random() < 0.7
    n = canvas.shape[1] if is_vertical else canvas.shape[0]
    profile = np.zeros(n, np.float32)
    for _ in range(int(rng.integers(3, 30))):
        at, width = int(rng.integers(n)), max(1, int(log_uniform(rng, 1, 6)))
        profile[at : at + width] += rng.choice([-1, 1, 1]) * rng.uniform(0.05, 0.3)
    stripe = profile[None, :] if is_vertical else profile[:, None]
    canvas.image = canvas.image + stripe
    if np.abs(profile).max() > 0.12:
        canvas.add(
            "stripe", np.broadcast_to(np.abs(stripe) > 0.08, canvas.shape).copy(), form="linear", layout="parallel"
        )


def lettering(rng: Rng, canvas: Canvas) -> None:
    """A scale bar, figures and letters, or a whole information bar, burnt into the picture."""
    rows, cols = canvas.shape
    ink, paper = rng.choice([(1.0, 0.0), (0.0, 1.0)])
    low, high = float(canvas.image.min()), float(canvas.image.max())
    ink, paper = low + ink * (high - low), low + paper * (high - low)
    mask = np.zeros(canvas.shape, bool)
    if rng.random() < 0.35:
        height = int(rng.integers(10, 28))
        canvas.image[rows - height :] = paper
        mask[rows - height :] = True
        _letters(rng, canvas, mask, (rows - height + 2, 4), height - 4, int(rng.integers(5, 18)), ink)
    else:
        height = int(rng.integers(7, 26))
        y, x = int(rng.choice([3, rows - height - 3])), int(rng.choice([3, cols // 2]))
        if rng.random() < 0.4:
            canvas.image[y - 3 : y + height + 3, max(0, x - 3) : x + 2 * height + 3] = paper
            mask[y - 3 : y + height + 3, max(0, x - 3) : x + 2 * height + 3] = True
        _letters(rng, canvas, mask, (y, x), height, int(rng.integers(1, 6)), ink)
    if rng.random() < 0.6:
        y, length = rows - int(rng.integers(4, 20)), int(rng.integers(20, 90))
        x, thick = cols - length - int(rng.integers(4, 20)), int(rng.integers(2, 6))
        canvas.image[y : y + thick, x : x + length] = ink
        mask[y : y + thick, x : x + length] = True
    canvas.add("annotation", mask, form="angular")


def _letters(
    rng: Rng, canvas: Canvas, mask: np.ndarray, corner: tuple[int, int], height: int, count: int, ink: float
) -> None:
    """Signs that look like letters: strokes on a grid of five by three."""
    x = corner[1]
    for _ in range(count):
        cells = rng.random((5, 3)) < 0.55
        scale = max(1, height // 5)
        sign = np.repeat(np.repeat(cells, scale, 0), scale, 1)
        window = (slice(corner[0], corner[0] + sign.shape[0]), slice(x, x + sign.shape[1]))
        part = canvas.image[window]
        sign = sign[: part.shape[0], : part.shape[1]]
        part[sign] = ink
        mask[window] |= sign
        x += sign.shape[1] + max(1, scale)
