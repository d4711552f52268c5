"""A run: a plan, an instrument and a journal. The command line and the Swift panel both come through here."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.acquisition import durable, sessions
from deepscan_core.acquisition.books import OVERVIEW_ORDER, LedgerStatus
from deepscan_core.acquisition.controller import BeamRest, ScanController
from deepscan_core.acquisition.deciding import Decider, Director
from deepscan_core.acquisition.envelope import Envelope
from deepscan_core.acquisition.faults import Action, Fault, FaultPolicy
from deepscan_core.acquisition.history import History
from deepscan_core.acquisition.inspection import Brightness, FrameInspector
from deepscan_core.acquisition.journal import Journal
from deepscan_core.acquisition.ledger import Ledger
from deepscan_core.acquisition.limits import plan_violations, rest_violations
from deepscan_core.acquisition.past import exposures_of, totals_of
from deepscan_core.acquisition.recording import Recording, utc_now
from deepscan_core.acquisition.rehearsal import limit_violations
from deepscan_core.acquisition.replaying import Replay, clock_ahead_s
from deepscan_core.acquisition.resuming import (
    LeftOut,
    beside_the_beam,
    check_parameters,
    resume_plan,
    told_left_out,
)
from deepscan_core.acquisition.runner import Runner, RunStatus
from deepscan_core.acquisition.strategies import Strategy, follow
from deepscan_core.acquisition.tiles import TileFolder
from deepscan_core.acquisition.watchdog import Watchdog
from deepscan_core.errors import DeepScanError, InputError
from deepscan_core.records.costs import ScanCosts
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.protocol import ScanLimits, ScanProtocol, ScanStep

DOSE_MAP = "dose_map.npy"
FOLLOW = "follow"


def look(controller: ScanController) -> tuple[ScanFrame, CalibratedImage]:
    """Record a preview, and give it as an image to study."""
    frame = controller.preview()
    return frame, CalibratedImage(
        frame.values, pixel_size_nm=frame.context.pixel_size_nm, name=controller.name, metadata=dict(frame.metadata)
    )


class Survey:
    """Carry out a protocol on an instrument, or what a strategy makes of it.

    Parameters
    ----------
    protocol : calibrated.
    controller : the instrument, still set as it was when the plan was made.
    strategy : says what is next; by default the steps of the protocol one after the other.
    directory : takes ``journal.jsonl`` and ``tiles/0001.npy`` …; None keeps the frames in memory only.
    resume : go on with the journal in `directory`; steps that it holds are not exposed again.
    repeat_exposed : when resuming, expose again what was or may have been exposed and has no good tile, as far as the dose
        limit allows; else such steps are left out.
    restore_parameters : when resuming after a session that did not restore the instrument. True puts back the parameters
        from before the first session, those of beam and view at the end; False goes on with them as they are; None raises
        `InputError` where they differ.
    limits : beside the protocol's own, such as the laboratory's; of each the stricter one holds, for everything together.
    previews : frames of the whole context that were recorded for this run; they are charged.
    costs : of the instrument; its own by default.
    rest : where the beam rests; blanked by default.
    beam_as_before, wait_if_taken, policy, watchdog : see `Runner`.
    preview : of the same instrument in its own grey values, by which dark and saturated frames are told; ndarray of shape
        (rows, cols), None where there is none.
    preview_dwell_us : of the preview; None where it is not known.
    envelope : the laboratory's soft limits, asked in the dry run and again before each step.
    on_frame, on_status : see `Runner`.
    on_ledger : called in the run's thread with a `LedgerStatus` after every change of the books.

    Attributes
    ----------
    frames : looks and tiles recorded so far, those of earlier sessions first; `on_frame` is called for these alone.
    references : overviews of the context and reference frames for drift, likewise; their numbers are below 1.
    left_out : steps without a frame, because a resumed run must not expose them or a limit forbids it, and why.
    ledger : the books; its `dose_map` is also written into the directory as ``dose_map.npy``.
    faults : what went wrong in this session, and what was done about it.
    notes : what a person has to be told of a resumed run and of faults, as sentences.
    """

    def __init__(
        self,
        protocol: ScanProtocol,
        controller: ScanController,
        *,
        strategy: Decider | None = None,
        directory: Path | None = None,
        resume: bool = False,
        repeat_exposed: bool = False,
        restore_parameters: bool | None = None,
        limits: ScanLimits | None = None,
        previews: Sequence[ScanFrame] = (),
        costs: ScanCosts | None = None,
        rest: BeamRest | None = None,
        beam_as_before: bool = False,
        wait_if_taken: bool = False,
        policy: FaultPolicy | None = None,
        preview: npt.NDArray[np.floating] | None = None,
        preview_dwell_us: float | None = None,
        watchdog: Watchdog | None = None,
        envelope: Envelope | None = None,
        on_frame: Callable[[ScanFrame], None] | None = None,
        on_status: Callable[[RunStatus], None] | None = None,
        on_ledger: Callable[[LedgerStatus], None] | None = None,
    ) -> None:
        if resume and directory is None:
            raise InputError("there is nothing to resume without a directory: give --out")
        if not resume and (repeat_exposed or restore_parameters is not None):
            raise InputError("steps are repeated and parameters kept or restored only when resuming: add --resume")
        self.frames: list[ScanFrame] = []
        self.references: list[ScanFrame] = []
        self._left_out: tuple[LeftOut, ...] = ()
        self._resume_notes: tuple[str, ...] = ()
        self._protocol = protocol
        self._decider = strategy
        self._director: Director | None = None
        self._replay: Replay | None = None
        self._clock_ahead_s = 0.0
        self._controller = controller
        self._directory = directory
        self._resume = resume
        self._repeat_exposed = repeat_exposed
        self._restore_parameters = restore_parameters
        self._on_frame = on_frame
        self._limits = protocol.limits.narrowed(limits or ScanLimits())
        self._previews = tuple(previews)
        self._costs = costs or controller.costs
        self._on_ledger = on_ledger
        self._ledger: Ledger | None = None
        self._rest = rest or BeamRest()
        self._envelope = envelope or Envelope()
        self._runner = Runner(
            controller,
            rest=self._rest,
            beam_as_before=beam_as_before,
            wait_if_taken=wait_if_taken,
            policy=policy,
            inspector=FrameInspector(protocol.context, _brightness(preview, preview_dwell_us, protocol)),
            watchdog=watchdog,
            check_step=self._check_step,
            on_frame=self._keep,
            on_status=on_status,
            stage_context=protocol.context if self._envelope.stage_moves else None,
        )

    @property
    def faults(self) -> tuple[Fault, ...]:
        """See the class."""
        return self._runner.faults

    @property
    def ledger(self) -> Ledger:
        """See the class."""
        if self._ledger is None:
            self._ledger = self._new_ledger(self._on_ledger)
        return self._ledger

    def _new_ledger(self, on_change: Callable[[LedgerStatus], None] | None = None) -> Ledger:
        ledger = Ledger(
            self._protocol.context,
            self._limits,
            costs=self._costs,
            park_fraction=self._rest.park_fraction,
            clock=lambda: self._controller.now_s() + self._clock_ahead_s,
            on_change=on_change,
        )
        for preview in self._previews:
            ledger.charge_preview(preview)
        return ledger

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """See the class."""
        earlier = self._left_out if self._replay is None else self._replay.left_out
        stopped = (LeftOut(order=order, reason=reason) for order, reason in self._runner.stopped)
        return (*earlier, *self._not_exposed, *stopped)

    @property
    def _not_exposed(self) -> tuple[LeftOut, ...]:
        """What a limit forbade, and what the strategy could not ask for."""
        refused = (LeftOut(order=order, reason=reason) for order, reason in self._runner.refused)
        return (*refused, *(() if self._director is None else self._director.left_out))

    @property
    def notes(self) -> tuple[str, ...]:
        """See the class."""
        survived = [fault for fault in self.faults if fault.action is not Action.ABORT]  # else the error tells of it
        left = [f"step {one.order} was not exposed: {one.reason}" for one in self._not_exposed]
        stopped = (reason for _, reason in self._runner.stopped)
        return (*self._resume_notes, *left, *stopped, *(fault.told() for fault in survived))

    def check(self) -> None:
        """The dry run: raise the first of what would be refused; expose and change nothing."""
        for violation in self.violations():
            raise violation

    def violations(self) -> tuple[DeepScanError, ...]:
        """The dry run: all that would be refused; exposes and changes nothing."""
        capabilities = self._controller.capabilities
        is_followed = self._decider is None
        present = self._controller.context()
        found = list(plan_violations(self._protocol, present, capabilities, is_followed=is_followed))
        if is_followed and not found:
            found += limit_violations(
                self._protocol.steps,
                self._protocol.context,
                self._limits,
                costs=self._costs,
                park_fraction=self._rest.park_fraction,
                previews=self._previews,
            )
        return (
            *found,
            *self._envelope.violations(self._protocol, self._controller.parameters()),
            *rest_violations(self._rest, capabilities),
        )

    def _check_step(self, step: ScanStep) -> None:
        for violation in self._envelope.step_violations(step, self._protocol.context):
            raise violation

    def abort(self) -> None:
        """Stop, from any thread."""
        self._runner.abort()

    def pause(self) -> None:
        """Wait before the next step with the beam at rest, from any thread."""
        self._runner.pause()

    def resume(self) -> None:
        """Go on after a pause, from any thread."""
        self._runner.resume()

    def run(self) -> tuple[ScanFrame, ...]:
        """Check, then scan every step that is not in the journal; the frames of earlier sessions come first.

        Raises
        ------
        ProtocolError, UnsupportedStep
            The plan does not fit the instrument; nothing was exposed.
        InputError
            There is nothing to resume, or it belongs to another plan or instrument; or the instrument is not as it was and
            nobody said what to do about it.
        InstrumentError, RunAborted
            While running; the journal holds what was done.
        """
        if self._resume and self._directory is not None:
            recording, steps, parameters_at_end = self._go_on(self._directory)
        else:
            self.check()
            recording, steps, parameters_at_end = *self._begin(), None
        try:
            self._runner.run(steps, log=recording, parameters_at_end=parameters_at_end)
        finally:
            self._write_dose_map()
        return tuple(self.frames)

    def _begin(self) -> tuple[Recording, Strategy]:
        if self._decider is None:
            for step in self._protocol.steps:
                self.ledger.plan(step)
            steps = follow(self._protocol.steps)
        else:
            self._director = Director(self._decider, self.ledger)
            steps = self._director.steps()
        if self._directory is None:
            return Recording(self.ledger), steps
        opened = sessions.begin(self._directory, self._protocol, self._controller, self._strategy_name)
        return Recording(self.ledger, *opened), steps

    def _go_on(self, directory: Path) -> tuple[Recording, Strategy, Mapping[str, Any] | None]:
        journal, tiles = sessions.reopen(directory, self._protocol, self._controller, self._strategy_name)
        history = journal.history
        if self._restore_parameters is None:
            check_parameters(history, self._controller.parameters())
        elif self._restore_parameters:
            self._controller.restore_parameters(beside_the_beam(history.parameters))
        self.check()
        self._clock_ahead_s = clock_ahead_s(history, self._controller.now_s())
        steps = self._steps_after(history, tiles)
        self._resume_notes = self._told(journal)
        tiles.make()
        journal.append(
            {
                "event": "resumed",
                "at": utc_now(),
                "parameters": {None: "as before", True: "restored", False: "kept"}[self._restore_parameters],
                "repeat_exposed": self._repeat_exposed,
                "left_out": [one.order for one in self._left_out],
                "set_aside": journal.set_aside,
            }
        )
        at_end = history.parameters if self._restore_parameters else None
        return Recording(self.ledger, journal, tiles), steps, at_end

    def _steps_after(self, history: History, tiles: TileFolder) -> Strategy:
        """What is still to be done after earlier sessions."""
        if self._decider is None:
            plan = resume_plan(self._protocol, history, tiles, self.ledger, repeat_exposed=self._repeat_exposed)
            self.frames.extend(plan.frames)
            self._left_out = plan.left_out
            return follow(plan.steps)
        exposures = exposures_of(history, tiles, {})
        books = self._new_ledger()
        replay = Replay(history, tiles, exposures, books, repeat_exposed=self._repeat_exposed)
        self.ledger.restore(totals_of(exposures, history, self.ledger), [(one.step, one.cost) for one in exposures])
        for frame in replay.frames:
            self._sort_in(frame)
        self._replay = replay
        self._left_out = () if self._repeat_exposed else replay.left_out
        self._director = Director(self._decider, self.ledger, replay=replay, clock_ahead_s=self._clock_ahead_s)
        return self._director.steps()

    @property
    def _strategy_name(self) -> str:
        return FOLLOW if self._decider is None else self._decider.name

    def _write_dose_map(self) -> None:
        if self._directory is not None:
            content = io.BytesIO()
            np.save(content, self.ledger.dose_map, allow_pickle=False)
            durable.write_whole(self._directory / DOSE_MAP, content.getvalue())

    def _told(self, journal: Journal) -> tuple[str, ...]:
        notes = [told_left_out(one, repeat_exposed=self._repeat_exposed) for one in self._left_out]
        if journal.set_aside is not None:
            notes.insert(0, f"{journal.problem}: from there on it was set aside into {journal.set_aside}")
        return tuple(notes)

    def _keep(self, frame: ScanFrame) -> None:
        self._sort_in(frame)
        if self._on_frame is not None and frame.step is not None and frame.step.order > OVERVIEW_ORDER:
            self._on_frame(frame)

    def _sort_in(self, frame: ScanFrame) -> None:
        is_reference = frame.step is None or frame.step.order <= OVERVIEW_ORDER
        (self.references if is_reference else self.frames).append(frame)


def _brightness(
    preview: npt.NDArray[np.floating] | None, dwell_us: float | None, protocol: ScanProtocol
) -> Brightness | None:
    if preview is None or not protocol.steps:
        return None
    smallest_px = min(min(step.height_px, step.width_px) for step in protocol.steps)
    return Brightness.of(preview, place_px=int(smallest_px), dwell_time_us=dwell_us)


def discard_run(directory: Path) -> None:
    """Remove the journal and the tiles of an earlier run; what was set aside from a journal stays."""
    sessions.discard(directory)
    (directory / DOSE_MAP).unlink(missing_ok=True)
