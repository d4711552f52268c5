"""The open_clip path, with a small model of random weights: only its plumbing can be tested without real ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from deepscan_core.errors import InputError, MissingError

pytestmark = pytest.mark.network
SMALL = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8, "head_width": 32},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from deepscan_core.weights.architectures import import_timm

    import_timm()
    import open_clip
    import torch

    folder = tmp_path_factory.mktemp("clip")
    (folder / "deepscan-small.json").write_text(json.dumps(SMALL))
    open_clip.add_model_config(folder)
    torch.manual_seed(0)
    path = folder / "small.pth"
    torch.save(open_clip.create_model("deepscan-small").state_dict(), path)
    return path


def test_windows_and_words_share_a_space(checkpoint: Path) -> None:
    from deepscan_core.features.words import load_word_model
    from deepscan_core.features.words.clip import ClipModel

    model = load_word_model("deepscan-small", checkpoint)
    assert isinstance(model, ClipModel)
    scaled = np.random.default_rng(0).random((128, 192)).astype(np.float32)
    (features,) = model.look(scaled)
    words = model.words(["linear cracks", "pores"])
    assert features.image_shape == (128, 192)
    assert features.values.shape[2] == words.shape[1] == 32
    assert np.linalg.norm(features.values, axis=2) == pytest.approx(np.ones(features.values.shape[:2]), abs=1e-4)
    assert np.linalg.norm(words, axis=1) == pytest.approx(np.ones(2), abs=1e-4)


def test_a_study_searches_with_it(checkpoint: Path) -> None:
    from deepscan_core import CalibratedImage, Study
    from deepscan_core.features.words import load_word_model

    image = CalibratedImage(np.random.default_rng(0).random((96, 96)))
    score_map = Study(image).search("linear cracks", model=load_word_model("deepscan-small", checkpoint))
    assert score_map.kind == "similarity"
    assert score_map.shape == (96, 96)
    assert "linear cracks" in score_map.label


def test_phrases_are_judged_against_phrases_that_mean_nothing(checkpoint: Path) -> None:
    from deepscan_core.features.words import load_word_model

    model = load_word_model("deepscan-small", checkpoint)
    nothing = model.others
    assert nothing.phrases == ("a microscope image", "an empty background", "a uniform texture", "noise")
    assert nothing.weights.sum(axis=0) == pytest.approx(np.zeros(32), abs=1e-3)
    assert model.phrases(["noise"]).weights[0] == pytest.approx(nothing.weights[3], abs=1e-4)


def test_no_weights_is_one_line_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    import open_clip

    from deepscan_core.features.words import load_word_model

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route to the hub")

    monkeypatch.setattr(open_clip, "create_model", refuse)
    monkeypatch.delenv("DEEPSCAN_CLIP_CHECKPOINT", raising=False)
    with pytest.raises(MissingError, match=r"OSError.*--clip-checkpoint") as caught:
        load_word_model("ViT-L-14", None)
    assert "\n" not in str(caught.value)


def test_an_unknown_model_is_refused() -> None:
    from deepscan_core.features.words import load_word_model

    with pytest.raises(InputError, match="ViT-B-32"):
        load_word_model("ViT-Z-99", None)
