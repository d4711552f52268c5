"""What the strategies are tried on. Each suite says how its previews are recorded; scenes are made when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deepscan_core.benchmarking import planted_scenes, real_scenes
from deepscan_core.benchmarking.scene import Scene
from deepscan_core.errors import InputError

FULL_PX, QUICK_PX = 512, 256
SLOW_EVERY = 3


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is to be tried.

    Attributes
    ----------
    quick : fewer kinds, smaller frames.
    seeds : frames of each kind; None for the suite's own number.
    data : folder of real micrographs, None where there is none.
    """

    quick: bool = False
    seeds: int | None = None
    data: Path | None = None

    @property
    def side_px(self) -> int:
        """Side of a planted frame."""
        return QUICK_PX if self.quick else FULL_PX


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A scene still to be made.

    Attributes
    ----------
    name : of the scene.
    kind : what it shows: what has one kind differs by seed only.
    make : makes it.
    for_slow : slow rivals are tried on it as well.
    """

    name: str
    kind: str
    make: Callable[[], Scene]
    for_slow: bool = False


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A set of scenes.

    Attributes
    ----------
    name, title : the latter for people.
    about : what the frames are and how they are recorded, for the page.
    shots : from a plan to scenes still to be made.
    defect_free : nothing is planted: only false regions are counted.
    """

    name: str
    title: str
    about: str
    shots: Callable[[Plan], Sequence[Shot]]
    defect_free: bool = False


def _planted(
    make: Callable[[str, int, int], Scene],
    kinds: Sequence[str],
    quick_kinds: Sequence[str],
    seeds: tuple[int, int],
    slow_when_quick: bool = False,
) -> Callable[[Plan], list[Shot]]:
    """Shots of kinds by seed; `seeds` are the suite's own numbers, full and quick.

    Slow rivals see the first frame of every third kind; in a quick run that of the first kind, or none.
    """

    def shots(plan: Plan) -> list[Shot]:
        chosen = quick_kinds if plan.quick else kinds
        count = plan.seeds or seeds[plan.quick]
        return [
            Shot(
                name=f"{kind}:{seed}",
                kind=kind,
                make=partial(make, kind, seed, plan.side_px),
                for_slow=seed == 0 and (slow_when_quick and number == 0 if plan.quick else number % SLOW_EVERY == 0),
            )
            for seed in range(count)
            for number, kind in enumerate(chosen)
        ]

    return shots


def _real(plan: Plan) -> list[Shot]:
    if plan.data is None:
        return []
    shots: list[Shot] = []
    for name in real_scenes.SETS:
        files = real_scenes.files_of(plan.data, name)
        for number, path in enumerate(files[:1] if plan.quick else files):
            make = partial(real_scenes.real_scene, name, path, plan.side_px, len(shots))
            for_slow = number == 0 and not plan.quick
            shots.append(Shot(name=f"{name}/{path.stem}", kind=name, make=make, for_slow=for_slow))
    return shots


_ALL = (*planted_scenes.ATOMIC, *planted_scenes.MICRO, *planted_scenes.SURFACE)
_QUICK_ATOMIC = ("srtio3", "graphene", "mos2-twin", "gaas-dislocations", "gold-bicrystal", "single-atoms")
_QUICK_MICRO = ("polycrystal", "cracks", "powder", "agglomerates")
_QUICK_ALL = ("srtio3", "mos2", "gold-bicrystal", "polycrystal", "powder", "terraces")

SUITES: Mapping[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite(
            name="atomic",
            title="Crystals at atomic resolution",
            about="every atomic kind of docs/specimens.md, any rotation, lattice vectors of 12 to 28 px, 3 to 60 counts on "
            "a bright column, line jitter of 0.1 px, about nine point defects in 512 x 512 px, regions of 24 px",
            shots=_planted(planted_scenes.atomic_scene, planted_scenes.ATOMIC, _QUICK_ATOMIC, (2, 1), True),
        ),
        Suite(
            name="microstructures",
            title="Microstructures",
            about="every microstructure of docs/specimens.md over its usual field of view, at its usual counts (even "
            "seeds) and at a quarter of them (odd seeds), regions of a sixteenth of the frame's side",
            shots=_planted(planted_scenes.micro_scene, planted_scenes.MICRO, _QUICK_MICRO, (2, 1)),
        ),
        Suite(
            name="surface",
            title="Surfaces (scanning probe)",
            about="terraces of gold (111) with islands, pits and adsorbates over 200 nm; heights as counts",
            shots=_planted(planted_scenes.micro_scene, planted_scenes.SURFACE, planted_scenes.SURFACE, (6, 2)),
        ),
        Suite(
            name="real",
            title="Real micrographs",
            about="frames with marked truth, averaged over whole blocks of pixels to at most 512 px on the shorter side "
            "(quick: 256); "
            "dose and time as if the frame were a preview of 4 µs a pixel and 50 pA; people set the marks, and missed some",
            shots=_real,
        ),
        Suite(
            name="noise",
            title="White noise",
            about="Poisson noise of 20 counts with twelve places that are marked and do not differ: nobody can gain",
            shots=_planted(planted_scenes.noise_scene, ("noise",), ("noise",), (8, 2)),
        ),
        Suite(
            name="clean",
            title="Without defects",
            about="the kinds of the first three suites with nothing planted; regions that DeepScan shows all the same",
            shots=_planted(planted_scenes.clean_scene, _ALL, _QUICK_ALL, (2, 1)),
            defect_free=True,
        ),
    )
}


def suites(names: Sequence[str]) -> list[Suite]:
    """Suites by name, all where none is named; raises `InputError` that lists the names."""
    for name in names:
        if name not in SUITES:
            raise InputError(f"suite {name!r} is not known: give one of {', '.join(SUITES)}, or sparse alone")
    return [suite for suite in SUITES.values() if not names or suite.name in names]
