"""`explore`: after every tile, what is left is scored again with what the tiles have taught."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deepscan_core.acquisition.strategies.beliefs import Beliefs, surprise_nats
from deepscan_core.acquisition.strategies.budget import UNLIMITED, Budget, Cost
from deepscan_core.acquisition.strategies.candidates import Candidate, Judge, log_odds, probability
from deepscan_core.acquisition.strategies.following import Strategy, frame_of
from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_finite
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
KEEP_SURPRISE = 0.5  # of the curiosity that is left after each further tile


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """How bold `explore` is.

    Attributes
    ----------
    curiosity : weight of the uncertainty beside the probability; 0 takes the likeliest.
    unseen_share : share of the steps that goes to the place furthest from all tiles so far.
    least_probability : it ends when nothing is left that is likelier than this.
    least_distance_px : two tiles are at least this far apart, centre to centre.
    """

    curiosity: float = 0.1
    unseen_share: float = 0.05
    least_probability: float = 0.05
    least_distance_px: float = 0.0

    def __post_init__(self) -> None:
        check_finite("curiosity, least_distance_px of an exploration", self.curiosity, self.least_distance_px)
        shares = (self.unseen_share, self.least_probability)
        if not all(0 <= share <= 1 for share in shares) or min(self.curiosity, self.least_distance_px) < 0:
            raise InputError(f"{self}: give shares from 0 to 1 and numbers of at least 0")


Learner = Callable[[Candidate, ScanFrame, float], Sequence[Candidate]]
"""From a candidate, its tile and the probability that something is there now to candidates that may be like it."""


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What one tile said.

    Attributes
    ----------
    candidate : which one was visited.
    promised : probability that was believed before it.
    confirmed : probability after it.
    surprise_nats : how far it changed the belief.
    """

    candidate: int
    promised: float
    confirmed: float
    surprise_nats: float


def explore(
    candidates: Sequence[Candidate],
    judge: Judge,
    *,
    budget: Budget = UNLIMITED,
    settings: Exploration | None = None,
    seed: int = 0,
    learner: Learner | None = None,
    on_lesson: Callable[[Lesson], None] | None = None,
) -> Strategy:
    """Visit what promises most for its cost, learn from it, and go on until nothing is worth a tile.

    Parameters
    ----------
    candidates : in any order; the features say which are alike.
    judge : what a tile says, in nats.
    budget : a step that it does not cover is never asked for.
    settings : how bold.
    seed : of the steps that go to the unseen, and of ties.
    learner : told each tile, and proposes candidates: new ones, or known ones that it knows better. They need as many
        features as the others.
    on_lesson : told what each tile said: a labelled example.

    Notes
    -----
    The next tile has the largest ``(probability + curiosity * surprise * uncertainty) / time``: an upper confidence bound
    (Auer, Cesa-Bianchi and Fischer 2002, doi:10.1023/A:1013689704352) whose curiosity grows with how surprising the latest
    tiles were. A candidate is visited once; those nearer than `least_distance_px` to a tile are dropped; and a share of the
    steps goes to what is furthest away, however unlikely, so that neither a place nor a kind holds it for ever.
    """
    bold = settings or Exploration()
    rng = np.random.default_rng([seed, 23])
    pool = _Pool(candidates, bold.least_distance_px)
    surprise = 0.0
    while True:
        p = pool.beliefs.probabilities()
        costs = pool.costs(budget)
        worth = pool.is_open & _affordable(costs, budget.remaining())
        likely = worth & (p > bold.least_probability)
        if not likely.any():
            return
        if pool.visited and rng.random() < bold.unseen_share:
            chosen = _furthest(pool.centers, pool.visited, worth)
        else:
            value = p + bold.curiosity * (1 + surprise) * pool.beliefs.uncertainties()
            chosen = _best(value, costs, likely, rng)
        candidate, promised = pool.take(chosen), float(p[chosen])
        frame = yield from frame_of(_numbered(candidate.step, len(pool.visited), promised))
        if frame is None:
            continue
        after = probability(log_odds(promised) + judge(frame))
        pool.beliefs.learn(chosen, after)
        if learner is not None:
            pool.hear(learner(candidate, frame, after))
        latest = surprise_nats(promised, after)
        surprise = KEEP_SURPRISE * surprise + (1 - KEEP_SURPRISE) * latest
        if on_lesson is not None:
            on_lesson(Lesson(candidate=chosen, promised=promised, confirmed=after, surprise_nats=latest))


class _Pool:
    """All candidates, those of a learner included, and which are still open."""

    def __init__(self, candidates: Sequence[Candidate], least_distance_px: float) -> None:
        self.candidates = list(candidates)
        self.beliefs = Beliefs(candidates)
        self.centers = np.array([c.center_px for c in candidates], float).reshape(-1, 2)
        self.is_open = np.ones(len(candidates), bool)
        self.visited: list[int] = []
        self._least_distance_px = least_distance_px

    def costs(self, budget: Budget) -> list[Cost | None]:
        """Of the open ones."""
        return [
            budget.cost_of(c.step) if is_open else None
            for c, is_open in zip(self.candidates, self.is_open, strict=True)
        ]

    def take(self, chosen: int) -> Candidate:
        """The one that is visited now; those too near to it are no longer open."""
        self.is_open[chosen] = False
        self.visited.append(chosen)
        self.is_open &= np.hypot(*(self.centers - self.centers[chosen]).T) >= self._least_distance_px
        return self.candidates[chosen]

    def hear(self, proposed: Sequence[Candidate]) -> None:
        """Take in what a learner proposes: a tile that holds the place already is made likelier, others are new."""
        new: list[Candidate] = []
        for candidate in proposed:
            half = np.array([candidate.step.height_px, candidate.step.width_px]) / 2
            away = np.abs(self.centers - candidate.center_px)
            holds = np.flatnonzero(np.all(away < half, axis=1))
            if not self.is_open[holds].all() or any(_overlap(candidate, other) for other in new):
                continue  # it was seen, or something likelier is as good
            if holds.size:
                nearest = int(holds[away[holds].max(axis=1).argmin()])
                known = max(candidate.log_odds, self.candidates[nearest].log_odds)
                self.beliefs.replace_prior(nearest, known)
            else:
                new.append(candidate)
        self.beliefs.add(new)
        self.candidates += new
        self.centers = np.vstack([self.centers, *(np.array([c.center_px]) for c in new)])
        self.is_open = np.append(self.is_open, np.ones(len(new), bool))


def _overlap(one: Candidate, other: Candidate) -> bool:
    apart = np.abs(np.array(one.center_px) - other.center_px)
    return bool(np.all(apart < (one.step.height_px / 2, one.step.width_px / 2)))


def _affordable(costs: Sequence[Cost | None], left: Cost) -> BoolArray:
    return np.array([cost is not None and left.covers(cost) for cost in costs], bool)


def _best(value: FloatArray, costs: Sequence[Cost | None], among: BoolArray, rng: np.random.Generator) -> int:
    """The largest value for its time; of several alike any one."""
    seconds = np.array([cost.time_s if cost is not None else 1.0 for cost in costs])
    rate = np.where(among, value / np.maximum(seconds, 1e-9), -np.inf)
    return int(rng.choice(np.flatnonzero(rate == rate.max())))


def _furthest(centers: FloatArray, visited: Sequence[int], among: BoolArray) -> int:
    """The open candidate whose nearest tile is furthest away."""
    gaps = np.hypot(*np.moveaxis(centers[:, None] - centers[None, list(visited)], -1, 0)).min(axis=1)
    return int(np.where(among, gaps, -np.inf).argmax())


def _numbered(step: ScanStep, order: int, believed: float) -> ScanStep:
    reason = "; ".join(part for part in (step.reason, f"p {believed:.2f}") if part)
    return replace(step, order=order, reason=reason)
