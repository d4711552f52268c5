"""What a specimen is: a function of position, and, where something was planted, the truth about it.

A specimen answers one question: which share of the beam's electrons reaches the detector at a position. Everything else
(dose, noise, sampling) is the business of ``physics.py``.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.simulation.truth import PlantedDefect

FloatArray = npt.NDArray[np.float64]


class Specimen(Protocol):
    """Something to look at."""

    @property
    def name(self) -> str:
        """The name it can be made by again."""
        ...

    @property
    def defects_nm(self) -> FloatArray:
        """True positions of all planted defects, shape (n, 2), ``(y, x)`` on the specimen."""
        ...

    def intensity(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """Share of the beam that is detected at positions on the specimen; arrays of one shape, in [0, 1]."""
        ...


@runtime_checkable
class PlantedSpecimen(Specimen, Protocol):
    """A specimen whose truth is known to the last detail."""

    @property
    def truth(self) -> tuple[PlantedDefect, ...]:
        """Everything that was planted; in the order of ``defects_nm``."""
        ...

    def without(self, defect: PlantedDefect) -> PlantedSpecimen:
        """The same specimen with one of its defects undone; raises `InputError` for one that is not in its truth."""
        ...

    def pristine(self) -> PlantedSpecimen:
        """The same specimen with all of its defects undone."""
        ...


@runtime_checkable
class BlurredByItself(Protocol):
    """A specimen that knows exactly what a wider probe would see of it."""

    def blurred(self, sigma_nm: float) -> Specimen:
        """The specimen convolved with a Gaussian of that standard deviation."""
        ...


@runtime_checkable
class SpreadOfColumns(Protocol):
    """A specimen whose columns, though alike, differ at random in intensity."""

    def even(self) -> Specimen:
        """What is expected of it: the specimen with all columns alike."""
        ...

    def column_modes(self, y_nm: FloatArray, x_nm: FloatArray) -> Any:
        """One standard deviation of each column near the positions, in shares of the beam.

        A scipy sparse array of shape (samples, columns).
        """
        ...

    def spread_fields(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        """The same summed over sets of columns that do not overlap, shape (sets, *positions)."""
        ...


def positions_of(truth: tuple[PlantedDefect, ...]) -> FloatArray:
    """Centres of defects, shape (n, 2), ``(y, x)``."""
    return np.array([defect.center_nm for defect in truth], dtype=float).reshape(-1, 2)


def index_of(truth: tuple[PlantedDefect, ...], defect: PlantedDefect) -> int:
    """Where a defect stands in the truth; raises `InputError` where it does not."""
    if defect not in truth:
        raise InputError(f"a {defect.kind} at {defect.center_nm} nm was not planted here: give one of the truth")
    return truth.index(defect)
