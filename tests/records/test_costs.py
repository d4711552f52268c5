"""Time and dose against closed forms."""

from __future__ import annotations

import pytest

from deepscan_core.records.costs import ScanCosts, dose_e_per_nm2, electrons, longest_dwell_us


def test_one_picoampere_second_is_6_24_million_electrons() -> None:
    assert electrons(1000, 1000, 1.0, 1.0) == pytest.approx(6.241509e6, rel=1e-6)


def test_dose_is_electrons_over_area_and_the_longest_dwell_reaches_the_limit() -> None:
    dose = dose_e_per_nm2(100, 50, 2.0, 30.0, 10.0, 4.0)
    assert dose == pytest.approx(electrons(100, 50, 2.0, 30.0) / 40)
    dwell = longest_dwell_us(1234.0, 100, 50, 30.0, 10.0, 4.0)
    assert dose_e_per_nm2(100, 50, dwell, 30.0, 10.0, 4.0) == pytest.approx(1234.0)


def test_frame_and_travel_time() -> None:
    costs = ScanCosts(flyback_us=10, frame_overhead_s=0.5, settle_s=0.1, travel_nm_per_s=100)
    assert costs.frame_time_s(20, 30, 5.0) == pytest.approx(20 * (150 + 10) * 1e-6 + 0.5)
    assert costs.travel_time_s((0, 0), (30, 40)) == pytest.approx(0.5 + 0.1)
