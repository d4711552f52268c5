"""What tiles teach about candidates that are still to be visited."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from deepscan_core.acquisition.strategies.candidates import Candidate, probability
from deepscan_core.errors import InputError

FloatArray = npt.NDArray[np.float64]
PSEUDO_COUNT = 1.0  # tiles that have to speak against the calibration before it is half given up


class Beliefs:
    """Calibrated probabilities of candidates, corrected by how often their like was confirmed.

    Around each candidate, visited ones count by ``exp(-d² / 2)`` of their distance in feature space. Where more of them
    were confirmed than their probabilities promised, the odds rise, and fall where fewer were: by the ratio of what came
    to what was expected, for confirmed and for rejected tiles, each with a pseudo-count of one. Without like neighbours
    nothing changes. It is Bayes' rule for a factor on the odds that is common to candidates alike, in the manner of the
    correlated Beta processes of Goetschalckx, Poupart and Hoey (IJCAI 2011).

    Parameters
    ----------
    candidates : all, with features of one length.

    Raises
    ------
    InputError
        Features of different lengths.
    """

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        lengths = {len(candidate.features) for candidate in candidates}
        if len(lengths) > 1:
            raise InputError(f"candidates have {sorted(lengths)} features: give every one the same number")
        self._prior = np.array([c.log_odds for c in candidates], float)
        self._features = np.array([c.features for c in candidates], float).reshape(
            len(candidates), max(lengths, default=0)
        )
        self._alike = _likeness(self._features, self._features)
        self._expected = np.zeros((2, len(candidates)))  # confirmed and rejected neighbours, as promised
        self._came = np.zeros((2, len(candidates)))  # and as they came
        self._examples: list[int] = []
        self._promised: list[float] = []
        self._confirmed: list[float] = []

    def add(self, candidates: Sequence[Candidate]) -> None:
        """Take in more of them, with as many features; what was learned before holds for them too."""
        if not candidates:
            return
        features = np.array([c.features for c in candidates], float).reshape(len(candidates), -1)
        if features.shape[1] != self._features.shape[1]:
            raise InputError(
                f"new candidates have {features.shape[1]} features, the others {self._features.shape[1]}: give as many"
            )
        across = _likeness(self._features, features)
        self._alike = np.block([[self._alike, across], [across.T, _likeness(features, features)]])
        self._features = np.vstack([self._features, features])
        self._prior = np.append(self._prior, [c.log_odds for c in candidates])
        seen = across[self._examples]
        self._expected = np.hstack([self._expected, _both(self._promised) @ seen])
        self._came = np.hstack([self._came, _both(self._confirmed) @ seen])

    def replace_prior(self, number: int, log_odds_nats: float) -> None:
        """What is known of a candidate without its like, where it is known better now."""
        self._prior[number] = log_odds_nats

    def learn(self, number: int, confirmed: float) -> None:
        """Take a tile as an example.

        Parameters
        ----------
        number : of the candidate.
        confirmed : probability that something is there, now that its tile is known.
        """
        likeness = self._alike[number].copy()
        likeness[number] = 0.0  # its own tile says nothing more about itself
        promised = probability(float(self._prior[number]))
        self._examples.append(number)
        self._promised.append(promised)
        self._confirmed.append(confirmed)
        self._expected += np.outer((promised, 1 - promised), likeness)
        self._came += np.outer((confirmed, 1 - confirmed), likeness)

    def probabilities(self) -> FloatArray:
        """Of something being there, shape (n,), with what was learnt."""
        ratio = (PSEUDO_COUNT + self._came) / (PSEUDO_COUNT + self._expected)
        odds = np.clip(self._prior + np.log(ratio[0] / ratio[1]), -700, 700)
        found: FloatArray = 1 / (1 + np.exp(-odds))
        return found

    def uncertainties(self) -> FloatArray:
        """Standard deviation of "something is there", less where like candidates were visited; shape (n,)."""
        p, seen = self.probabilities(), self._came.sum(axis=0)
        found: FloatArray = np.sqrt(p * (1 - p) / (1 + seen))
        return found


def _both(chances: Sequence[float]) -> FloatArray:
    """Of something and of nothing being there, shape (2, n)."""
    something = np.asarray(chances, float)
    return np.stack([something, 1 - something])


def _likeness(one: FloatArray, other: FloatArray) -> FloatArray:
    """``exp(-d² / 2)`` of all pairs, shape (n, m); 0 without features, as then nothing is known to be alike."""
    if one.shape[1] == 0:
        return np.zeros((len(one), len(other)))
    away = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None, :] - 2 * one @ other.T
    found: FloatArray = np.exp(-np.maximum(away, 0.0) / 2)
    return found


def surprise_nats(promised: float, confirmed: float) -> float:
    """How unexpected a tile was: the relative entropy of what is known after it to what was before, at least 0.

    Itti and Baldi 2009, doi:10.1016/j.visres.2008.09.007.

    >>> surprise_nats(0.3, 0.3)
    0.0
    >>> round(surprise_nats(0.5, 1.0), 4)   # ln 2
    0.6931
    """
    total = 0.0
    for before, after in ((promised, confirmed), (1 - promised, 1 - confirmed)):
        if after > 0:
            total += after * math.log(after / max(before, 1e-12))
    return max(total, 0.0)
