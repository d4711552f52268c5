"""The table of words: the sense of each, alone, in a picture's title and as WordNet explains it, in 128 dimensions and
eight bits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deepscan_core.features.words.lexicon import PREFIXES, Lexicon
from deepscan_core.features.words.network import WORD_DIMENSIONS
from deepscan_core.simulation.corpus.captions import vocabulary
from training.glosses import Glosses
from training.sentence_encoder import SentenceEncoder

FloatArray = npt.NDArray[np.float32]
DOMAIN_WORDS = Path(__file__).with_name("domain_words.txt")
TITLE = "micrograph showing "
WORD = r"[a-z]{3,}"
EVERY = 4  # words from which the principal components are taken


def make_lexicon(encoder_folder: Path, wordnet_folder: Path, kept: Path) -> Lexicon:
    """The table of all whole words of the encoder's own vocabulary, of the corpus, of the trade, and of WordNet's things.

    Parameters
    ----------
    encoder_folder, wordnet_folder : of the sentence encoder and of WordNet's files.
    kept : file in which embeddings are kept between runs.

    Notes
    -----
    Each word is the sum of what it is alone and in a title, and of what its senses are as WordNet explains them, each a
    unit vector less the mean over all words: a rare word alone is known by its spelling, "crevice" as a groove, by its
    explanation as a crack. Principal components are damped by the square root of their spread, so that no general
    direction rules.
    """
    encoder, glosses = SentenceEncoder(encoder_folder), Glosses(wordnet_folder)
    trained_on, trade = set(vocabulary()), set(DOMAIN_WORDS.read_text(encoding="utf-8").split())
    listed = {word for word in (*encoder.pieces, *glosses.things()) if re.fullmatch(WORD, word)}
    words = sorted(listed | trained_on | trade | set(PREFIXES))
    senses = [glosses.senses(word) for word in words]
    explained = sorted({sense.text for each in senses for sense in each})
    embedded = _embedded(encoder, [*words, *(TITLE + word for word in words), *explained], kept)
    alone, titled, by_text = np.split(embedded, [len(words), 2 * len(words)])
    row = {text: number for number, text in enumerate(explained)}
    by_text = _centred(by_text)
    by_sense = np.zeros_like(alone)
    for number, each in enumerate(senses):
        for sense in each:
            by_sense[number] += np.float32(sense.share) * by_text[row[sense.text]]
    has_sense = by_sense.any(axis=1)
    by_sense[has_sense] = _centred(_unit(by_sense[has_sense]))
    table = _unit(_unit(_centred(alone) + _centred(titled)) + by_sense)
    components = np.linalg.svd(table[::EVERY], full_matrices=False)[2][:WORD_DIMENSIONS]
    reduced = table @ components.T
    reduced /= np.sqrt(reduced.std(0))
    reduced /= np.abs(reduced).max(1, keepdims=True)
    return Lexicon(
        words=tuple(words),
        vectors=np.rint(reduced * 127).astype(np.int8),
        known=tuple(sorted(trade | trained_on)),
    )


def _embedded(encoder: SentenceEncoder, texts: Sequence[str], kept: Path) -> FloatArray:
    """One row a text, from the file where it holds it."""
    known: dict[str, FloatArray] = {}
    if kept.exists():
        with np.load(kept) as stored:
            known = dict(zip(stored["texts"].tolist(), stored["embedded"], strict=True))
    new = sorted(set(texts) - known.keys())
    if new:
        known |= dict(zip(new, encoder(new), strict=True))
        np.savez(kept, texts=list(known), embedded=np.stack(list(known.values())))
    return np.stack([known[text] for text in texts])


def _centred(table: FloatArray) -> FloatArray:
    return _unit(table - table.mean(0))


def _unit(table: FloatArray) -> FloatArray:
    unit: FloatArray = table / np.linalg.norm(table, axis=1, keepdims=True)
    return unit
