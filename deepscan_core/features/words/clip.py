"""Models of open_clip behind the same interface: one embedding a window, from the hub or a local file."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError, MissingError
from deepscan_core.features.backbones import on_device
from deepscan_core.features.pyramid import FeaturePyramid
from deepscan_core.records.maps import FeatureMap
from deepscan_core.records.phrases import PhraseVectors
from deepscan_core.weights.architectures import import_timm
from deepscan_core.weights.hub import asking_the_hub
from deepscan_core.weights.loading import fit_by_name, read_tensors

if TYPE_CHECKING:
    import torch
    from torch import nn

DEFAULT_MODEL, HUB_TAG = "ViT-B-32", "laion2b_s34b_b79k"
CHECKPOINT_VARIABLE = "DEEPSCAN_CLIP_CHECKPOINT"
WINDOW_SHARE = 4  # windows a side of the image
SMALLEST_WINDOW_PX, LARGEST_WINDOW_PX = 32, 256
BATCH = 16
# What a query has to beat: phrases for places where nothing in particular is.
BACKGROUND = ("a microscope image", "an empty background", "a uniform texture", "noise")


@dataclass(frozen=True, eq=False, kw_only=True)
class ClipModel:
    """See `model.WordModel`. A phrase's log-odds are the model's own, against the mean of phrases that mean nothing.

    Attributes
    ----------
    name : of the model.
    network, tokenizer : of open_clip.
    side_px : side of the images it takes.
    mean, std : grey values it was trained on, per channel.
    background : phrases that stand for "nothing in particular".
    """

    name: str
    network: nn.Module
    tokenizer: Any
    side_px: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    background: tuple[str, ...] = field(default=BACKGROUND)

    def phrases(self, phrases: Sequence[str]) -> PhraseVectors:
        """See `model.WordModel`."""
        weights = self._scale * (self.words(phrases) - self.words(self.background).mean(axis=0))
        return PhraseVectors(phrases=tuple(phrases), weights=weights, biases=np.zeros(len(weights), np.float32))

    @functools.cached_property
    def others(self) -> PhraseVectors:
        """See `model.WordModel`."""
        return self.phrases(self.background)

    def look(self, scaled: npt.NDArray[np.float32], seen: FeaturePyramid | None = None) -> tuple[FeatureMap, ...]:
        """See `model.WordModel`: one map, of windows half a window apart; no backbone's pass is of use."""
        return (self.windows(scaled),)

    def words(self, phrases: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit embeddings of phrases, float32 of shape (n, n_dimensions)."""
        import torch

        with torch.inference_mode():
            tokens = self.tokenizer(list(phrases)).to(self._device)
            encoded = self.network.encode_text(tokens)  # type: ignore[operator]
        return _unit(encoded)

    def windows(self, scaled: npt.NDArray[np.float32]) -> FeatureMap:
        """Unit embeddings of overlapping square windows over a normalised image (rows, cols), half a window apart."""
        window = int(np.clip(min(scaled.shape) // WINDOW_SHARE, SMALLEST_WINDOW_PX, LARGEST_WINDOW_PX))
        step = window // 2
        origin = (step - 1) / 2
        counts = [max(1, round(n / step)) for n in scaled.shape]
        padded = np.pad(np.clip(scaled, 0, 1), window, mode="symmetric")
        corners = [[round(origin + k * step - (window - 1) / 2) + window for k in range(n)] for n in counts]
        crops = [padded[y : y + window, x : x + window] for y in corners[0] for x in corners[1]]
        embedded = [self._embed(np.stack(crops[k : k + BATCH])) for k in range(0, len(crops), BATCH)]
        values = np.concatenate(embedded).reshape(*counts, -1)
        return FeatureMap(
            values=values,
            step_px=step,
            origin_px=origin,
            image_shape=(scaled.shape[0], scaled.shape[1]),
            source=self.name,
        )

    def _embed(self, crops: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        import torch
        from torch.nn import functional

        with torch.inference_mode():
            batch = functional.interpolate(
                torch.from_numpy(crops)[:, None], size=(self.side_px, self.side_px), mode="bicubic", antialias=True
            ).expand(-1, 3, -1, -1)
            mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (self.mean, self.std))
            scaled = ((batch - mean) / std).to(self._device)
            return _unit(self.network.encode_image(scaled))  # type: ignore[operator]

    @property
    def _scale(self) -> float:
        return float(self.network.logit_scale.detach().exp())  # type: ignore[operator]

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device


@functools.lru_cache(maxsize=2)
def load_clip(name: str | None = None, checkpoint: Path | None = None, device: str = "auto") -> ClipModel:
    """Make a text-image model of open_clip and fill it with weights; kept, so that asking again costs nothing.

    Parameters
    ----------
    name : a model of open_clip; ViT-B-32 by default.
    checkpoint : its local weights; else the file that the variable DEEPSCAN_CLIP_CHECKPOINT names, else the model hub.
    device : of torch; "auto" is CUDA where torch finds it, else the CPU.

    Raises
    ------
    InputError
        No such model, or weights that do not fit it.
    MissingError
        open_clip is not installed, or no weights can be had.
    """
    open_clip = _import_open_clip()
    name = name or DEFAULT_MODEL
    if name not in open_clip.list_models():
        raise InputError(f"text-image model {name!r} is not known to open_clip: give e.g. {DEFAULT_MODEL}")
    variable = os.environ.get(CHECKPOINT_VARIABLE)
    checkpoint = checkpoint or (Path(variable) if variable else None)
    network = _from_hub(open_clip, name) if checkpoint is None else _from_file(open_clip, name, checkpoint)
    visual = open_clip.get_model_preprocess_cfg(network)
    side = visual["size"]
    return ClipModel(
        name=name,
        network=on_device(network.eval(), device),
        tokenizer=open_clip.get_tokenizer(name),
        side_px=int(side[0] if isinstance(side, tuple | list) else side),
        mean=tuple(visual["mean"]),
        std=tuple(visual["std"]),
    )


def _import_open_clip() -> Any:
    import_timm()
    try:
        import open_clip
    except ImportError as error:
        raise MissingError(f"words need open_clip ({error}): pip install 'nionswift-deepscan[text]'") from None
    return open_clip


def _from_file(open_clip: Any, name: str, path: Path) -> nn.Module:
    tensors = {key.removeprefix("module."): value for key, value in read_tensors(path).items()}
    network: nn.Module = open_clip.create_model(name, pretrained=None)
    fit_by_name(network, tensors, str(path))
    return network


def _from_hub(open_clip: Any, name: str) -> nn.Module:
    tag = HUB_TAG if name == DEFAULT_MODEL else next((t for n, t in open_clip.list_pretrained() if n == name), None)
    try:
        with asking_the_hub():
            network: nn.Module = open_clip.create_model(name, pretrained=tag, require_pretrained=True)
    except Exception as error:  # the hub's client raises its own, httpx's, and urllib's errors
        raise MissingError(
            "no text-image weights are on this computer, and the model hub gave none "
            f"({type(error).__name__}): give a local open_clip "
            f"checkpoint of {name} with --clip-checkpoint FILE or the variable {CHECKPOINT_VARIABLE}"
        ) from None
    return network


def _unit(encoded: torch.Tensor) -> npt.NDArray[np.float32]:
    values: npt.NDArray[np.float32] = encoded.float().cpu().numpy()
    unit: npt.NDArray[np.float32] = values / np.linalg.norm(values, axis=-1, keepdims=True)
    return unit
