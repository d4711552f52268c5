"""Painting graphics in place of the plain rectangles that Swift gives back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..soon import Soon


class Keeper:
    """Watches a display for what Swift puts back, as Undo of a deletion does.

    Parameters
    ----------
    display_item : the display to watch.
    event_loop : of the window.
    is_plain : whether a graphic stands where one of ours should paint.
    revive : puts the painting graphics in; not called while Swift changes the list.
    """

    def __init__(
        self, display_item: Any, event_loop: Any, is_plain: Callable[[Any], bool], revive: Callable[[], None]
    ) -> None:
        self._is_plain = is_plain
        self._soon = Soon(event_loop, revive)
        self._listener = display_item.item_inserted_event.listen(self._inserted)

    def close(self) -> None:
        """Watch no longer."""
        self._listener = None
        self._soon.close()

    def _inserted(self, key: str, item: Any, index: int) -> None:
        if key == "graphics" and self._is_plain(item):
            self._soon.ask()
