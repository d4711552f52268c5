"""What earlier sessions of a run have exposed: told by the journal, or by the files in ``tiles`` alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepscan_core.acquisition.books import FAILED, IDLE, Totals, kind_of
from deepscan_core.acquisition.entries import Entry, frame_of, step_of
from deepscan_core.acquisition.history import History
from deepscan_core.acquisition.ledger import Ledger
from deepscan_core.acquisition.stages import START
from deepscan_core.acquisition.strategies.budget import Cost
from deepscan_core.acquisition.tiles import TileFolder
from deepscan_core.errors import InputError
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

ROUNDING = 1e-9
UNTOLD = "the journal does not tell what became of it, but a file in tiles does that it began"


@dataclass(frozen=True, kw_only=True)
class PastExposure:
    """One exposure that was, or may have been.

    Attributes
    ----------
    step : as it was sent.
    totals : of the books just before it; None where nothing tells them.
    cost : of its frame; None where nobody told its end, and it counts as predicted.
    kind : what it is charged on.
    """

    step: ScanStep
    totals: Totals | None
    cost: Cost | None
    kind: str


def exposures_of(history: History, tiles: TileFolder, planned: Mapping[int, ScanStep]) -> tuple[PastExposure, ...]:
    """All exposures, in the order in which they began.

    Parameters
    ----------
    history, tiles : what the journal tells, and what is on disk.
    planned : by number, the steps of a plan, for exposures of which only an empty file bears witness.

    Raises
    ------
    InputError
        A file bears witness of an exposure of which nobody knows where it was.
    """
    told = [_told(one.entry, one.outcome) for one in history.attempts if "sent" in one.entry and not one.is_unexposed]
    untold = [exposure for order in sorted(tiles.orders) for exposure in _untold(order, history, tiles, planned)]
    return (*told, *sorted(untold, key=_begun_after_s))


def totals_of(exposures: Sequence[PastExposure], history: History, ledger: Ledger) -> Totals:
    """What the books add up to after these exposures.

    Each line that announces a step holds the totals before it, so the latest one counts, and what followed it; what nobody
    tells counts as predicted.
    """
    last = ledger.totals
    for attempt in history.attempts:
        totals = Totals.from_dict(attempt.entry["ledger"])
        last = totals if _is_later(totals, last) else last
    here = START
    for exposure in exposures:
        if exposure.totals is None or _is_later(exposure.totals, last):
            way = ledger.way_cost(here, exposure.step)
            before = (exposure.totals or last).with_more(IDLE, way)
            last = before.with_more(exposure.kind, exposure.cost or ledger.frame_cost(exposure.step))
        here = ledger.where(exposure.step)
    return last


def frame_from(history: History, tiles: TileFolder, order: int) -> ScanFrame:
    """The frame of a step; raises `InputError` where there is none, or its tile is not the one that was recorded."""
    told = history.step(order)
    if told.recorded is None:
        raise InputError(told.reason or UNTOLD)
    return frame_of(told.recorded, told.exposures[-1], tiles.read(told.recorded["tile"], order))


def _told(entry: Entry, outcome: Entry | None) -> PastExposure:
    step, is_kept = step_of(entry), outcome is not None and outcome["event"] == "step"
    return PastExposure(
        step=step,
        totals=Totals.from_dict(entry["ledger"]),
        cost=None if outcome is None else Cost(**outcome["charged"]),
        kind=kind_of(step.order) if is_kept else FAILED,
    )


def _untold(order: int, history: History, tiles: TileFolder, planned: Mapping[int, ScanStep]) -> list[PastExposure]:
    """Exposures of a step of which only files bear witness."""
    missing = tiles.exposures(order) - len(history.step(order).exposures)
    if missing <= 0:
        return []
    told = {one.entry["attempt"] for one in history.attempts if one.entry["order"] == order and "sent" in one.entry}
    sent = [tiles.sent(order, attempt) for attempt in tiles.sent_attempts(order) if attempt not in told]
    found = [_told(entry, None) for entry in sent if entry is not None]
    for _ in range(missing - len(found)):
        if order not in planned:
            raise InputError(
                f"the files in tiles tell that step {order} was exposed, but neither they nor the journal tell where: "
                "begin a new run with another --out"
            )
        found.append(PastExposure(step=planned[order], totals=None, cost=None, kind=FAILED))
    return found


def _begun_after_s(exposure: PastExposure) -> float:
    return math.inf if exposure.totals is None else exposure.totals.cost.time_s


def _is_later(totals: Totals, other: Totals) -> bool:
    return totals.cost.time_s >= other.cost.time_s * (1 - ROUNDING) - ROUNDING
