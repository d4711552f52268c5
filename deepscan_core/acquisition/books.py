"""What the books of a run hold: seconds and electrons, by what they were spent on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from deepscan_core.acquisition.strategies.budget import Cost
from deepscan_core.records.protocol import ScanLimits

PREVIEW, STEPS, DRIFT, FAILED, IDLE = "preview", "steps", "drift", "failed", "idle"
KINDS = (PREVIEW, STEPS, DRIFT, FAILED, IDLE)
NOTHING = Cost(time_s=0.0, electrons=0.0)
OVERVIEW_ORDER = (
    0  # of a step that records the whole context; steps of a plan count from 1, drift references from -1 down
)


def kind_of(order: int) -> str:
    """What a step with this number is spent on."""
    return DRIFT if order < OVERVIEW_ORDER else PREVIEW if order == OVERVIEW_ORDER else STEPS


def plus(one: Cost, other: Cost, times: float = 1.0) -> Cost:
    """The sum; nothing is ever less than nothing, as rounding could make it."""
    return Cost(
        time_s=max(0.0, one.time_s + times * other.time_s),
        electrons=max(0.0, one.electrons + times * other.electrons),
    )


@dataclass(frozen=True, kw_only=True)
class LedgerStatus:
    """How the books stand.

    Attributes
    ----------
    time_s : charged so far.
    electrons : charged so far; None where the beam current is not known.
    highest_dose_e_per_nm2 : of any pixel of the preview; None likewise.
    limits : of the run.
    exposures : how many there were.
    by_kind : time and electrons of ``preview``; ``steps``, looks and tiles; ``drift``, its reference frames; ``failed``,
        attempts without a frame that is kept; ``idle``, ways, waiting, computing and the parked beam.
    """

    time_s: float
    electrons: float | None
    highest_dose_e_per_nm2: float | None
    limits: ScanLimits
    exposures: int
    by_kind: Mapping[str, Cost] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For ``run.json`` and the summary."""
        return {
            "time_s": self.time_s,
            "total_electrons": self.electrons,
            "highest_dose_e_per_nm2": self.highest_dose_e_per_nm2,
            "exposures": self.exposures,
            "limits": self.limits.to_dict(),
            "by_kind": {
                kind: {"time_s": cost.time_s, "electrons": None if self.electrons is None else cost.electrons}
                for kind, cost in self.by_kind.items()
            },
        }


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What the books add up to at a moment, as a journal keeps it.

    Attributes
    ----------
    clock_s : the instrument's clock at that moment.
    by_kind : see `LedgerStatus`.
    late_s : the most by which a frame was late so far.
    """

    clock_s: float
    by_kind: Mapping[str, Cost]
    late_s: float = 0.0

    @property
    def cost(self) -> Cost:
        """All kinds together."""
        kinds = self.by_kind.values()
        return Cost(time_s=sum(one.time_s for one in kinds), electrons=sum(one.electrons for one in kinds))

    def with_more(self, kind: str, cost: Cost) -> Self:
        """With something spent on a kind."""
        changed = {**self.by_kind, kind: plus(self.by_kind[kind], cost)}
        return type(self)(clock_s=self.clock_s, by_kind=changed, late_s=self.late_s)

    def to_dict(self) -> dict[str, Any]:
        """For a journal."""
        return {
            "clock_s": self.clock_s,
            "time_s": {kind: cost.time_s for kind, cost in self.by_kind.items()},
            "electrons": {kind: cost.electrons for kind, cost in self.by_kind.items()},
            "late_s": self.late_s,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """From a journal, whose schema was checked."""
        return cls(
            clock_s=document["clock_s"],
            by_kind={
                kind: Cost(time_s=document["time_s"][kind], electrons=document["electrons"][kind]) for kind in KINDS
            },
            late_s=document.get("late_s", 0.0),
        )
