"""“Why here” from the panel: a picture and the numbers of the chosen region, in a data item."""

from __future__ import annotations

from typing import Any

import numpy as np

from nionswift_plugin.deepscan.annotations import REGION_ID, selected_order
from nionswift_plugin.deepscan.view import Phase
from tests.plugin.driving import attach, plan


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
