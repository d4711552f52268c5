"""What people do beside a map or a run: another size of the scan, clicks and fields during a run, windows that close."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from nionswift_plugin.deepscan import bridge
from nionswift_plugin.deepscan.drawing import overlay
from nionswift_plugin.deepscan.drawing.annotations import State, states
from nionswift_plugin.deepscan.view import Phase
from tests.plugin.driving import attach, finish_run, plan, run
from tests.plugin.test_run import Recording, state_of
from tests.plugin.test_teaching import click


def test_map_plan_and_run_follow_another_size_and_field_of_view(swift: Any, crystal: Any) -> None:
    live = attach(swift)
    session = swift.handler.session
    plan(swift)
    swift.scan.abort_playing(sync_timeout=5)
    swift.set_scan(size=(192, 192), fov_nm=24.0)
    swift.scan.start_playing(sync_timeout=5)
    swift.wait_for(lambda: session.map_item.data.shape == (192, 192), "a map of the new size")
    assert bridge.pixel_size_nm(session.map_item.xdata) == pytest.approx((24.0 / 192,) * 2)
    swift.wait_for(lambda: overlay._painted[swift.display(live)].values.shape == (192, 192), "the overlay")
    assert len(overlay.overlays(swift.display(live))) == 1
    swift.handler.amount.value, swift.handler.region.value, swift.handler.dwell.value = "8", "16", "4"
    plan(swift)
    context = session.protocol.context
    assert (context.rows, context.cols, context.fov_nm) == (192, 192, (24.0, 24.0))
    run(swift)
    finish_run(swift)
    assert swift.handler.status.value.startswith("Done"), swift.handler.status.value
    assert set(states(swift.display(live)).values()) == {State.VISITED}


def test_clicks_fields_and_views_during_a_run_change_nothing_of_it(
    swift: Any, crystal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = attach(swift)
    for name, text in {"amount": "20", "region": "16", "dwell": "20"}.items():
        getattr(swift.handler, name).value = text
    plan(swift)
    session, before = swift.handler.session, state_of(swift)
    steps = session.protocol.steps
    recording = Recording(swift, monkeypatch)
    run(swift)
    swift.wait_for(lambda: session.tile_group.data_items, "the first tile")
    swift.handler.amount.value, swift.handler.dwell.value = "3", "1"
    swift.handler.edited()
    swift.handler.paint_above.value = "4"
    swift.handler.restyle()
    session.findings.look_at(0)
    session.findings.look_at_all()
    swift.handler.arm_positive()
    click(swift, live, (1.0, 1.0))
    swift.handler.disarm()
    assert swift.handler.may_abort.value
    finish_run(swift)
    assert f"Done: {len(steps)} regions recorded" in swift.handler.log.value
    assert len(recording.scans) == len(steps)
    for scanned, step in zip(recording.scans, steps, strict=True):
        center = scanned.subscan_fractional_center.as_tuple()
        assert center == pytest.approx((step.center_y_nm / 16 + 0.5, step.center_x_nm / 16 + 0.5), abs=1e-6)
        assert scanned.pixel_time_us == 20.0
    assert {control for control, _ in recording.written} == {"C_Blank"}
    assert state_of(swift) == before
    assert session.live.clicks.count("y_frac") == 1
    assert overlay.style_of(swift.display(live)).threshold == 4.0
    swift.wait_for(lambda: "Like" in session.map_item.title and session.map_item.has_data, "the taught map")


def test_the_mosaic_lies_on_the_grid_of_the_preview_and_the_map_has_its_calibrations(swift: Any, crystal: Any) -> None:
    live = attach(swift)
    map_item = swift.handler.session.map_item
    assert map_item.data.dtype == np.float32
    for mine, wanted in zip(map_item.dimensional_calibrations, live.dimensional_calibrations, strict=True):
        assert (mine.scale, mine.offset, mine.units) == (wanted.scale, wanted.offset, wanted.units)
    assert map_item.intensity_calibration.units == "nats"
    swift.handler.amount.value, swift.handler.density.value = "5", "2"
    plan(swift)
    run(swift)
    finish_run(swift)
    mosaic = next(item for item in swift.library.data_items if item.title == "DeepScan mosaic")
    rows, cols = live.data_shape
    assert mosaic.data_shape[0] % rows == mosaic.data_shape[1] % cols == 0
    extent = [c.scale * n for c, n in zip(mosaic.dimensional_calibrations, mosaic.data_shape, strict=True)]
    assert extent == pytest.approx([16.0, 16.0])
    assert [c.offset for c in mosaic.dimensional_calibrations] == pytest.approx([-8.0, -8.0])


def test_a_window_that_closes_is_forgotten_entirely(swift: Any, crystal: Any) -> None:
    attach(swift)
    other = swift.open_window()
    other.handler.attach()
    assert other.handler.session.view.phase is Phase.ATTACHED
    plan(other)
    session = other.handler.session
    kept = [weakref.ref(one) for one in (other.handler, session, session.live, session.live.tool, session.desk.plan)]
    other.window.request_close()
    del session, other
    swift.wait_for(lambda: not gc.collect() and not any(ref() for ref in kept), "its end")
