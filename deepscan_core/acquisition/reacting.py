"""Decides what is done about the faults of a run, and remembers them."""

from __future__ import annotations

import dataclasses

from deepscan_core.acquisition.faults import Action, Fault, FaultFound, FaultPolicy, fault_of
from deepscan_core.errors import TimedOut


class StepFailed(Exception):
    """Inside a run: an attempt at a step came to a fault.

    Attributes
    ----------
    fault, error : what it was, and what told of it.
    """

    def __init__(self, fault: Fault, error: Exception) -> None:
        super().__init__(fault.words)
        self.fault = fault
        self.error = error


def failed(error: BaseException, order: int) -> StepFailed | None:
    """The error as a failed attempt; None where it is no fault of a step."""
    fault = fault_of(error, order)
    return StepFailed(fault, error) if fault is not None and isinstance(error, Exception) else None


def found(error: FaultFound, order: int) -> StepFailed:
    """What an inspection found, as a failed attempt."""
    fault = Fault(kind=error.kind, order=order, words=str(error), nothing_exposed=error.nothing_exposed)
    return StepFailed(fault, error)


class Reactor:
    """Applies a policy.

    Parameters
    ----------
    policy : what to do about each kind of fault.
    can_wait : somebody can end a pause; else the run ends instead.

    Attributes
    ----------
    faults : all so far, with what was done about them.
    """

    def __init__(self, policy: FaultPolicy, *, can_wait: bool) -> None:
        self.faults: list[Fault] = []
        self._policy = policy
        self._can_wait = can_wait
        self._skips = 0

    def good(self) -> None:
        """A step came to a good frame."""
        self._skips = 0

    def decide(self, failure: StepFailed, tries: int, *, refused: str = "") -> Fault:
        """What to do now.

        Parameters
        ----------
        failure : the last one of a step.
        tries : how often the step has failed.
        refused : why it must not be tried again, such as a dose limit; empty where nothing stands against it.
        """
        fault = failure.fault
        reaction = self._policy.reactions[fault.kind]
        action = reaction.after(tries, nothing_exposed=fault.nothing_exposed)
        if refused and action is Action.RETRY:
            action = reaction.then
        if refused and action is Action.PAUSE:  # a person has said Resume and cannot have it
            action = Action.SKIP
        if isinstance(failure.error, TimedOut) and failure.error.is_hung:
            action = Action.ABORT
        if action is Action.SKIP:
            self._skips += 1
            if self._skips > self._policy.most_skips_in_a_row:
                action = Action.PAUSE
        if action is Action.PAUSE and not self._can_wait:
            action = Action.ABORT
        words = f"{fault.words}; {refused}" if refused else fault.words
        decided = dataclasses.replace(fault, action=action, words=words)
        self.faults.append(decided)
        return decided
