"""Cracks: free ones, nets of mud, those along grain boundaries, across layers and between them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from deepscan_core.simulation.corpus import grounds
from deepscan_core.simulation.corpus.painting import Rng, Shape2, branches, log_uniform, noise, ramp, strokes, wandering
from deepscan_core.simulation.corpus.painting import cells as cells_with_sides
from deepscan_core.simulation.corpus.scene import Canvas, FloatArray

EDGE_PX = 0.3  # how far beyond the outline a crack is marked


def cracks(rng: Rng, canvas: Canvas) -> None:
    """Dark jagged lines that taper and branch; one, a few, or a net."""
    if rng.random() < 0.15:
        _crack_net(rng, canvas)
        return
    side = max(canvas.shape)
    jag = rng.uniform(0.25, 0.9)
    width = log_uniform(rng, 0.9, 9)
    angle = rng.uniform(0, math.pi)
    count = int(rng.choice([1, 1, 2, 3, 6]))
    paths: list[FloatArray] = []
    for _ in range(count):
        length = side * rng.uniform(0.12, 1.3 if count < 4 else 0.4)
        main = wandering(rng, canvas.shape, jag=jag, length_px=length, angle_rad=angle if rng.random() < 0.6 else None)
        paths += [main, *branches(rng, canvas.shape, main, jag=jag, count=int(rng.choice([0, 0, 1, 3])))]
    _stroked(rng, canvas, paths, width, layout="isolated" if count == 1 else "")


def layer_cracks(rng: Rng, canvas: Canvas) -> None:
    """What tension does to a coating: cracks across the layers, at times turning to run along the interface."""
    interface = next((g.mask for g in canvas.groups if g.kind == "interface"), None)
    if interface is None:
        cracks(rng, canvas)
        return
    is_level = interface.any(0).mean() >= interface.any(1).mean()
    width, jag = log_uniform(rng, 1.0, 8), rng.uniform(0.15, 0.6)
    across = math.pi / 2 if is_level else 0.0
    paths = []
    for _ in range(int(rng.choice([1, 2, 4, 7]))):
        length = max(canvas.shape) * rng.uniform(0.1, 0.7)
        main = wandering(rng, canvas.shape, jag=jag, length_px=length, angle_rad=across)
        paths += [main, *branches(rng, canvas.shape, main, jag=jag, count=int(rng.choice([0, 0, 1])))]
    _stroked(rng, canvas, paths, width)
    if rng.random() < 0.35:
        _delaminated(rng, canvas, interface, is_level=is_level)


def _delaminated(rng: Rng, canvas: Canvas, interface: npt.NDArray[np.bool_], *, is_level: bool) -> None:
    """Part of an interface opens to a gap."""
    from scipy import ndimage

    n = canvas.shape[1 if is_level else 0]
    start, length = rng.uniform(-0.2, 0.8) * n, rng.uniform(0.2, 1.0) * n
    along = (np.arange(n, dtype=np.float32) - start) / length
    open_share = np.sqrt(np.clip(4 * along * (1 - along), 0, 1))
    half = log_uniform(rng, 0.8, 4) * (open_share[None, :] if is_level else open_share[:, None])
    away = ndimage.distance_transform_edt(~interface)
    distance = np.where(half > 0.2, away - half, 9.0).astype(np.float32)
    _opened(rng, canvas, distance, 3.0)
    canvas.add("crack", distance < EDGE_PX, form="linear")


def along_grains(rng: Rng, shape: Shape2) -> Canvas:
    """A polycrystal of which some boundaries have opened: the crack is wider, darker and ends; the others are whole."""
    from scipy import ndimage

    canvas, number = grounds.polycrystal(rng, shape)
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        angle, middle = rng.uniform(0, math.pi), rng.uniform(0.15, 0.85, 2) * np.array(shape)
        y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
        aside = (y - middle[0]) * math.cos(angle) - (x - middle[1]) * math.sin(angle)
        along = (y - middle[0]) * math.sin(angle) + (x - middle[1]) * math.cos(angle)
        aside = aside + rng.uniform(0, 15) * noise(rng, shape, 60, slope=2.5)
        labels = np.unique(number)
        is_left = np.zeros(int(number.max()) + 1, bool)
        is_left[labels] = ndimage.mean(aside, number, labels) < 0
        face = is_left[number]
        path = (face ^ np.roll(face, 1, 0))[1:, 1:] | (face ^ np.roll(face, 1, 1))[1:, 1:]
        if not path.any():
            continue
        away = ndimage.distance_transform_edt(~np.pad(path, ((1, 0), (1, 0))))
        reach = max(shape) * rng.uniform(0.15, 0.9)
        width = log_uniform(rng, 1.5, 10)
        taper = np.sqrt(np.clip(1 - (along / reach) ** 2, 0, 1)) * np.clip(
            1 + 0.4 * noise(rng, shape, 25, slope=2.5), 0.3, 2
        )
        distance = np.where(np.abs(along) < reach, away - np.maximum(width * taper, 1.0) / 2, 9.0).astype(np.float32)
        _opened(rng, canvas, distance, width)
        canvas.add("crack", distance < EDGE_PX, form="linear")
    return canvas


def _crack_net(rng: Rng, canvas: Canvas) -> None:
    """Mud cracks: wide jagged gaps around plates, unlike grain boundaries open and of uneven width."""
    _, to_side = cells_with_sides(rng, canvas.shape, log_uniform(rng, 35, 110), warp=0.25)
    width = log_uniform(rng, 1.5, 6) * np.clip(1 + 0.5 * noise(rng, canvas.shape, 30, slope=2.5), 0, 2.5)
    distance = (to_side - width / 2 + 0.8 * noise(rng, canvas.shape, 6, slope=1.5)).astype(np.float32)
    _opened(rng, canvas, distance, 3.0)
    canvas.add("crack", distance < EDGE_PX, form="linear", layout="network")


def _stroked(rng: Rng, canvas: Canvas, paths: list[FloatArray], width: float, *, layout: str = "") -> None:
    widths = [
        _tapered(rng, len(path), width * (1.0 if k == 0 else rng.uniform(0.4, 1))) for k, path in enumerate(paths)
    ]
    distance = strokes(canvas.shape, paths, widths)
    _opened(rng, canvas, distance, width)
    canvas.add("crack", distance < EDGE_PX, form="linear", layout=layout)


def _opened(rng: Rng, canvas: Canvas, distance: FloatArray, width: float) -> None:
    """Dark inside, with a bright lip at times (edges send out more, and charge), and less dark where it is barely open."""
    ragged = distance + rng.choice([0.0, 0.35]) * np.float32(min(width, 3)) * noise(rng, canvas.shape, 5, slope=1.5)
    depth = rng.uniform(0.5, 1.0)
    lip = rng.choice([0.0, 0.0, 0.15, 0.35]) * np.exp(-np.maximum(ragged, 0) / rng.uniform(0.8, 4)) * (ragged > 0)
    canvas.image = canvas.image + lip.astype(np.float32)
    floor: FloatArray | float = min(float(np.percentile(canvas.image, 5)) - 0.05, 0.12)
    if rng.random() < 0.3:  # a share of what the material sends out comes from the walls
        floor = np.minimum(canvas.image * np.float32(rng.uniform(0.1, 0.5)), canvas.image - np.float32(0.12))
        depth = 1.0
    if width > 4 and rng.random() < 0.4:  # walls to be seen
        floor = floor + np.float32(rng.uniform(0.05, 0.15)) * np.exp(np.minimum(ragged, 0) / 2.0).astype(np.float32)
    canvas.blend(floor, ramp(ragged.astype(np.float32), 1.2) * np.float32(depth))


def _tapered(rng: Rng, count: int, width: float) -> FloatArray:
    """Width along a crack: thin at the ends, uneven between."""
    along = np.linspace(0, 1, count)
    ends = np.minimum(1, np.minimum(along, 1 - along) * rng.uniform(3, 20) + 0.25)
    uneven = np.interp(along, np.linspace(0, 1, 9), rng.lognormal(0, 0.35, 9))
    return (width * ends * uneven).astype(np.float32)
