"""Words as training reads them: blurred, and some left out."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.features.words.lexicon import Lexicon

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    rng = np.random.default_rng(0)
    families = np.repeat(rng.normal(0, 60, (12, 128)), 5, axis=0)
    vectors = np.clip(np.rint(families + rng.normal(0, 12, families.shape)), -127, 127).astype(np.int8)
    words = tuple(f"{'abcdefghijkl'[k // 5]}{'vwxyz'[k % 5]}word" for k in range(60))
    return Lexicon(words=words, vectors=vectors, known=words)


def test_words_of_training_are_unit_vectors_near_those_of_the_table(lexicon: Lexicon) -> None:
    from training.wording import encoded

    own, rng = lexicon.encode("bxword")[0], np.random.default_rng(2)
    drawn = np.concatenate([encoded(lexicon, ["bxword"], rng)[0][0].numpy() for _ in range(200)])
    assert np.linalg.norm(drawn, axis=1) == pytest.approx(np.ones(200), abs=1e-5)
    cosines = drawn @ own[0]
    assert 0.55 < min(cosines) < 0.85
    assert max(cosines) > 0.98


def test_phrases_are_encoded_as_they_are_outside_of_training(lexicon: Lexicon) -> None:
    from training.wording import encoded

    words, is_word, is_place = encoded(lexicon, ["avword bxword in czword", "dvword"])
    assert words.shape == (2, 3, 128)
    assert is_word.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert is_place.tolist() == [[0, 0, 1], [0, 0, 0]]
    assert words[1, 0].numpy() == pytest.approx(lexicon.encode("dvword")[0][0])


def test_long_phrases_lose_words_in_training_and_short_ones_none(lexicon: Lexicon) -> None:
    from training.wording import encoded

    rng = np.random.default_rng(3)
    counts = [encoded(lexicon, ["avword bxword czword dvword"], rng)[1].sum() for _ in range(60)]
    assert 0 < np.mean(np.array(counts) < 4) < 1
    assert all(encoded(lexicon, ["avword bxword"], rng)[1].sum() == 2 for _ in range(40))
