"""The plug-in in a headless Swift: load, attach, live map, plan, run, abort, unload."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepscan_core.errors import InputError
from nionswift_plugin.deepscan import bridge, computations, session
from nionswift_plugin.deepscan.computations import MapSettings, SurprisalComputation
from nionswift_plugin.deepscan.drawing import overlay
from nionswift_plugin.deepscan.drawing.annotations import REGION_ID, ROUTE_ID
from nionswift_plugin.deepscan.view import Phase
from tests.plugin.driving import attach, map_item, plan, without_words


def test_the_panel_and_the_computation_are_registered(swift: Any) -> None:
    assert swift.handler.status.value == "Start a scan, then press Attach."
    assert swift.handler.may_attach.value
    assert not any((swift.handler.may_plan.value, swift.handler.may_run.value, swift.handler.may_abort.value))
    from nion.swift.model import Symbolic

    assert Symbolic._computation_types["deepscan.surprisal"] is SurprisalComputation


def test_unloading_takes_panel_and_menu_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nion.swift import Facade, Panel
    from nion.swift.model import PlugInManager
    from nion.swift.test import TestContext

    from nionswift_plugin.deepscan import DeepScanExtension

    monkeypatch.chdir(tmp_path)
    Facade.initialize()
    setup = TestContext.TestSetup(set_global=True)
    application = Facade.get_api("~1.0", "~1.0").application._application
    extension = DeepScanExtension(PlugInManager.APIBroker())
    assert "deepscan-panel" in Panel.PanelManager().panel_ids
    assert len(application.menu_handlers) == 1
    extension.close()
    assert "deepscan-panel" not in Panel.PanelManager().panel_ids
    assert not application.menu_handlers
    del setup


def test_loading_and_unloading_again_and_again_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nion.swift import DisplayPanel, Facade, Panel
    from nion.swift.model import PlugInManager
    from nion.swift.test import TestContext

    from nionswift_plugin.deepscan import DeepScanExtension
    from nionswift_plugin.deepscan.mapping import computing

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPSCAN_BACKBONE", "classical")
    Facade.initialize()
    setup = TestContext.TestSetup(set_global=True)
    manager = DisplayPanel.DisplayPanelManager()
    gone, listeners, threads = [], [], []
    before = set(threading.enumerate())
    for _ in range(3):
        extension = DeepScanExtension(PlugInManager.APIBroker())
        with TestContext.create_memory_context() as project:
            window = project.create_document_controller_with_application(auto_close=False)
            handler = window.find_dock_panel("deepscan-panel").handler
            handler.session.live.tool._refresh()
            gone += [weakref.ref(extension), weakref.ref(handler), weakref.ref(handler.session), weakref.ref(window)]
            del handler
            window.close()
            del window
        extension.close()
        del extension, project
        gc.collect()
        listeners.append(manager.image_display_mouse_pressed_event.listener_count)
        threads += [one.name for one in set(threading.enumerate()) - before if one.name.startswith("deepscan")]
    assert [ref() for ref in gone] == [None] * len(gone)
    assert len(set(listeners)) == 1
    assert threads == []
    assert computing.is_here()
    assert "deepscan-panel" not in Panel.PanelManager().panel_ids
    del setup


def declared(widget: Any) -> list[dict[str, Any]]:
    """A declarative widget and all that are in it."""
    found = [widget]
    for inner in (widget.get("children") or []) + (widget.get("tabs") or []) + [widget.get("content")]:
        found += declared(inner) if isinstance(inner, dict) else []
    return found


def test_every_widget_is_bound_to_something_that_is_there(swift: Any) -> None:
    """Swift passes over a name that does not exist without a word."""
    handler, methods, bindings = swift.handler, set(), set()
    for widget in declared(handler.ui_view):
        for key, value in widget.items():
            if key.startswith("on_"):
                methods.add(value)
            elif isinstance(value, str) and value.startswith("@binding("):
                bindings.add(value.removeprefix("@binding(").removesuffix(".value)"))
    assert len(methods) > 20 < len(bindings)
    assert [name for name in methods if not callable(getattr(handler, name, None))] == []
    assert [name for name in bindings if not hasattr(getattr(handler, name, None), "value")] == []


def test_a_click_in_the_list_of_results_goes_to_the_region(swift: Any, crystal: Any) -> None:
    live = attach(swift)
    swift.handler.region.value = "24"
    plan(swift)
    panel = swift.window.find_dock_panel("deepscan-panel")

    (results,) = [one for one in contained(panel.widget) if hasattr(one, "selected_items")]
    results.set_selected_index(1)  # what a click does
    assert swift.handler.row.value == 1
    step = swift.handler.session.protocol.steps[1]
    place = swift.display(live).get_display_property("image_position")
    assert place == pytest.approx(((step.center_y_px + 0.5) / 128, (step.center_x_px + 0.5) / 128))
    swift.handler.look_at_all()
    swift.handler.rows.value = [row.replace("○", "✓") for row in swift.handler.rows.value]  # as while a plan runs
    assert swift.display(live).get_display_property("image_canvas_mode") == "fit"
    results.on_item_selected(1)  # what a double-click does, also in the line that is chosen
    assert swift.display(live).get_display_property("image_canvas_mode") == "custom"


def contained(widget: Any) -> list[Any]:
    """All widgets in a widget."""
    inner = list(getattr(widget, "_contained_widgets", ()))
    return inner + [one for each in inner for one in contained(each)]


def test_the_manifest_asks_for_no_simulator() -> None:
    folder = Path(session.__file__).parent
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert "simulator" not in json.dumps(manifest)
    assert not (folder.parent / "__init__.py").exists(), "nionswift_plugin is a namespace shared with other plug-ins"


def test_the_plug_in_imports_nothing_heavy() -> None:
    """Swift's start must not wait for torch."""
    import subprocess
    import sys

    code = (
        "import sys, nionswift_plugin.deepscan.panel.dock_panel, nionswift_plugin.deepscan_simulator;"
        "print([name for name in ('torch', 'sklearn', 'skimage') if name in sys.modules])"
    )
    root = str(Path(session.__file__).parents[2])
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert run.stdout.strip() == "[]"


def test_attach_without_a_live_image_says_what_to_do(swift: Any) -> None:
    swift.handler.attach()
    assert swift.handler.status.value == "There is no live image: start the scan, then press Attach."


def test_attach_puts_map_and_overlay_on_the_live_image(swift: Any, crystal: Any) -> None:
    live = attach(swift)
    graphic = overlay.overlays(swift.display(live))[0]
    swift.wait_for(lambda: graphic.raster is not None, "the overlay")
    assert graphic.raster.shape == live.data_shape == map_item(swift).data_shape
    assert map_item(swift).dimensional_calibrations == live.dimensional_calibrations
    assert map_item(swift).metadata["deepscan"]["kind"] == "surprisal"
    swift.handler.attach()  # again: nothing is doubled
    assert len(overlay.overlays(swift.display(live))) == 1
    assert sum(c.processing_id == computations.SURPRISAL for c in swift.library.computations) == 1


def test_the_map_follows_the_live_image(swift: Any, crystal: Any) -> None:
    live = attach(swift)
    graphic = overlay.overlays(swift.display(live))[0]
    first, revision = map_item(swift).data.copy(), graphic.modified_count
    swift.stem.SetVal("stage_position_m.x", 20e-9)  # look at another place
    swift.wait_for(lambda: not np.array_equal(map_item(swift).data, first), "another map")
    swift.wait_for(lambda: graphic.modified_count > revision, "another overlay")


def test_the_computation_works_from_a_script_on_any_image(swift: Any) -> None:
    from nion.data import DataAndMetadata
    from nion.swift.model import PlugInManager

    api = PlugInManager.api_broker_fn("~1.0", None)
    rng = np.random.default_rng(0)
    values = rng.normal(100, 5, (256, 256)).astype(np.float32)
    values[120:144, 160:184] += 80
    source = api.library.create_data_item_from_data_and_metadata(DataAndMetadata.new_data_and_metadata(values))
    target = api.library.create_data_item("map")
    settings = MapSettings(backbone="classical").to_json()
    computation = api.library.create_computation(
        "deepscan.surprisal", inputs={"src": source, "settings": settings}, outputs={"map": target}
    )
    swift.library.recompute_all()
    peak = np.unravel_index(target.xdata.data.argmax(), (256, 256))
    assert peak == pytest.approx((132, 172), abs=12)
    computation.set_input_value("settings", '{"bakbone": "classical"}')
    swift.library.recompute_all()
    assert "keys out of backbone, seed" in computation._computation.error_text


def test_plan_draws_regions_and_says_what_a_run_takes(swift: Any, crystal: Any) -> None:
    live = attach(swift)
    swift.handler.amount.value, swift.handler.region.value = "8", "12"
    plan(swift)
    protocol = swift.handler.session.protocol
    assert protocol.context.fov_nm == pytest.approx((16.0, 16.0))
    assert len(protocol.steps) > 1
    regions = swift.graphics(live, REGION_ID)
    assert [g.label for g in regions] == [str(step.order) for step in protocol.steps]
    for graphic, step in zip(regions, protocol.steps, strict=True):
        center = (graphic.bounds.center.y * 128 - 0.5, graphic.bounds.center.x * 128 - 0.5)
        assert center == pytest.approx((step.center_y_px, step.center_x_px))
    assert len(swift.graphics(live, ROUTE_ID)) == len(protocol.steps) - 1
    words = swift.handler.status.value
    assert f"{len(protocol.steps)} regions" in words
    assert "e/nm²" in words
    assert " s, " in words
    plan(swift)  # again: the old drawing is replaced
    assert len(swift.graphics(live, REGION_ID)) == len(swift.handler.session.protocol.steps)


def test_a_sub_scan_is_no_frame_to_plan_on(swift: Any, crystal: Any) -> None:
    attach(swift)
    swift.scan.subscan_enabled = True  # of the same number of samples as the context
    swift.scan.get_next_xdatas_to_start(10)
    swift.handler.plan()
    swift.wait_for(lambda: swift.handler.session.view.phase is not Phase.PLANNING, "the refusal")
    assert "switch the sub-scan off" in swift.handler.status.value
    assert swift.handler.session.protocol is None
    swift.scan.subscan_enabled = False


def test_wrong_numbers_are_said_in_words(swift: Any, crystal: Any) -> None:
    attach(swift)
    swift.handler.dwell.value = "fast"
    swift.handler.plan()
    assert swift.handler.status.value == "Dwell is 'fast': fill in a number above zero, or nothing."
    assert swift.handler.session.view.phase is Phase.ATTACHED


@pytest.mark.parametrize(("units", "expected"), [("nm", 0.5), ("um", 500.0), ("Å", 0.05), ("1/nm", None), ("", None)])
def test_pixel_size_comes_from_swifts_calibrations(units: str, expected: float | None) -> None:
    from nion.data import Calibration, DataAndMetadata

    calibration = Calibration.Calibration(0.0, 0.5, units)
    data = DataAndMetadata.new_data_and_metadata(np.ones((16, 16)), dimensional_calibrations=[calibration] * 2)
    found = bridge.pixel_size_nm(data)
    assert found == (None if expected is None else pytest.approx((expected, expected)))


def test_settings_that_are_not_known_are_refused() -> None:
    assert MapSettings.from_json("{}") == MapSettings()
    with pytest.raises(InputError, match="backbone, seed"):
        MapSettings.from_json('{"model": "x"}')
    with pytest.raises(InputError, match="backbone, seed"):
        MapSettings.from_json("[1]")


def test_the_overlay_looks_as_the_panel_says(swift: Any, crystal: Any) -> None:
    live = attach(swift)
    graphic = overlay.overlays(swift.display(live))[0]
    swift.wait_for(lambda: graphic.raster is not None and graphic.raster.any(), "the overlay")
    swift.handler.overlay_visible.value = False
    swift.handler.restyle()
    assert graphic.raster is None or not graphic.raster.any()
    swift.handler.overlay_visible.value, swift.handler.opacity_percent.value = True, 100
    swift.handler.color_map.value = swift.handler.color_maps.value.index("viridis")
    swift.handler.restyle()
    assert graphic.raster.view(np.uint8)[..., 3::4].max() > 200
    swift.handler.paint_above.value = "high"
    swift.handler.restyle()
    assert swift.handler.status.value == "Paint above is 'high': fill in a number, or nothing."
    swift.handler.attach()  # again: the style is kept with the image
    assert swift.handler.opacity_percent.value == 100
    swift.handler.composite()
    assert "is in the library" in swift.handler.status.value
    assert any(item.xdata.is_data_rgb_type for item in swift.library.data_items if item.has_data)


def test_words_wait_for_words_and_then_show_why_there_are_none(
    swift: Any, crystal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_words(monkeypatch)
    attach(swift)
    swift.handler.mode.value = 2
    swift.handler.edited()
    swift.handler.plan()
    assert "there are no words yet" in swift.handler.status.value.lower()
    swift.handler.query.value = "linear cracks"
    swift.handler.edited()
    words_of = [c for c in swift.library.computations if c.processing_id == "deepscan.text_search"]
    assert len(words_of) == 1
    swift.wait_for(lambda: words_of[0].error_text, "words about what is missing")
    assert "pip install" in words_of[0].error_text
    assert "Traceback" not in words_of[0].error_text
