"""Why words were found at a place: which phrase, at which scale, against what else, and what in the region says it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.explain.occlusion import Occlusion, cells_of
from deepscan_core.records.maps import FeatureMap
from deepscan_core.records.phrases import PhraseVectors
from deepscan_core.records.regions import ScanRegion
from deepscan_core.scoring.text import Seen, phrase_scores, regridded, rivalry, seen

FloatImage = npt.NDArray[np.float32]
Look = Callable[[FloatImage], tuple[FeatureMap, ...]]

MOST_RIVALS = 2
LEAST_RIVAL_ODDS = 0.05
CELLS = 3  # along the longer side: each is looked at by the model anew
SMALLEST_WINDOW_PX = 192  # on which a model sees what it sees on the whole image
AROUND_PX = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Saying:
    """Why a query scores as it does in a region.

    Attributes
    ----------
    query : as it was asked.
    at_px : pixel (row, column) of the highest score.
    score : log-odds there that the words are meant, against all else.
    phrase : of the query, that explains the place best.
    by_scale : width of a cell in px and the score there, the finest first; their mean is the score of the phrase.
    rivals : other kinds that the place could show, and their odds, the likeliest first.
    unwanted : the phrase that was not wanted and its score; None where there was none.
    occlusion : what in the region raises the score, with parts of it replaced by what the rest of the image predicts.
    """

    query: str
    at_px: tuple[int, int]
    score: float
    phrase: str
    by_scale: tuple[tuple[float, float], ...]
    rivals: tuple[tuple[str, float], ...]
    unwanted: tuple[str, float] | None
    occlusion: Occlusion

    def to_dict(self) -> dict[str, Any]:
        """For JSON, every component named."""
        return {
            "query": self.query,
            "peak_y_px": self.at_px[0],
            "peak_x_px": self.at_px[1],
            "log_odds": self.score,
            "phrase": self.phrase,
            "by_scale": [{"cell_px": cell_px, "log_odds": score} for cell_px, score in self.by_scale],
            "rivals": [{"kind": kind, "odds": odds} for kind, odds in self.rivals],
            "unwanted": None if self.unwanted is None else {"phrase": self.unwanted[0], "log_odds": self.unwanted[1]},
            "left_without_log_odds": self.occlusion.left_nats,
        }

    def sentence(self) -> str:
        """The same in plain words."""
        finest, coarsest = self.by_scale[0], self.by_scale[-1]
        said = f"“{self.phrase}” has log-odds of {self.score:.1f} here against all else it could be"
        if len(self.by_scale) > 1:
            said += f" ({finest[1]:.1f} in cells of {finest[0]:g} px, {coarsest[1]:.1f} in cells of {coarsest[0]:g} px)"
        if self.rivals:
            said += f"; next likeliest are {' and '.join(kind for kind, _ in self.rivals)}"
        if self.unwanted is not None:
            said += f"; “{self.unwanted[0]}”, which is not wanted, has {self.unwanted[1]:.1f}"
        left = f"{self.occlusion.left_nats:.1f} is left"
        return f"{said}. With the region replaced by what the rest of the image predicts, {left}.".replace(" -", " −")


class Sayings:
    """Explains regions of one image for one query.

    Parameters
    ----------
    query : as it was asked.
    scales : what the model sees of the image.
    wanted, unwanted, others : see `scoring.text.text_map`.
    look : the model's look at a part of the image.
    scaled, predicted : the image, and what the rest of it predicts of each pixel, shape (rows, cols).
    """

    def __init__(
        self,
        query: str,
        scales: Sequence[Seen],
        wanted: PhraseVectors,
        unwanted: PhraseVectors | None,
        others: PhraseVectors,
        *,
        look: Look,
        scaled: FloatImage,
        predicted: FloatImage,
    ) -> None:
        self._query = query
        self._scales = scales
        self._wanted, self._unwanted, self._others = wanted, unwanted, others
        self._look, self._scaled, self._predicted = look, scaled, predicted
        finest = scales[0].features
        self._by_scale = [regridded(phrase_scores([one], wanted, others), one.features, finest) for one in scales]
        self._best = np.mean(self._by_scale, axis=0)
        self._refused = None if unwanted is None else phrase_scores(scales, unwanted, others)

    def explain(self, region: ScanRegion) -> Saying:
        """Why the words score as they do in a region of the image."""
        finest = self._scales[0].features
        inner = region.slices(finest.image_shape)
        shown = finest.to_pixels(self._score())[inner]
        row, col = np.unravel_index(int(shown.argmax()), shown.shape)
        at_px = (inner[0].start + int(row), inner[1].start + int(col))
        cell = finest.nearest_cell(at_px)
        number = int(self._best[cell].argmax())
        unwanted = None
        if self._refused is not None and self._unwanted is not None:
            worst = int(self._refused[cell].argmax())
            unwanted = (self._unwanted.phrases[worst], float(self._refused[cell][worst]))
        return Saying(
            query=self._query,
            at_px=at_px,
            score=float(shown.max()),
            phrase=self._wanted.phrases[number],
            by_scale=tuple(
                (one.features.step_px, float(scores[cell][number]))
                for one, scores in zip(self._scales, self._by_scale, strict=True)
            ),
            rivals=self._rivals(at_px, number),
            unwanted=unwanted,
            occlusion=self._occlusion(inner),
        )

    def _score(self) -> FloatImage:
        """The score on the finest grid, as `text_map` has it."""
        best: FloatImage = self._best.max(axis=2)
        return best if self._refused is None else np.minimum(best, -self._refused.max(axis=2))

    def _rivals(self, at_px: tuple[int, int], number: int) -> tuple[tuple[str, float], ...]:
        """Other kinds by their mean odds over the scales, as far as they are rivals of the phrase."""
        odds = []
        for one in self._scales:
            row, col = one.features.nearest_cell(at_px)
            odds.append(one.others[row * one.features.values.shape[1] + col])
        mean = np.mean(odds, axis=0) * rivalry(self._wanted, self._others)[number]
        best = np.argsort(-mean, kind="stable")[:MOST_RIVALS]
        return tuple((self._others.phrases[k], float(mean[k])) for k in best if mean[k] >= LEAST_RIVAL_ODDS)

    def _occlusion(self, inner: tuple[slice, slice]) -> Occlusion:
        """Each of a few cells replaced by what is predicted there, and all of them, looked at in a window around."""
        window = tuple(_around(span, n) for span, n in zip(inner, self._scaled.shape, strict=True))
        here = tuple(slice(i.start - w.start, i.stop - w.start) for i, w in zip(inner, window, strict=True))
        cells, grid = cells_of(*inner, most=CELLS)
        before = self._highest(self._scaled[window], here)
        after = []
        for cell in [*cells, inner]:
            replaced = self._scaled[window].copy()
            own = tuple(slice(c.start - w.start, c.stop - w.start) for c, w in zip(cell, window, strict=True))
            replaced[own] = self._predicted[cell]
            after.append(self._highest(replaced, here))
        drops = np.array([before - one for one in after[:-1]], np.float32).reshape(grid)
        return Occlusion(rows=inner[0], cols=inner[1], drops_nats=drops, left_nats=after[-1])

    def _highest(self, picture: FloatImage, here: tuple[slice, ...]) -> float:
        scales = [seen(features, self._others) for features in self._look(np.ascontiguousarray(picture))]
        score = phrase_scores(scales, self._wanted, self._others).max(axis=2)
        if self._unwanted is not None:
            score = np.minimum(score, -phrase_scores(scales, self._unwanted, self._others).max(axis=2))
        return float(scales[0].features.to_pixels(score)[here].max())


def _around(span: slice, length: int) -> slice:
    """A span with enough around it for a model to see it in its place."""
    size = min(max(SMALLEST_WINDOW_PX, span.stop - span.start + 2 * AROUND_PX), length)
    start = min(max((span.start + span.stop - size) // 2, 0), length - size)
    return slice(start, start + size)
