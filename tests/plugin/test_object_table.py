"""The table of objects, from the panel's button: made once, shown, undone, told in words."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from deepscan_core.simulation.specimens import Spots
from nionswift_plugin.deepscan import computations
from tests.plugin.driving import attach

PLACES_NM = [(-4.5, -4.0), (-3.0, 5.0), (4.0, -2.0), (5.0, 4.5)]


@pytest.fixture
def live(swift: Any) -> Any:
    """Four equal spots behind the scan; the live data item, attached."""
    from nionswift_plugin.deepscan_simulator.swap import SpecimenSwap

    spots = Spots(defects_nm=np.array(PLACES_NM), sigma_nm=0.3, peak=0.5, background=0.05)
    swap = SpecimenSwap(spots, on_message=pytest.fail)
    assert swap.install()
    yield attach(swift)
    swap.remove()


def tables(swift: Any) -> list[Any]:
    return [c for c in swift.library.computations if c.processing_id == computations.QUANTIFY]


def measured(swift: Any) -> Any:
    """Press the button and wait for the table."""
    swift.handler.measure()
    return waited(swift)


def waited(swift: Any) -> Any:
    swift.wait_for(lambda: "object" in swift.handler.objects.value.partition("”")[2], "the table")
    return swift.handler.session.table.item


def test_the_button_makes_a_table_that_is_told_in_words(swift: Any, live: Any) -> None:
    assert swift.handler.objects.value == ""
    swift.handler.measure()
    assert swift.handler.objects.value == f"Measuring for “Objects in {live.title}” …"
    table = waited(swift)
    told = table.metadata["deepscan"]
    count = told["n_objects"]
    assert swift.handler.objects.value.startswith(f"“Objects in {live.title}” follows the image: {count} object")
    names = [column["name"] for column in told["columns"]]
    largest = table.data[:, names.index("area_nm2")].max()
    assert swift.handler.objects.value.endswith(f"the largest {largest:.3g} nm².")
    y_nm, x_nm = (table.data[:, names.index(name)] for name in ("centroid_y_nm", "centroid_x_nm"))
    for place in PLACES_NM:
        assert np.hypot(y_nm - place[0], x_nm - place[1]).min() < 0.2


def test_pressing_again_makes_no_second_table(swift: Any, live: Any) -> None:
    first = measured(swift)
    assert measured(swift) is first
    swift.handler.attach()
    assert measured(swift) is first
    assert len(tables(swift)) == 1


def test_the_table_is_shown_in_an_empty_display_and_leaves_others_alone(swift: Any, live: Any) -> None:
    panel = swift.window.workspace_controller.display_panels[0]
    panel.set_display_panel_display_item(swift.display(live))
    measured(swift)
    assert panel.display_item is swift.display(live)
    panel.set_display_panel_display_item(None)
    table = measured(swift)
    assert panel.display_item is swift.display(table)


def test_undo_takes_the_table_back_and_redo_brings_it(swift: Any, live: Any) -> None:
    before = len(swift.library.data_items)
    measured(swift)
    swift.scan.stop_playing(sync_timeout=5)  # Swift 16.18 forgets a computation that is undone while it runs
    swift.wait_for(lambda: not getattr(tables(swift)[0], "is_running", False), "the last table")
    swift.window.handle_undo()
    swift.wait_for(lambda: not swift.handler.objects.value, "the undo")
    assert (tables(swift), len(swift.library.data_items)) == ([], before)
    swift.window.handle_redo()
    table = waited(swift)
    assert table.title == f"Objects in {live.title}"
    first = table.data.copy()
    swift.scan.start_playing(sync_timeout=5)
    swift.stem.SetVal("stage_position_m.x", 3e-9)
    swift.wait_for(lambda: not np.array_equal(table.data, first, equal_nan=True), "a table of another frame")


def test_a_table_that_was_deleted_can_be_made_again(swift: Any, live: Any) -> None:
    first = swift.display(measured(swift))
    swift.window.delete_display_items([first])
    swift.wait_for(lambda: not swift.handler.objects.value, "the deletion")
    assert swift.handler.session.table.item is None
    assert swift.display(measured(swift)) is not first


def test_the_table_measures_what_the_form_asks_for(swift: Any, live: Any) -> None:
    swift.handler.amount.value, swift.handler.region.value = "5", "20"
    measured(swift)
    settings = json.loads(tables(swift)[0]._get_variable("settings").value)
    assert (settings["area_fraction"], settings["region_size_px"], settings["backbone"]) == (0.05, 20, "classical")
    swift.handler.amount.value = "8"
    swift.handler.edited()
    assert json.loads(tables(swift)[0]._get_variable("settings").value)["area_fraction"] == 0.08


def test_what_goes_wrong_is_said_in_words(swift: Any) -> None:
    swift.handler.measure()
    assert swift.handler.status.value == "No image is attached: press Attach first."
    attach(swift)
    swift.handler.backbone.value = "phrenology"
    swift.handler.measure()
    unsaid = ("", "Measuring")
    swift.wait_for(lambda: swift.handler.objects.value.partition(" ")[0] not in unsaid, "the reason")
    told = swift.handler.objects.value
    assert "phrenology" in told or "torch" in told  # where torch is missing, that is said first
    assert "Traceback" not in told
    swift.handler.backbone.value = ""
    swift.handler.measure()
    swift.wait_for(lambda: "follows the image" in swift.handler.objects.value, "the table")
