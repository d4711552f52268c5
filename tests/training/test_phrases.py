"""The phrases of the benchmark are not of the corpus."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deepscan_core.features.words.lexicon import tokens
from deepscan_core.simulation.corpus.captions import all_phrases, vocabulary

PHRASES = json.loads(
    (Path(__file__).resolve().parents[2] / "benchmarks" / "words_phrases.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", list(PHRASES))
def test_each_held_back_phrase_has_a_word_that_no_caption_contains(name: str) -> None:
    known = set(vocabulary())
    assert len(PHRASES[name]) >= 5
    for phrase in PHRASES[name]:
        assert phrase not in all_phrases()
        assert {word for word, is_place in tokens(phrase) if not is_place} - known, phrase
