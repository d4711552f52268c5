"""`refine`: a cheap look at each candidate, the full dwell only where it is confirmed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from deepscan_core.acquisition.strategies.budget import UNLIMITED, Budget, can_pay
from deepscan_core.acquisition.strategies.candidates import Candidate, Judge, cheap_look, probability
from deepscan_core.acquisition.strategies.following import Strategy, frame_of
from deepscan_core.acquisition.strategies.sequential import Verdict, Verdicts
from deepscan_core.errors import InputError
from deepscan_core.records.protocol import ScanStep

EVEN = 0.5


def refine(
    candidates: Sequence[Candidate],
    judge: Judge,
    *,
    budget: Budget = UNLIMITED,
    look: Callable[[ScanStep], ScanStep] = cheap_look,
    most_looks: int = 2,
    verdicts: Verdicts | None = None,
) -> Strategy:
    """Look cheaply, add up what the looks say, and give the full dwell to what they confirm.

    Parameters
    ----------
    candidates : in the order in which they are visited, such as a short tour.
    judge : what a look says, in nats; looks of one place add up, and to the odds of its probability.
    budget : a step that it does not cover is never asked for; what is cheaper may still follow.
    look : from the tile to the cheap look at the same place.
    most_looks : after so many, what is likelier than not gets its tile.
    verdicts : bounds of the test.

    Notes
    -----
    What is confirmed before any look gets its tile at once, what is rejected before any look is never visited: the looks
    go where the preview is undecided. What lies in a tile that was recorded is not visited again. Each look costs the
    overheads of a frame, so that looks pay only where a tile costs clearly more than they do, see `Verdicts.pay`.

    Raises
    ------
    InputError
        No look is allowed.
    """
    if most_looks < 1:
        raise InputError(f"most_looks is {most_looks}: give at least 1, or follow a plan")
    bounds = verdicts or Verdicts()
    order = 0
    recorded: list[Candidate] = []
    for candidate in candidates:
        if any(_holds(tile, candidate) for tile in recorded):
            continue
        odds, looks = candidate.log_odds, 0
        verdict = bounds.of(odds)
        while verdict is Verdict.OPEN and looks < most_looks:
            step = look(candidate.step)
            if not can_pay(budget, step):
                break
            order, looks = order + 1, looks + 1
            frame = yield from frame_of(replace(step, order=order, reason=_reason(candidate, f"look {looks}")))
            if frame is None:
                break
            odds += judge(frame)
            verdict = bounds.of(odds)
        is_likely = verdict is Verdict.OPEN and looks == most_looks and probability(odds) > EVEN
        if (verdict is Verdict.CONFIRMED or is_likely) and can_pay(budget, candidate.step):
            order += 1
            tile = replace(candidate.step, order=order, reason=_reason(candidate, "confirmed"))
            if (yield from frame_of(tile)) is not None:
                recorded.append(candidate)


def _holds(tile: Candidate, candidate: Candidate) -> bool:
    """Whether the middle of a candidate lies in a tile, taken as not turned."""
    down, right = (abs(a - b) for a, b in zip(tile.center_px, candidate.center_px, strict=True))
    return down < tile.step.height_px / 2 and right < tile.step.width_px / 2


def _reason(candidate: Candidate, word: str) -> str:
    return "; ".join(part for part in (candidate.step.reason, word) if part)
