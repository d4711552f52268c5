"""Scenes: typical specimens, free mixtures of ground and objects, and mosaics of several at several scales."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deepscan_core.errors import InputError
from deepscan_core.simulation.corpus import (
    alloys,
    bodies,
    crystals,
    fractures,
    grounds,
    lines,
    phases,
    transmission,
)
from deepscan_core.simulation.corpus.painting import Rng, Shape2
from deepscan_core.simulation.corpus.recording import recorded
from deepscan_core.simulation.corpus.scene import Canvas, Group, Scene

SIDE_PX = 256
SMALLEST_SIDE_PX = 64
Painter = Callable[[Rng, Canvas], None]
Maker = Callable[[Rng, Shape2], Canvas]

FREE_OBJECTS: tuple[tuple[Painter, float], ...] = (
    (fractures.cracks, 3.0),
    (bodies.pores, 3.0),
    (bodies.particles, 4.0),
    (bodies.agglomerates, 2.5),
    (alloys.precipitates, 1.0),
    (alloys.coherent_precipitates, 0.8),
    (alloys.coarsened_precipitates, 0.6),
    (phases.phase_bodies, 0.8),
    (alloys.carbides, 1.0),
    (bodies.nanoparticles, 1.0),
    (lines.scratches, 1.5),
    (lines.fibres, 1.2),
    (lines.wires, 1.2),
    (lines.needles, 0.8),
    (bodies.stains, 1.0),
    (bodies.debris, 1.0),
    (bodies.flakes, 0.8),
    (bodies.islands, 0.6),
)


def _painted(maker: Callable[..., Canvas], *painters: Painter) -> Maker:
    def make(rng: Rng, shape: Shape2) -> Canvas:
        canvas = maker(rng, shape)
        for painter in painters:
            painter(rng, canvas)
        return canvas

    return make


def free(rng: Rng, shape: Shape2) -> Canvas:
    """Any ground with one to three groups of any objects."""
    canvas = grounds.any_ground(rng, shape)
    painters, weights = zip(*FREE_OBJECTS, strict=True)
    share = np.array(weights) / sum(weights)
    for number in rng.choice(len(painters), int(rng.choice([1, 1, 2, 3])), replace=False, p=share):
        painters[number](rng, canvas)
    return canvas


def empty(rng: Rng, shape: Shape2) -> Canvas:
    """A ground on which nothing lies."""
    return grounds.any_ground(rng, shape)


def catalyst(rng: Rng, shape: Shape2) -> Canvas:
    """Heavy nanoparticles on a porous support."""
    canvas = grounds.cloudy(rng, shape) if rng.random() < 0.75 else grounds.speckled(rng, shape)
    bodies.nanoparticles(rng, canvas)
    return canvas


def coating(rng: Rng, shape: Shape2) -> Canvas:
    """A cross-section of layers with pores, cracks across or along them."""
    canvas = grounds.layered(rng, shape)
    if rng.random() < 0.8:
        bodies.pores(rng, canvas)
    if rng.random() < 0.85:
        (fractures.layer_cracks if rng.random() < 0.6 else fractures.cracks)(rng, canvas)
    return canvas


def sintered(rng: Rng, shape: Shape2) -> Canvas:
    """A ceramic with open or closed pores, at times with the stripes of ion milling."""
    canvas = grounds.plain(rng, shape) if rng.random() < 0.5 else grounds.grained(rng, shape, noted=False)
    canvas.image = canvas.image * 0.5 + 0.4
    (bodies.connected_pores if rng.random() < 0.6 else bodies.pores)(rng, canvas)
    if rng.random() < 0.4:
        lines.curtains(rng, canvas)
    return canvas


def polycrystal(rng: Rng, shape: Shape2) -> Canvas:
    """Grains, at times with pores, precipitates, or a crack."""
    canvas = grounds.grained(rng, shape)
    for painter, share in (
        (bodies.pores, 0.25),
        (fractures.cracks, 0.35),
        (lines.scratches, 0.15),
        (bodies.debris, 0.1),
    ):
        if rng.random() < share:
            painter(rng, canvas)
    return canvas


def superalloy(rng: Rng, shape: Shape2) -> Canvas:
    """Precipitates that fill much of an etched matrix."""
    canvas = grounds.ground(rng, shape) if rng.random() < 0.6 else grounds.rough(rng, shape)
    canvas.image = canvas.image * 0.5 + 0.3
    painters = (
        alloys.precipitates,
        alloys.coherent_precipitates,
        alloys.coarsened_precipitates,
        alloys.domains,
        phases.phase_bodies,
    )
    painters[int(rng.choice(len(painters), p=[0.15, 0.25, 0.2, 0.1, 0.3]))](rng, canvas)
    if rng.random() < 0.3:
        lines.scratches(rng, canvas)
    return canvas


def steel(rng: Rng, shape: Shape2) -> Canvas:
    """Carbides in an etched matrix."""
    canvas = (grounds.needled if rng.random() < 0.6 else grounds.rough)(rng, shape)
    canvas.image = canvas.image * 0.7
    alloys.carbides(rng, canvas)
    return canvas


def fracture(rng: Rng, shape: Shape2) -> Canvas:
    """A fracture surface with agglomerates of filler, holes from which some were pulled, and cracks."""
    canvas = grounds.rough(rng, shape)
    if rng.random() < 0.3:
        bodies.pores(rng, canvas)
    if rng.random() < 0.25:
        fractures.cracks(rng, canvas)
    bodies.agglomerates(rng, canvas)
    return canvas


def labelled(rng: Rng, shape: Shape2) -> Canvas:
    """Particles as journals show them, with letters and a scale bar."""
    canvas = (grounds.plain if rng.random() < 0.5 else grounds.speckled)(rng, shape)
    bodies.particles(rng, canvas)
    lines.lettering(rng, canvas)
    return canvas


def transmitted(rng: Rng, shape: Shape2) -> Canvas:
    """Particles on a thin film in transmission, at times with a scale bar."""
    canvas = grounds.plain(rng, shape)
    transmission.film(rng, canvas)
    transmission.particles(rng, canvas)
    if rng.random() < 0.2:
        lines.lettering(rng, canvas)
    return canvas


def powder_bed(rng: Rng, shape: Shape2) -> Canvas:
    """Metal powder on a dark tape."""
    canvas = grounds.plain(rng, shape)
    canvas.image = canvas.image * 0.3
    bodies.powder(rng, canvas)
    return canvas


def terraces(rng: Rng, shape: Shape2) -> Canvas:
    """A surface as a scanning probe sees it."""
    canvas = grounds.rough(rng, shape)
    canvas.image = 0.5 + 0.3 * (canvas.image - canvas.image.mean())
    if rng.random() < 0.7:
        lines.steps(rng, canvas)
    if rng.random() < 0.7:
        bodies.islands(rng, canvas)
    return canvas


SCENES: dict[str, tuple[Maker, float]] = {
    "free": (free, 30.0),
    "empty": (empty, 6.0),
    "coating": (coating, 8.0),
    "cracked": (_painted(grounds.any_ground, fractures.cracks), 6.0),
    "sintered": (sintered, 6.0),
    "polycrystal": (polycrystal, 6.0),
    "along grains": (fractures.along_grains, 5.0),
    "superalloy": (superalloy, 13.0),
    "steel": (steel, 6.0),
    "fracture": (fracture, 8.0),
    "labelled": (labelled, 9.0),
    "transmitted": (transmitted, 8.0),
    "particles": (_painted(grounds.any_ground, bodies.particles), 4.0),
    "powder": (powder_bed, 7.0),
    "catalyst": (catalyst, 9.0),
    "lattice": (_painted(grounds.plain, crystals.lattice), 7.0),
    "single atoms": (_painted(grounds.speckled, crystals.single_atoms), 2.0),
    "terraces": (terraces, 5.0),
    "fibre mat": (_painted(grounds.plain, lines.fibres), 3.0),
    "wires": (_painted(grounds.any_ground, lines.wires), 2.0),
    "lamellae": (grounds.lamellar, 2.0),
    "flakes": (_painted(grounds.plain, bodies.flakes), 2.0),
    "stains": (_painted(grounds.any_ground, bodies.stains), 2.0),
    "needles": (_painted(grounds.grained, lines.needles), 1.5),
}
EXTRAS: tuple[tuple[Painter, float], ...] = (
    (lines.charging, 0.05),
    (lines.curtains, 0.04),
    (lines.lettering, 0.06),
    (bodies.debris, 0.03),
)


def render_scene(seed: int, name: str | None = None, *, side_px: int = SIDE_PX) -> Scene:
    """One scene and its truth; the same seed gives the same one.

    Parameters
    ----------
    seed : of everything.
    name : one of `SCENES`; by default drawn with their weights, and one in five is a mosaic of four.
    side_px : of the square picture.

    Raises
    ------
    InputError
        No such scene, or a picture too small for one.
    """
    if name is not None and name not in SCENES:
        raise InputError(f"scene {name!r} is not known: give one of {', '.join(SCENES)}")
    if side_px < SMALLEST_SIDE_PX:
        raise InputError(f"a scene of {side_px} px: give a side of at least {SMALLEST_SIDE_PX}")
    rng = np.random.default_rng([seed, 83])
    if name is None and rng.random() < 0.2:
        return _mosaic(rng, side_px)
    chosen = name or _drawn(rng)
    canvas = _composed(rng, chosen, (side_px, side_px))
    return Scene(image=recorded(canvas.image, rng), groups=tuple(canvas.groups), name=chosen)


def _drawn(rng: Rng) -> str:
    weights = np.array([weight for _, weight in SCENES.values()])
    return str(rng.choice(list(SCENES), p=weights / weights.sum()))


def _composed(rng: Rng, name: str, shape: Shape2) -> Canvas:
    canvas = SCENES[name][0](rng, shape)
    for painter, share in EXTRAS:
        if rng.random() < share:
            painter(rng, canvas)
    return canvas


def _mosaic(rng: Rng, side_px: int) -> Scene:
    """Four scenes side by side, each seen at half the scale or cut out: very different things in one picture."""
    half = side_px // 2
    image = np.zeros((side_px, side_px), np.float32)
    groups: list[Group] = []
    names = []
    for top in (0, half):
        for left in (0, half):
            name = _drawn(rng)
            is_shrunk = rng.random() < 0.5
            side = 2 * half if is_shrunk else half
            canvas = _composed(rng, name, (side, side))
            part = recorded(canvas.image, rng)
            if is_shrunk:
                part = part.reshape(half, 2, half, 2).mean((1, 3))
            window = (slice(top, top + half), slice(left, left + half))
            image[window] = part * rng.uniform(0.6, 1.0) + rng.uniform(0, 0.2)
            for group in canvas.groups:
                mask = np.zeros(image.shape, bool)
                small = group.mask.reshape(half, 2, half, 2).mean((1, 3)) >= 0.5 if is_shrunk else group.mask
                mask[window] = small
                if small.sum() >= 4:
                    groups.append(
                        Group(kind=group.kind, mask=mask, tone=group.tone, form=group.form, layout=group.layout)
                    )
            names.append(name)
    return Scene(image=image, groups=tuple(groups), name="mosaic of " + ", ".join(names))
