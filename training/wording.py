"""Phrases as the text side reads them; in training words are blurred and some left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from deepscan_core.features.words.lexicon import Lexicon
from deepscan_core.features.words.network import WORD_DIMENSIONS

MOST_NOISE = 1.0  # length of the random vector that is added to a word's unit vector, at most
LEFT_OUT_SHARE, FEWEST_WORDS = 0.1, 3  # of the words of a phrase of at least so many


def encoded(
    lexicon: Lexicon, phrases: Sequence[str], rng: np.random.Generator | None = None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Word vectors, which are words, which are places: for `PhraseHead`.

    With `rng` words are blurred and some left out, so that neighbours in meaning lie where the known words do.
    """
    tables, places = [], []
    for phrase in phrases:
        vectors, is_place, _ = lexicon.encode(phrase)
        if rng is not None:
            kept = rng.random(len(vectors)) > (LEFT_OUT_SHARE if len(vectors) >= FEWEST_WORDS else 0.0)
            if kept.any():
                vectors, is_place = vectors[kept], is_place[kept]
            blur = rng.normal(0, rng.uniform(0, MOST_NOISE) / np.sqrt(WORD_DIMENSIONS), vectors.shape)
            vectors = vectors + blur.astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        tables.append(vectors)
        places.append(is_place)
    longest = max(map(len, tables))
    words = np.zeros((len(tables), longest, WORD_DIMENSIONS), np.float32)
    flags = np.zeros((2, len(tables), longest), np.float32)
    for row, (vectors, is_place) in enumerate(zip(tables, places, strict=True)):
        words[row, : len(vectors)] = vectors
        flags[0, row, : len(vectors)] = 1
        flags[1, row, : len(vectors)] = is_place
    return torch.from_numpy(words), torch.from_numpy(flags[0]), torch.from_numpy(flags[1])
