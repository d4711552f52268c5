"""A strategy in a run: what it is given, and how its steps are numbered, remembered and replayed.

A strategy is a generator, and a process that died takes its state along. But it decides by nothing other than the frames it
was sent, its budget and its clock, and the journal has all three. So a resumed run makes the strategy anew and sends it
what the journal holds, until it asks for a step that was never begun; from there on it is asked for real.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator
from dataclasses import dataclass

from deepscan_core.acquisition.books import OVERVIEW_ORDER
from deepscan_core.acquisition.drift import is_reference
from deepscan_core.acquisition.ledger import Ledger
from deepscan_core.acquisition.replaying import Replay
from deepscan_core.acquisition.resuming import LeftOut, told_left_out
from deepscan_core.acquisition.strategies import Budget, Cost, Strategy
from deepscan_core.errors import StepSkipped
from deepscan_core.records.costs import ScanCosts
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What a strategy is given by the run it decides for.

    Attributes
    ----------
    budget : what is left of the limits, and what a step would cost.
    clock : the instrument's, in s, at the moment of the decision.
    costs : overheads of the instrument.
    leave : tells the run of a step that will not be asked for, and why.
    """

    budget: Budget
    clock: Callable[[], float]
    costs: ScanCosts
    leave: Callable[[ScanStep, str], None]


@dataclass(frozen=True, kw_only=True)
class Decider:
    """A strategy that can be made anew, so that a run with it can be resumed.

    Attributes
    ----------
    name : with everything that it depends on beside the plan; a run is resumed with the same alone.
    make : makes it. The same frames, budget and clock have to lead to the same steps.
    """

    name: str
    make: Callable[[Tools], Strategy]


class Director:
    """Makes a strategy and stands between it and the run.

    Parameters
    ----------
    decider : makes the strategy.
    ledger : of the run.
    replay : of earlier sessions; None in a new run.
    clock_ahead_s : by which the clock of the run is ahead of the instrument's, because that one began anew.

    Attributes
    ----------
    left_out : steps that the strategy gave up without asking for them, and why.
    """

    def __init__(
        self, decider: Decider, ledger: Ledger, *, replay: Replay | None = None, clock_ahead_s: float = 0.0
    ) -> None:
        self._decider = decider
        self._ledger = ledger
        self._replay = replay
        self._clock_ahead_s = clock_ahead_s
        self._taken: set[int] = set() if replay is None else set(replay.orders)
        self.left_out: list[LeftOut] = []

    def remaining(self) -> Cost:
        """See `Budget.remaining`."""
        return self._books.remaining()

    def cost_of(self, step: ScanStep) -> Cost:
        """See `Budget.cost_of`."""
        return self._books.cost_of(step)

    def steps(self) -> Strategy:
        """The strategy as the run carries it out: only what is not in the journal is asked for."""
        tools = Tools(budget=self, clock=lambda: self._books.now_s, costs=self._ledger.costs, leave=self._leave)
        strategy = self._decider.make(tools)
        try:
            if self._replay is not None:
                self._replay.go_to_next()
            asked = next(strategy, None)
            while asked is not None:
                frame, why = yield from self._frame(asked)
                try:
                    asked = strategy.send(frame) if frame is not None else strategy.throw(StepSkipped(why))
                except StopIteration:
                    asked = None
        finally:
            strategy.close()

    def _leave(self, step: ScanStep, reason: str) -> None:
        self.left_out.append(LeftOut(order=step.order, reason=reason))

    @property
    def _books(self) -> Ledger:
        """Those that the strategy saw, while it is replayed; afterwards those of the run."""
        return self._ledger if self._replay is None or self._replay.is_over else self._replay.books

    def _frame(self, asked: ScanStep) -> Generator[ScanStep, ScanFrame, tuple[ScanFrame | None, str]]:
        """The frame that a step has led to, in an earlier session or now, or why there is none."""
        known = None if self._replay is None else self._replay.find(asked)
        if known is not None and not known.is_repeated:
            if known.frame is None:
                return None, told_left_out(LeftOut(order=known.order, reason=known.reason), repeat_exposed=False)
            return dataclasses.replace(known.frame, step=asked), ""
        step = dataclasses.replace(asked, order=self._number(asked) if known is None else known.order)
        try:
            frame = yield step
        except StepSkipped as skipped:
            return None, str(skipped)
        return dataclasses.replace(frame, step=asked, started_s=frame.started_s + self._clock_ahead_s), ""

    def _number(self, asked: ScanStep) -> int:
        """Each exposure has a number of its own: the strategy's, as far as that is free."""
        if is_reference(asked):
            order = min(self._taken | {OVERVIEW_ORDER}) - 1
        elif asked.order in self._taken or asked.order < OVERVIEW_ORDER:
            order = max(self._taken | {OVERVIEW_ORDER}) + 1
        else:
            order = asked.order
        self._taken.add(order)
        return order
