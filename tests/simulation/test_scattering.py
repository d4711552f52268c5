"""Electrons scattered by atoms, against published figures and the power law."""

from __future__ import annotations

import math

import pytest

from deepscan_core.errors import InputError
from deepscan_core.simulation.scattering import (
    annular_cross_section_nm2,
    peak_share,
    screened_rutherford_nm2,
    total_strength,
    wavelength_nm,
)


@pytest.mark.parametrize(("beam_kv", "picometres"), [(60, 4.866), (100, 3.701), (200, 2.508), (300, 1.969)])
def test_wavelengths_are_the_tabulated_ones(beam_kv: float, picometres: float) -> None:
    assert wavelength_nm(beam_kv) * 1000 == pytest.approx(picometres, abs=0.001)


def test_contrast_grows_with_the_power_of_the_atomic_number() -> None:
    gold, carbon = (annular_cross_section_nm2(e, beam_kv=60, inner_mrad=50) for e in ("Au", "C"))
    assert gold / carbon == pytest.approx((79 / 6) ** 1.7)
    assert total_strength(["Ti", "O"]) == pytest.approx(22**1.7 + 8**1.7)


@pytest.mark.parametrize(("beam_kv", "inner", "outer"), [(60, 50, 180), (200, 80, 200)])
def test_the_power_law_agrees_with_screened_rutherford_scattering(beam_kv: float, inner: float, outer: float) -> None:
    light, heavy = (screened_rutherford_nm2(z, beam_kv, inner, outer) for z in (6, 79))
    assert 1.6 < math.log(heavy / light) / math.log(79 / 6) < 2.0


def test_the_image_of_an_atom_holds_its_cross_section() -> None:
    assert peak_share(1e-4, 0.05) * 2 * math.pi * 0.05**2 == pytest.approx(1e-4)


def test_a_wide_detector_is_the_sum_of_its_rings() -> None:
    rings = [screened_rutherford_nm2(14, 100, *ring) for ring in ((50, 90), (90, 200))]
    assert screened_rutherford_nm2(14, 100, 50, 200) == pytest.approx(sum(rings))


def test_unknown_elements_and_detectors_are_refused() -> None:
    with pytest.raises(InputError, match="'Xx'"):
        annular_cross_section_nm2("Xx", beam_kv=60, inner_mrad=50)
    with pytest.raises(InputError, match="wider"):
        annular_cross_section_nm2("C", beam_kv=60, inner_mrad=90, outer_mrad=80)
