"""When to stop looking: Wald's sequential probability-ratio test.

Evidence of independent frames adds up in nats. Looking stops when the odds, those before any frame included, pass one of
two bounds; no other test with the same error rates needs fewer looks on average (Wald 1945, doi:10.1214/aoms/1177731118;
Wald and Wolfowitz 1948, doi:10.1214/aoms/1177730197).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from deepscan_core.acquisition.strategies.candidates import log_odds
from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_positive


class Verdict(enum.Enum):
    """What is known of a candidate."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """The two bounds.

    Attributes
    ----------
    false_share : at most about this share of what is confirmed is nothing.
    missed_share : at most about this share of what is rejected is something.

    Notes
    -----
    With prior odds in the sum, the bounds are those of the posterior probability: ``1 - false_share`` above, `missed_share`
    below. They hold as far as the probabilities and the evidence are calibrated.
    """

    false_share: float = 0.1
    missed_share: float = 0.05

    def __post_init__(self) -> None:
        if not (0 < self.false_share < 1 and 0 < self.missed_share < 1 and self.false_share + self.missed_share < 1):
            raise InputError(
                f"error rates of {self.false_share} and {self.missed_share}: give two above 0 with a sum below 1"
            )

    @classmethod
    def for_costs(cls, *, look: float, tile: float, missed_share: float = 0.05) -> Verdicts:
        """Bounds for which looks are made only where they pay.

        A look that decides costs ``look + p * tile`` for a candidate of probability p; the tile at once costs ``tile``. So
        the look pays below ``p = 1 - look / tile``.

        Parameters
        ----------
        look, tile : what each costs with all overheads, in one unit.
        missed_share : see `Verdicts`.

        >>> Verdicts.for_costs(look=1.0, tile=4.0).false_share
        0.25
        """
        check_positive("costs of a look and of a tile", look, tile)
        return cls(false_share=min(look / tile, 0.999 - missed_share), missed_share=missed_share)

    def pay(
        self, probabilities: Sequence[float], *, look: float, tile: float, budget: float, sensitivity: float = 0.9
    ) -> bool:
        """Whether more is expected to be found with looks than with tiles alone for the same budget.

        Parameters
        ----------
        probabilities : of all candidates, that something is there.
        look, tile, budget : what each costs, and all together may, in one unit.
        sensitivity : share of what is there that a look confirms.

        >>> faint = [0.1] * 100
        >>> Verdicts().pay(faint, look=1, tile=10, budget=50), Verdicts().pay(faint, look=9, tile=10, budget=50)
        (True, False)
        """
        check_positive("costs of a look, of a tile, of all", look, tile, budget)
        best_first = sorted(probabilities, reverse=True)
        at_once = sum(best_first[: int(budget / tile)])
        left, with_looks = budget, 0.0
        for p in best_first:
            is_open = self.of(log_odds(p)) is Verdict.OPEN
            left -= look + p * sensitivity * tile if is_open else tile
            if left < 0:
                break
            with_looks += p * sensitivity if is_open else p
        return with_looks > at_once

    def of(self, log_odds_nats: float) -> Verdict:
        """The verdict at log odds in nats.

        >>> Verdicts().of(0.0), Verdicts().of(5.0), Verdicts().of(-5.0)
        (<Verdict.OPEN: 'open'>, <Verdict.CONFIRMED: 'confirmed'>, <Verdict.REJECTED: 'rejected'>)
        """
        if log_odds_nats >= log_odds(1 - self.false_share):
            return Verdict.CONFIRMED
        if log_odds_nats <= log_odds(self.missed_share):
            return Verdict.REJECTED
        return Verdict.OPEN
