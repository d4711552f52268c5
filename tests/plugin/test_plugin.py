"""The plug-in in a headless Swift: load, attach, live map, plan, run, abort, unload."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.simulation.specimens import Spots
from nionswift_plugin.deepscan import bridge, computations, overlay, session
from nionswift_plugin.deepscan.annotations import DONE_COLOR, REGION_ID, ROUTE_ID
from nionswift_plugin.deepscan.computations import MapSettings, SurprisalComputation
from nionswift_plugin.deepscan.session import Phase


def attach(swift: Any) -> Any:
    """Start the scan, press Attach and wait for the first map; returns the live data item."""
    swift.set_scan()
    live = swift.start_scan()
    swift.handler.attach()
    assert swift.handler.session.view.phase is Phase.ATTACHED, swift.handler.status.value
    swift.wait_for(lambda: map_item(swift) is not None and map_item(swift).has_data, "the first map")
    return live


def map_item(swift: Any) -> Any:
    for computation in swift.library.computations:
        if computation.processing_id == computations.SURPRISAL:
            assert not computation.error_text, computation.error_text
            return computation.get_output("map")
    return None


def plan(swift: Any) -> None:
    swift.handler.plan()
    swift.wait_for(lambda: swift.handler.session.view.phase is not Phase.PLANNING, "the plan")
    assert swift.handler.session.view.phase is Phase.PLANNED, swift.handler.status.value


def finish_run(swift: Any) -> None:
    swift.wait_for(lambda: swift.handler.session.view.phase is not Phase.RUNNING, "the end of the run")


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
        "import sys, nionswift_plugin.deepscan.panel, nionswift_plugin.deepscan_simulator;"
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
    swift.handler.area.value, swift.handler.region.value = "8", "12"
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


def test_run_visits_the_planted_place_and_keeps_calibrated_tiles(swift: Any) -> None:
    from nionswift_plugin.deepscan_simulator.swap import SpecimenSwap

    place_nm = (-3.1, 4.2)
    specimen = Spots(defects_nm=np.array([place_nm]), sigma_nm=0.25, peak=0.6, background=0.02)
    swap = SpecimenSwap(specimen, on_message=pytest.fail)
    swap.install()
    live = attach(swift)
    swift.handler.area.value, swift.handler.region.value, swift.handler.dwell.value = "3", "20", "4"
    plan(swift)
    swift.handler.run()
    assert swift.handler.may_abort.value
    finish_run(swift)
    protocol, tiles = swift.handler.session.protocol, swift.handler.session.tile_group.data_items
    assert swift.handler.status.value.startswith(f"Done: {len(protocol.steps)} regions recorded, the beam is at rest.")
    assert swift.handler.progress.value == 100
    assert len(tiles) == len(protocol.steps) == len(swift.library.data_groups[0].display_items)
    assert swift.stem.GetVal("C_Blank") == 1.0
    assert not swift.scan.is_playing
    best = max(tiles, key=lambda item: item.metadata["deepscan"]["score"])
    assert found_nm(best) == pytest.approx(place_nm, abs=16.0 / 128)
    told = best.metadata["deepscan"]
    assert told["dwell_time_us"] == 4.0
    assert told["dose_e_per_nm2"] == pytest.approx(protocol.steps[told["region"] - 1].dose_e_per_nm2)
    colours = {g.stroke_color for g in swift.graphics(live, REGION_ID)}
    assert colours == {DONE_COLOR}
    swap.remove()


def found_nm(tile: Any) -> tuple[float, float]:
    """Where the brightest spot of a tile lies by the tile's own calibrations."""
    weight = np.clip(tile.data - 0.4 * tile.data.max(), 0, None)
    rows, cols = np.indices(tile.data.shape)
    index = ((rows * weight).sum() / weight.sum(), (cols * weight).sum() / weight.sum())
    places = [c.convert_to_calibrated_value(i + 0.5) for c, i in zip(tile.dimensional_calibrations, index, strict=True)]
    return (places[0], places[1])


def test_abort_keeps_what_was_recorded(swift: Any, crystal: Any) -> None:
    attach(swift)
    swift.handler.region.value, swift.handler.dwell.value = "16", "400"
    plan(swift)
    count = len(swift.handler.session.protocol.steps)
    swift.handler.run()
    swift.wait_for(lambda: swift.handler.session.tile_group.data_items, "the first tile")
    swift.handler.abort()
    finish_run(swift)
    kept = len(swift.handler.session.tile_group.data_items)
    assert 1 <= kept < count
    assert swift.handler.status.value.startswith(f"Aborted after {kept} of {count} regions, the beam is at rest.")
    assert swift.stem.GetVal("C_Blank") == 1.0
    assert swift.handler.may_run.value


def test_run_needs_a_plan_and_a_place_for_the_beam(swift: Any, crystal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    swift.handler.run()
    assert "press Plan first" in swift.handler.status.value
    attach(swift)
    swift.handler.region.value = "24"
    plan(swift)
    original = type(swift.stem).TryGetVal
    monkeypatch.setattr(
        type(swift.stem), "TryGetVal", lambda self, s: (False, None) if s == "C_Blank" else original(self, s)
    )
    frames = crystal.generator.frames
    swift.handler.run()
    assert "no beam blanker: fill in where the beam may park" in swift.handler.status.value
    swift.handler.park.value = "nowhere"
    swift.handler.run()
    assert "two fractions of the frame" in swift.handler.status.value
    assert swift.handler.session.view.phase is Phase.PLANNED
    swift.handler.park.value = "0.02, 0.98"
    swift.handler.run()
    finish_run(swift)
    assert swift.handler.status.value.startswith("Done"), swift.handler.status.value
    assert tuple(swift.scan.probe_position) == (0.02, 0.98)
    assert crystal.generator.frames > frames


def test_a_scan_that_moved_since_the_plan_is_refused(swift: Any, crystal: Any) -> None:
    attach(swift)
    plan(swift)
    swift.set_scan(fov_nm=24.0)
    swift.handler.run()
    finish_run(swift)
    assert "plan again" in swift.handler.status.value
    assert not swift.handler.session.tile_group.data_items


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


def test_closing_the_window_during_a_run_aborts_it(swift: Any, crystal: Any) -> None:
    attach(swift)
    swift.handler.dwell.value = "2000"
    plan(swift)
    swift.handler.run()
    swift.wait_for(lambda: crystal.generator.frames and swift.scan.is_recording, "the first step")
    thread = swift.handler.session._thread
    swift.handler.session.close()
    assert not thread.is_alive()
    assert swift.stem.GetVal("C_Blank") == 1.0


def test_a_first_frame_that_is_half_there_is_left_alone() -> None:
    from nion.data import DataAndMetadata

    values = np.zeros((32, 32), np.float32)
    values[:10] = 1.0
    partial = DataAndMetadata.new_data_and_metadata(values, metadata={"hardware_source": {"valid_rows": 10}})
    assert not bridge.is_whole(partial)
    over_an_older_frame = DataAndMetadata.new_data_and_metadata(
        values + 1, metadata={"hardware_source": {"valid_rows": 10}}
    )
    assert bridge.is_whole(over_an_older_frame)
    assert bridge.is_whole(DataAndMetadata.new_data_and_metadata(values))


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


def test_after_a_run_the_beam_stays_blanked_until_a_person_lets_it_through(swift: Any, crystal: Any) -> None:
    attach(swift)
    swift.handler.region.value = "24"
    plan(swift)
    swift.handler.run()
    finish_run(swift)
    assert swift.stem.GetVal("C_Blank") == 1.0
    swift.scan.start_playing(sync_timeout=5)
    swift.handler.plan()
    assert "press Beam on" in swift.handler.status.value
    swift.handler.beam_on()
    assert swift.stem.GetVal("C_Blank") == 0.0
    swift.scan.get_next_xdatas_to_finish(10)
    plan(swift)
    assert swift.handler.session.protocol.steps
