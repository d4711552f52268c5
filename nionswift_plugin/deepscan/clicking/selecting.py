"""Selects the latest click in Swift, as Swift's own tools do, but only when the map has had its time.

Swift's inspector is built anew for another selection. That takes a tenth of a second, in which nothing can be shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..soon import Soon

SELECT_AFTER_S = 0.35


class LatestSelected:
    """Selects what was put on a display last. The inspector then shows this alone, not a section for each click ever made.

    Parameters
    ----------
    event_loop : of the window.
    displays : all that there are now.
    """

    def __init__(self, event_loop: Any, displays: Callable[[], list[Any]]) -> None:
        self._displays = displays
        self._soon = Soon(event_loop, self._select, after_s=SELECT_AFTER_S)
        self._latest: tuple[Any, Any] | None = None

    def ask(self, display_item: Any, graphic: Any) -> None:
        """Select a graphic soon, unless there is another one by then, or it is gone."""
        self._latest = (display_item, graphic)
        self._soon.ask()

    def close(self) -> None:
        """Select nothing any more."""
        self._soon.close()
        self._latest = None

    def _select(self) -> None:
        latest, self._latest = self._latest, None
        if latest is not None:
            display_item, graphic = latest
            if display_item in self._displays() and graphic in display_item.graphics:
                display_item.graphic_selection.set(display_item.graphics.index(graphic))
