"""Senses of words out of files in WordNet's format, and the table of words that is made with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

LICENCE = "  1 This software and database is being provided to you\n"
NOUNS = {
    "00000001": (17, ("rift",), 'a narrow fissure in rock; "a rift in the cliff"'),
    "00000002": (18, ("rift", "falling_out"), "a personal separation"),
    "00000003": (13, ("knife",), "a tool"),
    "00000004": (10, ("word",), "a unit of language"),
}
NOUN_INDEX = {"rift": ("00000002", "00000001"), "knife": ("00000003",), "word": ("00000004",)}


def _synset(offset: str, file: int, part: str, lemmas: tuple[str, ...], gloss: str) -> str:
    return (
        f"{offset} {file:02d} {part} {len(lemmas):02x} {' '.join(f'{lemma} 0' for lemma in lemmas)} 000 | {gloss}  \n"
    )


@pytest.fixture
def wordnet(tmp_path: Path) -> Path:
    synsets = "".join(_synset(offset, file, "n", lemmas, gloss) for offset, (file, lemmas, gloss) in NOUNS.items())
    index = "".join(f"{w} n {len(o)} 1 @ {len(o)} 0 {' '.join(o)}  \n" for w, o in NOUN_INDEX.items())
    (tmp_path / "data.noun").write_text(LICENCE + synsets)
    (tmp_path / "index.noun").write_text(LICENCE + index)
    (tmp_path / "noun.exc").write_text("knives knife\n")
    for part, word in (("adj", "narrow"), ("verb", "split")):
        (tmp_path / f"data.{part}").write_text(LICENCE + _synset("00000009", 0, part[0], (word,), f"to be {word}"))
        (tmp_path / f"index.{part}").write_text(LICENCE + f"{word} {part[0]} 1 0 1 0 00000009  \n")
        (tmp_path / f"{part}.exc").write_text("")
    return tmp_path


def test_senses_have_their_words_and_what_they_are_and_seen_things_count_more(wordnet: Path) -> None:
    from training.glosses import UNSEEN_SHARE, Glosses

    person, rock = Glosses(wordnet).senses("rifts")
    assert (person.text, rock.text) == ("rift, falling out: a personal separation", "rift: a narrow fissure in rock")
    assert person.share == UNSEEN_SHARE
    assert rock.share == pytest.approx(2**-0.5)


@pytest.mark.parametrize(
    ("word", "texts"),
    [
        ("knives", ["knife: a tool"]),
        ("splitting", []),
        ("splits", ["split: to be split"]),
        ("narrower", ["narrow: to be narrow"]),
        ("qqqq", []),
    ],
)
def test_bases_are_found_by_rule_and_by_exception(wordnet: Path, word: str, texts: list[str]) -> None:
    from training.glosses import Glosses

    assert [sense.text for sense in Glosses(wordnet).senses(word)] == texts


def test_words_of_the_trade_have_the_sense_that_they_have_in_it(wordnet: Path) -> None:
    from training.glosses import DOMAIN_GLOSSES, Glosses

    (sense,) = Glosses(wordnet).senses("vugs")
    assert "cavity" in sense.text
    listed = [w for line in DOMAIN_GLOSSES.read_text().splitlines() for w in line.split(":")[0].split(", ")]
    assert len(listed) == len(set(listed))


def test_things_are_nouns_of_which_a_common_sense_is_a_thing(wordnet: Path) -> None:
    from training.glosses import Glosses

    assert set(Glosses(wordnet).things()) == {"rift"}


@pytest.mark.network
def test_an_explanation_brings_a_rare_word_near_what_it_is(
    wordnet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for the encoder knows words by their letters, and a sentence by its words."""
    from training import word_table

    class Letters:
        pieces = ("fissure", "rift", "raft", "word", *(a + b + "x" for a in "abcdefghijkl" for b in "mnopqrstuvwx"))

        def __init__(self, folder: Path) -> None: ...

        def __call__(self, sentences: list[str]) -> np.ndarray:
            rows = np.zeros((len(sentences), 384), np.float32)
            for row, sentence in zip(rows, sentences, strict=True):
                for token in sentence.replace(",", " ").replace(":", " ").split():
                    for start in range(len(token) - 2):
                        row[hash_of(token[start : start + 3])] += 1
                row += 1e-3
            return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    monkeypatch.setattr(word_table, "SentenceEncoder", Letters)
    table = word_table.make_lexicon(tmp_path, wordnet, tmp_path / "kept.npz")
    again = word_table.make_lexicon(tmp_path, wordnet, tmp_path / "kept.npz")
    assert np.array_equal(table.vectors, again.vectors)
    (rift,), (fissure,), (raft,) = (table.encode(word)[0] for word in ("rift", "fissure", "raft"))
    assert rift @ fissure > rift @ raft


def hash_of(letters: str) -> int:
    """A place from 0 to 383 that is the same in every process."""
    return sum(ord(letter) * 31**k for k, letter in enumerate(letters)) % 384
