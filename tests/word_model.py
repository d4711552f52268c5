"""A model of words for tests, which knows bright from dark."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepscan_core.features.pyramid import FeaturePyramid
from deepscan_core.records.maps import FeatureMap
from deepscan_core.records.phrases import PhraseVectors

CELL_PX = 16


class BrightOrDark:
    """Says of each cell whether something bright is in it, and counts how often it looks."""

    name = "bright or dark"

    def __init__(self) -> None:
        self.looks = 0
        self._bright: float | None = None

    def phrases(self, phrases: Sequence[str]) -> PhraseVectors:
        """ "bright spots" are what is bright, "nothing" is what is not; others are a little of both."""
        vectors = {"bright spots": (4.0, -4.0), "nothing": (-4.0, 4.0)}
        weights = np.array([vectors.get(phrase, (0.6, 0.8)) for phrase in phrases], np.float32)
        return PhraseVectors(phrases=tuple(phrases), weights=weights, biases=np.zeros(len(weights), np.float32))

    @property
    def others(self) -> PhraseVectors:
        """All else that a place could show."""
        return self.phrases(["nothing"])

    def look(self, scaled: np.ndarray, seen: FeaturePyramid | None = None) -> tuple[FeatureMap, ...]:
        """One scale; bright is what comes near the brightest pixel of the first picture."""
        self.looks += 1
        self._bright = 0.7 * float(scaled.max()) if self._bright is None else self._bright
        rows, cols = (side // CELL_PX for side in scaled.shape)
        inside = scaled[: rows * CELL_PX, : cols * CELL_PX]
        blocks = inside.reshape(rows, CELL_PX, cols, CELL_PX).max(axis=(1, 3)) > self._bright
        values = np.stack([blocks, ~blocks], axis=-1).astype(np.float32)
        origin_px = (CELL_PX - 1) / 2
        return (
            FeatureMap(values=values, step_px=CELL_PX, origin_px=origin_px, image_shape=scaled.shape, source=self.name),
        )
