"""From a phrase to vectors of its words: a table of words, endings, compounds and near spellings."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
NEAREST_SPELLING = 0.8  # share of letters that two spellings must have in common
SHORTEST_TO_CORRECT, SHORTEST_PART = 5, 3
PREFIXES = ("nano", "micro", "sub", "macro", "multi")


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Words that say where, not what: what follows them counts as a place until the phrase ends.
PLACE_WORDS = _set_of(
    """
    in on at within inside across between around along over near under beneath from into through throughout beside
    """
)
# Words that say nothing about the picture.
EMPTY_WORDS = _set_of(
    """
    a an the some all any of and or is are be was there this that these those it its which who what where with to
    for by as find finds show locate detect highlight search look looking mark identify segment please give see want
    me my i you we can image images picture pictures micrograph micrographs photo photograph sem tem stem afm every
    each
    """
)
ENDINGS = (
    ("ies", "y"),
    ("es", ""),
    ("s", ""),
    ("ed", ""),
    ("ed", "e"),
    ("ing", ""),
    ("ing", "e"),
    ("ly", ""),
    ("y", ""),
    ("al", ""),
    ("like", ""),
    ("shaped", ""),
    ("er", ""),
    ("er", "e"),
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Lexicon:
    """A table of words.

    Attributes
    ----------
    words : lower case.
    vectors : int8 ndarray of shape (n_words, n_dimensions); divided by its own norm each is the word's unit vector.
    known : words a misspelt one may stand for, besides those of the table: the ones the model was trained on.
    """

    words: tuple[str, ...]
    vectors: npt.NDArray[np.int8]
    known: tuple[str, ...]

    @cached_property
    def rows(self) -> dict[str, int]:
        """Row of each word."""
        return {word: row for row, word in enumerate(self.words)}

    def encode(self, phrase: str) -> tuple[FloatArray, npt.NDArray[np.bool_], tuple[str, ...]]:
        """Vectors of the words of a phrase.

        Returns
        -------
        vectors : float32 of shape (n, n_dimensions), n may be 0.
        is_place : shape (n,), whether a word only says where.
        unknown : words that the table has nothing for.
        """
        vectors, places, unknown = [], [], []
        for word, is_place in tokens(phrase):
            found = self._found(word)
            if not found:
                unknown.append(word)
                continue
            rows = self.vectors[list(found)].astype(np.float32)
            mean = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).mean(0)
            vectors.append(mean / np.linalg.norm(mean))
            places.append(is_place)
        table = np.array(vectors, np.float32).reshape(-1, self.vectors.shape[1])
        return table, np.array(places, bool), tuple(unknown)

    def _found(self, word: str) -> tuple[int, ...]:
        return _look_up(self, word)

    def rows_of(self, word: str) -> tuple[int, ...]:
        """Rows that stand for a word: its own, that of its stem, of its two parts, or of the nearest spelling."""
        own = self.rows.get(word)
        if own is not None:
            return (own,)
        for ending, instead in ENDINGS:
            stem = word.removesuffix(ending) + instead
            if word.endswith(ending) and len(stem) >= SHORTEST_PART and stem in self.rows:
                return (self.rows[stem],)
        near = difflib.get_close_matches(word, self.known, n=1, cutoff=NEAREST_SPELLING)
        if near and len(word) >= SHORTEST_TO_CORRECT and near[0] in self.rows:
            return (self.rows[near[0]],)
        for prefix in PREFIXES:
            if word.startswith(prefix) and len(word) - len(prefix) >= SHORTEST_PART:
                return (self.rows[prefix], *self.rows_of(word.removeprefix(prefix)))
        for cut in range(SHORTEST_PART, len(word) - SHORTEST_PART + 1):
            parts = word[:cut], word[cut:]
            if all(part in self.rows for part in parts):
                return tuple(self.rows[part] for part in parts)
        return ()


@lru_cache(maxsize=4096)
def _look_up(lexicon: Lexicon, word: str) -> tuple[int, ...]:
    return lexicon.rows_of(word)


def tokens(phrase: str) -> tuple[tuple[str, bool], ...]:
    """Words of a phrase that say something, and whether each only says where; all words if none says anything."""
    found, after_place = [], False
    words: Sequence[str] = re.findall(r"[a-z0-9]+", phrase.lower())
    for word in words:
        if word in PLACE_WORDS:
            after_place = True
        elif word not in EMPTY_WORDS:
            found.append((word, after_place))
    if found and all(is_place for _, is_place in found):  # "in the matrix" alone means the matrix
        found = [(word, False) for word, _ in found]
    return tuple(found)
