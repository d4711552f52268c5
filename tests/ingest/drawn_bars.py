"""Pictures with information bars and scale bars drawn into them, and pictures that only look a little like it."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GREY = np.ndarray


def particles(rng: np.random.Generator, rows: int = 480, cols: int = 640, count: int = 60) -> GREY:
    """Discs of many sizes on a noisy ground, 8 bits."""
    y, x = np.mgrid[:rows, :cols]
    array = rng.normal(90, 12, (rows, cols))
    for _ in range(count):
        radius = rng.uniform(3, 30)
        inside = (y - rng.uniform(0, rows)) ** 2 + (x - rng.uniform(0, cols)) ** 2 < radius**2
        array[inside] = rng.normal(rng.uniform(40, 220), 8, int(inside.sum()))
    return np.clip(array, 0, 255).astype(np.uint8)


def with_information_bar(
    array: GREY, rows: int, *, ground: int = 0, ink: int = 255, framed: bool = False, at_top: bool = False
) -> GREY:
    """A band of `rows` put below (or above) a picture, with the text and the micron bar of a scanning microscope."""
    cols = array.shape[1]
    band = Image.new("L", (cols, rows), ground)
    draw = ImageDraw.Draw(band)
    font = ImageFont.load_default(size=max(9, int(rows * 0.45)))
    draw.text((int(0.02 * cols), rows * 0.22), "15.0 kV  x2,500  WD 8.1 mm", fill=ink, font=font)
    draw.rectangle((int(0.8 * cols), rows // 2, int(0.93 * cols), rows // 2 + max(1, rows // 12)), fill=ink)
    if framed:
        draw.rectangle((0, 0, cols - 1, rows - 1), outline=ink)
    parts = [np.asarray(band), array] if at_top else [array, np.asarray(band)]
    return np.vstack(parts)


def with_scale_bar(
    array: GREY, box: tuple[int, int, int, int], *, ink: int = 255, text: str | None = "500 nm", above: bool = True
) -> GREY:
    """A rectangle ``(top, left, rows, cols)`` with its length written above or below it."""
    picture = Image.fromarray(array.copy())
    draw = ImageDraw.Draw(picture)
    top, left, rows, cols = box
    draw.rectangle((left, top, left + cols - 1, top + rows - 1), fill=ink)
    if text:
        font = ImageFont.load_default(size=22)
        wide = draw.textlength(text, font=font)
        draw.text((left + (cols - wide) / 2, top - 30 if above else top + rows + 3), text, fill=ink, font=font)
    return np.asarray(picture)


def jpeg(array: GREY, quality: int = 85) -> GREY:
    """The picture after a lossy file."""
    import io

    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def without_bars(rng: np.random.Generator) -> dict[str, GREY]:
    """Specimens with straight edges, uniform parts, lattices and streaks, but no bar."""
    rows, cols = 400, 500
    y, x = np.mgrid[:rows, :cols]
    noise = rng.normal(0, 6, (rows, cols))
    lattice = 128 + 100 * np.cos(2 * np.pi * y / 12) * np.cos(2 * np.pi * x / 12)
    layers = np.select([y < 90, y < 130, y < 300], [230.0, 60.0, 150.0], 20.0)
    slanted = np.select([y + 0.1 * x < 120, y + 0.1 * x < 260], [60.0, 130.0], 200.0)
    terraces = 40.0 * np.floor((x + 0.3 * y) / 70)
    padded = np.where((y > 340) | (x < 30), 0.0, 120 + noise)
    vacuum = np.where(y < 300, lattice, 0.0)
    grains = np.where(rng.random((rows, cols)) > 0.995, 255.0, 0.0)
    streaks = 120 + noise + 0.0
    for _ in range(30):
        row, left, wide = rng.integers(0, rows), rng.integers(0, cols - 150), rng.integers(20, 150)
        streaks[row, left : left + wide] = 255
    rods = np.full((rows, cols), 40.0)
    for k in range(6):
        top, left = 20 + 60 * k, int(rng.integers(0, cols - 90))
        rods[top : top + 8, left : left + 80] = 255
    round_rod = np.full((rows, cols), 40.0)
    round_rod[(np.abs(y - 370) < 6) & (np.abs(x - 250) < 60)] = 255
    for end in (190, 310):
        round_rod[(y - 370) ** 2 + (x - end) ** 2 < 36] = 255
    clouds = rng.normal(size=(rows // 20, cols // 20)).repeat(20, 0).repeat(20, 1) * 40 + 120
    return {
        "noise": 120 + noise,
        "constant": np.full((rows, cols), 7.0),
        "one hot pixel": np.where((y == 9) & (x == 9), 255.0, 0.0),
        "lattice": lattice,
        "noisy lattice": lattice + noise,
        "layers": layers,
        "noisy layers": np.clip(layers + noise, 0, 255),
        "slanted layers": slanted + noise,
        "terraces": terraces,
        "noisy terraces": terraces + noise,
        "padded after drift": padded,
        "lattice over vacuum": vacuum,
        "points over nothing": grains,
        "points below a layer": np.where(y < 300, 120 + noise, grains),
        "streaks": streaks,
        "rods": rods,
        "a rod with round ends": round_rod,
        "squares": clouds,
        "half black": np.where(x < 250, 0.0, 200 + noise),
        "checkerboard": 255.0 * ((y // 25 + x // 25) % 2),
    }
