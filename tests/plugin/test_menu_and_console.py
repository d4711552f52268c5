"""The menu, the keys and the console: other ways to the same buttons and functions."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nion.swift import ConsoleDialog, Facade

from nionswift_plugin.deepscan import menu
from nionswift_plugin.deepscan.panel.dock_panel import PANEL_ID
from nionswift_plugin.deepscan.panel.handler import Handler
from nionswift_plugin.deepscan.view import Phase
from tests.plugin.driving import attach
from tests.plugin.test_computations import PLACES, discs, still
from tests.plugin.test_computations import data as as_xdata

ROOT = Path(__file__).parents[2]


class RecordsMenu:
    """A window's menu that notes its entries, and the window itself in all else."""

    def __init__(self, window: Any) -> None:
        self._window = window
        self.entries: dict[str, Any] = {}
        self.keys: dict[str, str] = {}

    def get_or_create_menu(self, menu_id: str, title: str, before_id: str) -> RecordsMenu:
        return self

    def add_menu_item(self, words: str, callback: Any, key_sequence: str | None = None) -> None:
        self.entries[words] = callback
        if key_sequence:
            self.keys[words] = key_sequence

    def add_separator(self) -> None:
        """A line between entries is none."""

    def find_dock_panel(self, panel_id: str) -> Any:
        return self._window.find_dock_panel(panel_id)


@pytest.fixture
def entries(swift: Any) -> RecordsMenu:
    recorded = RecordsMenu(swift.window)
    menu.build(recorded, PANEL_ID)
    return recorded


def test_the_menu_does_what_the_buttons_do(swift: Any, crystal: Any, entries: RecordsMenu) -> None:
    entries.entries["Attach"]()
    assert "start the scan" in swift.handler.status.value
    attach(swift)
    entries.entries["+ Example"]()
    assert swift.handler.is_armed.value
    assert swift.handler.session.live.tool.armed.positive
    entries.entries["− Example"]()
    assert not swift.handler.session.live.tool.armed.positive
    entries.entries["Done"]()
    assert not swift.handler.is_armed.value
    swift.handler.mode.value = 0
    swift.handler.chosen()
    entries.entries["Plan"]()
    swift.wait_for(lambda: swift.handler.session.view.phase is Phase.PLANNED, "the plan")
    entries.entries["Run"]()
    assert swift.handler.session.view.phase is Phase.CONFIRMING
    swift.handler.decline()


def test_every_entry_is_a_button_of_the_panel_and_its_key_is_free(swift: Any, entries: RecordsMenu) -> None:
    for _, method, _ in filter(None, menu.ENTRIES):
        assert callable(getattr(Handler, method)), method
    taken = (Path(Facade.__file__).parent / "resources" / "key_config.json").read_text(encoding="utf-8")
    assert len(set(entries.keys.values())) == len(entries.keys) >= 2
    assert not [key for key in entries.keys.values() if json.dumps(key) in taken]


def test_a_real_menu_of_a_window_takes_them(swift: Any) -> None:
    menu.build(swift.window, PANEL_ID)
    shown = swift.window.get_or_create_menu(menu.MENU_ID, "DeepScan", "window_menu")
    titles = [item.title for item in shown.items if item.title != "separator"]
    assert titles[:5] == ["Show Panel", "Attach", "Plan", "Run", "Abort"]


def console_lines() -> list[str]:
    text = (ROOT / "docs" / "swift.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"Python Console\*.*?```python\n(.*?)```", text, re.DOTALL)
    return block.splitlines()


def test_what_the_page_says_works_in_the_console(swift: Any, capsys: pytest.CaptureFixture[str]) -> None:
    item = still(swift)
    item.set_xdata(as_xdata(discs((8, 10, 12, 14))))
    display_panel = swift.window.workspace_controller.display_panels[0]
    display_panel.set_display_panel_display_item(swift.display(item))
    swift.window.selected_display_panel = display_panel
    console = ConsoleDialog.ConsoleWidgetStateController({})
    start = ConsoleDialog.DefaultConsoleStartupComponent().get_console_startup_info(logging.getLogger("test"))
    said = ""
    for line in [*start.console_startup_lines, *console_lines()]:
        result, error_code = console.interpret_command(line)
        assert not error_code, f"{line}: {result}"
        said += result
    assert "above what the rest of the image predicts" in said + capsys.readouterr().out
    swift.library.recompute_all()
    (table,) = [one for one in swift.library.data_items if one.title == "Objects"]
    assert table.metadata["deepscan"]["n_objects"] == len(PLACES)
    assert np.isfinite(table.data).any()
    console.close()
