"""The table of the objects in the attached image: made and shown by a button, and told in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import computations, words
from ..soon import Soon


class ObjectTable:
    """The table of one window.

    Parameters
    ----------
    document_controller : the window.
    api : Swift's facade, for the new data item.
    on_changed : called in the user interface's thread whenever the table says something else.
    """

    def __init__(self, document_controller: Any, api: Any, on_changed: Callable[[], None]) -> None:
        self.data_item: Any = None
        self._window, self._api, self._on_changed = document_controller, api, on_changed
        self._library = document_controller.document_model
        self._told = ""
        self._soon = Soon(document_controller.event_loop, self._refresh)
        self._listeners: list[Any] = [
            self._library.item_inserted_event.listen(self._library_changed),
            self._library.item_removed_event.listen(self._library_changed),
        ]
        self._followed: dict[int, Any] = {}

    @property
    def item(self) -> Any:
        """The data item that holds the table, None where there is none."""
        computation = self._computation()
        return None if computation is None else computation.get_output("table")

    @property
    def words(self) -> str:
        """What there is to say of the table; empty where there is none."""
        return self._told

    def attach(self, data_item: Any) -> None:
        """Follow the table of another image."""
        self.data_item = data_item
        self._refresh()

    def make_or_show(self, settings: computations.MapSettings) -> None:
        """Bring the table into view; where there is none it is made, which Edit > Undo takes back."""
        if self.item is None:
            command = self._window.create_insert_data_item_command(lambda: self._follow(settings))
            command.perform()
            self._window.push_undo_command(command)
        else:
            self._follow(settings)
        display_item = self._library.get_display_item_for_data_item(self.item)
        if not any(panel.display_item is display_item for panel in self._window.workspace_controller.display_panels):
            self._window.show_display_item(display_item, request_focus=False)
        self._refresh()

    def change(self, settings: computations.MapSettings) -> None:
        """Measure in another way from now on, if there is a table."""
        if self.item is not None:
            self._follow(settings)

    def close(self) -> None:
        """Listen to nothing any more. The table stays in the project."""
        self.data_item = None
        self._soon.close()
        self._listeners.clear()
        self._followed.clear()

    def _follow(self, settings: computations.MapSettings) -> Any:
        return computations.follow(self._library, self._api, self.data_item, settings, kind=computations.QUANTIFY)

    def _computation(self) -> Any:
        if self.data_item is None:
            return None
        return computations.computation_of(self._library, self.data_item, computations.QUANTIFY)

    # what Swift says, in any thread

    def _library_changed(self, key: str, item: Any, index: int) -> None:
        if key in ("data_items", "computations"):
            self._soon.ask()

    # in the user interface's thread

    def _refresh(self) -> None:
        computation, item = self._computation(), self.item
        self._followed = {} if item is None else self._followers(computation, item)
        told = "" if item is None else _told(computation, item)
        if told != self._told:
            self._told = told
            self._on_changed()

    def _followers(self, computation: Any, item: Any) -> dict[int, Any]:
        """What listens to computation and table, that of before where it is the same."""
        events = {id(computation): computation.property_changed_event, id(item): item.data_changed_event}
        return {key: self._followed.get(key) or event.listen(self._soon.ask) for key, event in events.items()}


def _told(computation: Any, item: Any) -> str:
    if computation.error_text:
        return words.sentence(computation.error_text)
    if not item.has_data:
        return f"Measuring for “{item.title}” …"
    return words.objects(item)
