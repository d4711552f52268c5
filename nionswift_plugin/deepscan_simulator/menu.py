"""*DeepScan > Simulated specimen*: another specimen under the beam while Swift runs."""

from __future__ import annotations

import gettext
from collections.abc import Callable
from functools import partial
from typing import Any

from nion.utils import Registry

from deepscan_core.errors import DeepScanError, InputError
from deepscan_core.simulation.specimens import KINDS

from .view import look_at

_ = gettext.gettext


class SpecimenMenu:
    """Adds itself to the menu of every window.

    Parameters
    ----------
    application : Swift's application.
    show_specimen : called with the chosen name.
    on_message : called with one line when a choice was refused.
    """

    def __init__(
        self, application: Any, *, show_specimen: Callable[[str], None], on_message: Callable[[str], None]
    ) -> None:
        self._application = application
        self._show_specimen = show_specimen
        self._on_message = on_message
        application.register_menu_handler(self._build)

    def close(self) -> None:
        """Windows that are opened from now on do without."""
        self._application.unregister_menu_handler(self._build)

    def choose(self, name: str) -> None:
        """Put a specimen under the beam and look at it; a choice in the middle of a recording is refused in words."""
        try:
            stem = Registry.get_component("stem_controller")
            scan = stem.scan_controller if stem is not None else None
            if scan is not None and scan.is_recording:
                raise InputError(f"specimen {name!r} has to wait: the scan is recording")
            self._show_specimen(name)
            if scan is not None:
                look_at(scan, name)
        except DeepScanError as error:
            self._on_message(str(error))

    def _build(self, document_controller: Any) -> None:
        menu = document_controller.get_or_create_menu("deepscan_menu", _("DeepScan"), "window_menu")
        specimens = document_controller.create_sub_menu()
        for kind in KINDS.values():
            specimens.add_menu_item(f"{kind.name}: {kind.title}", partial(self.choose, kind.name))
        menu.add_sub_menu(_("Simulated specimen"), specimens)
