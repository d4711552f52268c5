"""Every fault and every action, on any controller: what has to hold afterwards."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepscan_core.acquisition.books import FAILED
from deepscan_core.acquisition.controller import BEAM_PARAMETERS
from deepscan_core.acquisition.deciding import Decider, Tools
from deepscan_core.acquisition.faults import Action, FaultPolicy
from deepscan_core.acquisition.journal import Journal
from deepscan_core.acquisition.runner import RunState, RunStatus
from deepscan_core.acquisition.strategies import Candidate, Strategy, explore
from deepscan_core.acquisition.watchdog import Watchdog
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.survey import Survey
from tests.acquisition.faulty import KINDS, QUICK, fail_to_write

ACTIONS = ("retry-exposed:1", "skip", "pause", "abort")
CASES = [(kind, action) for kind in KINDS for action in ACTIONS]


def check_case(
    controller: Any,
    protocol: ScanProtocol,
    kind: str,
    action: str,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    preview: np.ndarray,
    preview_dwell_us: float,
    watchdog: Watchdog = QUICK,
    strategy: Decider | None = None,
) -> None:
    """Run a plan of three steps, or a strategy that takes three, of which the second fails once, and look at everything.

    `controller` fails by itself, but for a full disk, and counts in ``exposed`` how often each step was sent.
    """
    if kind == "disk":
        fail_to_write(monkeypatch)
    before = controller.parameters()
    paused: list[str] = []

    def on_status(status: RunStatus) -> None:
        if status.state is RunState.PAUSED:
            paused.append(status.reason)
            threading.Thread(target=survey.resume).start()

    survey = Survey(
        protocol,
        controller,
        strategy=strategy,
        directory=directory,
        policy=FaultPolicy.parse([f"{kind}={action}"]),
        preview=preview,
        preview_dwell_us=preview_dwell_us,
        watchdog=watchdog,
        wait_if_taken=True,
        on_status=on_status,
    )
    ended = False
    try:
        survey.run()
    except Exception:
        ended = True
    after = controller.parameters()
    assert {k: v for k, v in after.items() if k not in BEAM_PARAMETERS} == {
        k: v for k, v in before.items() if k not in BEAM_PARAMETERS
    }
    assert after.get("blanked", after.get("beam")) in (True, "blanked")
    done = Action(action.split(":")[0].removesuffix("-exposed"))
    assert len(survey.faults) == 1, survey.faults
    (fault,) = survey.faults
    assert (fault.order, fault.kind.value, fault.action) == (2, kind, done), fault
    assert ended is (done is Action.ABORT)
    assert len(paused) == (done is Action.PAUSE)
    check_journal(directory, kind, done, ended=ended)
    repeats = done in (Action.RETRY, Action.PAUSE) and kind != "disk"
    assert controller.exposed[2] == 1 + repeats
    assert controller.exposed[3] == (0 if ended else 1)
    status = survey.ledger.status
    assert status.exposures == sum(controller.exposed.values())
    is_kept = kind == "disk" and done in (Action.RETRY, Action.PAUSE)  # its frame was written at the second try
    assert (status.by_kind[FAILED].electrons > 0) is not is_kept
    recorded = {frame.step.order for frame in survey.frames if frame.step is not None}
    assert recorded == ({1} if ended and kind != "disk" else {1, 2} if ended else {1, 2, 3} - lost(kind, done))


def exploring(protocol: ScanProtocol) -> Decider:
    """Explores the places of a plan, all of which are worth a tile; what frames say decides the order."""
    chances = (0.9, 0.85, 0.8)
    places = [
        Candidate(step=step, probability=chance, features=(float(n),))
        for n, (step, chance) in enumerate(zip(protocol.steps, chances, strict=True))
    ]

    def make(tools: Tools) -> Strategy:
        return explore(places, lambda frame: float(np.tanh(frame.values.mean())), budget=tools.budget)

    return Decider(name="explore", make=make)


def lost(kind: str, done: Action) -> set[int]:
    return {2} if done is Action.SKIP and kind != "disk" else set()


def check_journal(directory: Path, kind: str, done: Action, *, ended: bool) -> None:
    journal = Journal.resume(directory)
    assert journal.set_aside is None, journal.problem
    history = journal.history
    assert history.is_restored
    kept = done in (Action.RETRY, Action.PAUSE)
    assert history.recorded == ({1} if ended else {1, 2, 3} if kept else {1, 3})
    lines = (directory / "journal.jsonl").read_text().splitlines()
    told = [line for line in lines if '"event":"fault"' in line.replace(" ", "")]
    assert len(told) == 1
    assert kind in told[0]
    if kind in ("nan", "dark", "saturated", "mismatch", "changed"):
        witness = directory / "tiles" / "0002.attempt-1"
        assert np.load(witness).ndim == 2  # what was exposed can be looked at


def wait_until(condition: Any, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)
