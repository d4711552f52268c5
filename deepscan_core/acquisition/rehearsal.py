"""A plan carried out on paper: what its ledger would refuse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from deepscan_core.acquisition.ledger import Ledger
from deepscan_core.errors import BeyondLimit, ProtocolError
from deepscan_core.records.coordinates import YX, ScanContext
from deepscan_core.records.costs import ScanCosts
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanLimits, ScanStep


def limit_violations(
    steps: Sequence[ScanStep],
    context: ScanContext,
    limits: ScanLimits,
    *,
    costs: ScanCosts,
    park_fraction: YX | None = None,
    previews: Sequence[ScanFrame] = (),
) -> Iterator[ProtocolError]:
    """What stands against the steps of a plan in their order: the first that a limit refuses, and how many more.

    On paper every frame takes as long as predicted, and nothing is kept free for one that is late.

    Parameters
    ----------
    steps, context, limits : of the plan.
    costs, park_fraction : of the instrument, see `Ledger`.
    previews : frames of the whole context that are charged before.
    """
    clock_s = [0.0]
    punctual = replace(costs, reserve_s=0.0, lit_reserve_s=0.0)
    ledger = Ledger(context, limits, costs=punctual, park_fraction=park_fraction, clock=lambda: clock_s[0])
    for preview in previews:
        ledger.charge_preview(preview)
    refused: list[BeyondLimit] = []
    for step in steps:
        try:
            ledger.check(step)
        except BeyondLimit as error:
            refused.append(error)
            continue
        except ProtocolError as error:
            yield error
            return
        clock_s[0] += ledger.wait_s(step)
        ledger.advance()
        begun_s = ledger.totals.cost.time_s
        ledger.begin(step)
        clock_s[0] += ledger.totals.cost.time_s - begun_s
        ledger.end(None)
    if refused:
        others = len(refused) - 1
        yield BeyondLimit(f"{refused[0]}" + (f", and so would {others} more" if others else ""))
