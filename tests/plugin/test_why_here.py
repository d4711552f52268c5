"""“Why here” from the panel: a picture and the numbers of the chosen region, in a data item."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nionswift_plugin.deepscan.drawing.annotations import REGION_ID, selected_order
from nionswift_plugin.deepscan.view import Phase
from tests.plugin.driving import attach, plan
from tests.plugin.test_teaching import PLACES_NM, click, pixel_of, planted
from tests.word_model import BrightOrDark


def planned(swift: Any, region_px: str = "12") -> Any:
    """A plan of a few regions on the live crystal; returns the live data item."""
    live = attach(swift)
    swift.handler.amount.value, swift.handler.region.value = "6", region_px
    plan(swift)
    return live


def explained(swift: Any) -> Any:
    """Press Why here and wait; returns the new data item."""
    before = set(swift.library.data_items)
    swift.handler.why_here()
    assert swift.handler.session.view.phase is Phase.EXPLAINING, swift.handler.status.value
    swift.wait_for(lambda: swift.handler.session.view.phase is not Phase.EXPLAINING, "the picture")
    assert swift.handler.session.view.phase is Phase.PLANNED, swift.handler.status.value
    (new,) = [item for item in swift.library.data_items if item not in before and item.title.startswith("Why here")]
    return new


def test_a_line_of_the_results_is_explained(swift: Any, crystal: Any) -> None:
    planned(swift)
    swift.handler.row.value = 1
    item = explained(swift)
    assert item.title.startswith("Why here: region 2 of ")
    assert item.xdata.is_data_rgb
    assert item.data_shape == (680, 1180, 3)
    told = item.metadata["deepscan"]
    step = swift.handler.session.protocol.steps[1]
    assert told["region"] == 2
    assert told["why"]["center_y_px"] == step.center_y_px
    assert told["why"]["surprisal_nats"] > 0
    assert told["why"]["sentences"][0] in swift.handler.status.value
    assert "is in the library" in swift.handler.status.value


def test_colours_are_in_the_order_of_swift(swift: Any, crystal: Any) -> None:
    planned(swift)
    swift.handler.row.value = 0
    blue, _, red = np.moveaxis(explained(swift).data.astype(int), 2, 0)
    assert ((blue - red) > 100).any()  # the outline of the region is light blue


def test_a_region_that_is_selected_in_the_image_goes_first(swift: Any, crystal: Any) -> None:
    live = planned(swift)
    (display_item,) = swift.library.get_display_items_for_data_item(live)
    third = next(g for g in swift.graphics(live, REGION_ID) if (g.label or "").startswith("3"))
    display_item.graphic_selection.set(display_item.graphics.index(third))
    assert selected_order(display_item) == 3
    swift.handler.row.value = 0
    assert explained(swift).metadata["deepscan"]["region"] == 3
    display_item.graphic_selection.clear()
    assert selected_order(display_item) is None


def taught(swift: Any, *, stops: bool) -> Any:
    """Five equal spots, one of them clicked, on a view that stands or goes on; planned. Returns the live data item."""
    live, swap = planted(swift)
    if stops:
        swift.scan.stop_playing(sync_timeout=5)
        swift.wait_for(lambda: not live.is_live, "the end of the view")
    swift.handler.arm_positive()
    click(swift, live, PLACES_NM[0])
    swift.wait_for(lambda: "Like" in swift.handler.session.map_item.title, "the taught map")
    swift.handler.disarm()
    swift.handler.amount.value, swift.handler.region.value = "6", "14"
    plan(swift)
    swap.remove()
    return live


def row_at(swift: Any, place_nm: tuple[float, float]) -> int:
    """The line of the region that is nearest to a place of the sample."""
    steps = swift.handler.session.protocol.steps
    away = [np.hypot(step.center_y_nm - place_nm[0], step.center_x_nm - place_nm[1]) for step in steps]
    return int(np.argmin(away))


@pytest.mark.parametrize("stops", [True, False])
def test_a_taught_region_is_explained_by_its_clicks(swift: Any, stops: bool) -> None:
    live = taught(swift, stops=stops)
    swift.handler.row.value = row_at(swift, PLACES_NM[1])
    item = explained(swift)
    told = item.metadata["deepscan"]["why"]
    assert item.data_shape[0] > 680, "a row of panels says why it is like the clicks"
    assert told["taught"]["probability"] > 0.5
    assert sum(told["taught"]["contributions"].values()) == pytest.approx(told["taught"]["score"], abs=0.05)
    assert told["sentences"][0] in swift.handler.status.value
    assert "the clicks have 1" in told["sentences"][0]
    (nearest,) = told["taught"]["nearest"]
    if stops:  # the click was made on the very frame of the plan
        y, x = pixel_of(PLACES_NM[0])
        assert (nearest["center_y_px"], nearest["center_x_px"]) == pytest.approx((y, x))
        assert [one["is_click"] for one in told["nearest"]] == [True]
    else:
        assert nearest.get("center_y_px") is None
        assert "of another image" in told["sentences"][0]
    assert live.title in item.title


def test_clicks_made_since_the_plan_do_not_change_its_reasons(swift: Any) -> None:
    live = taught(swift, stops=True)
    swift.handler.arm_positive()
    click(swift, live, PLACES_NM[2])
    swift.wait_for(lambda: swift.handler.session.live.clicks.count("y_frac") == 2, "the second click")
    swift.handler.row.value = row_at(swift, PLACES_NM[1])
    assert len(explained(swift).metadata["deepscan"]["why"]["taught"]["nearest"]) == 1


def test_a_frame_that_is_gone_is_said(swift: Any) -> None:
    taught(swift, stops=True)
    swift.handler.row.value = 0

    def frames() -> list[Any]:
        return [item for item in swift.library.data_items if item.title.startswith("DeepScan taught frame")]

    swift.wait_for(frames, "the frame of the click")
    for frame in frames():
        swift.library.remove_data_item(frame)
    swift.handler.why_here()
    assert "is gone" in swift.handler.status.value
    assert swift.handler.session.view.phase is Phase.PLANNED


def test_a_region_of_words_is_explained_by_what_says_them(swift: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepscan_core.features.words.load_word_model", BrightOrDark)
    live, swap = planted(swift)
    swift.handler.mode.value, swift.handler.query.value = 2, "bright spots"
    swift.handler.chosen()
    said = swift.handler.session.map_item
    swift.wait_for(lambda: said.has_data, "the map of the words")
    assert said.title == f"“bright spots” in {live.title}"
    assert min(said.data[pixel_of(place)] for place in PLACES_NM) > 0 > np.median(said.data)
    swift.handler.amount.value, swift.handler.region.value = "30", "20"
    plan(swift)
    steps = swift.handler.session.protocol.steps
    held = [any(abs(s.center_y_nm - y) < 1.5 and abs(s.center_x_nm - x) < 1.5 for s in steps) for y, x in PLACES_NM]
    assert all(held)
    swift.handler.row.value = row_at(swift, PLACES_NM[0])
    told = explained(swift).metadata["deepscan"]["why"]
    assert told["words"]["phrase"] == "bright spots"
    assert told["words"]["log_odds"] > told["words"]["left_without_log_odds"]
    assert told["sentences"][0].startswith("“bright spots” has log-odds of")
    assert told.get("taught") is None
    swap.remove()


@pytest.mark.parametrize("stops", [True, False])
def test_the_report_of_a_taught_plan_says_what_was_asked_and_why(swift: Any, tmp_path: Path, stops: bool) -> None:
    taught(swift, stops=stops)
    swift.handler.session.findings.export(tmp_path)
    swift.wait_for(lambda: swift.handler.session.view.phase is Phase.PLANNED, "the report")
    report = Path(swift.handler.status.value.removeprefix("Written: "))
    told = json.loads((report.parent / "run.json").read_text(encoding="utf-8"))
    assert told["asked"]["modes"] == ["teacher"]
    assert all(reason["taught"]["probability"] > 0 for reason in told["reasons"])
    if stops:
        (where,) = told["asked"]["positives"]
        assert (where["y_px"], where["x_px"]) == pytest.approx(pixel_of(PLACES_NM[0]))
    else:
        (earlier,) = told["asked"]["earlier"]
        assert (earlier["class"], earlier["positives"]) == ("target", 1)
        assert earlier["image"].startswith("DeepScan taught frame")
    assert swift.handler.session.protocol.provenance["asked"] == told["asked"]


def test_without_a_plan_or_a_choice_it_says_what_to_do(swift: Any, crystal: Any) -> None:
    swift.handler.why_here()
    assert swift.handler.status.value.startswith("There is no plan yet")
    planned(swift)
    swift.handler.row.value = None
    swift.handler.why_here()
    assert swift.handler.status.value.startswith("No region is chosen")
    assert swift.handler.session.view.phase is Phase.PLANNED


def test_a_second_region_waits_for_the_first(swift: Any, crystal: Any) -> None:
    planned(swift)
    swift.handler.row.value = 0
    swift.handler.why_here()
    swift.handler.why_here()
    assert "has to wait" in swift.handler.status.value
    swift.wait_for(lambda: swift.handler.session.view.phase is not Phase.EXPLAINING, "the picture")


def test_the_window_closes_while_a_region_is_explained(swift: Any, crystal: Any) -> None:
    planned(swift)
    swift.handler.row.value = 0
    swift.handler.why_here()
    swift.handler.close()
    assert not any(item.title.startswith("Why here") for item in swift.library.data_items)
