"""What a resumed run still has to do, what it must not do again, and what to tell of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deepscan_core.acquisition.controller import BEAM_PARAMETERS
from deepscan_core.acquisition.entries import Parameters
from deepscan_core.acquisition.history import History
from deepscan_core.acquisition.ledger import Ledger
from deepscan_core.acquisition.past import exposures_of, frame_from, totals_of
from deepscan_core.acquisition.tiles import TileFolder
from deepscan_core.errors import InputError, ProtocolError
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanProtocol, ScanStep


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A step of the plan that a resumed run does not expose, and why."""

    order: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Resumption:
    """How a run goes on.

    Attributes
    ----------
    frames : recorded earlier, with a tile that is what was recorded.
    steps : still to be exposed, in visiting order.
    left_out : steps that are neither.
    """

    frames: tuple[ScanFrame, ...]
    steps: tuple[ScanStep, ...]
    left_out: tuple[LeftOut, ...]


def resume_plan(
    protocol: ScanProtocol, history: History, tiles: TileFolder, ledger: Ledger, *, repeat_exposed: bool
) -> Resumption:
    """Sort the steps of a plan into recorded, to do, and left out.

    Parameters
    ----------
    protocol, history, tiles : the plan, what the journal tells, and what is on disk.
    ledger : takes the exposures so far and those to come; a repeat that it refuses is left out.
    repeat_exposed : expose again what may have been exposed and has no good tile.
    """
    exposures = exposures_of(history, tiles, {step.order: step for step in protocol.steps})
    ledger.restore(totals_of(exposures, history, ledger), [(one.step, one.cost) for one in exposures])
    begun = {one.step.order for one in exposures}
    frames, fresh, doubtful = [], [], []
    for step in protocol.steps:
        try:
            frames.append(frame_from(history, tiles, step.order))
        except InputError as error:
            if step.order in begun:
                doubtful.append(LeftOut(order=step.order, reason=str(error)))
            else:
                fresh.append(step)
                ledger.plan(step)
    repeated, left_out = _consented(protocol, doubtful, ledger) if repeat_exposed else ([], doubtful)
    return Resumption(
        frames=tuple(frames),
        steps=tuple(sorted([*fresh, *repeated], key=lambda step: step.order)),
        left_out=tuple(left_out),
    )


def told_left_out(left_out: LeftOut, *, repeat_exposed: bool) -> str:
    """A sentence for people."""
    remedy = "" if repeat_exposed else "; --repeat-exposed exposes it once more"
    return f"step {left_out.order} was left out, because it was or may have been exposed: {left_out.reason}{remedy}"


def beside_the_beam(parameters: Parameters) -> dict[str, Any]:
    """Those parameters that do not say where the beam is and whether the view runs."""
    return {name: value for name, value in parameters.items() if name not in BEAM_PARAMETERS}


def check_parameters(history: History, present: Parameters) -> None:
    """Raise `InputError` where the last session restored nothing and the instrument is not as before the first."""
    if history.is_restored:
        return
    before, now = history.parameters, plain(present)
    names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    if names:
        changes = ", ".join(f"{name} is {_short(now.get(name))} and was {_short(before.get(name))}" for name in names)
        raise InputError(
            f"the run ended without restoring the instrument ({changes}): give --restore-parameters to put back what was "
            "before the run, or --keep-parameters to go on as it is now"
        )


def plain(parameters: Parameters) -> dict[str, Any]:
    """Parameters as they come back from a journal."""
    document: dict[str, Any] = json.loads(json.dumps(dict(parameters), allow_nan=False))
    return document


def _consented(protocol: ScanProtocol, doubtful: list[LeftOut], ledger: Ledger) -> tuple[list[ScanStep], list[LeftOut]]:
    """The doubtful steps that may be repeated, and those those that a limit forbids."""
    steps: Mapping[int, ScanStep] = {step.order: step for step in protocol.steps}
    repeated, left_out = [], []
    for one in doubtful:
        try:
            ledger.check(steps[one.order])
        except ProtocolError as error:
            left_out.append(LeftOut(order=one.order, reason=f"{one.reason}; {error}"))
        else:
            ledger.plan(steps[one.order])
            repeated.append(steps[one.order])
    return repeated, left_out


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
