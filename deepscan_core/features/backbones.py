"""Networks that turn an image into feature maps: any convolutional or transformer backbone of timm, by name."""

from __future__ import annotations

import difflib
import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError, MissingError
from deepscan_core.features.folding import fold_batch_norms, intermediate_maps
from deepscan_core.features.pyramid import Level
from deepscan_core.weights.catalogue import PACKAGED
from deepscan_core.weights.hub import asking_the_hub
from deepscan_core.weights.loading import fit_by_name, fit_by_order, read_tensors

if TYPE_CHECKING:
    import torch
    from torch import nn

DEFAULT_BACKBONE = "tf_efficientnet_lite0"
COARSEST_STRIDE_PX = 16  # deeper maps answer "which object is this", not "is this place unlike its neighbours"
MOST_LEVELS = 3
SIDE_IN_STRIDES = 16  # of the image on which the alignment of a network is measured
PROBE_SPOTS = 12
PROBE_SIGMA_PX = 2.5
MARGIN_PX = 16  # reflected border, so that zero padding inside the network does not look like a defect


@dataclass(frozen=True, eq=False, kw_only=True)
class Backbone:
    """A network ready to be run.

    Attributes
    ----------
    name : timm's name.
    network : in evaluation mode, channels last.
    mean, std : grey values it was trained on, per channel.
    indices : which of the network's intermediate maps are used.
    strides_px, origins_px : stride and measured centre of cell (0, 0) of each of those.
    """

    name: str
    network: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    indices: tuple[int, ...]
    strides_px: tuple[int, ...]
    origins_px: tuple[float, ...]

    def levels(self, scaled: npt.NDArray[np.float32], *, scale: float) -> tuple[Level, ...]:
        """One forward pass.

        Parameters
        ----------
        scaled : float32 ndarray of shape (rows, cols), normalised.
        scale : the image is resampled by this factor first; the levels are in pixels of the image as given.
        """
        import torch

        with torch.inference_mode():
            tensor = _resample(torch.from_numpy(np.ascontiguousarray(scaled))[None, None], scale)
            rows, cols = tensor.shape[-2:]
            padded = _pad(tensor, max(self.strides_px))
            maps = self._run(padded)
        levels = []
        for values, stride, origin in zip(maps, self.strides_px, self.origins_px, strict=True):
            # Only cells whose centre lies on the image itself are kept: the border was made up.
            first, kept = _cells_on_image(rows, cols, stride, origin - MARGIN_PX, tuple(values.shape[-2:]))
            levels.append(
                Level(
                    values=values[0, :, first : first + kept[0], first : first + kept[1]].float().cpu().numpy(),
                    stride_px=stride / scale,
                    origin_px=(origin - MARGIN_PX + first * stride + 0.5) / scale - 0.5,
                )
            )
        return tuple(levels)

    def _run(self, padded: torch.Tensor) -> list[torch.Tensor]:
        import torch

        device = next(self.network.parameters()).device
        mean = torch.tensor(self.mean).view(1, -1, 1, 1)
        std = torch.tensor(self.std).view(1, -1, 1, 1)
        stacked = ((padded - mean) / std).contiguous(memory_format=torch.channels_last).to(device)
        return intermediate_maps(self.network, self.indices, stacked)


@functools.lru_cache(maxsize=4)
def load_backbone(name: str = DEFAULT_BACKBONE, weights: Path | None = None, device: str = "cpu") -> Backbone:
    """Make a network and fill it with weights; kept, so that asking again costs nothing.

    Parameters
    ----------
    name : any model of timm, e.g. "tf_efficientnet_lite0" (its weights are a package), "regnety_004", "convnext_atto".
    weights : local ``.safetensors`` or ``.pth`` file. Without it the packaged weights, else the model hub.
    device : of torch.

    Raises
    ------
    InputError
        No such model, or weights that do not fit it.
    MissingError
        torch or timm are not installed, or no weights can be had.
    """
    timm = import_timm()
    base_name = name.split(".")[0]
    if not timm.is_model(base_name):
        near = difflib.get_close_matches(base_name, timm.list_models(), n=4, cutoff=0.5)
        raise InputError(f"backbone {name!r} is not known: did you mean {', '.join(near) or DEFAULT_BACKBONE}?")
    network = _filled_network(timm, name, weights).eval()
    import torch

    indices, strides = _choose_levels(network, name)
    settings: Any = network.pretrained_cfg
    example = torch.rand((1, 3, 4 * max(strides), 4 * max(strides)), generator=torch.Generator().manual_seed(0))
    network = fold_batch_norms(network, indices, example)
    network = on_device(network, device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    packaged = PACKAGED.get(base_name) if weights is None else None
    return Backbone(
        name=name,
        network=network,
        mean=packaged.mean if packaged else tuple(settings["mean"]),
        std=packaged.std if packaged else tuple(settings["std"]),
        indices=indices,
        strides_px=strides,
        origins_px=measure_origins(network, indices, strides),
    )


def on_device(network: nn.Module, device: str) -> nn.Module:
    """The network on a device of torch; raises `InputError` where it cannot be used."""
    try:
        moved = network.to(device=device)
    except (RuntimeError, AssertionError) as error:  # torch raises either, by what is missing
        reason = str(error).splitlines()[0][:100]
        raise InputError(f"device {device!r} cannot be used ({reason}): give --device cpu") from None
    return moved


def import_timm() -> Any:
    """The timm module; raises `MissingError` where it or torch is not installed."""
    try:
        _make_torchvision_importable()
        import timm
    except ImportError as error:
        raise MissingError(
            f"no network can be run ({error}): pip install torch timm, or use --backbone classical"
        ) from None
    return timm


def _make_torchvision_importable() -> None:
    """Let timm import a torchvision whose compiled part belongs to another build of torch.

    timm needs torchvision's Python part only. Where a CPU build of torch meets the usual torchvision wheel, the import
    fails at the first operator of the compiled part; declaring that operator, never called here, is enough.
    """
    import torch

    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for module in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
            del sys.modules[module]
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT_ALIVE.append(library)
        import torchvision  # noqa: F401


_KEPT_ALIVE: list[Any] = []  # torch forgets declared operators together with the library object


def _filled_network(timm: Any, name: str, weights: Path | None) -> nn.Module:
    extra = {"dynamic_img_size": True} if name.startswith("vit_") else {}
    packaged = PACKAGED.get(name.split(".")[0])
    if weights is not None:
        network: nn.Module = timm.create_model(name, pretrained=False, **extra)
        fit_by_name(network, read_tensors(weights), str(weights))
    elif packaged is not None:
        network = timm.create_model(name, pretrained=False, **extra)
        path = packaged.checked_file()
        fit_by_order(network, read_tensors(path), str(path))
    else:
        network = _from_hub(timm, name, extra)
    return network


def _from_hub(timm: Any, name: str, extra: dict[str, Any]) -> nn.Module:
    try:
        with asking_the_hub():
            network: nn.Module = timm.create_model(name, pretrained=True, **extra)
    except Exception as error:  # the hub's client raises its own, httpx's, and urllib's errors
        raise MissingError(
            f"weights of {name} are not on this computer, and the model hub gave none ({type(error).__name__}): "
            f"give a local file with --backbone-weights, or use --backbone {DEFAULT_BACKBONE}"
        ) from None
    return network


def _choose_levels(network: nn.Module, name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Indices and strides of the last map of each stride from 4 to 16; of a transformer, maps spread over its depth."""
    if not hasattr(network, "forward_intermediates"):
        raise InputError(f"backbone {name} gives no intermediate maps: use {DEFAULT_BACKBONE} or another one")
    strides = [int(info["reduction"]) for info in network.feature_info]  # type: ignore[union-attr]
    if len(set(strides)) == 1:
        chosen = sorted({round((len(strides) - 1) * f) for f in (0.5, 0.75)})
    else:
        last = {stride: k for k, stride in enumerate(strides) if 4 <= stride <= COARSEST_STRIDE_PX}
        chosen = sorted(last.values())[-MOST_LEVELS:]
    if not chosen:
        raise InputError(f"backbone {name} has no maps of stride 4 to {COARSEST_STRIDE_PX}: use {DEFAULT_BACKBONE}")
    return tuple(chosen), tuple(strides[k] for k in chosen)


def measure_origins(network: nn.Module, indices: tuple[int, ...], strides: tuple[int, ...]) -> tuple[float, ...]:
    """Where, in pixels of its input, the centre of cell (0, 0) of each map lies, along both axes.

    Strided layers with asymmetric padding, common in networks ported from TensorFlow, shift a map of stride 16 by up to
    half a cell, and learned filters shift it back by some of that. So the centre is measured: small spots are put at known
    places of a noise image, and the centroid of how much each cell changed is compared with where they are.
    """
    import torch

    side = SIDE_IN_STRIDES * max(strides)
    rng = np.random.default_rng(0)
    places = rng.uniform(0.4 * side, 0.6 * side, (PROBE_SPOTS, 2))
    axis = np.arange(side)
    along = np.exp(-((axis - places[..., None]) ** 2) / (2 * PROBE_SIGMA_PX**2))
    noise = rng.normal(0, 0.3, (side, side))
    images = np.concatenate([noise[None], noise + along[:, 0, :, None] * along[:, 1, None, :]]).astype(np.float32)
    device = next(network.parameters()).device
    batch = torch.from_numpy(images)[:, None].expand(-1, 3, -1, -1).to(device)
    with torch.inference_mode():
        maps = intermediate_maps(network, indices, batch)
    origins = []
    for values, stride in zip(maps, strides, strict=True):
        change = (values[1:] - values[:1]).pow(2).sum(dim=1).double().cpu().numpy()
        change *= change > 0.05 * change.max(axis=(1, 2), keepdims=True)
        cells = np.arange(change.shape[1])
        total = change.sum(axis=(1, 2))
        centroids = np.stack([change.sum(axis=2) @ cells, change.sum(axis=1) @ cells], axis=1) / total[:, None]
        origins.append(float(np.mean(places - centroids * stride)))
    return tuple(origins)


def _resample(tensor: torch.Tensor, scale: float) -> torch.Tensor:
    if scale == 1:
        return tensor
    from torch.nn import functional

    rows, cols = (max(1, round(n * scale)) for n in tensor.shape[-2:])
    return functional.interpolate(tensor, size=(rows, cols), mode="bilinear", antialias=True, align_corners=False)


def _pad(tensor: torch.Tensor, multiple: int) -> torch.Tensor:
    """Reflect the border outwards by the margin, and on to whole cells, which keeps padding inside the same everywhere."""
    import torch

    rows, cols = tensor.shape[-2:]
    below, right = (MARGIN_PX + (-(n + 2 * MARGIN_PX)) % (2 * multiple) for n in (rows, cols))
    padded = np.pad(tensor[0, 0].numpy(), ((MARGIN_PX, below), (MARGIN_PX, right)), mode="symmetric")
    return torch.from_numpy(padded)[None, None].expand(1, 3, -1, -1)


def _cells_on_image(
    rows: int, cols: int, stride: int, origin: float, available: tuple[int, ...]
) -> tuple[int, tuple[int, int]]:
    """First cell whose centre lies on the image, and how many follow along y and x (at least one)."""
    first = max(0, int(np.ceil((-0.5 - origin) / stride)))
    kept = [max(1, int(np.floor((n - 0.5 - origin) / stride)) - first + 1) for n in (rows, cols)]
    return first, (min(kept[0], available[0] - first), min(kept[1], available[1] - first))
