"""DeepScan's own text-image model: the shipped weights, the table of words, and what they find in renders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deepscan_core import CalibratedImage, Study
from deepscan_core.errors import InputError
from deepscan_core.features.words.lexicon import Lexicon, tokens
from deepscan_core.simulation.corpus.scenes import render_scene


def lexicon() -> Lexicon:
    words = ("crack", "nano", "particle", "globule", "dark", "matrix", "fissure")
    return Lexicon(words=words, vectors=(127 * np.eye(7)).astype(np.int8), known=words)


def test_words_that_say_where_are_told_from_words_that_say_what() -> None:
    assert tokens("Find the dark cracks in the matrix") == (("dark", False), ("cracks", False), ("matrix", True))
    assert tokens("in the matrix") == (("matrix", False),)
    assert tokens("show me all of it") == ()


@pytest.mark.parametrize(
    ("phrase", "rows", "unknown"),
    [
        ("crack", {0}, ()),
        ("cracks", {0}, ()),
        ("cracked", {0}, ()),
        ("nanoparticles", {1, 2}, ()),
        ("fisure", {6}, ()),
        ("globuls", {3}, ()),
        ("dark qqqqzz", {4}, ("qqqqzz",)),
        ("qqqqzz", set(), ("qqqqzz",)),
    ],
)
def test_endings_compounds_and_misspellings_are_understood(
    phrase: str, rows: set[int], unknown: tuple[str, ...]
) -> None:
    vectors, _, not_found = lexicon().encode(phrase)
    assert set(np.flatnonzero(np.abs(vectors).sum(axis=0) > 0)) == rows if rows else len(vectors) == 0
    assert not_found == unknown
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(vectors)))


@pytest.mark.network
@pytest.mark.parametrize("shape", [(64, 64), (131, 217), (400, 96)])
def test_the_compiled_decoder_gives_what_torch_gives(shape: tuple[int, int]) -> None:
    pytest.importorskip("openvino", reason="openvino has no wheel for this computer")
    from deepscan_core.features.words.own import load_own_model

    model = load_own_model()
    assert model.compiled is not None
    scaled = np.random.default_rng(1).random(shape).astype(np.float32)
    for one, other in zip(model.look(scaled), replace(model, compiled=None).look(scaled), strict=True):
        assert one.step_px == other.step_px
        assert one.values == pytest.approx(other.values, abs=1e-4)


@pytest.mark.network
def test_an_image_of_any_size_is_seen_at_several_scales_in_place() -> None:
    from deepscan_core.features.words import load_word_model

    model = load_word_model()
    scaled = np.random.default_rng(0).random((131, 245)).astype(np.float32)
    maps = model.look(scaled)
    assert [m.step_px for m in maps] == [2.0, 4.0]
    assert maps[0].values.shape[:2] == (66, 123)
    assert np.linalg.norm(maps[0].values, axis=2) == pytest.approx(np.ones((66, 123)), abs=1e-3)
    for seen in maps:
        last = seen.centers_px()[-1]
        assert seen.centers_px()[0] == pytest.approx([seen.step_px / 2 - 0.5] * 2)
        assert np.abs(last - (np.array(scaled.shape) - 1)).max() <= seen.step_px


@pytest.mark.network
def test_the_same_pixels_give_the_same_map_from_a_shared_pass() -> None:
    from deepscan_core.features.extractor import ExtractorSettings, extract
    from deepscan_core.features.words import load_word_model

    model = load_word_model()
    scaled = np.random.default_rng(1).random((96, 160)).astype(np.float32)
    alone, shared = model.look(scaled), model.look(scaled, extract(scaled, ExtractorSettings()))
    assert np.allclose(alone[0].values, shared[0].values, atol=1e-4)


@pytest.mark.network
@pytest.mark.parametrize(
    ("name", "kind", "query"),
    [
        ("cracked", "crack", "cracks"),
        ("labelled", "particle", "particles"),
        ("fracture", "agglomerate", "agglomerates"),
    ],
)
def test_words_find_what_they_say_in_renders_that_were_held_back(name: str, kind: str, query: str) -> None:
    shares = []
    for seed in range(980_000, 980_008):
        scene = render_scene(seed, name)
        masks = [group.mask for group in scene.groups if group.kind == kind]
        if not masks or masks[0].sum() < 100:
            continue
        values = Study(CalibratedImage(scene.image)).search(query).values
        shares.append(np.mean(values[masks[0]][:, None] > np.random.default_rng(0).choice(values[~masks[0]], 500)))
    assert len(shares) >= 3
    assert np.mean(shares) > 0.85


@pytest.mark.network
def test_a_query_without_a_known_word_is_refused() -> None:
    from deepscan_core.features.words import load_word_model

    with pytest.raises(InputError, match="xqzzt"):
        load_word_model().phrases(["xqzzt"])


@pytest.mark.network
def test_the_shipped_file_is_the_one_of_the_catalogue_and_small() -> None:
    from deepscan_core.weights.shipped import SHIPPED

    for weights in SHIPPED.values():
        path = weights.checked_file()
        assert path.with_suffix(".md").is_file()
    assert sum(weights.file().stat().st_size for weights in SHIPPED.values()) < 10e6
