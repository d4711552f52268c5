"""What a tile confirms is looked for everywhere else: kinds of defect are learned from tiles and fitted to the preview.

A surprisal asks whether a place is unlike the rest. Once a tile has shown a defect at a much higher dose, a sharper
question can be asked of the preview: is the same difference there, at a place with the same surroundings? That is a matched
filter with a known signal at known places, the best that can be done where the kind is known (Barrett and Myers,
Foundations of Image Science, 2004, section 13.2.8).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from deepscan_core.acquisition.strategies import Candidate
from deepscan_core.adaptive import Background
from deepscan_core.records.coordinates import YX
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

REACH_PX = 6  # of a defect's difference, and of the surroundings by which places are alike beyond it
SURROUNDINGS_PX = 12
ALIKE = 0.8  # correlation of surroundings that makes places alike
SAME_PLACE_PX = 2.5
PEAK_PX = 3  # places alike are further apart
SAME_KIND = 0.7  # correlation of two differences
FAINT, CLEAR = 2.0, 8.0  # standard deviations in the preview: weaker kinds are lost, stronger ones found without this
MOST_CLASSES = 12  # of surroundings, so that what lies anywhere is not looked for everywhere
SURE = 0.98  # a tile that is less likely to hold something teaches no kind
FEWEST_PLACES = 30  # of which the spread where nothing is can be told
MOST_PROPOSED = 60  # after one tile
LEAST_PROBABILITY = 0.002
SIGMA_OF_MAD = 1.4826


@dataclass(kw_only=True, eq=False)
class _Kind:
    """One kind of defect: its difference from the expected in counts of the preview, and how many were seen."""

    difference: FloatArray
    seen: int = 1


@dataclass(kw_only=True, eq=False)
class _Places:
    """Places with the same surroundings, and what the preview shows at each.

    ``at_px`` has shape (n, 2), ``residuals`` (n, window) are divided by the variance of the noise.
    """

    at_px: IntArray
    residuals: FloatArray
    variance: FloatArray  # of shape (window,)
    kinds: list[_Kind] = field(default_factory=list)


class Kinds:
    """A learner for `explore`: from a tile that holds something to places that may hold the same.

    Parameters
    ----------
    background : of the preview.

    Notes
    -----
    The spread of the filter's answers where nothing is comes from the places themselves, most of which hold nothing. The
    probability of a kind at a place starts from the share of places where it was confirmed so far. In an image in which
    nothing repeats there are no places alike, and nothing is proposed. Takes about 0.1 s for each new kind of
    surroundings in a preview of 1024 x 1024 px, and a few ms for each tile.
    """

    def __init__(self, background: Background) -> None:
        self._background = background
        self._classes: list[_Places] = []
        self._confirmed_px: list[tuple[int, int]] = []
        self._spectrum: npt.NDArray[np.complexfloating] | None = None
        self._spread: FloatArray | None = None

    def __call__(self, candidate: Candidate, frame: ScanFrame, confirmed: float) -> Sequence[Candidate]:
        """Learn from a tile, and propose places.

        Parameters
        ----------
        candidate : that the tile was made for.
        frame : the tile.
        confirmed : probability that something is there, now that the tile is known.

        Returns
        -------
        Candidates with what the learned kinds say of them, likeliest first; none where nothing was learned.
        """
        if confirmed < SURE:
            return ()
        spot = self._background.spot_in(frame)
        at = (round(spot[0]), round(spot[1]))
        self._confirmed_px.append(at)
        if not _inside(at, self._background.expected.shape, SURROUNDINGS_PX):
            return ()
        if not FAINT <= self._strength(frame, at) <= CLEAR:
            return ()
        places = self._places_like(at)
        if places is None:
            return ()
        nearest = places.at_px[int(np.hypot(*(places.at_px - at).T).argmin())]
        self._remember(places, self._difference(frame, (int(nearest[0]), int(nearest[1]))).ravel())
        return self._proposed(places, candidate.step)

    def _difference(self, frame: ScanFrame, at: tuple[int, int]) -> FloatArray:
        return self._background.difference(frame, at, REACH_PX)

    def _strength(self, frame: ScanFrame, at: tuple[int, int]) -> float:
        """Of what a tile holds, as it would stand out of the preview's noise."""
        near = tuple(slice(place - REACH_PX, place + REACH_PX + 1) for place in at)
        return math.sqrt(float((self._difference(frame, at) ** 2 / self._background.variance[near]).sum()))

    def _remember(self, places: _Places, difference: FloatArray) -> None:
        for kind in places.kinds:
            norms = float(np.linalg.norm(kind.difference) * np.linalg.norm(difference))
            if norms > 0 and float(kind.difference @ difference) / norms > SAME_KIND:
                kind.difference = (kind.seen * kind.difference + difference) / (kind.seen + 1)
                kind.seen += 1
                return
        places.kinds.append(_Kind(difference=difference))

    def _proposed(self, places: _Places, step: ScanStep) -> list[Candidate]:
        odds = np.zeros(len(places.at_px))
        for kind in places.kinds:
            answers = places.residuals @ kind.difference
            nothing = float(np.median(answers))
            spread = SIGMA_OF_MAD * float(np.median(np.abs(answers - nothing)))
            if spread <= 0:
                continue
            strength = float(kind.difference**2 @ (1 / places.variance)) / spread
            rate = min((kind.seen + 1) / len(odds), 0.5)
            nats = strength * (answers - nothing) / spread - strength**2 / 2
            odds += rate / (1 - rate) * np.exp(np.minimum(nats, 50.0))
        chances = odds / (1 + odds)
        for spot in self._confirmed_px:  # what lies beside one that was seen shows its flanks
            chances[np.hypot(*(places.at_px - spot).T) < 2 * REACH_PX] = 0.0
        best = np.argsort(-chances, kind="stable")[:MOST_PROPOSED]
        return [
            Candidate(
                step=self._tile(step, (float(places.at_px[k, 0]), float(places.at_px[k, 1])), float(chances[k])),
                probability=float(min(chances[k], 1.0)),
                features=self._background.features((float(places.at_px[k, 0]), float(places.at_px[k, 1]))),
            )
            for k in best
            if chances[k] >= LEAST_PROBABILITY
        ]

    def _tile(self, step: ScanStep, at_px: YX, chance: float) -> ScanStep:
        """Like a tile that was recorded, but elsewhere, and wholly inside the preview."""
        rows, cols = self._background.expected.shape
        y = min(max(at_px[0], (step.height_px - 1) / 2), rows - 1 - (step.height_px - 1) / 2)
        x = min(max(at_px[1], (step.width_px - 1) / 2), cols - 1 - (step.width_px - 1) / 2)
        y_nm, x_nm = self._background.context.nm_from_px((y, x))
        return replace(
            step,
            center_y_px=y,
            center_x_px=x,
            center_y_nm=y_nm,
            center_x_nm=x_nm,
            priority=chance,
            reason="like a tile",
        )

    def _places_like(self, at: tuple[int, int]) -> _Places | None:
        """Of the surroundings that lie around a place; None where too few others are like it."""
        for known in self._classes:
            if np.hypot(*(known.at_px - at).T).min() <= SAME_PLACE_PX:
                return known
        found = self._alike(at) if len(self._classes) < MOST_CLASSES else np.zeros((0, 2), np.int64)
        if len(found) < FEWEST_PLACES or np.hypot(*(found - at).T).min() > SAME_PLACE_PX:
            return None
        window = np.arange(-REACH_PX, REACH_PX + 1)
        rows = found[:, 0, None, None] + window[None, :, None]
        cols = found[:, 1, None, None] + window[None, None, :]
        variance = self._background.variance[at[0] + window[:, None], at[1] + window[None, :]]
        residuals = (self._background.residual[rows, cols] / variance).reshape(len(found), -1)
        self._classes.append(_Places(at_px=found, residuals=residuals, variance=variance.reshape(1, -1)[0]))
        return self._classes[-1]

    def _alike(self, at: tuple[int, int]) -> IntArray:
        """Where the expected surroundings correlate with those of a place: local maxima, shape (n, 2)."""
        from scipy import fft, ndimage

        expected = self._background.expected
        side = 2 * SURROUNDINGS_PX + 1
        if self._spectrum is None or self._spread is None:
            self._spectrum = fft.rfft2(expected - expected.mean())
            means = ndimage.uniform_filter(expected, side)
            self._spread = np.sqrt(np.maximum(ndimage.uniform_filter(expected**2, side) - means**2, 1e-30))
        around = expected[
            at[0] - SURROUNDINGS_PX : at[0] + SURROUNDINGS_PX + 1, at[1] - SURROUNDINGS_PX : at[1] + SURROUNDINGS_PX + 1
        ]
        pattern = np.zeros(expected.shape)
        pattern[:side, :side] = around - around.mean()
        product = fft.irfft2(self._spectrum * np.conj(fft.rfft2(pattern)), s=expected.shape)
        product = np.roll(product, (SURROUNDINGS_PX, SURROUNDINGS_PX), axis=(0, 1))
        correlation = product / (side**2 * float(around.std() or 1.0) * self._spread)
        peaks = (correlation >= ALIKE) & (correlation == ndimage.maximum_filter(correlation, 2 * PEAK_PX + 1))
        found = np.argwhere(peaks)
        inside = np.all((found >= SURROUNDINGS_PX) & (found < np.array(expected.shape) - SURROUNDINGS_PX), axis=1)
        alike: IntArray = found[inside]
        return alike


def _inside(at: tuple[int, int], shape: tuple[int, ...], margin_px: int) -> bool:
    return all(margin_px <= place < size - margin_px for place, size in zip(at, shape, strict=True))
