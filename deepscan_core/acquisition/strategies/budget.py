"""What a strategy is told about its limits: how much is left, and what a step would cost from here.

Strategies only ask; whoever drives them keeps the books and enforces the limits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from deepscan_core.errors import InputError
from deepscan_core.records.protocol import ScanStep


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Time and electrons, of a step or still to be spent.

    Attributes
    ----------
    time_s, electrons : infinite where there is no limit; negative where more was spent than there was.
    """

    time_s: float
    electrons: float

    def __post_init__(self) -> None:
        if math.isnan(self.time_s) or math.isnan(self.electrons):
            raise InputError(f"a cost of {self.time_s} s and {self.electrons} electrons: give numbers")

    def covers(self, other: Cost) -> bool:
        """Whether the other cost can be paid from this one, in time and in electrons."""
        return other.time_s <= self.time_s and other.electrons <= self.electrons


class Budget(Protocol):
    """Answers a strategy's questions; a ledger does so for a real run."""

    def remaining(self) -> Cost:
        """What is left now."""
        ...

    def cost_of(self, step: ScanStep) -> Cost:
        """What a step would take from where the beam is now, with the way there and all overheads."""
        ...


class _Unlimited:
    """Everything is affordable; a step costs the time of its samples, so that steps can still be compared."""

    def remaining(self) -> Cost:
        """See `Budget.remaining`."""
        return Cost(time_s=math.inf, electrons=math.inf)

    def cost_of(self, step: ScanStep) -> Cost:
        """See `Budget.cost_of`."""
        return Cost(time_s=step.rows * step.cols * step.dwell_time_us * 1e-6, electrons=0.0)


UNLIMITED: Budget = _Unlimited()


def can_pay(budget: Budget, *steps: ScanStep) -> bool:
    """Whether the budget covers all of these steps, each as if it began from here."""
    costs = [budget.cost_of(step) for step in steps]
    total = Cost(time_s=sum(c.time_s for c in costs), electrons=sum(c.electrons for c in costs))
    return budget.remaining().covers(total)
