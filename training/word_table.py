"""The table of words: MiniLM's sense of each, alone and in a picture's title, in 128 dimensions and eight bits."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from deepscan_core.features.words.lexicon import PREFIXES, Lexicon
from deepscan_core.features.words.network import WORD_DIMENSIONS
from deepscan_core.simulation.corpus.captions import vocabulary
from training.sentence_encoder import SentenceEncoder

DOMAIN_WORDS = Path(__file__).with_name("domain_words.txt")
TITLE = "micrograph showing "
SHORTEST_WORD = 3


def make_lexicon(folder: Path, kept: Path) -> Lexicon:
    """The table of all whole words of the encoder's own vocabulary, of the corpus and of the trade.

    Parameters
    ----------
    folder : of the sentence encoder.
    kept : file in which embeddings of single words are kept between runs.

    Notes
    -----
    Each word is the sum of its unit embedding alone and in a title, less the mean over all words each; principal components
    are damped by the square root of their spread, so that no general direction rules.
    """
    encoder = SentenceEncoder(folder)
    trained_on = vocabulary()
    words = {w for w in encoder.pieces if re.fullmatch(rf"[a-z]{{{SHORTEST_WORD},}}", w)} | set(trained_on)
    trade = set(DOMAIN_WORDS.read_text(encoding="utf-8").split())
    words |= trade | set(PREFIXES)
    ordered = sorted(words)
    embedded = _embedded(encoder, ordered, kept)
    components = np.linalg.svd(embedded[:: max(1, len(ordered) // 8000)], full_matrices=False)[2][:WORD_DIMENSIONS]
    reduced = embedded @ components.T
    reduced /= np.sqrt(reduced.std(0))
    reduced /= np.abs(reduced).max(1, keepdims=True)
    return Lexicon(
        words=tuple(ordered),
        vectors=np.rint(reduced * 127).astype(np.int8),
        known=tuple(sorted(trade | set(trained_on))),
    )


def _embedded(encoder: SentenceEncoder, words: list[str], kept: Path) -> np.ndarray:
    known: dict[str, np.ndarray] = {}
    if kept.exists():
        with np.load(kept) as stored:
            known = dict(zip(stored["words"].tolist(), np.stack([stored["a"], stored["b"]], 1), strict=True))
    new = [word for word in words if word not in known]
    if new:
        alone, titled = encoder(new), encoder([TITLE + word for word in new])
        known |= dict(zip(new, np.stack([alone, titled], 1), strict=True))
        np.savez(kept, words=list(known), a=[v[0] for v in known.values()], b=[v[1] for v in known.values()])
    table = np.stack([known[word] for word in words])
    table = table - table.mean(0)
    table /= np.linalg.norm(table, axis=2, keepdims=True)
    summed: np.ndarray = table.sum(1)
    return summed / np.linalg.norm(summed, axis=1, keepdims=True)
