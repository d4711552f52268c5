"""Where a window shows the map beside the image, it shows the map that is followed now."""

from __future__ import annotations

from typing import Any

from ..soon import Soon


class MapPanels:
    """The display panels of a window that show the map of the attached image.

    Parameters
    ----------
    document_controller : the window.
    """

    def __init__(self, document_controller: Any) -> None:
        self._window = document_controller
        self._shown: Any = None  # the map that panels show, if any does
        self._awaited: Any = None  # the map that they are to show once it holds data
        self._listener: Any = None
        self._soon = Soon(document_controller.event_loop, self._arrived)

    def follow(self, map_item: Any) -> None:
        """Let the panels that show the map of before show another one, as soon as it holds data.

        What shows something else is left alone; so are all where a panel shows that map already.
        """
        self._awaited = None
        if self._shown is None or map_item is self._shown:
            self._shown = map_item
        elif map_item.has_data:
            self._go_over(map_item)
        else:
            self._awaited = map_item
        self._listener = map_item.data_changed_event.listen(self._soon.ask)

    def forget(self) -> None:
        """There is another image."""
        self._shown = self._awaited = self._listener = None
        self._arrange_icons()

    def close(self) -> None:
        """The window goes."""
        self.forget()
        self._soon.close()

    def _arrived(self) -> None:
        """There is another map in the user interface's thread."""
        if self._awaited is not None and self._awaited.has_data:
            awaited, self._awaited = self._awaited, None
            self._go_over(awaited)
        self._arrange_icons()

    def _arrange_icons(self) -> None:
        """Keep the icon of its source off the map: Swift would draw the whole panel anew with every few rows of a scan."""
        workspace = self._window.workspace_controller
        for panel in workspace.display_panels if workspace is not None else ():
            icons = getattr(panel, "_related_icons_canvas_item", None)
            is_wanted = self._shown is None or panel.data_item is not self._shown
            if icons is not None and icons._source_thumbnails.visible is not is_wanted:
                icons._source_thumbnails.visible = is_wanted

    def _go_over(self, map_item: Any) -> None:
        before, self._shown = self._shown, map_item
        panels = self._window.workspace_controller.display_panels
        display_item = self._window.document_model.get_display_item_for_data_item(map_item)
        if display_item is not None and not any(panel.data_item is map_item for panel in panels):
            for panel in panels:
                if panel.data_item is before:
                    panel.set_display_panel_display_item(display_item)
