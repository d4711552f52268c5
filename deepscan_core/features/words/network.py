"""DeepScan's own text-image network: a light decoder on a frozen backbone, and a head on a table of words.

Both sides end in 64 dimensions. A pixel's logit for a phrase is ``scale * cos(pixel, phrase) + bias``, with a scale for all
and a bias that the phrase gives (Zhai et al., ICCV 2023, arXiv:2303.15343).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

DIMENSIONS, WORD_DIMENSIONS = 64, 128
STEP_PX, LOCAL_PX = 2, 16
HEADS = 6  # of the text side, whose mean is used
LEVEL_CHANNELS = (24, 40, 112)  # of strides 4, 8 and 16 of EfficientNet-Lite0
PLACE_WEIGHT = -1.5  # in the exponent: what a word that only says where counts to begin with


class Block(nn.Module):
    """A convolution, its normalisation and a rectifier, added to what came in where that has as many channels."""

    def __init__(self, channels: int, out_channels: int, size: int = 3) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, out_channels, size, padding=size // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(out_channels)
        self.is_residual = channels == out_channels

    def fold(self) -> None:
        """Put the normalisation into the convolution, for use after training."""
        self.convolution = fuse_conv_bn_eval(self.convolution, self.norm)  # type: ignore[arg-type]
        self.norm = nn.Identity()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Shape (batch, out_channels, rows, cols)."""
        changed = functional.relu(self.norm(self.convolution(values)))
        return values + changed if self.is_residual else changed


class Decoder(nn.Module):
    """From the backbone's levels and the picture to an embedding every second pixel."""

    mean4: torch.Tensor
    std4: torch.Tensor
    mean8: torch.Tensor
    std8: torch.Tensor
    mean16: torch.Tensor
    std16: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = LEVEL_CHANNELS
        for channels, name in ((fine, "4"), (middle, "8"), (coarse, "16")):
            self.register_buffer(f"mean{name}", torch.zeros(channels, 1, 1))
            self.register_buffer(f"std{name}", torch.ones(channels, 1, 1))
        self.at16 = nn.Sequential(Block(coarse, 96, 1), Block(96, 96), Block(96, 96), Block(96, 64, 1))
        self.side8, self.at8 = Block(middle, 64, 1), nn.Sequential(Block(64, 64), Block(64, 64))
        self.side4, self.at4 = Block(fine, 64, 1), Block(64, 64)
        self.narrow, self.side2, self.at2 = Block(64, 24, 1), Block(8, 24), Block(24, 24)
        self.embed4, self.embed2 = nn.Conv2d(64, DIMENSIONS, 1), nn.Conv2d(24, DIMENSIONS, 1)

    def forward(
        self, fine: torch.Tensor, middle: torch.Tensor, coarse: torch.Tensor, picture: torch.Tensor
    ) -> torch.Tensor:
        """Unit embeddings of shape (batch, DIMENSIONS, rows / 2, cols / 2).

        Parameters
        ----------
        fine, middle, coarse : levels of strides 4, 8 and 16, shape (batch, channels, rows / stride, cols / stride).
        picture : normalised grey values, shape (batch, 1, rows, cols), rows and cols multiples of 16.
        """
        state = self.at16((coarse - self.mean16) / self.std16)
        state = self.at8(_doubled(state) + self.side8((middle - self.mean8) / self.std8))
        state = self.at4(_doubled(state) + self.side4((fine - self.mean4) / self.std4))
        sharp = self.at2(_doubled(self.narrow(state)) + self.side2(_local(picture)))
        return functional.normalize(_doubled(self.embed4(state)) + self.embed2(sharp), dim=1)


class PhraseHead(nn.Module):
    """From the vectors of a phrase's words to its embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.each = nn.Linear(WORD_DIMENSIONS, 192)
        self.weight = nn.Linear(WORD_DIMENSIONS, 1)
        self.place = nn.Parameter(torch.tensor(PLACE_WEIGHT))
        self.together = nn.Linear(192, DIMENSIONS)
        self.bias = nn.Linear(192, 1)
        self.log_scale = nn.Parameter(torch.tensor(2.3))
        nn.init.zeros_(self.bias.weight)
        nn.init.constant_(self.bias.bias, -4.0)

    def forward(
        self, words: torch.Tensor, is_word: torch.Tensor, is_place: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights of shape (phrases, DIMENSIONS), the embedding times the scale, and biases of shape (phrases,).

        Parameters
        ----------
        words : unit vectors, shape (phrases, longest, WORD_DIMENSIONS).
        is_word, is_place : shape (phrases, longest); 1 for a word, and for one that only says where.
        """
        importance = self.weight(words)[..., 0] + self.place * is_place - 1e4 * (1 - is_word)
        pooled = (importance.softmax(1)[..., None] * functional.relu(self.each(words))).sum(1)
        direction = functional.normalize(self.together(pooled), dim=1)
        return direction * self.log_scale.exp(), self.bias(pooled)[:, 0]


class PhraseHeads(nn.Module):
    """The mean of several heads, which agree about words that they saw in training, and less about others."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(PhraseHead() for _ in range(HEADS))

    def forward(
        self, words: torch.Tensor, is_word: torch.Tensor, is_place: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights and biases as `PhraseHead` gives them."""
        weights, biases = zip(*(head(words, is_word, is_place) for head in self.heads), strict=True)
        return torch.stack(weights).mean(0), torch.stack(biases).mean(0)


def _local(picture: torch.Tensor) -> torch.Tensor:
    """The picture, and what it has above its local mean in units of the local spread, every second pixel: 8 channels."""
    difference = picture - _smooth(picture)
    local = difference / (_smooth(difference**2) + 1e-3).sqrt()
    return functional.pixel_unshuffle(torch.cat([picture, local], 1), 2)


def _smooth(values: torch.Tensor) -> torch.Tensor:
    """The local mean: blocks of 16 px, interpolated."""
    means = functional.avg_pool2d(values, LOCAL_PX)
    return functional.interpolate(means, scale_factor=LOCAL_PX, mode="bilinear", align_corners=False)


def _doubled(values: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(values, scale_factor=2, mode="bilinear", align_corners=False)
