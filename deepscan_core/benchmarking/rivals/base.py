"""What a rival is: a named, sourced way to say where to scan first."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.benchmarking.scene import Scene
from deepscan_core.errors import InputError

Map = npt.NDArray[np.float64]
Rectangle = tuple[int, int, int, int]  # top, left, height, width


@dataclass(frozen=True, kw_only=True)
class Rival:
    """A strategy of the benchmark.

    Attributes
    ----------
    name : given on the command line.
    title : for tables.
    source : paper with DOI, or what it is in words.
    score : from a scene to a map (rows, cols), higher = scan first; the meter places rectangles on it.
    regions : instead of it, from a scene to rectangles ``(top, left, height, width)``, best first. Exactly one is given.
    needs_truth : it knows what no instrument could know; a limit, not a competitor.
    needs_specimen : of the truth it needs the specimen itself, so that it has nothing to say about real images.
    slow : takes more than about five seconds for 512 x 512 px.
    package, extra : the importable package beyond DeepScan's own needs, and the extra of the distribution that brings it.
    """

    name: str
    title: str
    source: str
    score: Callable[[Scene], Map] | None = None
    regions: Callable[[Scene], Sequence[Rectangle]] | None = None
    needs_truth: bool = False
    needs_specimen: bool = False
    slow: bool = False
    package: str | None = None
    extra: str | None = None

    def __post_init__(self) -> None:
        if (self.score is None) == (self.regions is None):
            raise InputError(f"rival {self.name!r}: give a score or regions, not both")

    @property
    def is_installed(self) -> bool:
        """Whether the package it needs is on this computer."""
        return self.package is None or importlib.util.find_spec(self.package) is not None

    def can_see(self, scene: Scene) -> bool:
        """Whether it has something to say about a scene."""
        return not self.needs_specimen or (scene.specimen is not None and scene.exposure is not None)
