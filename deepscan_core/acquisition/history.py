"""What the lines of a journal add up to: which steps were exposed, which were recorded, whether all was restored."""

from __future__ import annotations

from dataclasses import dataclass, field

from deepscan_core.acquisition.entries import Entry, Parameters, step_of
from deepscan_core.errors import InputError
from deepscan_core.records.protocol import ScanStep

ENDED_WITHIN = "the program ended during it"
_OUTCOMES = {"step", "not exposed", "interrupted", "failed"}


@dataclass(kw_only=True)
class StepHistory:
    """What became of one step.

    Attributes
    ----------
    attempts : how often it was about to be sent.
    exposures : the step as it was sent, for each time that it was or may have been exposed.
    recorded : the line of its tile, None where there is none.
    reason : why the last attempt has no tile; empty where it has one.
    """

    attempts: int = 0
    exposures: list[ScanStep] = field(default_factory=list)
    recorded: Entry | None = None
    reason: str = ""


@dataclass(kw_only=True)
class Attempt:
    """One time that a step was about to be sent.

    Attributes
    ----------
    entry : the line that told of it beforehand.
    outcome : the line that told of its end; None where there is none.
    """

    entry: Entry
    outcome: Entry | None = None

    @property
    def is_unexposed(self) -> bool:
        """Whether it is certain that nothing was exposed."""
        return self.outcome is not None and self.outcome["event"] == "not exposed"


class History:
    """Takes the entries of a journal one after the other.

    Attributes
    ----------
    start : the first entry: instrument, protocol, and the parameters before the run.
    steps : by order, of the steps that were about to be sent.
    attempts : all, and the steps that were refused, oldest first.
    is_restored : the last session put the instrument's parameters back.
    last_at : the computer's time of the last entry.
    """

    def __init__(self) -> None:
        self.start: Entry = {}
        self.steps: dict[int, StepHistory] = {}
        self.attempts: list[Attempt] = []
        self.is_restored = False
        self.last_at = ""
        self._open: Attempt | None = None  # without an outcome so far

    @property
    def parameters(self) -> Parameters:
        """The instrument's before the first session."""
        parameters: Parameters = self.start["parameters"]
        return parameters

    @property
    def recorded(self) -> frozenset[int]:
        """Orders of the steps that have a tile."""
        return frozenset(order for order, step in self.steps.items() if step.recorded is not None)

    def step(self, order: int) -> StepHistory:
        """Of a step, also of one that was never sent."""
        return self.steps.setdefault(order, StepHistory())

    def add(self, entry: Entry) -> None:
        """Take the next entry; raises `InputError` where it cannot follow those before it."""
        event, self.last_at = entry["event"], entry["at"]
        if (event == "start") is bool(self.start):
            raise InputError("is a second beginning" if self.start else f"tells of {event!r} before the beginning")
        if event == "start":
            self.start = entry
        elif event == "exposing":
            self._add_exposing(entry)
        elif event in _OUTCOMES:
            self._add_outcome(entry)
        elif event == "resumed":
            self._open = None
            self.is_restored = False
        elif event == "refused":
            self.attempts.append(Attempt(entry=entry, outcome=entry))
        elif event == "restored":
            self.is_restored = True

    def _add_exposing(self, entry: Entry) -> None:
        sent, step = step_of(entry), self.step(entry["order"])
        if sent.order != entry["order"] or entry["attempt"] <= step.attempts:
            raise InputError(f"sends step {sent.order} as step {entry['order']}, attempt {entry['attempt']}")
        step.attempts = entry["attempt"]
        step.exposures.append(sent)
        step.reason = ENDED_WITHIN
        self._open = Attempt(entry=entry)
        self.attempts.append(self._open)
        self.is_restored = False

    def _add_outcome(self, entry: Entry) -> None:
        number = (entry["order"], entry["attempt"])
        if self._open is None or (self._open.entry["order"], self._open.entry["attempt"]) != number:
            raise InputError(f"is the end of step {entry['order']}, attempt {entry['attempt']}, which did not begin")
        self._open.outcome, self._open = entry, None
        step = self.step(entry["order"])
        if entry["event"] == "step":
            step.recorded, step.reason = entry, ""
        elif entry["event"] == "not exposed":
            step.exposures.pop()
            step.reason = "" if not step.exposures else step.reason
        else:
            step.reason = f"{entry['event']}: {entry['reason']}"
