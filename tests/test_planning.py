"""Plans keep their limits and their arithmetic."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.planning import PlanSettings, make_protocol
from deepscan_core.records.costs import dose_e_per_nm2, electrons
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.protocol import ScanLimits, ScanProtocol
from deepscan_core.records.regions import ScanRegion

IMAGE = CalibratedImage(np.random.default_rng(0).random((200, 300)), pixel_size_nm=0.5, name="x.png")
REGIONS = tuple(
    ScanRegion(center_px=(20.5 + 30 * i, 20.5 + 40 * j), size_px=(20, 10), score=10 - i - 0.1 * j)
    for i in range(5)
    for j in range(6)
)


def test_every_region_is_visited_once_with_its_place_in_px_and_nm() -> None:
    protocol = make_protocol(IMAGE, REGIONS)
    assert sorted((s.center_y_px, s.center_x_px) for s in protocol.steps) == sorted(r.center_px for r in REGIONS)
    for step in protocol.steps:
        assert protocol.context.px_from_nm(step.center_nm) == pytest.approx((step.center_y_px, step.center_x_px))
        assert step.size_nm == (10, 5)
        assert (step.rows, step.cols) == (40, 20)
    assert ScanProtocol.from_json(protocol.to_json()) == protocol


def test_dose_and_electrons_add_up() -> None:
    protocol = make_protocol(IMAGE, REGIONS, PlanSettings(dwell_time_us=3), context=IMAGE.context(beam_current_pa=20))
    for step in protocol.steps:
        assert step.dose_e_per_nm2 == pytest.approx(dose_e_per_nm2(40, 20, 3, 20, 10, 5))
    assert protocol.predicted_electrons == pytest.approx(30 * electrons(40, 20, 3, 20))


def test_the_dose_limit_shortens_the_dwell_or_refuses_the_one_asked_for() -> None:
    limit = ScanLimits(max_dose_e_per_nm2=1000)
    protocol = make_protocol(IMAGE, REGIONS, PlanSettings(limits=limit))
    doses = [step.dose_e_per_nm2 for step in protocol.steps]
    assert all(dose is not None and 900 < dose <= 1000 for dose in doses)
    with pytest.raises(InputError, match=r"give at most .* µs"):
        make_protocol(IMAGE, REGIONS, PlanSettings(limits=limit, dwell_time_us=50))
    with pytest.raises(InputError, match="lower the density"):
        make_protocol(IMAGE, REGIONS, PlanSettings(limits=ScanLimits(max_dose_e_per_nm2=0.1)))


def test_the_time_limit_keeps_the_best() -> None:
    whole = make_protocol(IMAGE, REGIONS)
    protocol = make_protocol(IMAGE, REGIONS, PlanSettings(limits=ScanLimits(max_time_s=whole.predicted_time_s / 2)))
    assert protocol.predicted_time_s <= whole.predicted_time_s / 2
    kept = sorted(step.priority for step in protocol.steps)
    assert 10 <= len(kept) < 30
    assert kept == sorted(r.score for r in REGIONS)[-len(kept) :]
    with pytest.raises(InputError, match="more time"):
        make_protocol(IMAGE, REGIONS, PlanSettings(limits=ScanLimits(max_time_s=1e-6)))


def test_without_calibration_nm_and_dose_are_null() -> None:
    bare = dataclasses.replace(IMAGE, pixel_size_nm=None)
    document = make_protocol(bare, REGIONS).to_dict()
    assert document["context"]["fov_y_nm"] is None
    assert document["predicted"]["total_electrons"] is None
    for step in document["steps"]:
        assert {step[k] for k in ("center_y_nm", "center_x_nm", "height_nm", "width_nm", "dose_e_per_nm2")} == {None}
    with pytest.raises(InputError, match="--pixel-size-nm"):
        make_protocol(bare, REGIONS, PlanSettings(limits=ScanLimits(max_dose_e_per_nm2=10)))


def test_nothing_to_visit_is_a_plan_too() -> None:
    protocol = make_protocol(IMAGE, [])
    assert protocol.steps == ()
    assert protocol.predicted_time_s == 0
