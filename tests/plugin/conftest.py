"""A headless Swift with DeepScan's plug-ins loaded by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.headless import HeadlessSwift, headless_swift

pytest.importorskip("nion.usim_device", reason="nionswift-usim is not installed")


@pytest.fixture
def swift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeadlessSwift]:
    """Swift with the DeepScan extension, loaded before the window exists as Swift itself does."""
    from nion.swift import Facade
    from nion.swift.model import PlugInManager
    from nion.swift.test import TestContext

    from nionswift_plugin.deepscan import DeepScanExtension
    from nionswift_plugin.deepscan.mapping import computing

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPSCAN_BACKBONE", "classical")
    monkeypatch.delenv("DEEPSCAN_SIMULATOR", raising=False)
    monkeypatch.setenv(computing.VARIABLE, computing.HERE)  # so that tests can look at what is computed
    Facade.initialize()
    setup = TestContext.TestSetup(set_global=True)  # the extension asks for the application
    extension = DeepScanExtension(PlugInManager.APIBroker())
    try:
        with headless_swift() as swift:
            yield swift
    finally:
        extension.close()
        del setup


@pytest.fixture
def crystal(swift: HeadlessSwift) -> Iterator[Any]:
    """The simulator's specimen behind usim's scan."""
    from deepscan_core.simulation.specimens import make_specimen
    from nionswift_plugin.deepscan_simulator.swap import SpecimenSwap

    swap = SpecimenSwap(make_specimen("crystal", 3), on_message=pytest.fail, seed=3)
    assert swap.install()
    yield swap
    swap.remove()
