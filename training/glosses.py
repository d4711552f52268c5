"""WordNet's senses of a word, for the table of words; needed for training alone.

Miller, Communications of the ACM 38(11), 1995, doi:10.1145/219717.219748. Its files (``index.noun``, ``data.noun``,
``noun.exc`` and those of adjectives and verbs) come with the Debian package ``wordnet-base``, or from
https://wordnet.princeton.edu.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PART_SHARE = {"noun": 1.0, "adj": 0.7, "verb": 0.4}  # captions name things
# Lexicographer files of what can be seen in a picture: artifact, attribute, body, food, group, location, object,
# phenomenon, plant, process, quantity, shape, state, substance.
SEEN_FILES = frozenset({6, 7, 8, 13, 14, 15, 17, 19, 20, 22, 23, 25, 26, 27})
THING_FILES = frozenset({6, 17, 19, 25, 27})  # artifact, object, phenomenon, shape, substance
UNSEEN_SHARE = 0.25  # of a sense that is a person, a feeling, a communication ...
MOST_SENSES = 6
DOMAIN_GLOSSES = Path(__file__).with_name("domain_glosses.txt")  # of words of the trade, which WordNet has not
ENDINGS: Mapping[str, Sequence[tuple[str, str]]] = {
    "noun": (
        ("s", ""),
        ("ses", "s"),
        ("xes", "x"),
        ("zes", "z"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("men", "man"),
        ("ies", "y"),
    ),
    "adj": (("er", ""), ("est", ""), ("er", "e"), ("est", "e")),
    "verb": (("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")),
}


@dataclass(frozen=True, kw_only=True)
class Sense:
    """One meaning.

    Attributes
    ----------
    text : the words that share it, and what it is.
    share : how much it counts for a word of a caption, above 0.
    """

    text: str
    share: float


class Glosses:
    """Senses of English words.

    Parameters
    ----------
    folder : of WordNet's files.
    """

    def __init__(self, folder: Path) -> None:
        self._parts = {part: _Part(folder, part) for part in PART_SHARE}
        self._trade = dict(_trade_glosses())

    def senses(self, word: str) -> tuple[Sense, ...]:
        """The commonest senses of a word or of its base form, the commonest of each part of speech first."""
        if word in self._trade:
            return (Sense(text=self._trade[word], share=1.0),)
        return tuple(
            Sense(text=synset.text, share=PART_SHARE[part] * _seen_share(part, synset) / rank**0.5)
            for part, table in self._parts.items()
            for rank, synset in enumerate(table.synsets(word), start=1)
        )

    def things(self) -> Iterator[str]:
        """Nouns of which one of the two commonest senses is a thing, a shape or a substance."""
        table = self._parts["noun"]
        return (word for word in table.index if any(sense.file in THING_FILES for sense in table.synsets(word)[:2]))


def _seen_share(part: str, synset: _Synset) -> float:
    return UNSEEN_SHARE if part == "noun" and synset.file not in SEEN_FILES else 1.0


@dataclass(frozen=True, kw_only=True)
class _Synset:
    """Words for one thing: the number of WordNet's file of such things, the words and what it is."""

    file: int
    text: str


class _Part:
    """The files of one part of speech."""

    def __init__(self, folder: Path, part: str) -> None:
        self._endings = ENDINGS[part]
        self._synsets = dict(map(_synset, _lines(folder / f"data.{part}")))
        self.index = dict(map(_offsets, _lines(folder / f"index.{part}")))
        self._irregular = dict(line.split()[:2] for line in _lines(folder / f"{part}.exc"))

    def synsets(self, word: str) -> list[_Synset]:
        """The commonest first."""
        base = self._base(word)
        return [] if base is None else [self._synsets[offset] for offset in self.index[base][:MOST_SENSES]]

    def _base(self, word: str) -> str | None:
        forms = [word, self._irregular.get(word, "")]
        forms += [word.removesuffix(ending) + instead for ending, instead in self._endings if word.endswith(ending)]
        return next((form for form in forms if form in self.index), None)


def _lines(path: Path) -> Iterator[str]:
    """Lines of a file without its licence, which is indented."""
    with path.open(encoding="ascii") as file:
        yield from (line.rstrip() for line in file if not line.startswith("  "))


def _trade_glosses() -> Iterator[tuple[str, str]]:
    for line in DOMAIN_GLOSSES.read_text(encoding="utf-8").splitlines():
        for word in line.split(":")[0].split(","):
            yield word.strip(), line


def _synset(line: str) -> tuple[str, _Synset]:
    head, gloss = line.split(" | ", 1)
    fields = head.split()
    count = int(fields[3], 16)
    lemmas = ", ".join(lemma.replace("_", " ") for lemma in fields[4 : 4 + 2 * count : 2])
    explained = gloss.split('; "')[0].strip()  # what follows are examples
    return fields[0], _Synset(file=int(fields[1]), text=f"{lemmas}: {explained}")


def _offsets(line: str) -> tuple[str, list[str]]:
    fields = line.split()
    return fields[0], fields[-int(fields[2]) :]
