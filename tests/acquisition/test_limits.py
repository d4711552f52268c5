"""The dry run refuses, with the reason, before anything is exposed."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from deepscan_core.acquisition.limits import check_plan
from deepscan_core.errors import DeepScanError, ProtocolError, UnsupportedStep
from deepscan_core.instruments.simulated import EVERYTHING
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.protocol import ScanLimits, ScanProtocol, ScanStep

CONTEXT = ScanContext(rows=100, cols=100, fov_y_nm=50, fov_x_nm=50, beam_current_pa=10)
STEP = ScanStep(
    order=1,
    center_y_px=49.5,
    center_x_px=49.5,
    height_px=20,
    width_px=20,
    center_y_nm=0,
    center_x_nm=0,
    height_nm=10,
    width_nm=10,
    rows=20,
    cols=20,
    dwell_time_us=1,
)


def plan(step: dict[str, Any] | None = None, **changes: Any) -> ScanProtocol:
    return ScanProtocol(
        **(
            {
                "source_name": "a",
                "source_sha256": "0" * 64,
                "context": CONTEXT,
                "steps": (dataclasses.replace(STEP, **(step or {})),),
            }
            | changes
        )
    )


def test_a_good_plan_passes() -> None:
    check_plan(plan(), CONTEXT, EVERYTHING)
    check_plan(plan(step={"rotation_rad": 0.7}), CONTEXT, EVERYTHING)


@pytest.mark.parametrize(
    ("protocol", "error", "named"),
    [
        (plan(step={"center_y_nm": 21.0, "center_y_px": 91.5}), ProtocolError, "outside"),
        (plan(step={"center_y_nm": 19.9, "center_y_px": 89.3, "rotation_rad": 0.8}), ProtocolError, "outside"),
        (plan(step={"center_x_nm": 3.0}), ProtocolError, "different places"),
        (plan(step={"rows": 10000}), UnsupportedStep, "8192"),
        (plan(step={"dwell_time_us": 1e-3}), UnsupportedStep, "0.001 µs"),
        (plan(limits=ScanLimits(max_dose_e_per_nm2=10)), ProtocolError, "limit of 10 e/nm²"),
        (plan(limits=ScanLimits(max_time_s=1), predicted_time_s=2.0), ProtocolError, "more than its limit of 1 s"),
        (plan(limits=ScanLimits(max_total_electrons=1e4)), ProtocolError, "more than its limit of 10000"),
        (plan(limits=ScanLimits(max_total_electrons=1e6), predicted_electrons=2e6), ProtocolError, "2e\\+06 electrons"),
        (plan(context=dataclasses.replace(CONTEXT, fov_y_nm=None, fov_x_nm=None)), ProtocolError, "calibration"),
    ],
)
def test_a_bad_plan_is_refused_with_the_reason(protocol: ScanProtocol, error: type[DeepScanError], named: str) -> None:
    with pytest.raises(error, match=named):
        check_plan(protocol, CONTEXT, EVERYTHING)


@pytest.mark.parametrize(
    "moved",
    [{"fov_y_nm": 51.0, "fov_x_nm": 51.0}, {"rotation_rad": 0.1}, {"center_x_nm": 2.0}, {"rows": 999}, {"cols": 999}],
)
def test_an_instrument_that_looks_elsewhere_is_refused(moved: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="plan again"):
        check_plan(plan(), dataclasses.replace(CONTEXT, **moved), EVERYTHING)


def test_an_instrument_that_cannot_turn_is_not_asked_to() -> None:
    with pytest.raises(UnsupportedStep, match="turn"):
        check_plan(plan(step={"rotation_rad": 0.7}), CONTEXT, dataclasses.replace(EVERYTHING, rotation=False))


def test_the_time_limit_holds_for_the_steps_whatever_the_file_says() -> None:
    slow = plan(step={"dwell_time_us": 5e5}, limits=ScanLimits(max_time_s=2), predicted_time_s=0.1)
    with pytest.raises(ProtocolError, match="more than its limit of 2 s"):
        check_plan(slow, CONTEXT, EVERYTHING)


def test_sizes_in_px_and_nm_must_agree() -> None:
    with pytest.raises(ProtocolError, match="different sizes"):
        check_plan(plan(step={"height_px": 3.0}), CONTEXT, EVERYTHING)
