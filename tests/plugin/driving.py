"""Press the panel's buttons in a headless Swift, and wait for what they do."""

from __future__ import annotations

from typing import Any

import pytest

from deepscan_core.errors import MissingError
from nionswift_plugin.deepscan import computations
from nionswift_plugin.deepscan.view import Phase


def attach(swift: Any) -> Any:
    """Start the scan, press Attach and wait for the first map; returns the live data item."""
    swift.set_scan()
    live = swift.start_scan()
    swift.handler.attach()
    assert swift.handler.session.view.phase is Phase.ATTACHED, swift.handler.status.value
    swift.wait_for(lambda: map_item(swift) is not None and map_item(swift).has_data, "the first map")
    return live


def without_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model understands words here, as where torch is not installed."""

    def missing() -> Any:
        raise MissingError("words need torch and timm: pip install nionswift-deepscan")

    monkeypatch.setattr("deepscan_core.features.words.load_word_model", missing)


def map_item(swift: Any) -> Any:
    for computation in swift.library.computations:
        if computation.processing_id == computations.SURPRISAL:
            assert not computation.error_text, computation.error_text
            return computation.get_output("map")
    return None


def plan(swift: Any) -> None:
    swift.handler.plan()
    swift.wait_for(lambda: swift.handler.session.view.phase is not Phase.PLANNING, "the plan")
    assert swift.handler.session.view.phase is Phase.PLANNED, swift.handler.status.value


def run(swift: Any) -> None:
    """Press Run, and Expose."""
    swift.handler.run()
    assert swift.handler.may_confirm.value, swift.handler.status.value
    swift.handler.confirm()


def finish_run(swift: Any) -> None:
    ongoing = (Phase.RUNNING, Phase.PAUSED)
    swift.wait_for(lambda: swift.handler.session.view.phase not in ongoing, "the end of the run")
