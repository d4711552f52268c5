"""What a run leaves behind as it goes: its journal, its tiles, and the books of its ledger."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime

from deepscan_core.acquisition import entries
from deepscan_core.acquisition.controller import ScanController
from deepscan_core.acquisition.entries import Entry
from deepscan_core.acquisition.faults import Fault
from deepscan_core.acquisition.journal import Journal
from deepscan_core.acquisition.ledger import Ledger
from deepscan_core.acquisition.status import RunState
from deepscan_core.acquisition.tiles import TileFolder
from deepscan_core.errors import InputError, InstrumentTaken, LimitReached, ProtocolError, RunAborted
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep


def utc_now() -> str:
    """The computer's time, for a journal."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def is_unexposed(error: BaseException) -> bool:
    """Whether it is certain that a step which raised this exposed nothing."""
    return isinstance(error, ProtocolError) or getattr(error, "nothing_exposed", False)


class Recording:
    """Obeys `StepLog`: keeps the ledger, and where there is a journal writes it and the tiles.

    Parameters
    ----------
    ledger : the books.
    journal, tiles : both, or none where a run is kept in memory only.
    clock : gives the time as text.
    """

    def __init__(
        self,
        ledger: Ledger,
        journal: Journal | None = None,
        tiles: TileFolder | None = None,
        *,
        clock: Callable[[], str] = utc_now,
    ) -> None:
        if (journal is None) is not (tiles is None):
            raise InputError(
                "a recording has a journal without tiles, or tiles without a journal: give both or neither"
            )
        self._ledger = ledger
        self._journal = journal
        self._tiles = tiles
        self._clock = clock
        self._charged: Entry | None = None  # of a step that has ended and is not told of so far

    def deciding(self) -> None:
        """See `StepLog.deciding`."""
        self._ledger.advance()

    def paused(self) -> None:
        """See `StepLog.paused`: its time is nobody's, but a parked beam has gone on exposing."""
        self._ledger.advance(counts=False)

    def wait_s(self, step: ScanStep) -> float:
        """See `StepLog.wait_s`."""
        if self._ledger.wait_s(step):
            self._ledger.advance()
            self._ledger.check(step)  # nobody waits for what a limit forbids
        return self._ledger.wait_s(step)

    def exposing(self, step: ScanStep) -> None:
        """See `StepLog.exposing`; charges from the moment of the decision, so that a replay finds the same books."""
        self._ledger.check(step)
        if self._journal is not None and self._tiles is not None:
            attempt = max(self._journal.history.step(step.order).attempts, self._tiles.attempts(step.order)) + 1
            totals = self._ledger.totals.to_dict()
            entry = entries.exposing(step, at=self._clock(), attempt=attempt, ledger=totals)
            self._tiles.announce(entry, step.order, attempt)
            try:
                self._journal.append(entry)
            except Exception:
                self._tiles.withdraw(step.order, attempt)
                raise
        self._ledger.begin(step)
        self._charged = None

    @property
    def patience_s(self) -> float:
        """See `StepLog.patience_s`."""
        return self._ledger.patience_s

    def recorded(self, frame: ScanFrame) -> None:
        """See `StepLog.recorded`; can be called again where it failed."""
        if frame.step is None:
            return
        charged = self._end(frame)
        if self._journal is None or self._tiles is None:
            return
        order = frame.step.order
        attempt = self._journal.history.step(order).attempts
        tile = self._tiles.write(frame, order, attempt)
        self._journal.append(
            entries.recorded(frame, at=self._clock(), order=order, attempt=attempt, tile=tile, charged=charged)
        )

    def not_recorded(self, step: ScanStep, error: BaseException, frame: ScanFrame | None = None) -> None:
        """See `StepLog.not_recorded`; a frame that is no good is kept in the file that witnesses its exposure."""
        unexposed = is_unexposed(error)
        ending = {}
        if unexposed:
            self._ledger.withdraw()
        else:
            ending = {"charged": self._end(None, was_late=isinstance(error, LimitReached))}
        if self._journal is None or self._tiles is None:
            return
        attempt = self._journal.history.step(step.order).attempts
        if frame is not None and not unexposed:
            self._tiles.keep_bad(frame, step.order, attempt)
        self._journal.append(
            {
                "event": "not exposed" if unexposed else "interrupted" if _is_stop(error) else "failed",
                "at": self._clock(),
                "order": step.order,
                "attempt": attempt,
                "reason": entries.reason_of(error),
                **ending,
            }
        )
        if unexposed:
            self._tiles.withdraw(step.order, attempt)

    def refused(self, step: ScanStep, reason: str) -> None:
        """See `StepLog.refused`."""
        if self._journal is not None:
            totals = self._ledger.totals.to_dict()
            line = {"event": "refused", "at": self._clock(), "order": step.order, "reason": reason, "ledger": totals}
            self._journal.append(line)

    def fault(self, fault: Fault) -> None:
        """See `StepLog.fault`."""
        if self._journal is not None:
            attempt = self._journal.history.step(fault.order).attempts
            words = fault.words[: entries.MOST_REASON]
            line = {"event": "fault", "at": self._clock(), "attempt": attempt, **fault.to_dict(), "words": words}
            self._journal.append(line)

    def restored(self, controller: ScanController) -> None:
        """See `StepLog.restored`."""
        if self._journal is not None:
            parameters = dict(controller.parameters())
            self._journal.append({"event": "restored", "at": self._clock(), "parameters": parameters})

    def ended(self, state: RunState, reason: str = "") -> None:
        """See `StepLog.ended`."""
        if self._journal is not None:
            self._journal.append({"event": "end", "at": self._clock(), "state": state.value, "reason": reason})

    def _end(self, frame: ScanFrame | None, *, was_late: bool = False) -> Entry:
        """Close the books of a step once, however often its tile has to be written."""
        if self._charged is None:
            self._charged = dataclasses.asdict(self._ledger.end(frame, was_late=was_late))
        return self._charged


def _is_stop(error: BaseException) -> bool:
    """Whether a person, a program or another user stopped the step, rather than the instrument failing."""
    return isinstance(error, RunAborted | InstrumentTaken | LimitReached | KeyboardInterrupt | SystemExit)
