"""Where a window shows the map beside the image, it shows the map that is followed now."""

from __future__ import annotations

from typing import Any


class MapPanels:
    """The display panels of a window that show the map of the attached image.

    Parameters
    ----------
    document_controller : the window.
    """

    def __init__(self, document_controller: Any) -> None:
        self._window = document_controller
        self._shown: Any = None  # the map that panels show, if any does
        self._listener: Any = None

    def follow(self, map_item: Any) -> None:
        """Let the panels that show the map of before show another one, as soon as it holds data.

        What shows something else is left alone; so are all where a panel shows that map already.
        """
        self._listener = None
        if self._shown is None or map_item is self._shown:
            self._shown = map_item
        elif map_item.has_data:
            self._go_over(map_item)
        else:
            self._listener = map_item.data_changed_event.listen(lambda: self._arriving(map_item))

    def forget(self) -> None:
        """There is another image, or the window goes."""
        self._shown = self._listener = None

    def _arriving(self, map_item: Any) -> None:
        self._window.event_loop.call_soon_threadsafe(self._arrived, map_item)

    def _arrived(self, map_item: Any) -> None:
        if self._listener is not None and map_item.has_data:
            self._listener = None
            self._go_over(map_item)

    def _go_over(self, map_item: Any) -> None:
        before, self._shown = self._shown, map_item
        panels = self._window.workspace_controller.display_panels
        display_item = self._window.document_model.get_display_item_for_data_item(map_item)
        if display_item is not None and not any(panel.data_item is map_item for panel in panels):
            for panel in panels:
                if panel.data_item is before:
                    panel.set_display_panel_display_item(display_item)
