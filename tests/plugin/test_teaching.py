"""From a click in the image to another map, through the panel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nion.ui import CanvasItem
from nion.utils import Geometry

from deepscan_core.simulation.specimens import Spots
from nionswift_plugin.deepscan import computations
from nionswift_plugin.deepscan.drawing import overlay
from nionswift_plugin.deepscan.view import Phase
from tests.plugin.driving import attach, plan, without_words

PLACES_NM = [(-4.5, -4.0), (-3.0, 5.0), (4.0, -2.0), (5.0, 4.5), (0.5, 1.0)]


def planted(swift: Any) -> Any:
    """Five equal spots behind the scan; the live data item, attached and shown in a display panel."""
    from nionswift_plugin.deepscan_simulator.swap import SpecimenSwap

    spots = Spots(defects_nm=np.array(PLACES_NM), sigma_nm=0.3, peak=0.5, background=0.05)
    swap = SpecimenSwap(spots, on_message=lambda words: None)
    assert swap.install()
    return attach(swift), swap


def pixel_of(place_nm: tuple[float, float], side: int = 128, fov_nm: float = 16.0) -> tuple[int, int]:
    return (round((place_nm[0] / fov_nm + 0.5) * side - 0.5), round((place_nm[1] / fov_nm + 0.5) * side - 0.5))


def click(swift: Any, data_item: Any, place_nm: tuple[float, float]) -> None:
    """Press and release the mouse in a display panel that shows the image."""
    panel = swift.window.workspace_controller.display_panels[0]
    panel.set_display_panel_display_item(swift.display(data_item))
    y, x = pixel_of(place_nm)
    point, modifiers = Geometry.FloatPoint(y + 0.5, x + 0.5), CanvasItem.KeyboardModifiers()
    assert panel.image_mouse_pressed(point, modifiers)
    panel.image_mouse_released(point, modifiers)


def test_one_click_finds_the_others_and_they_can_be_planned(swift: Any) -> None:
    live, swap = planted(swift)
    surprisal_item = swift.handler.session.map_item
    swift.handler.arm_positive()
    assert swift.handler.is_armed.value
    assert "Click on what shows “target”" in swift.handler.status.value
    click(swift, live, PLACES_NM[0])
    swift.wait_for(lambda: swift.handler.session.map_item is not surprisal_item, "the taught map")
    taught = swift.handler.session.map_item
    swift.wait_for(lambda: taught.has_data, "its data")
    heights = [float(taught.data[pixel_of(place)]) for place in PLACES_NM]
    assert min(heights) > 0.5
    assert np.median(taught.data) < 0.2
    assert overlay.followed_map(swift.display(live)) == str(taught.uuid)
    swift.handler.disarm()
    assert not swift.handler.is_armed.value
    swift.handler.amount.value, swift.handler.region.value = "6", "14"
    plan(swift)
    steps = swift.handler.session.protocol.steps
    held = [any(abs(s.center_y_nm - y) < 0.9 and abs(s.center_x_nm - x) < 0.9 for s in steps) for y, x in PLACES_NM]
    assert all(held)
    swap.remove()


def test_undoing_the_only_click_leaves_the_map_and_says_what_is_lacking(swift: Any) -> None:
    live, swap = planted(swift)
    swift.handler.plan()
    swift.wait_for(lambda: swift.handler.session.view.phase is not Phase.PLANNING, "the plan")
    swift.handler.arm_positive()
    click(swift, live, PLACES_NM[1])
    swift.wait_for(lambda: swift.handler.session.live.clicks != "[]", "the click")
    swift.handler.disarm()
    swift.window.handle_undo()
    swift.wait_for(lambda: swift.handler.session.live.clicks == "[]", "the undo")
    swift.handler.plan()
    assert "press + Example" in swift.handler.status.value
    swap.remove()


def show_side_by_side(swift: Any, *data_items: Any) -> list[Any]:
    """Display panels beside each other; None leaves one empty."""
    workspace = swift.window.workspace_controller
    while len(workspace.display_panels) < len(data_items):
        workspace.insert_display_panel(workspace.display_panels[-1], "right")
    for panel, data_item in zip(workspace.display_panels, data_items, strict=True):
        panel.set_display_panel_display_item(None if data_item is None else swift.display(data_item))
    return list(workspace.display_panels)


def is_live(swift: Any, data_item: Any, kind: str) -> bool:
    """Whether a map follows its image: the one that nobody looks at rests."""
    computation = computations.computation_of(swift.library, data_item, kind)
    return computations.MapSettings.from_json(computation._get_variable("settings").value).live


def test_what_showed_the_map_beside_the_image_shows_the_taught_one(swift: Any) -> None:
    live, swap = planted(swift)
    surprisal = swift.handler.session.map_item
    panels = show_side_by_side(swift, live, surprisal, None)
    swift.handler.arm_positive()
    assert panels[1].data_item is surprisal  # nothing is taught yet
    click(swift, live, PLACES_NM[0])
    swift.wait_for(lambda: panels[1].data_item is not surprisal, "the taught map")
    taught = swift.handler.session.map_item
    assert taught.has_data
    assert [panel.data_item for panel in panels] == [live, taught, None]
    assert not is_live(swift, live, computations.SURPRISAL)
    assert is_live(swift, live, computations.TEACHER)
    swift.handler.mode.value = 0
    swift.handler.chosen()
    assert [panel.data_item for panel in panels] == [live, surprisal, None]
    assert is_live(swift, live, computations.SURPRISAL)
    assert not is_live(swift, live, computations.TEACHER)
    show_side_by_side(swift, live, surprisal, taught)
    swift.handler.mode.value = 1
    swift.handler.chosen()  # it is shown already
    assert [panel.data_item for panel in panels] == [live, surprisal, taught]
    swap.remove()


def test_a_map_beside_the_image_shows_no_icon_of_it(swift: Any) -> None:
    """Swift would draw the whole panel of the map anew whenever that icon changes, many times a frame."""
    live, swap = planted(swift)
    panels = show_side_by_side(swift, live, swift.handler.session.map_item)

    def shows_icon(panel: Any) -> bool:
        return bool(panel._related_icons_canvas_item._source_thumbnails.visible)

    swift.wait_for(lambda: not shows_icon(panels[1]), "the icon to go with the next map")
    assert shows_icon(panels[0])
    panels[1].set_display_panel_display_item(swift.display(live))
    swift.wait_for(lambda: shows_icon(panels[1]), "the icon to come back")
    panels[1].set_display_panel_display_item(swift.display(swift.handler.session.map_item))
    swift.wait_for(lambda: not shows_icon(panels[1]), "the icon to go")
    swift.handler.session.live.close()
    assert shows_icon(panels[1])
    swap.remove()


def test_words_without_a_model_leave_the_map_beside_the_image(swift: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    without_words(monkeypatch)
    live, swap = planted(swift)
    surprisal = swift.handler.session.map_item
    panels = show_side_by_side(swift, live, surprisal)
    swift.handler.mode.value, swift.handler.query.value = 2, "bright spots"
    swift.handler.edited()
    words = swift.handler.session.map_item
    assert words is not surprisal
    computation = next(c for c in swift.library.computations if c.get_output("map") is words)
    swift.wait_for(lambda: computation.error_text, "the word that a model is missing")
    assert panels[1].data_item is surprisal
    swift.handler.mode.value = 0
    swift.handler.chosen()
    words.set_data(np.zeros((128, 128), np.float32))  # too late
    swift.window.periodic()
    assert panels[1].data_item is surprisal
    swap.remove()


def test_of_two_classes_each_can_be_shown_alone(swift: Any) -> None:
    live, swap = planted(swift)
    swift.handler.arm_positive()
    click(swift, live, PLACES_NM[0])
    swift.handler.class_name.value = "dark"
    swift.handler.arm_positive()
    click(swift, live, (-6.5, 6.5))  # the flat background
    swift.wait_for(lambda: len(swift.handler.classes.value) == 3, "the names")
    assert swift.handler.classes.value == ["All classes", "target", "dark"]
    map_item = swift.handler.session.map_item

    def shown(index: int) -> np.ndarray:
        swift.handler.shown_class.value = index
        before = map_item.data_modified
        swift.handler.class_shown(None, index)
        swift.wait_for(lambda: map_item.data_modified != before, "the map of the class")
        return np.array(map_item.data)

    swift.wait_for(lambda: map_item.has_data and "dark" in str(map_item.metadata.get("deepscan")), "the map of both")
    swift.scan.stop_playing(sync_timeout=5)  # maps of one frame: another has other noise
    swift.wait_for(lambda: not live.is_live, "the end of the view")
    swift.library.recompute_all()
    spot, flat = pixel_of(PLACES_NM[0]), pixel_of((-6.5, 6.5))
    target = shown(1)
    assert target[spot] > 0.3 > 10 * target[flat]
    dark = shown(2)
    assert dark[flat] > 0.15  # the ground is common: one click does not make it likely
    assert dark[flat] > 1.5 * max(dark[spot], dark[pixel_of(PLACES_NM[3])])
    both = shown(0)
    assert both[spot] >= target[spot] - 0.01
    assert both[flat] >= dark[flat] - 0.01
    swap.remove()


def suggestions(swift: Any, live: Any) -> list[Any]:
    return swift.graphics(live, "deepscan.suggestion")


def test_the_most_useful_click_is_marked_until_something_is_clicked(swift: Any) -> None:
    live, swap = planted(swift)
    swift.handler.suggest()
    assert "press + Example" in swift.handler.status.value
    click(swift, live, PLACES_NM[0])  # armed by the button
    swift.handler.suggest()
    swift.wait_for(lambda: suggestions(swift, live), "the suggestion")
    assert swift.handler.session.view.phase is Phase.ATTACHED
    assert "would teach most" in swift.handler.status.value
    (mark,) = suggestions(swift, live)
    y, x = mark.position
    spot_y, spot_x = ((n + 0.5) / 128 for n in pixel_of(PLACES_NM[0]))
    assert abs(y - spot_y) + abs(x - spot_x) > 0.05
    clicks = swift.handler.session.live.clicks
    swift.handler.suggest()
    swift.wait_for(lambda: swift.handler.session.view.phase is Phase.ATTACHED, "the next suggestion")
    assert len(suggestions(swift, live)) == 1
    assert swift.handler.session.live.clicks == clicks, "a suggestion is no click"
    click(swift, live, PLACES_NM[1])
    swift.wait_for(lambda: not suggestions(swift, live), "the end of the suggestion")
    swap.remove()
