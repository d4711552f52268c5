"""Running a plan from the panel: what is visited, written and restored; pause, abort, other users, closed windows."""

from __future__ import annotations

import copy
import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepscan_core.simulation.specimens import Spots
from nionswift_plugin.deepscan.drawing.annotations import DONE_COLOR, REGION_ID
from nionswift_plugin.deepscan.view import Phase
from tests.plugin.driving import attach, finish_run, plan, run

CONTROLS = ("C_Blank", "BeamCurrent", "EHT", "C10", "CSH.x", "CSH.y", "stage_position_m.x", "stage_position_m.y")


class Recording:
    """Everything that was asked of the instrument: controls written, and scans started, as Nion's devices are told."""

    def __init__(self, swift: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.written: list[tuple[str, Any]] = []
        self.scans: list[Any] = []  # parameters of the frames that were to be recorded
        self.frames: list[bool] = []  # that the device started: whether each belongs to a view
        self.views = 0
        self._patch = monkeypatch
        stem, scan, device = type(swift.stem), type(swift.scan), type(swift.scan.scan_device)
        for name in dir(stem):
            if name.startswith(("Set", "Inform", "change_", "set_control_output")):
                self._before(stem, name, lambda _, control, *values: self.written.append((control, values)))
        for name in ("record_immediate", "record_async", "start_recording"):
            self._before(scan, name, lambda _, *parameters: self.scans.append(copy.deepcopy(parameters[0])))
        for name in ("grab_synchronized", "start_sequence_mode", "grab_sequence_prepare"):
            self._before(scan, name, lambda *_: pytest.fail("no run starts synchronized scans or sequences"))
        self._before(scan, "start_playing", lambda *_: self._count_view())
        self._before(device, "start_frame", lambda _, is_continuous: self.frames.append(is_continuous))

    def _count_view(self) -> None:
        self.views += 1

    def _before(self, owner: type, name: str, note: Any) -> None:
        original = getattr(owner, name)

        def noted(one: Any, *args: Any, **kwargs: Any) -> Any:
            note(one, *args)
            return original(one, *args, **kwargs)

        self._patch.setattr(owner, name, noted)

    def check_it_was_all_of(self, steps: Any, *, fov_nm: float = 16.0) -> None:
        """Nothing was scanned but steps of a plan, in their order and none twice, and nothing written but the blanker."""
        planned = [
            (s.rows, s.cols, s.dwell_time_us, s.center_y_nm / fov_nm + 0.5, s.center_x_nm / fov_nm + 0.5) for s in steps
        ]
        scanned = [
            (*p.subscan_pixel_size.as_tuple(), p.pixel_time_us, *p.subscan_fractional_center.as_tuple())
            for p in self.scans
        ]
        assert scanned == [pytest.approx(expected) for expected in planned[: len(scanned)]]
        assert {control for control, _ in self.written} == {"C_Blank"}
        told = "".join("v" if is_view else "r" for is_view in self.frames)
        assert re.fullmatch(r"v*r*v*", told), "the view ran only before and after the run"
        assert told.count("r") <= len(scanned)


def state_of(swift: Any) -> Any:
    """All parameters of scan and instrument that a run could change."""
    parameters = [swift.scan.get_frame_parameters(i) for i in range(3)]
    parameters += [swift.scan.get_current_frame_parameters(), swift.scan.get_record_frame_parameters()]
    parameters.append(swift.scan.scan_device.current_frame_parameters)
    return (
        [{k: v for k, v in p.as_dict().items() if k != "enabled_channel_indexes"} for p in parameters],
        tuple(swift.scan.get_enabled_channel_indexes()),
        [swift.stem.TryGetVal(control) for control in CONTROLS],
        swift.scan.probe_position,
        swift.scan.subscan_enabled,
        swift.scan.is_playing,
    )


def test_run_visits_the_planted_place_and_keeps_calibrated_tiles(swift: Any) -> None:
    from nionswift_plugin.deepscan_simulator.swap import SpecimenSwap

    place_nm = (-3.1, 4.2)
    specimen = Spots(defects_nm=np.array([place_nm]), sigma_nm=0.25, peak=0.6, background=0.02)
    swap = SpecimenSwap(specimen, on_message=pytest.fail)
    swap.install()
    live = attach(swift)
    swift.handler.amount.value, swift.handler.region.value, swift.handler.dwell.value = "3", "20", "4"
    plan(swift)
    run(swift)
    assert swift.handler.may_abort.value
    finish_run(swift)
    protocol, tiles = swift.handler.session.protocol, swift.handler.session.tile_group.data_items
    count = len(protocol.steps)
    assert swift.handler.status.value == f"Done: {count} regions recorded, beam and live view are as before."
    assert swift.handler.progress.value == 100
    assert len(tiles) == count == len(swift.library.data_groups[0].display_items) - 1
    best = max(tiles, key=lambda item: item.metadata["deepscan"]["score"])
    assert found_nm(best) == pytest.approx(place_nm, abs=16.0 / 128)
    told = best.metadata["deepscan"]
    assert told["dwell_time_us"] == 4.0
    assert told["dose_e_per_nm2"] == pytest.approx(protocol.steps[told["region"] - 1].dose_e_per_nm2)
    assert {g.stroke_color for g in swift.graphics(live, REGION_ID)} == {DONE_COLOR}
    whole = swift.library.data_groups[0].display_items[-1].data_item
    assert whole.title == "DeepScan mosaic"
    assert whole.data_shape == (256, 256)  # two samples a pixel
    assert found_nm(whole) == pytest.approx(place_nm, abs=16.0 / 128)
    swap.remove()


def found_nm(tile: Any) -> tuple[float, float]:
    """Where the brightest spot of a tile lies by the tile's own calibrations."""
    weight = np.clip(tile.data - 0.4 * tile.data.max(), 0, None)
    rows, cols = np.indices(tile.data.shape)
    index = ((rows * weight).sum() / weight.sum(), (cols * weight).sum() / weight.sum())
    places = [c.convert_to_calibrated_value(i + 0.5) for c, i in zip(tile.dimensional_calibrations, index, strict=True)]
    return (places[0], places[1])


def test_only_the_planned_regions_are_scanned_and_everything_is_as_before(
    swift: Any, crystal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    attach(swift)
    swift.handler.region.value = "24"
    plan(swift)
    before = state_of(swift)
    recording = Recording(swift, monkeypatch)
    run(swift)
    finish_run(swift)
    steps = swift.handler.session.protocol.steps
    assert len(recording.scans) == len(steps) == recording.frames.count(False)
    recording.check_it_was_all_of(steps)
    assert recording.views == 1  # the live view, at the end
    assert state_of(swift) == before


@pytest.mark.parametrize("end", ["abort", "exception", "close"])
def test_everything_is_as_before_however_a_run_ends(
    swift: Any, crystal: Any, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    attach(swift)
    swift.handler.region.value, swift.handler.dwell.value = "24", "400"
    plan(swift)
    before = state_of(swift)
    recording = Recording(swift, monkeypatch)
    if end == "exception":
        from nionswift_plugin.deepscan import bridge

        def fail(frame: Any) -> Any:
            raise OSError("the disk is full")

        monkeypatch.setattr(bridge, "tile_data", fail)
    run(swift)
    session = swift.handler.session
    if end == "abort":
        swift.wait_for(lambda: session.tile_group.data_items, "the first tile")
        swift.handler.abort()
        finish_run(swift)
        kept, count = len(session.tile_group.data_items), len(session.protocol.steps)
        assert 1 <= kept < count
        said = f"Aborted after {kept} of {count} regions, beam and live view are as before."
        assert swift.handler.status.value == said
        assert swift.handler.may_run.value
    elif end == "exception":
        finish_run(swift)
        assert swift.handler.status.value.startswith("Something unexpected failed")
    else:
        swift.wait_for(lambda: recording.scans, "the first step")
        session.close()
        assert not session.desk.worker._thread.is_alive()
    assert recording.scans
    assert recording.views == 1
    recording.check_it_was_all_of(session.protocol.steps)
    assert state_of(swift) == before


def test_the_first_exposure_is_confirmed_once(swift: Any, crystal: Any) -> None:
    attach(swift)
    swift.handler.region.value = "24"
    plan(swift)
    frames = crystal.generator.frames
    swift.scan.stop_playing(sync_timeout=5)
    frames = crystal.generator.frames
    swift.handler.run()
    count = len(swift.handler.session.protocol.steps)
    assert swift.handler.status.value.startswith(f"Expose {count} regions")
    assert "e/nm²" in swift.handler.status.value
    swift.handler.decline()
    assert swift.handler.status.value == "Nothing was exposed. The plan is still there."
    assert crystal.generator.frames == frames
    run(swift)
    finish_run(swift)
    assert crystal.generator.frames == frames + count
    swift.handler.run()  # the same plan again: not asked again
    assert swift.handler.session.view.phase is Phase.RUNNING
    finish_run(swift)
    swift.handler.ask_first.value = False
    plan(swift)
    swift.handler.run()
    assert swift.handler.session.view.phase is Phase.RUNNING
    finish_run(swift)


def test_pause_and_resume(swift: Any, crystal: Any) -> None:
    attach(swift)
    swift.handler.region.value, swift.handler.dwell.value = "16", "200"
    plan(swift)
    run(swift)
    swift.handler.pause()
    swift.wait_for(lambda: swift.handler.session.view.phase is Phase.PAUSED, "the pause")
    assert swift.handler.pause_text.value == "Resume"
    assert swift.stem.GetVal("C_Blank") == 1.0
    done = len(swift.handler.session.tile_group.data_items)
    assert done < len(swift.handler.session.protocol.steps)
    swift.handler.pause()  # which is Resume now
    finish_run(swift)
    assert swift.handler.status.value.startswith("Done"), swift.handler.status.value


def test_a_user_who_starts_the_view_during_a_run_pauses_it(swift: Any, crystal: Any) -> None:
    attach(swift)
    swift.handler.region.value, swift.handler.dwell.value = "16", "200"
    plan(swift)
    run(swift)
    swift.wait_for(lambda: swift.handler.session.tile_group.data_items, "the first tile")
    swift.scan.start_playing(sync_timeout=5)
    swift.wait_for(lambda: swift.handler.session.view.phase is Phase.PAUSED, "the pause")
    assert "the run waits" in swift.handler.status.value
    assert swift.scan.is_playing
    swift.handler.pause()
    finish_run(swift)
    steps = swift.handler.session.protocol.steps
    orders = [item.metadata["deepscan"]["region"] for item in swift.handler.session.tile_group.data_items]
    assert orders == [step.order for step in steps]


def test_a_user_who_records_during_a_run_pauses_it_until_that_is_done(
    swift: Any, crystal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by the record button of Swift's scan panel, between two regions."""
    from nionswift_plugin.deepscan import bridge

    attach(swift)
    swift.handler.region.value, swift.handler.dwell.value = "16", "20"
    plan(swift)
    steps = swift.handler.session.protocol.steps
    parameters = swift.scan.get_record_frame_parameters()
    parameters.pixel_size, parameters.pixel_time_us, parameters.fov_nm = (128, 128), 100.0, 16.0
    swift.scan.set_record_frame_parameters(parameters)
    recorded, tile_data, begun = [], bridge.tile_data, threading.Event()

    def record_once(frame: Any) -> Any:
        if not begun.is_set():
            begun.set()
            swift.scan.record_async(recorded.append)
            while not swift.scan.is_recording:
                time.sleep(0.001)
        return tile_data(frame)

    monkeypatch.setattr(bridge, "tile_data", record_once)
    run(swift)
    swift.wait_for(lambda: swift.handler.session.view.phase is Phase.PAUSED, "the pause")
    assert "the run waits" in swift.handler.status.value
    assert swift.scan.is_recording
    swift.handler.pause()  # which is Resume now: too early
    swift.wait_for(lambda: "is recording: wait until it is done" in swift.handler.status.value, "the words")
    assert swift.handler.session.view.phase is Phase.PAUSED
    swift.wait_for(lambda: recorded and not swift.scan.is_recording, "the other's frame")
    assert recorded[0][0].xdata.data.shape == (128, 128)
    swift.handler.pause()
    finish_run(swift)
    assert swift.handler.status.value.startswith(f"Done: {len(steps)} regions"), swift.handler.status.value


def test_a_second_window_waits_for_the_first(swift: Any, crystal: Any) -> None:
    from nion.swift.model import PlugInManager

    from nionswift_plugin.deepscan.session import Session
    from nionswift_plugin.deepscan.view import View

    attach(swift)
    swift.handler.region.value, swift.handler.dwell.value = "16", "200"
    plan(swift)
    seen: list[View] = []
    other = Session(swift.window, PlugInManager.api_broker_fn("~1.0", None), on_view=seen.append)
    other.attach()
    other.desk.plan, other.desk.form = swift.handler.session.desk.plan, swift.handler.session.form
    run(swift)
    swift.handler.pause()
    swift.wait_for(lambda: swift.handler.session.view.phase is Phase.PAUSED, "the pause")
    frames, probe = crystal.generator.frames, swift.scan.probe_position
    swift.stem.SetVal("C_Blank", 0.0)  # a person looks at the paused place
    other.runs.run(other.form)
    other.runs.confirm()
    swift.wait_for(lambda: other.view.phase is not Phase.RUNNING, "the refusal")
    assert "another run of DeepScan" in other.view.status
    assert crystal.generator.frames == frames
    assert (swift.stem.GetVal("C_Blank"), swift.scan.probe_position) == (0.0, probe)  # not even the beam was touched
    swift.handler.pause()
    finish_run(swift)
    assert swift.handler.status.value.startswith("Done"), swift.handler.status.value
    other.close()


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
    swift.handler.park.value, swift.handler.beam_as_before.value = "0.02, 0.98", False
    run(swift)
    finish_run(swift)
    assert swift.handler.status.value.startswith("Done"), swift.handler.status.value
    assert tuple(swift.scan.probe_position) == (0.02, 0.98)
    assert crystal.generator.frames > frames


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"fov_nm": 24.0}, "fov_y_nm = 16, the instrument is at 24: set it back, or plan again."),
        (
            {"size": (192, 192)},
            "a frame of 128 x 128 samples, the instrument is set to 192 x 192: set it back, or plan again.",
        ),
        ({"rotation_rad": 0.3}, "rotation_rad = 0, the instrument is at 0.3: set it back, or plan again."),
    ],
)
def test_a_scan_that_was_changed_since_the_plan_is_refused_before_anybody_is_asked(
    swift: Any, crystal: Any, monkeypatch: pytest.MonkeyPatch, setting: dict[str, Any], words: str
) -> None:
    attach(swift)
    plan(swift)
    swift.scan.stop_playing(sync_timeout=5)
    recording = Recording(swift, monkeypatch)
    swift.set_scan(**setting)
    swift.handler.run()
    assert swift.handler.status.value == f"The plan was made {'on' if 'size' in setting else 'at'} {words}"
    assert swift.handler.session.view.phase is Phase.PLANNED
    assert not swift.handler.may_confirm.value
    assert (recording.written, recording.scans, recording.views) == ([], [], 0)
    swift.set_scan()  # as it was
    run(swift)
    finish_run(swift)
    assert swift.handler.status.value.startswith("Done"), swift.handler.status.value


def test_a_scan_that_is_changed_while_the_question_stands_is_refused(swift: Any, crystal: Any) -> None:
    attach(swift)
    plan(swift)
    swift.scan.stop_playing(sync_timeout=5)
    frames = crystal.generator.frames
    swift.handler.run()
    assert swift.handler.may_confirm.value, swift.handler.status.value
    swift.set_scan(size=(192, 192))
    swift.handler.confirm()
    finish_run(swift)
    assert "set to 192 x 192" in swift.handler.status.value
    assert crystal.generator.frames == frames
    assert not swift.handler.session.tile_group.data_items


def test_the_beam_stays_at_rest_where_that_is_wanted_until_a_person_lets_it_through(swift: Any, crystal: Any) -> None:
    attach(swift)
    swift.handler.region.value, swift.handler.beam_as_before.value = "24", False
    plan(swift)
    run(swift)
    finish_run(swift)
    assert swift.handler.status.value.endswith("the beam is at rest. Beam on lets it through again.")
    assert swift.stem.GetVal("C_Blank") == 1.0
    assert not swift.scan.is_playing
    swift.scan.start_playing(sync_timeout=5)
    swift.handler.plan()
    assert "press Beam on" in swift.handler.status.value
    swift.handler.beam_on()
    assert swift.stem.GetVal("C_Blank") == 0.0
    swift.scan.get_next_xdatas_to_finish(10)
    plan(swift)
    assert swift.handler.session.protocol.steps


def test_results_go_where_they_say_and_can_be_exported(swift: Any, crystal: Any, tmp_path: Path) -> None:
    live = attach(swift)
    swift.handler.region.value = "24"
    plan(swift)
    steps = swift.handler.session.protocol.steps
    assert len(swift.handler.rows.value) == len(steps)
    swift.handler.row_selected(current_index=0)
    display = swift.display(live)
    place = display.get_display_property("image_position")
    assert place == pytest.approx(((steps[0].center_y_px + 0.5) / 128, (steps[0].center_x_px + 0.5) / 128))
    assert display.get_display_property("image_canvas_mode") == "custom"
    swift.handler.look_at_all()
    assert display.get_display_property("image_canvas_mode") == "fit"
    run(swift)
    finish_run(swift)
    assert all(row.startswith("✓") for row in swift.handler.rows.value)
    swift.handler.session.findings.export(tmp_path)
    swift.wait_for(lambda: swift.handler.session.view.phase is Phase.PLANNED, "the report")
    report = Path(swift.handler.status.value.removeprefix("Written: "))
    assert {"report.html", "scan_protocol.json", "quantification.csv", "scan_map.npy"} <= {
        path.name for path in report.parent.iterdir()
    }
    told = json.loads((report.parent / "run.json").read_text())
    assert [reason["region"] for reason in told["reasons"]] == [step.order for step in steps]
    assert told["asked"]["modes"] == ["surprisal"]


def test_what_was_filled_in_is_kept_with_the_image(swift: Any, crystal: Any) -> None:
    attach(swift)
    swift.handler.threshold.value = 1
    swift.handler.chosen()
    swift.handler.amount.value, swift.handler.dwell.value = "3", "12"
    plan(swift)
    swift.handler.amount.value, swift.handler.dwell.value, swift.handler.threshold.value = "1", "1", 0
    swift.handler.attach()
    assert (swift.handler.threshold.value, swift.handler.amount.value, swift.handler.dwell.value) == (1, "3", "12")
