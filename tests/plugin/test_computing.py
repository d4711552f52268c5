"""Maps that a process of DeepScan's own makes for a window of Swift."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from nion.swift.model import PlugInManager

from deepscan_core.live import maps
from nionswift_plugin.deepscan import DeepScanExtension, bridge, computations
from nionswift_plugin.deepscan.computations import MapSettings
from nionswift_plugin.deepscan.form import MODES
from nionswift_plugin.deepscan.mapping import computing
from nionswift_plugin.deepscan.view import Phase
from tests.plugin.driving import attach, plan

CLASSICAL = MapSettings(backbone="classical")


@pytest.fixture
def beside(swift: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Maps come from the process; one that Swift itself makes is a failure."""
    monkeypatch.setenv(computing.VARIABLE, "")
    for name in ("surprisal", "teach", "teach_levels", "search", "quantify", "explain"):
        monkeypatch.setattr(maps, name, lambda *args, name=name, **others: pytest.fail(f"Swift itself made {name}"))
    computing.begin()
    yield swift
    computing.end()


def test_attach_teach_plan_and_ask_why(beside: Any, crystal: Any) -> None:
    swift = beside
    live = attach(swift)
    swift.scan.stop_playing()
    swift.wait_for(lambda: not live.is_live, "the end of the view")
    image = bridge.as_image(live.xdata, live.title)
    wanted = computing.maker().surprisal(image, CLASSICAL).values
    swift.wait_for(lambda: np.array_equal(swift.handler.session.map_item.data, wanted), "the map of the last frame")
    plan(swift)
    swift.handler.row.value = 0
    swift.handler.why_here()
    swift.wait_for(lambda: swift.handler.session.view.phase is not Phase.EXPLAINING, "the reasons")
    assert "is in the library" in swift.handler.status.value
    swift.handler.arm_positive()
    swift.handler.session.live.tool._add(swift.display(live), (0.5, 0.5), True, "target")
    swift.wait_for(lambda: "Like" in swift.handler.session.map_item.title, "the taught map")
    swift.wait_for(lambda: swift.handler.session.map_item.has_data, "its data")


def test_what_is_wrong_is_said_as_ever(beside: Any, crystal: Any) -> None:
    swift = beside
    live = attach(swift)
    api = PlugInManager.api_broker_fn("~1.0", None)
    both = json.dumps([{"y_frac": 0.5, "x_frac": 0.5, "positive": positive} for positive in (True, False)])
    computations.follow(swift.library, api, live, CLASSICAL, kind=computations.TEACHER, clicks=both)
    computation = computations.computation_of(swift.library, live, computations.TEACHER)
    swift.wait_for(lambda: computation.error_text, "the words")
    assert "was clicked as positive and as negative" in computation.error_text


def test_a_process_that_ends_is_not_noticed(beside: Any, crystal: Any) -> None:
    swift = beside
    attach(swift)
    process = computing.maker()
    process._linked()._process.kill()
    swift.handler.mode.value = MODES.index("surprise")
    maps_before = swift.handler.session.map_item.data_modified
    swift.wait_for(lambda: swift.handler.session.map_item.data_modified > maps_before, "the next map")
    assert not any(computation.error_text for computation in swift.library.computations)


def test_where_no_process_starts_swift_makes_the_maps(
    swift: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(computing.VARIABLE, "")
    monkeypatch.setattr("sys.executable", "/opt/Swift/NionSwift")
    computing.begin()
    assert not computing.is_here()
    assert computing.maker() is maps
    assert computing.is_here()
    assert "DeepScan computes in Swift's own process" in caplog.text


def test_the_process_ends_with_swift(swift: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(computing.VARIABLE, "")
    extension = DeepScanExtension(PlugInManager.APIBroker())  # as a start of Swift does; the panel is replaced
    process = computing.maker()._linked()._process
    assert process.poll() is None
    extension.close()
    assert process.poll() is not None
    assert computing.is_here()
    DeepScanExtension(PlugInManager.APIBroker())  # the fixture takes its panel out again
