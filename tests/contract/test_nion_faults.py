"""Every fault and every action on usim, with the faults in the scan device behind the Nion controller."""

from __future__ import annotations

import copy
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("nion.usim_device", reason="nionswift-usim is not installed")

from deepscan_core.acquisition.watchdog import Watchdog
from deepscan_core.instruments.nion import NionScanController
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanProtocol, ScanStep
from nionswift_plugin.deepscan_simulator.swap import SpecimenSwap
from tests.acquisition.fault_cases import ACTIONS, check_case, exploring
from tests.acquisition.faulty import KINDS
from tests.contract.controller_contract import make_step, spots_at
from tests.headless import HeadlessSwift, headless_swift


@pytest.fixture
def usim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeadlessSwift]:
    folder = tmp_path / "swift"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with headless_swift() as swift:
        swap = SpecimenSwap(spots_at([(0.0, 0.0)]), on_message=pytest.fail)
        assert swap.install()
        yield swift
        swap.remove()


PATIENT = Watchdog(factor=1.0, slack_s=2.0)


class FaultyDevice:
    """Takes the place of two methods of the scan device while a step is recorded."""

    def __init__(self, usim: HeadlessSwift, kind: str) -> None:
        self._usim, self._kind, self._aborted = usim, kind, threading.Event()
        self._record, self._abort = usim.scan.record_immediate, usim.scan.abort_recording

    def abort_recording(self) -> None:
        self._aborted.set()
        self._abort()

    def record_immediate(self, parameters: Any) -> Any:
        if self._kind == "error":
            raise RuntimeError("the scan unit does not answer")
        if self._kind == "time-out":
            assert self._aborted.wait(20), "nobody aborted"
            return []
        if self._kind == "empty":
            return []
        recorded = self._record(parameters)[0]
        data, metadata = np.array(recorded.data, dtype=float), copy.deepcopy(dict(recorded.metadata))
        if self._kind == "shape":
            data = data[:-1]
        elif self._kind == "nan":
            data[1, 2] = np.nan
        elif self._kind == "dark":
            data[:] = 0
        elif self._kind == "saturated":
            data = np.minimum(data, np.quantile(data, 0.5))
        elif self._kind == "changed":
            self._usim.set_scan(fov_nm=40.0)
        elif self._kind == "mismatch":
            told = metadata["scan"]["scan_device_properties"]
            y, x = told["subscan_fractional_center"]
            told["subscan_fractional_center"] = (y, x + 0.1)
        return [SimpleNamespace(data=data, metadata=metadata)]


class Failing(NionScanController):
    """The device fails once, at the second step."""

    def __init__(self, usim: HeadlessSwift, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.exposed: Counter[int] = Counter()
        self._usim, self._kind, self._patch = usim, kind, monkeypatch

    def scan(self, step: ScanStep) -> ScanFrame:
        self.exposed[step.order] += 1
        if step.order != 2 or self.exposed[2] > 1 or self._kind == "disk":
            return super().scan(step)
        device = FaultyDevice(self._usim, self._kind)
        with self._patch.context() as patch:
            patch.setattr(self._usim.scan, "record_immediate", device.record_immediate)
            patch.setattr(self._usim.scan, "abort_recording", device.abort_recording)
            return super().scan(step)


@pytest.mark.parametrize(("action", "explores"), [*((action, False) for action in ACTIONS), ("skip", True)])
def test_every_fault_on_the_scan_device(
    usim: HeadlessSwift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str, explores: bool
) -> None:
    usim.set_scan()
    preview = NionScanController().preview()
    context = preview.context
    places = [(0.0, 3.0 * i) for i in (-1, 0, 1)]
    steps = tuple(make_step(context, place, order=order) for order, place in enumerate(places, start=1))
    protocol = ScanProtocol(source_name="live", source_sha256="0" * 64, context=context, steps=steps)
    for kind in KINDS:
        controller = Failing(usim, kind, monkeypatch)
        with monkeypatch.context() as patch:
            check_case(
                controller,
                protocol,
                kind,
                action,
                tmp_path / kind,
                patch,
                preview=preview.values,
                preview_dwell_us=preview.dwell_time_us,
                watchdog=PATIENT,
                strategy=exploring(protocol) if explores else None,
            )
        controller.restore_parameters({"blanked": False})
