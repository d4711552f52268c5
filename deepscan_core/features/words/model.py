"""What the text search needs of a text-image model, whoever made it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from deepscan_core.features.pyramid import FeaturePyramid
from deepscan_core.records.maps import FeatureMap
from deepscan_core.records.phrases import PhraseVectors


class WordModel(Protocol):
    """A text-image model ready to be run.

    Attributes
    ----------
    name : of the model; what it saw of an image is kept under it.
    others : phrases for other things, and for nothing in particular, that queries are judged against.
    """

    @property
    def name(self) -> str: ...

    @property
    def others(self) -> PhraseVectors: ...

    def look(self, scaled: npt.NDArray[np.float32], seen: FeaturePyramid | None = None) -> tuple[FeatureMap, ...]:
        """Unit embeddings of the places of an image, one map a scale, the finest first.

        Parameters
        ----------
        scaled : normalised image, float32 of shape (rows, cols).
        seen : what a backbone has already made of it; used where it is of use, which saves its pass.
        """
        ...

    def phrases(self, phrases: Sequence[str]) -> PhraseVectors:
        """Phrases in the same space; raises `InputError` for one of which no word is known."""
        ...
