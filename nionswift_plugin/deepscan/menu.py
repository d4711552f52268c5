"""The menu *DeepScan* of a window: the buttons of its panel, and a key for each kind of example."""

from __future__ import annotations

import gettext
from collections.abc import Callable
from typing import Any

_ = gettext.gettext

MENU_ID = "deepscan_menu"
#: words, name of the panel's method, and the key where there is one; None is a line between entries
ENTRIES: tuple[tuple[str, str, str | None] | None, ...] = (
    (_("Attach"), "attach", None),
    (_("Plan"), "plan", None),
    (_("Run"), "run", None),
    (_("Abort"), "abort", None),
    None,
    (_("+ Example"), "arm_positive", "Ctrl+Alt+T"),
    (_("− Example"), "arm_negative", "Ctrl+Alt+N"),
    (_("Done"), "disarm", None),
    (_("Where next?"), "suggest", None),
)


def build(document_controller: Any, panel_id: str) -> None:
    """Add the entries to a window's menu.

    Parameters
    ----------
    document_controller : the window.
    panel_id : of its panel, which answers, and is shown so that its answer is seen.
    """

    def press(method: str) -> Callable[[], None]:
        def pressed() -> None:
            dock_panel = document_controller.find_dock_panel(panel_id)
            dock_panel.show()
            getattr(dock_panel.handler, method)()

        return pressed

    menu = document_controller.get_or_create_menu(MENU_ID, _("DeepScan"), "window_menu")
    menu.add_menu_item(_("Show Panel"), lambda: document_controller.find_dock_panel(panel_id).show())
    menu.add_separator()
    for entry in ENTRIES:
        if entry is None:
            menu.add_separator()
        else:
            words, method, key = entry
            menu.add_menu_item(words, press(method), key_sequence=key)
