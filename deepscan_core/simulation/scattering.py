"""How many electrons an atom sends to an annular dark-field detector."""

from __future__ import annotations

import math
from collections.abc import Iterable

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_positive
from deepscan_core.simulation.constants import (
    ADF_EXPONENT,
    ADF_REFERENCE_Z,
    ATOMIC_NUMBER,
    BOHR_RADIUS_NM,
    ELECTRON_REST_ENERGY_KEV,
    PLANCK_TIMES_LIGHT_KEV_NM,
    THOMAS_FERMI,
)


def wavelength_nm(beam_kv: float) -> float:
    """Relativistic de Broglie wavelength of an electron.

    >>> round(wavelength_nm(200) * 1000, 3)   # pm
    2.508
    """
    check_positive("beam_kv", beam_kv)
    return PLANCK_TIMES_LIGHT_KEV_NM / math.sqrt(beam_kv * (beam_kv + 2 * ELECTRON_REST_ENERGY_KEV))


def annular_cross_section_nm2(element: str, *, beam_kv: float, inner_mrad: float, outer_mrad: float = 200.0) -> float:
    """Elastic cross-section of one atom between two angles.

    Wentzel's screened Rutherford formula with the relativistic mass, at small angles (Reimer & Kohl, Transmission Electron
    Microscopy, 5th ed. 2008, section 5.1): ``dσ/dΩ = 4 Z² γ² / (a0² k⁴ (θ² + θ0²)²)``, screened below
    ``θ0 = Z^(1/3) / (0.885 a0 k)``, integrated over the annulus at Mo; other elements follow the power that is measured,
    ``Z^1.7`` (see ``constants.py``).

    Raises `InputError` for an element without a number in ``constants.py``, or a detector without an annulus.
    """
    if element not in ATOMIC_NUMBER:
        raise InputError(f"element {element!r} is not known: give one of {', '.join(ATOMIC_NUMBER)}")
    check_positive("inner_mrad, outer_mrad", inner_mrad, outer_mrad)
    if outer_mrad <= inner_mrad:
        raise InputError(f"outer_mrad is {outer_mrad:g}, not above inner_mrad {inner_mrad:g}: give a wider detector")
    reference_nm2 = screened_rutherford_nm2(ADF_REFERENCE_Z, beam_kv, inner_mrad, outer_mrad)
    return reference_nm2 * math.pow(ATOMIC_NUMBER[element] / ADF_REFERENCE_Z, ADF_EXPONENT)


def screened_rutherford_nm2(atomic_number: int, beam_kv: float, inner_mrad: float, outer_mrad: float) -> float:
    """Wentzel's cross-section of an annulus, without any power law; see `annular_cross_section_nm2`."""
    gamma = 1 + beam_kv / ELECTRON_REST_ENERGY_KEV
    wave_number_per_nm = 2 * math.pi / wavelength_nm(beam_kv)
    screening_rad = math.cbrt(atomic_number) / (THOMAS_FERMI * BOHR_RADIUS_NM * wave_number_per_nm)
    inner, outer = ((1e-3 * mrad) ** 2 + screening_rad**2 for mrad in (inner_mrad, outer_mrad))
    strength = 4 * math.pi * atomic_number**2 * gamma**2 / (BOHR_RADIUS_NM**2 * wave_number_per_nm**4)
    return strength * (1 / inner - 1 / outer)


def peak_share(cross_section_nm2: float, sigma_nm: float) -> float:
    """Share of the beam that reaches the detector when a Gaussian probe stands on the atom.

    The image of an atom is a Gaussian of width `sigma_nm` whose volume is the cross-section.
    """
    return cross_section_nm2 / (2 * math.pi * sigma_nm**2)


def total_strength(elements: Iterable[str]) -> float:
    """Sum of ``Z^1.7``: how bright the atoms are together, in units of one hydrogen atom."""
    return float(sum(ATOMIC_NUMBER[element] ** ADF_EXPONENT for element in elements))
