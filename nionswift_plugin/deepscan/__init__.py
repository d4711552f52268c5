"""Nion Swift plug-in: a heat map over the live scan, and a plan that is followed."""

from __future__ import annotations

import gettext
from typing import Any

_ = gettext.gettext


class DeepScanExtension:
    """What Swift constructs at start and closes at exit."""

    extension_id = "deepscan.extension"

    def __init__(self, api_broker: Any) -> None:
        from nion.swift import Workspace

        from . import computations
        from .mapping import computing
        from .panel import dock_panel

        self._app = api_broker.get_api(version="~1.0", ui_version="~1.0").application._application
        computations.register()
        computing.begin()
        Workspace.WorkspaceManager().register_panel(
            dock_panel.DeepScanPanel, dock_panel.PANEL_ID, _("DeepScan"), ["left", "right"], "right", {"min-width": 312}
        )
        self._app.register_menu_handler(self._build_menu)

    def close(self) -> None:
        """Take the panel and the menu out again; saved maps keep their data."""
        from nion.swift import Workspace

        from . import computations
        from .mapping import computing
        from .panel import dock_panel

        computations.quit_computing()
        computing.end()
        self._app.unregister_menu_handler(self._build_menu)
        Workspace.WorkspaceManager().unregister_panel(dock_panel.PANEL_ID)

    def _build_menu(self, document_controller: Any) -> None:
        from . import menu
        from .panel import dock_panel

        menu.build(document_controller, dock_panel.PANEL_ID)
