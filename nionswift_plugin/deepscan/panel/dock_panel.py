"""The panel as Swift makes it: one a window."""

from __future__ import annotations

import gettext
import os
from pathlib import Path
from typing import Any

from nion.swift import Panel
from nion.swift.model import PlugInManager
from nion.ui import Declarative

from ..computations import MapSettings
from ..session import Session
from .handler import Handler

_ = gettext.gettext

PANEL_ID = "deepscan-panel"
BACKBONE_VARIABLE = "DEEPSCAN_BACKBONE"
EXPORT_FOLDER = "DeepScan"  # in the home folder, where the dialog begins


class DeepScanPanel(Panel.Panel):
    """One panel a window."""

    def __init__(self, document_controller: Any, panel_id: str, properties: Any) -> None:
        super().__init__(document_controller, panel_id, _("DeepScan"))
        api = PlugInManager.api_broker_fn("~1.0", None)
        settings = MapSettings(backbone=os.environ.get(BACKBONE_VARIABLE) or MapSettings().backbone)

        def ask_folder() -> Path | None:
            start = str(Path.home() / EXPORT_FOLDER)
            folder, _directory = document_controller.ui.get_existing_directory_dialog(_("Export into"), start)
            return Path(folder) if folder else None

        self.handler = Handler(
            lambda on_view: Session(document_controller, api, on_view=on_view, map_settings=settings), ask_folder
        )
        self.widget = Declarative.DeclarativeWidget(
            document_controller.ui, document_controller.event_loop, self.handler
        )
