"""A run: a plan, an instrument and a journal. The command line and the Swift panel both come through here."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deepscan_core.acquisition.controller import BeamRest, ScanController
from deepscan_core.acquisition.journal import FILE_NAME, Journal
from deepscan_core.acquisition.limits import check_plan, check_rest
from deepscan_core.acquisition.runner import Runner, RunStatus
from deepscan_core.acquisition.strategies import follow
from deepscan_core.errors import InputError
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.protocol import ScanProtocol

TILES = "tiles"


def look(controller: ScanController) -> tuple[ScanFrame, CalibratedImage]:
    """Record a preview, and give it as an image to study."""
    frame = controller.preview()
    return frame, CalibratedImage(
        frame.values, pixel_size_nm=frame.context.pixel_size_nm, name=controller.name, metadata=dict(frame.metadata)
    )


class Survey:
    """Carry out a protocol on an instrument.

    Parameters
    ----------
    protocol : calibrated.
    controller : the instrument, still set as it was when the plan was made.
    directory : takes ``journal.jsonl`` and ``tiles/0001.npy`` …; None keeps the frames in memory only.
    resume : go on with the journal in `directory`; steps that it holds are not exposed again.
    rest : where the beam rests; blanked by default.
    on_frame, on_status : see `Runner`.
    """

    def __init__(
        self,
        protocol: ScanProtocol,
        controller: ScanController,
        *,
        directory: Path | None = None,
        resume: bool = False,
        rest: BeamRest | None = None,
        on_frame: Callable[[ScanFrame], None] | None = None,
        on_status: Callable[[RunStatus], None] | None = None,
    ) -> None:
        if resume and directory is None:
            raise InputError("there is nothing to resume without a directory: give --out")
        rest = rest or BeamRest()
        self.frames: list[ScanFrame] = []
        self._protocol = protocol
        self._controller = controller
        self._directory = directory
        self._on_frame = on_frame
        self._resume = resume
        self._journal: Journal | None = None
        self._runner = Runner(controller, rest=rest, on_frame=self._keep, on_status=on_status)
        self._rest = rest

    def check(self) -> None:
        """The dry run: raise what would be refused, expose nothing."""
        check_plan(self._protocol, self._controller.context(), self._controller.capabilities)
        check_rest(self._rest, self._controller.capabilities)

    def abort(self) -> None:
        """Stop, from any thread."""
        self._runner.abort()

    def run(self) -> tuple[ScanFrame, ...]:
        """Check, then scan every step that is not in the journal; the frames of earlier sessions come first.

        Raises
        ------
        ProtocolError, UnsupportedStep
            The plan does not fit the instrument; nothing was exposed.
        InstrumentError, RunAborted
            While running; the journal holds what was done.
        """
        self.check()
        done: frozenset[int] = frozenset()
        if self._directory is not None:
            if self._resume and not (self._directory / FILE_NAME).exists():
                raise InputError(f"{self._directory / FILE_NAME} does not exist: there is nothing to resume")
            (self._directory / TILES).mkdir(parents=True, exist_ok=True)
            self._journal = Journal(self._directory, self._protocol, resume=self._resume)
            done = self._journal.steps_done
            self._load(done)
        self._runner.run(follow(step for step in self._protocol.steps if step.order not in done))
        return tuple(self.frames)

    def _keep(self, frame: ScanFrame) -> None:
        self.frames.append(frame)
        if self._journal is not None and self._directory is not None and frame.step is not None:
            name = _tile_name(frame.step.order)
            _write_array(self._directory / name, frame)
            self._journal.append(
                {
                    "event": "step",
                    "order": frame.step.order,
                    "tile": name,
                    "started_s": frame.started_s,
                    "duration_s": frame.duration_s,
                    "dwell_time_us": frame.dwell_time_us,
                    "dose_e_per_nm2": frame.dose_e_per_nm2,
                    "total_electrons": frame.total_electrons,
                    "channel": frame.channel,
                }
            )
        if self._on_frame is not None:
            self._on_frame(frame)

    def _load(self, done: frozenset[int]) -> None:
        if self._journal is None or self._directory is None:
            return
        steps = {step.order: step for step in self._protocol.steps}
        for line in self._journal.entries:
            if line["event"] != "step" or line["order"] not in done:
                continue
            path = self._directory / _tile_name(line["order"])
            try:
                values = np.load(path, allow_pickle=False)
            except (OSError, ValueError, EOFError):
                raise InputError(
                    f"{path} is no .npy file of numbers: put it back, or start anew with --overwrite"
                ) from None
            self.frames.append(
                ScanFrame(
                    values=values,
                    channel=line["channel"],
                    context=self._protocol.context,
                    step=steps[line["order"]],
                    dwell_time_us=line["dwell_time_us"],
                    dose_e_per_nm2=line["dose_e_per_nm2"],
                    total_electrons=line["total_electrons"],
                    started_s=line["started_s"],
                    duration_s=line["duration_s"],
                )
            )


def discard_run(directory: Path) -> None:
    """Remove the journal and the tiles of an earlier run."""
    (directory / FILE_NAME).unlink(missing_ok=True)
    for tile in (directory / TILES).glob("*.npy"):
        tile.unlink()


def _tile_name(order: int) -> str:
    return f"{TILES}/{order:04d}.npy"


def _write_array(path: Path, frame: ScanFrame) -> None:
    """The whole tile or none of it."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.save(file, frame.values, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
