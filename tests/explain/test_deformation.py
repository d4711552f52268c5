"""Turn and strain of a lattice against those around it, by planted ones."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deepscan_core.explain.deformation import Deformation, deformation_of
from deepscan_core.explain.spectrum import Lattice, spectrum_of
from tests.explain.lattices import HEXAGONAL, SQUARE, crystal, turned

SIDE = 128
WHOLE = slice(0, SIDE)


def lattice_of(vectors: np.ndarray, *, counts: float = 20.0, seed: int = 0) -> Lattice:
    found = spectrum_of(crystal((SIDE, SIDE), vectors, counts=counts, seed=seed), WHOLE, WHOLE, counts).lattice
    assert found is not None
    return found


def compared(vectors: np.ndarray, around: np.ndarray) -> Deformation:
    found = deformation_of(lattice_of(vectors, seed=99), [lattice_of(around, seed=seed) for seed in range(8)])
    assert found is not None
    return found


@pytest.mark.parametrize("around", [SQUARE, HEXAGONAL])
@pytest.mark.parametrize(("angle_rad", "stretch"), [(0.0, 1.0), (0.02, 1.0), (-0.3, 1.0), (0.0, 1.02), (0.05, 0.98)])
def test_turn_and_strain_are_the_planted_ones(around: np.ndarray, angle_rad: float, stretch: float) -> None:
    found = compared(turned(around, angle_rad, stretch), around)
    assert found.rotation_rad == pytest.approx(angle_rad, abs=0.002)
    assert found.largest_strain == pytest.approx(max(stretch - 1, 0), abs=0.003)
    assert found.smallest_strain == pytest.approx(min(stretch - 1, 0), abs=0.003)
    assert found.is_turned == (angle_rad != 0)
    assert found.is_strained == (stretch != 1)
    assert not found.among_several
    assert found.n_around == 8


def test_a_turn_is_known_up_to_the_symmetry() -> None:
    assert compared(turned(HEXAGONAL, math.radians(35)), HEXAGONAL).rotation_rad == pytest.approx(
        math.radians(-25), abs=0.01
    )


def test_a_lattice_whose_faint_atoms_are_not_seen_is_not_strained() -> None:
    twice_as_fine = SQUARE @ np.array([[0.5, 0.5], [0.5, -0.5]])
    for own, around in ((SQUARE, twice_as_fine), (twice_as_fine, SQUARE)):
        found = compared(own, around)
        assert not found.is_strained
        assert not found.is_turned


def test_another_lattice_is_not_called_strained() -> None:
    other = [lattice_of(SQUARE * 1.25, seed=seed) for seed in range(4)]
    assert deformation_of(lattice_of(SQUARE), other) is None


def test_two_grains_around_are_seen() -> None:
    grains = [turned(SQUARE, angle_rad) for angle_rad in (0, 0, 0, 0, 0.35, 0.35, 0.35)]
    found = deformation_of(lattice_of(SQUARE), [lattice_of(v, seed=k) for k, v in enumerate(grains)])
    assert found is not None
    assert found.among_several


def test_pixels_that_are_not_square_do_not_turn_a_lattice() -> None:
    pitch = (2.0, 1.0)
    pixels = [turned(SQUARE, angle_rad) / pitch for angle_rad in (0.1, 0.0)]
    found = deformation_of(lattice_of(pixels[0]), [lattice_of(pixels[1], seed=seed) for seed in range(4)], pitch)
    assert found is not None
    assert found.rotation_rad == pytest.approx(0.1, abs=0.003)
    assert not found.is_strained


def test_fringes_and_few_windows_are_not_compared() -> None:
    fringes = Lattice(reciprocal_per_px=np.array([[0.0, 0.1]]))
    square = Lattice(reciprocal_per_px=np.eye(2) / 14)
    assert deformation_of(fringes, [square] * 5) is None
    assert deformation_of(square, [fringes] * 5) is None
    assert deformation_of(square, [square] * 2) is None
