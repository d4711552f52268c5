"""The four computations of the contract in a headless Swift: from a script, live, wrong inputs, after a restart."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.live import maps
from nionswift_plugin.deepscan import computations
from nionswift_plugin.deepscan.computations import (
    QUANTIFY,
    SURPRISAL,
    TEACHER,
    TEXT_SEARCH,
    MapSettings,
    SurprisalComputation,
    handlers,
)
from nionswift_plugin.deepscan.computations.names import OUTPUTS
from nionswift_plugin.deepscan.drawing import overlay
from tests.conftest import spot_image
from tests.plugin.driving import without_words
from tests.word_model import BrightOrDark

CLASSICAL = MapSettings(backbone="classical")
PLACES = [(60.0, 60.0), (60.0, 190.0), (190.0, 60.0), (180.0, 180.0)]


def api() -> Any:
    from nion.swift.model import PlugInManager

    return PlugInManager.api_broker_fn("~1.0", None)


def data(array: np.ndarray, *, scale_nm: float | None = 0.5, metadata: dict[str, Any] | None = None) -> Any:
    from nion.data import Calibration, DataAndMetadata

    calibration = Calibration.Calibration(0.0, scale_nm, "nm") if scale_nm else Calibration.Calibration()
    return DataAndMetadata.new_data_and_metadata(
        array.astype(np.float32), dimensional_calibrations=[calibration] * 2, metadata=metadata
    )


def still(swift: Any, places: list[tuple[float, float]] = PLACES, *, seed: int = 0) -> Any:
    """A still image with spots, as a data item of the model."""
    xdata = data(spot_image((256, 256), places, seed=seed))
    return api().library.create_data_item_from_data_and_metadata(xdata, title=f"still {seed}")._data_item


def clicks_at(*places: tuple[float, float], positive: bool = True, **more: Any) -> list[dict[str, Any]]:
    return [{"y_frac": (y + 0.5) / 256, "x_frac": (x + 0.5) / 256, "positive": positive, **more} for y, x in places]


def follow(swift: Any, data_item: Any, kind: str, **more: Any) -> Any:
    """The output, computed."""
    settings = more.pop("settings", CLASSICAL)
    output = computations.follow(swift.library, api(), data_item, settings, kind=kind, **more)
    swift.library.recompute_all()
    return output


def error_of(swift: Any, data_item: Any, kind: str) -> str | None:
    return computations.computation_of(swift.library, data_item, kind).error_text


def around(values: np.ndarray, place: tuple[float, float]) -> float:
    y, x = (round(p) for p in place)
    return float(values[y - 4 : y + 5, x - 4 : x + 5].max())


# from a script, on still images


def test_all_four_are_registered_under_the_names_of_the_contract(swift: Any) -> None:
    from nion.swift.model import Symbolic

    for kind in ("deepscan.surprisal", "deepscan.teacher", "deepscan.text_search", "deepscan.quantify"):
        assert Symbolic._computation_types[kind].output == OUTPUTS[kind]


def test_a_planted_spot_surprises(swift: Any) -> None:
    item = still(swift, PLACES[:1])
    found = follow(swift, item, SURPRISAL)
    assert np.unravel_index(found.data.argmax(), (256, 256)) == pytest.approx(PLACES[0], abs=6)
    assert found.dimensional_calibrations == item.dimensional_calibrations
    assert found.metadata["deepscan"]["kind"] == "surprisal"


def test_one_click_from_a_script_finds_the_other_spots(swift: Any) -> None:
    source = api().library.create_data_item_from_data_and_metadata(data(spot_image((256, 256), PLACES)))
    target = api().library.create_data_item("map")
    inputs = {"src": source, "settings": '{"backbone": "classical"}', "clicks": json.dumps(clicks_at(PLACES[0]))}
    computation = api().library.create_computation("deepscan.teacher", inputs=inputs, outputs={"map": target})
    swift.library.recompute_all()
    assert not computation._computation.error_text
    values = target.xdata.data
    assert min(around(values, place) for place in PLACES) > 0.5
    assert np.median(values) < 0.1
    assert target.xdata.metadata["deepscan"]["kind"] == "probability"
    assert target.xdata.metadata["deepscan"]["classes"] == ["target"]


def test_classes_are_named_in_the_metadata(swift: Any) -> None:
    two = clicks_at(PLACES[0], **{"class": "spot"}) + clicks_at((128.0, 20.0), **{"class": "support"})
    found = follow(swift, still(swift), TEACHER, clicks=json.dumps(two))
    assert found.metadata["deepscan"]["classes"] == ["spot", "support"]
    assert around(found.data, PLACES[1]) > 0.5
    assert around(found.data, (128.0, 20.0)) > 0.15  # much of the image is like the support


def test_clicks_belong_to_the_frame_on_which_they_were_made(swift: Any) -> None:
    """The view has moved since the click: at the clicked place is nothing now."""
    there_now = [(100.0, 40.0), (220.0, 220.0)]
    frozen, view = still(swift), still(swift, there_now, seed=1)
    bound = follow(swift, view, TEACHER, clicks=json.dumps(clicks_at(PLACES[0], frame=str(frozen.uuid))))
    assert min(around(bound.data, place) for place in there_now) > 0.5
    assert np.median(bound.data) < 0.1
    loose = follow(swift, view, TEACHER, clicks=json.dumps(clicks_at(PLACES[0])))
    assert loose is bound
    assert max(around(loose.data, place) for place in there_now) < 0.5


def test_a_frame_that_is_gone_is_said_in_words(swift: Any) -> None:
    frozen, view = still(swift), still(swift, seed=1)
    clicks = json.dumps(clicks_at(PLACES[0], frame=str(frozen.uuid)))
    before = follow(swift, view, TEACHER, clicks=clicks).data.copy()
    swift.library.remove_data_item(frozen)
    again = follow(swift, view, TEACHER, clicks=clicks, settings=MapSettings(backbone="classical", seed=1))
    assert "is gone: remove that click" in error_of(swift, view, TEACHER)
    assert np.array_equal(again.data, before)
    follow(swift, view, TEACHER, clicks=json.dumps(clicks_at(PLACES[0], frame="yesterday")))
    assert "'yesterday' in a click is no uuid" in error_of(swift, view, TEACHER)


def discs(radii_px: tuple[int, ...]) -> np.ndarray:
    rows, cols = np.mgrid[:256, :256]
    array = np.random.default_rng(0).normal(100, 3, (256, 256))
    for (y, x), radius in zip(PLACES, radii_px, strict=True):
        array[np.hypot(rows - y, cols - x) <= radius] += 60
    return array


def test_planted_discs_are_counted_and_measured(swift: Any) -> None:
    item = still(swift)
    item.set_xdata(data(discs((8, 10, 12, 14))))
    table = follow(swift, item, QUANTIFY)
    told = table.metadata["deepscan"]
    names = [column["name"] for column in told["columns"]]
    assert told["n_objects"] == 4
    assert table.data.shape == (4, len(names))
    assert {column["name"]: column["units"] for column in told["columns"]}["area_nm2"] == "nm²"
    areas_nm2 = np.sort(table.data[:, names.index("area_nm2")])
    assert areas_nm2 == pytest.approx([np.pi * (radius * 0.5) ** 2 for radius in (8, 10, 12, 14)], rel=0.05)
    centres = table.data[:, [names.index("centroid_y_px"), names.index("centroid_x_px")]]
    assert sorted(map(tuple, np.rint(centres))) == sorted(PLACES)
    item.set_xdata(data(discs((8, 10, 12, 14)), scale_nm=None))
    swift.library.recompute_all()
    assert np.isnan(table.data[:, names.index("area_nm2")]).all()
    item.set_xdata(data(np.ones((256, 256))))
    swift.library.recompute_all()
    assert table.metadata["deepscan"]["n_objects"] == 0
    assert table.data.shape == (1, len(names))
    assert np.isnan(table.data).all()


def test_words_find_what_they_say(swift: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = BrightOrDark()
    monkeypatch.setattr("deepscan_core.features.words.load_word_model", lambda: model)
    item = still(swift, seed=11)
    found = follow(swift, item, TEXT_SEARCH, query="bright spots")
    assert found.metadata["deepscan"] == {"kind": "similarity", "label": "like “bright spots”"}
    assert min(around(found.data, place) for place in PLACES) > 0.5 > 0 > around(found.data, (120.0, 120.0))
    other = follow(swift, item, TEXT_SEARCH, query="something else")
    assert other is found
    assert found.metadata["deepscan"]["label"] == "like “something else”"
    assert model.looks == 1


# what goes wrong


def test_a_word_model_that_is_missing_is_said_in_words(swift: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    without_words(monkeypatch)
    item = still(swift)
    output = follow(swift, item, TEXT_SEARCH, query="bright spots")
    assert "pip install nionswift-deepscan" in error_of(swift, item, TEXT_SEARCH)
    assert not output.has_data
    follow(swift, item, TEXT_SEARCH, query=" ")
    assert "query is empty" in error_of(swift, item, TEXT_SEARCH)


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed here")
def test_without_torch_the_remedy_is_said(swift: Any) -> None:
    item = still(swift)
    follow(swift, item, SURPRISAL, settings=MapSettings())
    follow(swift, item, TEXT_SEARCH, query="linear cracks")
    for computation in (SURPRISAL, TEXT_SEARCH):
        error = error_of(swift, item, computation)
        assert "torch" in error
        assert "pip install" in error
        assert "\n" not in error


def test_a_package_that_is_missing_is_said_in_words(swift: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "scipy.special", None)
    item = still(swift, seed=31)  # of its own: a map that another test made would be found
    follow(swift, item, TEACHER, clicks=json.dumps(clicks_at(PLACES[0])))
    assert error_of(swift, item, TEACHER) == "scipy.special is not installed: pip install nionswift-deepscan"


def test_what_nobody_expected_is_logged_and_not_shown(
    swift: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("inner works")

    monkeypatch.setattr(maps, "surprisal", broken)
    item = still(swift)
    follow(swift, item, SURPRISAL)
    assert error_of(swift, item, SURPRISAL) == "something unexpected failed: Swift's log says what"
    assert "inner works" in caplog.text


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"settings": "{"}, "give a JSON object with keys out of backbone, seed, scorer"),
        ({"settings": '{"bakbone": "classical"}'}, "keys out of backbone"),
        ({"settings": '{"backbone": "no_such_network"}'}, "no_such_network|pip install torch"),
        ({"settings": '{"scorer": "best"}'}, "give one of surprisal"),
        ({"clicks": "{}"}, "JSON list of objects with the keys y_frac"),
        ({"clicks": "[]"}, "click at least one example"),
        ({"clicks": '[{"y_frac": 2, "x_frac": 0.5, "positive": true}]'}, "fractions from 0 to 1"),
    ],
)
def test_wrong_inputs_are_said_in_words_and_the_last_map_stays(swift: Any, inputs: dict[str, str], words: str) -> None:
    item = still(swift)
    good = {"settings": CLASSICAL.to_json(), "clicks": json.dumps(clicks_at(PLACES[0]))}
    output = follow(swift, item, TEACHER, clicks=good["clicks"])
    before = output.data.copy()
    computation = computations.computation_of(swift.library, item, TEACHER)
    for name, text in inputs.items():
        computation.set_input_value(name, text)
    swift.library.recompute_all()
    assert re.search(words, computation.error_text)
    assert "Traceback" not in computation.error_text
    assert "\n" not in computation.error_text
    assert np.array_equal(output.data, before)
    for name in inputs:
        computation.set_input_value(name, good[name])
    swift.library.recompute_all()
    assert not computation.error_text


def test_a_source_that_is_no_image_is_said_in_words(swift: Any) -> None:
    item = still(swift)
    item.set_xdata(data(np.zeros((8, 8))))
    follow(swift, item, SURPRISAL)
    assert "at least 16 px a side" in error_of(swift, item, SURPRISAL)


def test_a_part_of_a_frame_is_not_scored(swift: Any) -> None:
    """A snapshot that was taken while the scan was half way down."""
    item = still(swift)
    item.set_xdata(data(discs((8, 10, 12, 14)), metadata={"hardware_source": {"valid_rows": 100}}))
    output = follow(swift, item, SURPRISAL)
    assert "holds only a part of a frame" in error_of(swift, item, SURPRISAL)
    assert not output.has_data


# find and make


def test_follow_makes_one_of_each_kind_and_keeps_it(swift: Any) -> None:
    item, other = still(swift), still(swift, seed=1)
    assert computations.computation_of(swift.library, item, SURPRISAL) is None
    clicks = json.dumps(clicks_at(PLACES[0]))
    outputs = [follow(swift, item, kind, clicks=clicks, query="x") for kind in OUTPUTS]
    assert len({output.uuid for output in outputs}) == 4
    assert [follow(swift, item, kind, clicks=clicks, query="x") for kind in OUTPUTS] == outputs
    assert follow(swift, other, SURPRISAL) is not outputs[0]
    assert len(swift.library.computations) == 5
    assert computations.computation_of(swift.library, item, QUANTIFY).get_output("table") is outputs[3]
    with pytest.raises(InputError, match=r"give one of deepscan\.surprisal"):
        computations.computation_of(swift.library, item, "deepscan.magic")


def test_inputs_are_changed_only_where_they_differ(swift: Any) -> None:
    item = still(swift)
    output = follow(swift, item, SURPRISAL)
    computation = computations.computation_of(swift.library, item, SURPRISAL)
    computation.set_input_value("settings", '{"seed": 0, "backbone": "classical"}')  # as an older DeepScan wrote it
    swift.library.recompute_all()
    follow(swift, item, SURPRISAL)
    assert computation._get_variable("settings").value == '{"seed": 0, "backbone": "classical"}'
    follow(swift, item, SURPRISAL, settings=MapSettings(backbone="classical", seed=4))
    assert MapSettings.from_json(computation._get_variable("settings").value).seed == 4
    assert follow(swift, item, SURPRISAL) is output


def test_a_map_at_rest_stays_until_it_is_followed_again(swift: Any) -> None:
    item = still(swift, seed=21)
    output = follow(swift, item, SURPRISAL)
    before = output.data.copy()
    computations.rest(swift.library, item, SURPRISAL)
    computations.rest(swift.library, item, TEACHER)  # there is none
    computation = computations.computation_of(swift.library, item, SURPRISAL)
    calls = computation._evaluation_count_for_test
    item.set_xdata(data(spot_image((256, 256), [(100.0, 30.0)], seed=22)))
    swift.library.recompute_all()
    assert np.array_equal(output.data, before)
    if hasattr(computation, "auto_update"):  # Swift 16.16 calls it in any case, and it returns at once
        assert computation._evaluation_count_for_test == calls
    assert follow(swift, item, SURPRISAL) is output
    assert around(output.data, (100.0, 30.0)) > around(before, (100.0, 30.0)) + 5
    assert error_of(swift, item, SURPRISAL) is None


def test_two_sources_do_not_mix(swift: Any) -> None:
    items = [still(swift, [place], seed=seed) for seed, place in enumerate(PLACES[:2])]
    outputs = [computations.follow(swift.library, api(), item, CLASSICAL) for item in items]
    swift.library.recompute_all()
    for output, place in zip(outputs, PLACES, strict=False):
        assert np.unravel_index(output.data.argmax(), (256, 256)) == pytest.approx(place, abs=6)


# live


def live_maps(swift: Any, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Every image that surprisal is computed of."""
    scored: list[np.ndarray] = []
    original = maps.surprisal

    def noted(image: Any, *args: Any, **kwargs: Any) -> Any:
        scored.append(image.array.copy())
        return original(image, *args, **kwargs)

    monkeypatch.setattr(maps, "surprisal", noted)
    return scored


@contextlib.contextmanager
def updates_of(scan: Any) -> Iterator[list[tuple[str, np.ndarray]]]:
    """State and data of everything that the scan hands out."""
    seen: list[tuple[str, np.ndarray]] = []
    listener = scan.data_channel_updated_event.listen(
        lambda channel, xdata: seen.append((channel.state, xdata.data.copy()))
    )
    yield seen
    listener.close()


def slow_scan(swift: Any) -> Any:
    """A live view whose frames arrive in parts."""
    swift.set_scan(size=(128, 128))
    parameters = swift.scan.get_frame_parameters(0)
    parameters.pixel_time_us = 30.0
    swift.scan.set_frame_parameters(0, parameters)
    swift.scan.set_current_frame_parameters(parameters)
    return swift.start_scan()


def slow_map(swift: Any) -> tuple[Any, Any]:
    """Such a view, and the map that follows it."""
    live = slow_scan(swift)
    output = computations.follow(swift.library, api(), live, CLASSICAL)
    swift.wait_for(lambda: output.has_data, "the first map")
    return live, output


def test_each_whole_frame_is_scored_once_and_parts_never(
    swift: Any, crystal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_map(swift)
    scored = live_maps(swift, monkeypatch)
    with updates_of(swift.scan) as seen:
        swift.wait_for(lambda: len([s for s, _ in seen if s == "complete"]) >= 5, "five frames")
        swift.wait_for(lambda: len(scored) >= 4, "four maps")
    assert len([s for s, _ in seen if s != "complete"]) > 5, "the frames did not arrive in parts"
    whole = [values for state, values in seen if state == "complete"]
    assert all(any(np.array_equal(one, frame) for frame in whole) for one in scored[1:])
    assert len({one.tobytes() for one in scored}) == len(scored)
    assert len(scored) >= len(whole) - 2


def test_parts_of_a_frame_do_not_call_the_computation_again_and_again(
    swift: Any, crystal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Swift would call it at every few rows, or for each frame, and its user interface pays for each call."""
    _, output = slow_map(swift)
    calls: list[float] = []
    original = SurprisalComputation._execute  # which Swift calls by one name or another, depending on its version

    def counted(self: Any, *arguments: Any) -> None:
        calls.append(time.monotonic())
        original(self, *arguments)

    monkeypatch.setattr(SurprisalComputation, "_execute", counted)
    shown: set[bytes] = set()
    listener = output.data_changed_event.listen(lambda: shown.add(output.data.tobytes()))
    with updates_of(swift.scan) as seen:
        swift.wait_for(lambda: len([s for s, _ in seen if s == "complete"]) >= 5, "five frames")
        swift.wait_for(lambda: len(shown) >= 4, "four maps")
    listener.close()
    assert len([s for s, _ in seen if s != "complete"]) > 10, "the frames did not arrive in parts"
    assert len(calls) <= 2


def test_an_execution_that_has_gone_on_for_long_ends_and_swift_begins_another(
    swift: Any, crystal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "LONGEST_S", 0.0)
    _, output = slow_map(swift)
    shown: set[bytes] = set()
    listener = output.data_changed_event.listen(lambda: shown.add(output.data.tobytes()))
    swift.wait_for(lambda: len(shown) >= 3, "three maps")
    listener.close()


def test_a_map_that_waits_for_a_frame_answers_other_settings_meanwhile(
    swift: Any, crystal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, _ = slow_map(swift)
    parameters = swift.scan.get_frame_parameters(0)
    parameters.pixel_time_us = 3000.0  # 49 s a frame: no test waits for the next one
    swift.scan.set_frame_parameters(0, parameters)
    swift.scan.set_current_frame_parameters(parameters)
    swift.wait_for(lambda: live.metadata["hardware_source"]["valid_rows"] in range(1, 32), "the slow frame")
    scored = live_maps(swift, monkeypatch)
    computations.follow(swift.library, api(), live, MapSettings(backbone="classical", seed=7))
    swift.wait_for(lambda: scored, "the map with other settings")
    assert live.metadata["hardware_source"]["valid_rows"] < 128


def unmeasured_rows(array: np.ndarray) -> int:
    return int((array == 0).all(axis=1).sum())


def test_a_view_that_was_cut_off_leaves_its_last_whole_frame(
    swift: Any, crystal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An aborted scan calls its last frame complete and leaves zeros in it: neither the map nor a click looks at that."""
    live, _ = slow_map(swift)
    swift.wait_for(lambda: live.metadata["hardware_source"]["valid_rows"] < 64, "the upper part of a frame")
    scored = live_maps(swift, monkeypatch)
    swift.scan.abort_playing(sync_timeout=5)
    swift.wait_for(lambda: not live.is_live, "the end of the view")
    assert unmeasured_rows(live.data) > 30 or live.metadata["hardware_source"]["valid_rows"] < 128
    taught: list[np.ndarray] = []
    original = maps.teach
    monkeypatch.setattr(maps, "teach", lambda image, *a, **k: taught.append(image.array) or original(image, *a, **k))
    clicks = json.dumps(clicks_at((100.0, 100.0)))
    found = computations.follow(swift.library, api(), live, CLASSICAL, kind=TEACHER, clicks=clicks)
    swift.wait_for(lambda: found.has_data, "the taught map")
    assert not error_of(swift, live, TEACHER)
    assert [unmeasured_rows(array) for array in (*scored, *taught)] == [0] * (len(scored) + 1)


def test_swift_notes_where_a_live_map_comes_from_once_the_view_stands(swift: Any, crystal: Any) -> None:
    """It would copy that a dozen times for every frame."""
    _, output = slow_map(swift)
    assert output.metadata.keys() == {"deepscan"}
    swift.scan.abort_playing(sync_timeout=5)
    swift.wait_for(lambda: "computation" in output.metadata, "what Swift notes")
    assert output.metadata["computation"]["computation_id"] == SURPRISAL
    assert output.metadata["source_metadata"]["scan"]["hardware_source_id"] == swift.scan.hardware_source_id
    assert output.metadata["deepscan"]["kind"] == "surprisal"


@pytest.mark.parametrize("kind", [SURPRISAL, TEACHER])
def test_a_live_map_that_is_deleted_does_not_come_back(swift: Any, crystal: Any, kind: str) -> None:
    """Swift 16.18 keeps a computation until its execution, which goes on with the scan, has ended."""
    live = slow_scan(swift)
    clicks = json.dumps(clicks_at((100.0, 100.0)))
    output = computations.follow(swift.library, api(), live, CLASSICAL, kind=kind, clicks=clicks)
    shown: set[bytes] = set()
    listener = output.data_changed_event.listen(lambda: shown.add(output.data.tobytes()))
    swift.wait_for(lambda: len(shown) >= 3, "three maps")
    listener.close()
    swift.library.remove_data_item(output)
    left = set(swift.library.data_items)
    with updates_of(swift.scan) as seen:
        swift.wait_for(lambda: len([s for s, _ in seen if s == "complete"]) >= 3, "three frames")
    assert set(swift.library.data_items) == left
    assert not [one for one in swift.library.computations if one.processing_id == kind]


def test_what_is_put_into_a_live_image_by_another_way_is_followed_too(swift: Any, crystal: Any) -> None:
    """Swift keeps using the data item of a channel, whatever writes to it."""
    live, output = slow_map(swift)
    swift.scan.abort_playing(sync_timeout=5)
    swift.wait_for(lambda: not live.is_live, "the end of the view")
    acquired = {"hardware_source": {"hardware_source_id": swift.scan.hardware_source_id}}
    for number, metadata in enumerate([acquired, None]):
        live.set_xdata(data(spot_image((256, 256), [PLACES[number]]), metadata=metadata))
        swift.library.recompute_all()
        assert np.unravel_index(output.data.argmax(), (256, 256)) == pytest.approx(PLACES[number], abs=6)


def test_a_person_may_stop_a_computation(swift: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from nion.swift.model import Symbolic

    if not hasattr(Symbolic.Computation, "stop"):
        pytest.skip("Swift 16.16 cannot stop computations")

    def endless(*args: Any, report: Any) -> Any:
        for step in range(2000):
            report(step / 2000)
            time.sleep(0.01)

    item = still(swift, seed=12)
    with monkeypatch.context() as patch:
        patch.setattr(maps, "surprisal", endless)
        output = computations.follow(swift.library, api(), item, CLASSICAL)
        computation = computations.computation_of(swift.library, item, SURPRISAL)
        swift.wait_for(lambda: computation.progress, "progress")
        computation.stop()
        swift.wait_for(lambda: not computation.is_running, "the end of the computation")
        swift.window.periodic()  # Swift forgets the task only now
    assert not computation.error_text
    assert not output.has_data
    follow(swift, item, SURPRISAL, settings=MapSettings(backbone="classical", seed=2))
    assert output.has_data


@pytest.mark.parametrize("reports", [True, False])
def test_what_still_computes_while_swift_quits_ends_without_a_word(
    swift: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, reports: bool
) -> None:
    def as_swift_quits(image: Any, settings: Any, *, report: Any) -> Any:
        computations.quit_computing()
        if reports:
            report(0.5)
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(maps, "surprisal", as_swift_quits)
    item = still(swift, seed=13)
    try:
        output = follow(swift, item, SURPRISAL)
    finally:
        computations.quit_computing(False)
    assert not error_of(swift, item, SURPRISAL)
    assert not output.has_data
    assert not caplog.records


def test_what_still_computes_while_its_output_is_deleted_ends_without_a_word(
    swift: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    item = still(swift, seed=14)
    output = follow(swift, item, SURPRISAL, settings=MapSettings(backbone="classical", seed=1))
    model = computations.computation_of(swift.library, item, SURPRISAL)
    handler = SurprisalComputation(SimpleNamespace(_computation=model))
    scores = maps.surprisal

    def as_it_is_deleted(image: Any, settings: Any, *, report: Any) -> Any:
        swift.library.remove_data_item(output)
        return scores(image, settings)

    monkeypatch.setattr(maps, "surprisal", as_it_is_deleted)
    src = SimpleNamespace(xdata=data(spot_image((256, 256), PLACES)))
    handler.execute(src=src, settings='{"backbone": "classical"}')
    assert model._closed
    assert not caplog.records


def test_a_map_that_was_deleted_while_it_was_made_does_not_come_back(
    swift: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Swift 16.18 keeps a computation until its execution has ended; whoever hands data to it then gets a new data item."""
    item = still(swift, seed=15)
    output = follow(swift, item, SURPRISAL)
    model = computations.computation_of(swift.library, item, SURPRISAL)
    handler = SurprisalComputation(SimpleNamespace(_computation=model))
    src = SimpleNamespace(xdata=data(spot_image((256, 256), PLACES[:2])))
    handler.execute(src=src, settings=CLASSICAL.to_json())
    monkeypatch.setattr(model, "is_running", True, raising=False)
    swift.library.remove_data_item(output)
    left = set(swift.library.data_items)
    handler.commit()
    assert set(swift.library.data_items) == left


def test_handing_out_a_map_does_not_hold_the_user_interface_up(swift: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    durations_s: list[float] = []
    original = SurprisalComputation.commit

    def timed(self: Any) -> None:
        start = time.perf_counter()
        original(self)
        durations_s.append(time.perf_counter() - start)

    monkeypatch.setattr(SurprisalComputation, "commit", timed)
    item = api().library.create_data_item_from_data_and_metadata(data(spot_image((512, 512), PLACES)))._data_item
    overlay.attach_overlay(swift.display(item))
    for seed in range(5):
        follow(swift, item, SURPRISAL, settings=MapSettings(backbone="classical", seed=seed))
    assert len(durations_s) == 5
    assert min(durations_s) < 0.02


def test_the_overlay_of_the_source_is_painted_with_the_map(swift: Any) -> None:
    item = still(swift)
    graphic = overlay.attach_overlay(swift.display(item))
    output = follow(swift, item, SURPRISAL)
    assert graphic.raster.shape == output.data.shape


def test_a_click_on_a_paused_view_is_answered_at_once(swift: Any) -> None:
    xdata = data(spot_image((512, 512), [(2 * y, 2 * x) for y, x in PLACES]))
    item = api().library.create_data_item_from_data_and_metadata(xdata)._data_item
    found = follow(swift, item, TEACHER, clicks=json.dumps(clicks_at(PLACES[0])))
    durations_s = []
    for place in PLACES[1:]:
        for _ in range(30):
            swift.window.periodic()
            time.sleep(0.01)
        before, start = found.data_modified, time.perf_counter()
        computations.follow(
            swift.library, api(), item, CLASSICAL, kind=TEACHER, clicks=json.dumps(clicks_at(PLACES[0], place))
        )
        swift.wait_for(lambda before=before: found.data_modified != before, "the changed map")
        durations_s.append(time.perf_counter() - start)
    assert min(durations_s) < 0.2, durations_s


# after a restart


def by_uuid(library: Any, uuid: Any) -> Any:
    return next(item for item in library.data_items if item.uuid == uuid)


def test_after_a_restart_the_old_map_is_found_and_alive_again() -> None:
    from nion.swift import Facade
    from nion.swift.test import TestContext

    Facade.initialize()
    computations.register()
    setup = TestContext.TestSetup(set_global=True)
    with TestContext.create_memory_context() as context:
        with contextlib.closing(context.create_document_controller_with_application(auto_close=False)) as window:
            library = window.document_model
            xdata = data(spot_image((256, 256), PLACES))
            item = Facade.Library(library).create_data_item_from_data_and_metadata(xdata)._data_item
            api_of = type("Api", (), {"library": Facade.Library(library)})
            clicks = json.dumps(clicks_at(PLACES[0]))
            outputs = {
                kind: computations.follow(library, api_of, item, CLASSICAL, kind=kind, clicks=clicks).uuid
                for kind in (SURPRISAL, TEACHER, QUANTIFY)
            }
            library.recompute_all()
            item_uuid = item.uuid
        with contextlib.closing(context.create_document_controller_with_application(auto_close=False)) as window:
            library = window.document_model
            item = by_uuid(library, item_uuid)
            api_of = type("Api", (), {"library": Facade.Library(library)})
            for kind, uuid in outputs.items():
                output = computations.follow(library, api_of, item, CLASSICAL, kind=kind, clicks=clicks)
                assert output.uuid == uuid
                assert output.has_data
            found = by_uuid(library, outputs[SURPRISAL])
            item.set_xdata(data(spot_image((256, 256), [(128.0, 128.0)])))
            library.recompute_all()
            assert np.unravel_index(found.data.argmax(), (256, 256)) == pytest.approx((128, 128), abs=6)
    del setup


# the example


def test_the_example_makes_a_live_map(swift: Any, crystal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from nion.swift.model import PlugInManager

    path = Path(__file__).parents[2] / "examples" / "swift_live_map.py"
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 10
    swift.set_scan()
    live = swift.start_scan()
    names: dict[str, Any] = {}
    code = text if importlib.util.find_spec("torch") else text.replace('"{}"', '\'{"backbone": "classical"}\'')
    exec(compile(code, str(path), "exec"), names)
    names["script_main"](PlugInManager.APIBroker())
    computation = computations.computation_of(swift.library, live, SURPRISAL)
    found = computation.get_output("map")
    swift.wait_for(lambda: found.has_data, "the map")
    first = found.data.copy()
    swift.stem.SetVal("stage_position_m.x", 20e-9)
    swift.wait_for(lambda: not np.array_equal(found.data, first), "another map")
    assert not computation.error_text
