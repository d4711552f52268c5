"""Time and dose against closed forms."""

from __future__ import annotations

import dataclasses

import pytest

from deepscan_core.errors import InputError
from deepscan_core.records.costs import (
    ScanCosts,
    dose_e_per_nm2,
    electrons,
    electrons_per_second,
    longest_dwell_us,
)


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


def test_lines_take_their_overheads() -> None:
    costs = ScanCosts(flyback_us=10, line_overhead_us=40, frame_overhead_s=0.5)
    assert costs.line_time_s(30, 5.0) == pytest.approx(200e-6)
    assert costs.frame_time_s(20, 30, 5.0) == pytest.approx(20 * 200e-6 + 0.5)


def test_far_moves_are_made_with_the_stage() -> None:
    costs = ScanCosts(settle_s=0.1, travel_nm_per_s=100, beam_shift_range_nm=40, stage_nm_per_s=10, stage_settle_s=2.0)
    assert costs.travel_time_s((0, 0), (0, 40)) == pytest.approx(0.4 + 0.1)
    assert costs.travel_time_s((0, 0), (30, 40)) == pytest.approx(5.0 + 2.0)


def test_a_beam_that_is_not_blanked_exposes_while_idle() -> None:
    blanked = ScanCosts(flyback_us=10, line_overhead_us=40, frame_overhead_s=0.5)
    open_beam = dataclasses.replace(blanked, blanks_when_idle=False)
    recorded = electrons(20, 30, 5.0, 7.0)
    assert blanked.frame_electrons(20, 30, 5.0, 7.0) == recorded
    assert blanked.idle_electrons(3.0, 7.0) == 0
    idle_s = 20 * 50e-6 + 0.5
    assert open_beam.frame_electrons(20, 30, 5.0, 7.0) == pytest.approx(recorded + idle_s * electrons_per_second(7.0))


def test_doubling_the_dwell_doubles_the_dose_but_not_the_overheads() -> None:
    costs = ScanCosts()
    assert costs.frame_electrons(20, 30, 10.0, 7.0) == pytest.approx(2 * costs.frame_electrons(20, 30, 5.0, 7.0))
    assert costs.frame_time_s(20, 30, 10.0) < 2 * costs.frame_time_s(20, 30, 5.0)


def test_impossible_costs_are_refused() -> None:
    with pytest.raises(InputError, match="stage_nm_per_s"):
        ScanCosts(stage_nm_per_s=0)
    with pytest.raises(InputError, match="beam_shift_range_nm"):
        ScanCosts(beam_shift_range_nm=-1.0)
