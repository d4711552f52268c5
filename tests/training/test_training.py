"""A training in miniature: it learns, goes on after an interruption, and writes a file that the search can use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepscan_core import CalibratedImage, Study
from deepscan_core.features.words.lexicon import Lexicon
from deepscan_core.simulation.corpus.captions import vocabulary
from deepscan_core.simulation.corpus.scenes import render_scene

pytestmark = [pytest.mark.network, pytest.mark.slow]


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from training import scene_cache

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scene_cache, "SHARD", 6)
        target = tmp_path_factory.mktemp("scenes") / "seeds-010000"
        scene_cache._make_shard(target, 10_000)
    return scene_cache.Shard(target)


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    words = vocabulary()
    vectors = np.random.default_rng(0).integers(-127, 128, (len(words), 128)).astype(np.int8)
    return Lexicon(words=words, vectors=vectors, known=words)


def test_labels_are_where_the_scenes_groups_are(shard: Any) -> None:
    scene = render_scene(10_002)
    noted = shard.groups()[2]
    assert [group["kind"] for group in noted] == [group.kind for group in scene.groups]
    for group, there in zip(scene.groups, noted, strict=True):
        mask = np.unpackbits(shard.array("masks")[there["mask"]]).astype(bool).reshape(128, 128)
        share = group.mask.reshape(128, 2, 128, 2).mean(axis=(1, 3))
        assert np.array_equal(mask, share >= 0.4)


def test_targets_say_what_the_captions_mean(shard: Any) -> None:
    from deepscan_core.simulation.corpus.nouns import BACKGROUND, KINDS
    from training.batches import Batches

    batch = Batches((shard,), seed=0, size=4).draw()
    plain = [k for k, c in enumerate(batch.captions[: len(KINDS)]) if not (c.tone or c.form or c.size or c.layout)]
    for number in plain:
        if KINDS[number] == BACKGROUND:
            continue
        own = batch.kinds == number
        assert bool((batch.targets[..., number][own] == 1).all())
    assert set(np.unique(batch.targets)) <= {-1, 0, 1}


def test_it_learns_goes_on_after_an_interruption_and_is_of_use(
    shard: Any, lexicon: Lexicon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepscan_core.features.words.own import read_own_model
    from training import train_words
    from training.export import write_model
    from training.text_side import fit_text_side

    monkeypatch.setattr(train_words, "KEPT_EVERY", 4)
    whole, _ = train_words.train((shard,), lexicon, steps=8, batch=3, seed=1)
    kept = train_words.save_state

    def interrupt(*arguments: Any) -> None:
        kept(*arguments)
        raise KeyboardInterrupt

    state = tmp_path / "words.state"
    with monkeypatch.context() as patch:
        patch.setattr(train_words, "save_state", interrupt)
        with pytest.raises(KeyboardInterrupt):
            train_words.train((shard,), lexicon, steps=8, batch=3, seed=1, state=state)
    decoder, _ = train_words.train((shard,), lexicon, steps=8, batch=3, seed=1, state=state)
    assert decoder.embed2.weight.detach().numpy() == pytest.approx(whole.embed2.weight.detach().numpy(), abs=2e-3)

    side = fit_text_side(decoder, (shard,), lexicon, seed=1, batches=1, steps=2)
    write_model(tmp_path / "words.safetensors", decoder, side, lexicon)
    model = read_own_model(tmp_path / "words.safetensors")
    found = Study(CalibratedImage(render_scene(1, side_px=96).image)).search("dark cracks", model=model)
    assert found.shape == (96, 96)
    assert len(model.others.phrases) == 32
    for name, value in side.state_dict().items():
        assert model.side.state_dict()[name].numpy() == pytest.approx(value.numpy(), rel=1e-3, abs=1e-4), name
    assert model.lexicon.words == lexicon.words
    assert np.array_equal(model.lexicon.vectors, lexicon.vectors)


def test_heads_of_the_text_side_learn_alone_and_the_search_takes_their_mean(shard: Any, lexicon: Lexicon) -> None:
    import torch

    from deepscan_core.features.words.network import Decoder, PhraseHead
    from training.batches import Batches
    from training.losses import loss_of
    from training.text_side import _look, fit_text_side
    from training.wording import encoded

    torch.manual_seed(0)
    decoder = Decoder().eval()
    before = {name: value.clone() for name, value in decoder.state_dict().items()}
    side = fit_text_side(decoder, (shard,), lexicon, seed=3, batches=2, steps=60)
    assert all(torch.equal(value, before[name]) for name, value in decoder.state_dict().items())

    drawn = _look(decoder, Batches((shard,), seed=3, size=24))
    words = encoded(lexicon, drawn.captions)
    embedded, targets, kinds = (torch.from_numpy(v) for v in (drawn.embedded, drawn.targets, drawn.kinds))

    def loss(head: Any) -> float:
        with torch.inference_mode():
            weights, bias = head(*words)
            logits = torch.einsum("bdp,td->bpt", embedded.float(), weights) + bias
            return float(loss_of(logits, targets.long(), kinds.long()))

    assert loss(side) < loss(PhraseHead()) - 0.2
    first, second = side.heads[0](*words)[0], side.heads[1](*words)[0]
    assert not torch.allclose(first, second, atol=1e-2)
    each = torch.stack([head(*words)[0] for head in side.heads])
    assert torch.allclose(side(*words)[0], each.mean(0), atol=1e-5)
