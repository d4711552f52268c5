"""What can go wrong with a step, and what shall be done about each kind of it; ``docs/faults.md`` has the table."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

from deepscan_core.errors import (
    DriftLost,
    InputError,
    InstrumentError,
    InstrumentTaken,
    LimitReached,
    ProtocolError,
    RunAborted,
    TimedOut,
    UnsupportedStep,
    WrongFrame,
)

MOST_RETRIES = 100
#: Outcomes and refusals: a run handles them by themselves, no policy does.
NO_FAULTS = (RunAborted, InstrumentTaken, UnsupportedStep, ProtocolError, DriftLost, LimitReached)


class FaultKind(enum.Enum):
    """What is wrong with a step; the values are what is typed and written into journals."""

    TIME_OUT = "time-out"
    ERROR = "error"
    EMPTY = "empty"
    NAN = "nan"
    SHAPE = "shape"
    SATURATED = "saturated"
    DARK = "dark"
    CHANGED = "changed"
    MISMATCH = "mismatch"
    DISK = "disk"


class Action(enum.Enum):
    """What is done about a fault; ``docs/faults.md``."""

    RETRY = "retry"
    SKIP = "skip"
    PAUSE = "pause"
    ABORT = "abort"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that went wrong.

    Attributes
    ----------
    kind : what.
    order : of the step.
    words : one sentence without its full stop.
    nothing_exposed : it is certain that the attempt exposed nothing.
    action : what was done about it; None while that is not decided.
    """

    kind: FaultKind
    order: int
    words: str
    nothing_exposed: bool = False
    action: Action | None = None

    def told(self) -> str:
        """A sentence for people."""
        done = {
            Action.RETRY: "it was tried again",
            Action.SKIP: "it was skipped",
            Action.PAUSE: "the run paused",
            Action.ABORT: "the run was ended",
        }
        text = f"step {self.order}, {self.kind.value}: {self.words}"
        return text if self.action is None else f"{text}: {done[self.action]}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "order": self.order,
            "kind": self.kind.value,
            "action": None if self.action is None else self.action.value,
            "words": self.words,
            "nothing_exposed": self.nothing_exposed,
        }


@dataclass(frozen=True, kw_only=True)
class Reaction:
    """What is done about one kind of fault.

    Attributes
    ----------
    action : `RETRY` tries the step again.
    times : how often at most.
    repeat_exposed : consent to do so also where the attempt may have exposed the specimen, as far as the dose limit
        allows; else a step is tried again only where certainly nothing was exposed.
    then : what is done where it is not tried again; not `RETRY`.
    """

    action: Action
    times: int = 2
    repeat_exposed: bool = False
    then: Action = Action.ABORT

    def __post_init__(self) -> None:
        if not 1 <= self.times <= MOST_RETRIES:
            raise InputError(f"{self.times} retries: give 1 to {MOST_RETRIES}")
        if self.then is Action.RETRY:
            raise InputError("after retries comes no retry: give skip, pause or abort")

    def after(self, tries: int, *, nothing_exposed: bool) -> Action:
        """What to do now that a step has failed `tries` times."""
        if self.action is not Action.RETRY:
            return self.action
        may_repeat = nothing_exposed or self.repeat_exposed
        return Action.RETRY if may_repeat and tries <= self.times else self.then

    @classmethod
    def parse(cls, text: str) -> Self:
        """``skip``, ``pause``, ``abort``, or ``retry[-exposed][:TIMES[:THEN]]``; raises `InputError`."""
        name, *parts = text.split(":")
        repeat_exposed = name == "retry-exposed"
        if not repeat_exposed and name not in {action.value for action in Action}:
            raise InputError(f"{text!r} is no reaction: give skip, pause, abort, or retry[-exposed][:TIMES[:THEN]]")
        action = Action.RETRY if repeat_exposed else Action(name)
        if (parts and action is not Action.RETRY) or len(parts) > 2:
            raise InputError(f"{text!r} says too much: give skip, pause, abort, or retry[-exposed][:TIMES[:THEN]]")
        times, then = [*parts, *("2", "abort")[len(parts) :]]
        if not (times.isascii() and times.isdigit() and len(times) < 5):
            raise InputError(f"{text!r}: {times!r} is no number of retries: give 1 to {MOST_RETRIES}")
        if then not in {one.value for one in Action}:
            raise InputError(f"{text!r}: {then!r} is nothing to do after retries: give skip, pause or abort")
        return cls(action=action, times=int(times), repeat_exposed=repeat_exposed, then=Action(then))


def _defaults() -> Mapping[FaultKind, Reaction]:
    """A frame that is no good costs its step; what speaks of the whole instrument waits for a person."""
    skip, pause, abort = (Reaction(action=action) for action in (Action.SKIP, Action.PAUSE, Action.ABORT))
    return MappingProxyType(
        {
            FaultKind.TIME_OUT: abort,
            FaultKind.ERROR: Reaction(action=Action.RETRY),
            FaultKind.EMPTY: skip,
            FaultKind.NAN: skip,
            FaultKind.SHAPE: skip,
            FaultKind.SATURATED: skip,
            FaultKind.DARK: pause,
            FaultKind.CHANGED: pause,
            FaultKind.MISMATCH: pause,
            FaultKind.DISK: pause,
        }
    )


@dataclass(frozen=True, kw_only=True)
class FaultPolicy:
    """What is done about faults.

    Attributes
    ----------
    reactions : for each kind.
    most_skips_in_a_row : one more skip without a good frame in between is a pause instead, since it is not the step then.
    """

    reactions: Mapping[FaultKind, Reaction] = field(default_factory=_defaults)
    most_skips_in_a_row: int = 3

    def __post_init__(self) -> None:
        missing = [kind.value for kind in FaultKind if kind not in self.reactions]
        if missing:
            raise InputError(f"a fault policy says nothing of {', '.join(missing)}: give a reaction for each kind")
        if self.most_skips_in_a_row < 0:
            raise InputError(f"{self.most_skips_in_a_row} skips in a row: give a number of at least 0")

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """The defaults, with ``KIND=ACTION`` in place of some; raises `InputError`, also for a kind given twice."""
        reactions = dict(_defaults())
        given: set[FaultKind] = set()
        for text in texts:
            name, equals, action = text.partition("=")
            if not equals or name not in {kind.value for kind in FaultKind}:
                kinds = ", ".join(kind.value for kind in FaultKind)
                raise InputError(f"{text!r} names no fault: give KIND=ACTION with one of {kinds}")
            kind = FaultKind(name)
            if kind in given:
                raise InputError(f"{name} was given twice: give one action for it")
            given.add(kind)
            reactions[kind] = Reaction.parse(action)
        return cls(reactions=MappingProxyType(reactions))


class FaultFound(InstrumentError):
    """What an inspection found wrong with a step or its frame."""

    def __init__(self, kind: FaultKind, words: str, *, nothing_exposed: bool = False) -> None:
        super().__init__(words, nothing_exposed=nothing_exposed)
        self.kind = kind


def fault_of(error: BaseException, order: int) -> Fault | None:
    """The fault that an error tells of; None where it is none, such as an abort or a refused step."""
    if not isinstance(error, Exception) or isinstance(error, NO_FAULTS):
        return None
    words = " ".join(str(error).split()) or type(error).__name__
    nothing_exposed = bool(getattr(error, "nothing_exposed", False))
    if isinstance(error, FaultFound):
        kind = error.kind
    elif isinstance(error, TimedOut | TimeoutError):
        kind = FaultKind.TIME_OUT
    elif isinstance(error, WrongFrame):
        kind = FaultKind.EMPTY if error.shape is None or 0 in error.shape else FaultKind.SHAPE
    else:
        kind = FaultKind.ERROR
    return Fault(kind=kind, order=order, words=words, nothing_exposed=nothing_exposed)
