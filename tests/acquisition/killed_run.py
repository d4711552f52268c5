"""``deepscan execute`` on a simulated instrument that outlives its process: beam, view and exposures are kept in files."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deepscan_core.acquisition.deciding import Decider, Tools
from deepscan_core.acquisition.strategies import Candidate, Strategy, explore
from deepscan_core.cli import execute, instruments, main
from deepscan_core.deciders import DeciderSettings, overview_step
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanProtocol, ScanStep

BEFORE = {"beam": "parked (0.25, 0.75)", "viewing": True}


class Lasting:
    """The instrument's own memory.

    Parameters
    ----------
    folder : takes ``state.json`` and ``exposed.txt``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def state(self) -> dict[str, Any]:
        path = self.folder / "state.json"
        loaded: dict[str, Any] = json.loads(path.read_text()) if path.exists() else dict(BEFORE)
        return loaded

    def set_state(self, **changes: Any) -> None:
        partial = self.folder / f"state-{os.getpid()}"
        partial.write_text(json.dumps(self.state() | changes))
        os.replace(partial, self.folder / "state.json")

    def expose(self, order: int) -> None:
        with (self.folder / "exposed.txt").open("a") as file:
            file.write(f"{order}\n")

    def exposed(self) -> Counter[int]:
        path = self.folder / "exposed.txt"
        return Counter(int(line) for line in path.read_text().split()) if path.exists() else Counter()


def lasting_controller(memory: Lasting, *, sleep_s: float, on_made: Callable[[], None]) -> type[SimulatedController]:
    """A controller class whose beam and view live in files, and whose exposures are written down before they begin."""

    class LastingController(SimulatedController):
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            on_made()

        @property
        def beam(self) -> str:
            return str(memory.state()["beam"])

        @beam.setter
        def beam(self, value: str) -> None:
            if hasattr(self, "_found"):  # a new controller finds the instrument as it is
                memory.set_state(beam=value)

        @property
        def is_viewing(self) -> bool:
            return bool(memory.state()["viewing"])

        @is_viewing.setter
        def is_viewing(self, value: bool) -> None:
            if hasattr(self, "_found"):
                memory.set_state(viewing=value)

        def scan(self, step: ScanStep) -> ScanFrame:
            memory.expose(step.order)
            time.sleep(sleep_s)
            return super().scan(step)

    return LastingController


def exploring(protocol: ScanProtocol, settings: DeciderSettings, **_: Any) -> Decider:
    """An overview, then the places of the plan in an order that what the frames show decides: no study, so no network."""
    candidates = [
        Candidate(
            step=step, probability=0.5 + step.order / 100, features=(step.center_y_px / 10, step.center_x_px / 10)
        )
        for step in protocol.steps
    ]

    def make(tools: Tools) -> Strategy:
        overview = yield overview_step(protocol.context, 1.0)
        usual = float(overview.values.mean())
        yield from explore(
            candidates,
            lambda frame: 5 * float(frame.values.mean() / usual - 8),
            budget=tools.budget,
            seed=settings.seed,
        )

    return Decider(name=settings.strategy, make=make)


def run(arguments: list[str], memory_folder: str, sleep_s: float = 0.0, on_made: Callable[[], None] = int) -> int:
    """The command line, in this process, on the instrument that outlives it."""
    original, by_study = instruments.SimulatedController, execute.decider_for
    made = lasting_controller(Lasting(Path(memory_folder)), sleep_s=sleep_s, on_made=on_made)
    instruments.SimulatedController = made  # type: ignore[misc]
    execute.decider_for = exploring  # type: ignore[assignment]
    try:
        return main(arguments)
    finally:
        instruments.SimulatedController = original  # type: ignore[misc]
        execute.decider_for = by_study


def run_and_exit(arguments: list[str], memory_folder: str, sleep_s: float, started: Any) -> None:
    """What a process does that is to be killed; `started` is set once the command has its instrument."""
    os._exit(run(arguments, memory_folder, sleep_s, started.set))
