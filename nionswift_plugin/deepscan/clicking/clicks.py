"""Clicks that teach: points on the image, each with the frame that it was made on.

A click is a point graphic of Swift (``click_graphics.py``): moving, deleting and undoing it there changes what is taught.
A click whose place on the sample is out of view is drawn clear, without a label, and still teaches.

    tool = ClickTool(window, on_changed=teach)
    tool.attach(data_item)
    tool.arm(True)                   # each click in the image is one, until Escape or disarm(); Shift turns the sign

``on_changed`` gets JSON text, a list of ``{"y_frac", "x_frac", "positive", "class", "frame"}``: fractions,
``(index + 0.5) / n``, of the data item whose uuid is ``frame``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nion.swift import DisplayPanel

from deepscan_core.errors import DeepScanError, InputError
from deepscan_core.live.clicks import DEFAULT_CLASS
from deepscan_core.records.coordinates import YX, ScanContext

from ..soon import Soon
from .click_graphics import (
    AddClick,
    clicks_json,
    known,
    new_click,
    record_of,
    show,
)
from .click_records import ClickRecord, SamplePosition, is_inside, microscope_position, view_of
from .selecting import LatestSelected
from .taught_frames import TaughtFrame, TaughtFrames

LOOK_AGAIN_S = 0.2  # a live image changes at every few rows


@dataclass(frozen=True, kw_only=True)
class Armed:
    """What the next click will be."""

    positive: bool
    class_name: str = DEFAULT_CLASS


class ClickTool:
    """The clicks of one window on one data item.

    Parameters
    ----------
    document_controller : the window.
    on_changed : called in the user interface's thread with the clicks as JSON, whenever they differ.
    on_armed : called whenever the tool is armed or disarmed.
    on_refused : called with the reason where a click could not be taken.
    sample_position : asks the microscope where it looks, only while there are clicks, and every `LOOK_AGAIN_S` at most
        while it scans.
    """

    def __init__(
        self,
        document_controller: Any,
        *,
        on_changed: Callable[[str], None],
        on_armed: Callable[[Armed | None], None] | None = None,
        on_refused: Callable[[DeepScanError], None] | None = None,
        sample_position: Callable[[], SamplePosition] = microscope_position,
    ) -> None:
        self.armed: Armed | None = None
        self.data_item: Any = None
        #: the latest whole frame, as Swift's data, while `on_changed` is told of a click just made on it; else None
        self.clicked_frame: Any = None
        self._window = document_controller
        self._library = document_controller.document_model
        self._on_changed = on_changed
        self._on_armed = on_armed
        self._on_refused = on_refused
        self._sample_position = sample_position
        self._view: ScanContext | None = None  # None: to be asked for, there is a new frame
        self._frames: Any = None
        self._told = "[]"
        self._swallow_release = False
        self._shown_in: ScanContext | None = None  # the view that clicks were placed for; None without clicks
        self._soon = Soon(document_controller.event_loop, self._refresh)
        self._look_soon = Soon(document_controller.event_loop, self._look_again, rest_s=LOOK_AGAIN_S)
        self._latest_selected = LatestSelected(document_controller.event_loop, self._displays)
        self._item_listeners: dict[int, Any] = {}
        manager = DisplayPanel.DisplayPanelManager()
        self._listeners: list[Any] = [
            manager.image_display_mouse_pressed_event.listen(self._pressed),
            manager.image_display_mouse_released_event.listen(self._released),
            manager.key_pressed_event.listen(self._key_pressed),
            self._library.item_inserted_event.listen(self._library_changed),
            self._library.item_removed_event.listen(self._library_changed),
        ]
        self._data_listener: Any = None

    def close(self) -> None:
        """Listen to nothing any more. The clicks stay in the project."""
        self.armed = None
        self._soon.close()
        self._look_soon.close()
        self._latest_selected.close()
        if self._frames is not None:
            self._frames.close()
        self.data_item = self._data_listener = None
        self._listeners.clear()
        self._item_listeners.clear()

    def attach(self, data_item: Any) -> None:
        """Follow the clicks of an image; raises `InputError` where the data item is none."""
        if data_item.data_shape is None or len(data_item.data_shape) != 2:
            raise InputError(f"{data_item.title} is no two-dimensional image: clicks need one")
        self.data_item = data_item
        if self._frames is not None:
            self._frames.close()
        self._frames = TaughtFrames(self._library, data_item, self._window.event_loop)
        self._view = self._frames.view_on_display()
        self._data_listener = data_item.data_changed_event.listen(self._data_changed)
        self._refresh()

    def detach(self) -> None:
        """Follow no image. The clicks stay on it."""
        self.disarm()
        self.data_item = self._data_listener = None
        self._refresh()

    def arm(self, positive: bool, class_name: str = DEFAULT_CLASS) -> None:
        """Make each click in the image one of this class, until `disarm` or Escape; holding Shift turns the sign."""
        if self.data_item is None:
            raise InputError("no image is attached: press Attach first")
        if not class_name.strip():
            raise InputError(f"class {class_name!r}: give what you click a name")
        self._set_armed(Armed(positive=positive, class_name=class_name.strip()))

    def disarm(self) -> None:
        """Leave the mouse to Swift."""
        self._set_armed(None)

    def clear(self) -> None:
        """Remove all clicks; Edit > Undo brings them back."""
        for display_item in self._displays():
            ours = [graphic for graphic in display_item.graphics if record_of(graphic) is not None]
            if ours:
                command = self._window.create_remove_graphics_command(display_item, ours)
                command.perform()
                self._window.push_undo_command(command)
        self._refresh()

    @property
    def clicks_json(self) -> str:
        """The clicks as they teach, copies counted once; see the module."""
        return clicks_json(self._graphics())

    def frame(self, name: str) -> TaughtFrame:
        """A frame that a click was made on, by the uuid of its data item; raises `InputError` where it is gone."""
        if self._frames is None:
            raise InputError("no image is attached: press Attach first")
        found: TaughtFrame = self._frames.frame(name)
        return found

    def remap(self, view: ScanContext) -> None:
        """Show all clicks at their places on the sample in another view; set aside what is not in view."""
        self._view = self._shown_in = view
        for graphic in self._graphics():
            record = known(graphic)
            if record is not None and (seen := record.seen_in(view)) is not record:
                show(graphic, seen)

    # what Swift says

    def _pressed(self, display_panel: Any, display_item: Any, image_position: Any, modifiers: Any) -> bool:
        if self.armed is None or not self._is_here(display_panel) or display_item not in self._displays():
            return False
        rows, cols = self.data_item.data_shape
        fraction = (float(image_position.y) / rows, float(image_position.x) / cols)  # edges are whole numbers
        if not is_inside(fraction):
            return False
        self._swallow_release = True
        try:
            self._add(display_item, fraction, self.armed.positive is not bool(modifiers.shift), self.armed.class_name)
        except DeepScanError as error:
            if self._on_refused is None:
                raise
            self._on_refused(error)
        return True

    def _released(self, display_panel: Any, display_item: Any, image_position: Any, modifiers: Any) -> bool:
        swallow, self._swallow_release = self._swallow_release, False
        return swallow

    def _key_pressed(self, display_panel: Any, key: Any) -> bool:
        if self.armed is None or not self._is_here(display_panel) or not key.is_escape:
            return False
        self.disarm()
        return True

    def _library_changed(self, key: str, item: Any, index: int) -> None:
        if key == "data_items" and item is self.data_item and item not in self._library.data_items:
            self.detach()
        elif key == "display_items":
            self._soon.ask()

    def _data_changed(self) -> None:
        self._view, data_item = None, self.data_item  # this comes in any thread
        (self._look_soon if data_item is not None and data_item.is_live else self._soon).ask()

    def _display_changed(self, key: str, item: Any, index: int) -> None:
        if key == "graphics":
            self._soon.ask()

    def _graphic_changed(self, name: str) -> None:
        self._soon.ask()

    # in the user interface's thread

    def _look_again(self) -> None:
        """Clicks move with the view: where the image shows another one than before."""
        if self._shown_in is not None and self._present_view() != self._shown_in:
            self._refresh()

    def _refresh(self) -> None:
        graphics = self._graphics()
        self._listen(graphics)
        if graphics:
            self.remap(self._present_view())
            for graphic in graphics:
                self._teach_again_where_needed(graphic)
        else:
            self._shown_in = None
        self._tell(graphics)

    def _tell(self, graphics: list[Any]) -> None:
        clicks = clicks_json(graphics)
        if clicks != self._told:
            self._told = clicks
            self._on_changed(clicks)

    def _listen(self, graphics: list[Any]) -> None:
        listeners: dict[int, Any] = {}
        for display_item in self._displays():
            listeners[id(display_item)] = self._item_listeners.get(id(display_item)) or (
                display_item,
                display_item.item_inserted_event.listen(self._display_changed),
                display_item.item_removed_event.listen(self._display_changed),
            )
        for graphic in graphics:
            listeners[id(graphic)] = self._item_listeners.get(id(graphic)) or (
                graphic,
                graphic.property_changed_event.listen(self._graphic_changed),
            )
        self._item_listeners = listeners

    def _present_view(self) -> ScanContext:
        if self._view is None:
            self._view = view_of(self.data_item.xdata, self._sample_position())
        return self._view

    def _add(self, display_item: Any, fraction: YX, positive: bool, class_name: str) -> None:
        view = self._present_view()
        record = ClickRecord.new(class_name, self._frames.keep(view), view, fraction)
        graphic = new_click(positive, record)
        self.clicked_frame = self._frames.seen
        try:
            # First: Swift takes some time to draw the point, and the map can be made beside that.
            self._tell(self._graphics(coming=(display_item, graphic)))
            command = AddClick(self._window, display_item, [graphic])
            command.perform()
            self._window.push_undo_command(command)
            self._latest_selected.ask(display_item, display_item.graphics[-1])
        finally:
            self.clicked_frame = None
            self._refresh()

    def _teach_again_where_needed(self, graphic: Any) -> None:
        """A click that was moved out of the frame it teaches teaches the one on display."""
        record = known(graphic)
        if (
            record is not None
            and not record.aside
            and not is_inside(record.at_frac)
            and is_inside(record.shown_at_frac)
        ):
            show(graphic, record.taught_again(self._frames.keep(record.shown)))

    def _set_armed(self, armed: Armed | None) -> None:
        if armed != self.armed:
            self.armed = armed
            if self._on_armed is not None:
                self._on_armed(armed)

    def _is_here(self, display_panel: Any) -> bool:
        return display_panel.document_controller is self._window

    def _displays(self) -> list[Any]:
        shown = self._library.get_display_items_for_data_item(self.data_item) if self.data_item is not None else ()
        return sorted(shown, key=lambda display_item: display_item.created)

    def _graphics(self, coming: tuple[Any, Any] | None = None) -> list[Any]:
        """All clicks, with the one that is about to come to a display."""
        found = []
        for display in self._displays():
            found += [graphic for graphic in display.graphics if record_of(graphic) is not None]
            if coming is not None and display is coming[0]:
                found.append(coming[1])
        return found
