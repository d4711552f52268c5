"""DeepScan's own text-image model at work: on the embedded backbone, without network or packages beyond torch."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError, MissingError
from deepscan_core.features.backbones import DEFAULT_BACKBONE, Backbone, load_backbone
from deepscan_core.features.compiled import CompiledNetwork, compiled, example
from deepscan_core.features.pyramid import FeaturePyramid, Level
from deepscan_core.features.words.lexicon import Lexicon
from deepscan_core.memory import check_memory
from deepscan_core.records.maps import FeatureMap
from deepscan_core.records.phrases import PhraseVectors
from deepscan_core.weights.architectures import import_timm
from deepscan_core.weights.shipped import SHIPPED

if TYPE_CHECKING:
    import torch

    from deepscan_core.features.words.network import Decoder, PhraseHeads

FloatArray = npt.NDArray[np.float32]
NAME = "deepscan-words"
SCALES = (1.0, 0.5, 0.25)
SMALLEST_SIDE_PX = 48  # of an image at a scale that is looked at
LARGEST_PX = 1536 * 1536  # larger images are looked at as if they had that many
BYTES_A_PX = 720  # at the full scale, compiled or not: backbone, decoder, and the embeddings that are kept
CELL_PX = 16  # coarsest stride of the levels that are used
EXAMPLE_CELLS = (4, 7)  # rows of cells of the images on which the compiled decoder is compared with torch's


@dataclass(frozen=True, eq=False, kw_only=True)
class OwnModel:
    """See `model.WordModel`.

    Attributes
    ----------
    decoder, side : of the picture and of the text, in evaluation mode, on the CPU.
    lexicon : the table of words.
    others : one direction a kind of the corpus.
    backbone : the one that was frozen in training.
    compiled : the decoder for this computer's processor, where it could be compiled.
    """

    decoder: Decoder
    side: PhraseHeads
    lexicon: Lexicon
    others: PhraseVectors
    backbone: Backbone
    compiled: CompiledNetwork | None = None
    name: str = NAME

    def look(self, scaled: FloatArray, seen: FeaturePyramid | None = None) -> tuple[FeatureMap, ...]:
        """See `model.WordModel`; the decoder runs once a scale."""
        shape = (scaled.shape[0], scaled.shape[1])
        check_memory(BYTES_A_PX * min(scaled.size, LARGEST_PX), f"words in an image of {shape[0]} x {shape[1]} px")
        largest = min(1.0, float(np.sqrt(LARGEST_PX / scaled.size)))
        scales = [s * largest for s in SCALES]
        fitting = [s for s in scales if s * min(shape) >= SMALLEST_SIDE_PX] or scales[:1]
        return tuple(self._at_scale(scaled, scale, seen) for scale in fitting)

    def phrases(self, phrases: Sequence[str]) -> PhraseVectors:
        """See `model.WordModel`."""
        import torch

        found = [self._phrase(phrase) for phrase in phrases]
        with torch.inference_mode():
            pairs = [self.side(words[None], torch.ones(1, len(words)), places[None]) for words, places in found]
        return PhraseVectors(
            phrases=tuple(phrases),
            weights=np.concatenate([weight.numpy() for weight, _ in pairs]).astype(np.float32),
            biases=np.concatenate([bias.numpy() for _, bias in pairs]).astype(np.float32),
        )

    def _phrase(self, phrase: str) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        vectors, is_place, unknown = self.lexicon.encode(phrase)
        if len(vectors) == 0:
            named = ", ".join(repr(word) for word in unknown) or repr(phrase)
            raise InputError(f"no word of the query is known ({named}): describe what you look for, e.g. 'dark lines'")
        return torch.from_numpy(vectors), torch.from_numpy(is_place.astype(np.float32))

    def _at_scale(self, scaled: FloatArray, scale: float, seen: FeaturePyramid | None) -> FeatureMap:
        picture = scaled if scale == 1 else _resampled(scaled, scale)
        shape = (picture.shape[0], picture.shape[1])
        levels = self._levels(picture, seen if scale == 1 else None)
        cells = [-(-n // CELL_PX) for n in shape]
        inputs = [
            _fitted(level.values, tuple(c * CELL_PX // stride for c in cells))
            for level, stride in zip(levels, (4, 8, 16), strict=True)
        ]
        padded = np.pad(picture, [(0, c * CELL_PX - n) for c, n in zip(cells, shape, strict=True)], mode="symmetric")
        embedded = self._decoded(*(v[None] for v in inputs), padded[None, None])
        return FeatureMap(
            values=np.ascontiguousarray(embedded[: -(-shape[0] // 2), : -(-shape[1] // 2)]),
            step_px=2 / scale,
            origin_px=1 / scale - 0.5,
            image_shape=(scaled.shape[0], scaled.shape[1]),
            source=self.name,
        )

    def _decoded(self, *inputs: FloatArray) -> FloatArray:
        """Embeddings of shape (rows / 2, cols / 2, DIMENSIONS)."""
        if self.compiled is not None:
            by_compiler: FloatArray = self.compiled(*inputs)[0][0]
            return by_compiler
        import torch

        with torch.inference_mode():
            by_torch: FloatArray = self.decoder(*map(torch.from_numpy, inputs))[0].permute(1, 2, 0).numpy()
        return by_torch

    def _levels(self, picture: FloatArray, seen: FeaturePyramid | None) -> Sequence[Level]:
        if seen is not None and seen.source == self.backbone.name and len(seen.levels) >= 3:
            first = seen.levels[:3]
            if [level.stride_px for level in first] == [4.0, 8.0, 16.0]:
                return first
        return self.backbone.levels(picture, scale=1.0)


@functools.lru_cache(maxsize=1)
def load_own_model() -> OwnModel:
    """The model that is shipped; kept, so that asking again costs nothing.

    Raises
    ------
    MissingError
        torch is not installed, or the shipped file is not what it was.
    """
    try:
        import_timm()
    except MissingError:
        raise MissingError(
            "words need torch and timm, which are not installed: pip install nionswift-deepscan"
        ) from None
    return read_own_model(SHIPPED[NAME].checked_file())


def read_own_model(path: Path) -> OwnModel:
    """The model of a safetensors file that ``training/train_words.py`` wrote."""
    from safetensors import safe_open

    from deepscan_core.features.words.network import Block, Decoder, PhraseHeads
    from deepscan_core.weights.loading import fit_by_name

    with safe_open(path, framework="pt") as file:
        facts: dict[str, str] = file.metadata()
        tensors: dict[str, Any] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    decoder, side = Decoder(), PhraseHeads()
    for prefix, module in (("decoder.", decoder), ("side.", side)):
        own = {n.removeprefix(prefix): t.float() for n, t in tensors.items() if n.startswith(prefix)}
        fit_by_name(module, own, str(path))
    for block in decoder.eval().modules():
        if isinstance(block, Block):
            block.fold()
    words, known = (tuple(bytes(tensors[name].numpy()).decode("ascii").split()) for name in ("words", "known"))
    others = PhraseVectors(
        phrases=tuple(json.loads(facts["kinds"])),
        weights=tensors["bank.weights"].float().numpy(),
        biases=tensors["bank.biases"].float().numpy(),
    )
    return OwnModel(
        decoder=decoder,
        side=side.eval(),
        lexicon=Lexicon(words=words, vectors=tensors["table"].numpy(), known=known),
        others=others,
        backbone=load_backbone(DEFAULT_BACKBONE, device="cpu"),
        compiled=_compiled(decoder),
    )


def _compiled(decoder: Decoder) -> CompiledNetwork | None:
    """The decoder compiled, with the embedding of a place in one piece of memory, as it is used."""
    import torch
    from torch import nn

    from deepscan_core.features.words.network import LEVEL_CHANNELS

    class Places(nn.Module):
        """What is compiled: embeddings of shape (1, rows / 2, cols / 2, DIMENSIONS)."""

        def __init__(self) -> None:
            super().__init__()
            self.decoder = decoder

        def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return (self.decoder(*inputs).permute(0, 2, 3, 1),)

    channels = [*zip(LEVEL_CHANNELS, (4, 8, 16), strict=True), (1, 1)]
    examples = [
        tuple(example(n, CELL_PX * cells // stride, CELL_PX * (cells + 1) // stride) for n, stride in channels)
        for cells in EXAMPLE_CELLS
    ]
    return compiled(Places().eval(), examples, torch.get_num_threads())


def _fitted(values: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """A level cut, or continued by its last cells, to a shape."""
    cut = values[:, : shape[0], : shape[1]]
    missing = [(0, 0)] + [(0, wanted - n) for wanted, n in zip(shape, cut.shape[1:], strict=True)]
    return np.ascontiguousarray(np.pad(cut, missing, mode="edge"))


def _resampled(scaled: FloatArray, scale: float) -> FloatArray:
    import torch
    from torch.nn import functional

    rows, cols = (max(1, round(n * scale)) for n in scaled.shape)
    tensor = torch.from_numpy(np.ascontiguousarray(scaled))[None, None]
    smaller = functional.interpolate(tensor, size=(rows, cols), mode="bilinear", antialias=True, align_corners=False)
    return np.ascontiguousarray(smaller[0, 0].numpy())
