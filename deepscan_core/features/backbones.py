"""Networks that turn an image into feature maps: any convolutional or transformer backbone of timm, by name."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.features.alignment import check_dense, choose_levels, example_side_px, measure_origins
from deepscan_core.features.compiled import CompiledNetwork, compiled_maps
from deepscan_core.features.folding import fold_batch_norms, intermediate_maps
from deepscan_core.features.pyramid import Level
from deepscan_core.weights.sources import WeightsSource, filled_network, find_weights

if TYPE_CHECKING:
    import torch
    from torch import nn

DEFAULT_BACKBONE = "tf_efficientnet_lite0"
AUTO = "auto"  # of devices: CUDA where torch finds it, else the CPU
PRECISIONS = ("float32", "float16", "bfloat16")  # the last two: mixed, as torch.autocast does it
MARGIN_PX = 16  # reflected border, so that zero padding inside the network does not look like a defect


@dataclass(frozen=True, eq=False, kw_only=True)
class Backbone:
    """A network ready to be run.

    Attributes
    ----------
    name : timm's name, and where it applies that the weights are random.
    network : in evaluation mode, channels last.
    mean, std : grey values it was trained on, per channel.
    indices : which of the network's intermediate maps are used.
    strides_px, origins_px : stride and measured centre of cell (0, 0) of each of those.
    precision : in which the network is run, one of `PRECISIONS`; maps are float32 in any case.
    compiled : the same network for this computer's processor, where it could be compiled.
    """

    name: str
    network: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    indices: tuple[int, ...]
    strides_px: tuple[int, ...]
    origins_px: tuple[float, ...]
    precision: str = "float32"
    compiled: CompiledNetwork | None = None

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
            padded = _pad(tensor, cell_multiple_px(self.strides_px))
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

        if self.compiled is not None:
            batch = np.empty((1, len(self.mean), *padded.shape[-2:]), np.float32)
            for channel, (mean, std) in enumerate(zip(self.mean, self.std, strict=True)):
                np.divide(padded[0, 0].numpy() - np.float32(mean), np.float32(std), out=batch[0, channel])
            return [torch.from_numpy(values) for values in self.compiled(batch)]
        device = next(self.network.parameters()).device
        shape = (1, len(self.mean), *padded.shape[-2:])
        stacked = torch.empty(shape, memory_format=torch.channels_last)
        for channel, (mean, std) in enumerate(zip(self.mean, self.std, strict=True)):
            stacked[0, channel] = (padded[0, 0] - mean) / std
        stacked = stacked.to(device)
        is_mixed = self.precision != "float32"
        with torch.autocast(device.type, getattr(torch, self.precision) if is_mixed else None, enabled=is_mixed):
            try:
                maps = intermediate_maps(self.network, self.indices, stacked)
            except torch.cuda.OutOfMemoryError:
                raise InputError(
                    f"an image of {padded.shape[-2]} x {padded.shape[-1]} px needs more memory than {device} has: "
                    "crop it, or give --device cpu"
                ) from None
        if is_mixed and not all(bool(torch.isfinite(values).all()) for values in maps):
            raise InputError(f"{self.name} overflows in {self.precision}: give --precision float32")
        return maps


def load_backbone(
    name: str = DEFAULT_BACKBONE,
    weights: Path | Literal["random"] | None = None,
    device: str = AUTO,
    precision: str = "float32",
) -> Backbone:
    """Make a network and fill it with weights; kept, so that asking again costs nothing.

    Parameters
    ----------
    name : a model of timm, e.g. "tf_efficientnet_lite0" (its weights are a package) or "regnety_004.tv2_in1k", or another
        name of it, e.g. "regnet_y_400mf".
    weights : local ``.safetensors`` or ``.pth`` file. Without it the store, the installed packages, else the model hub.
        "random" for a network that learnt nothing, to measure times.
    device : of torch; "auto" is CUDA where torch finds it, else the CPU.
    precision : "float32", or "float16" or "bfloat16" for mixed precision, which is meant for GPUs.

    Raises
    ------
    InputError
        No such model, weights that do not fit it, or a network that gives no dense maps of images of any size.
    MissingError
        torch or timm are not installed, or no weights can be had.
    """
    if precision not in PRECISIONS:
        raise InputError(f"precision {precision!r} is not known: give one of {', '.join(PRECISIONS)}")
    return _prepared(find_weights(name, weights), chosen_device(device), precision)


@functools.lru_cache(maxsize=4)
def _prepared(source: WeightsSource, device: str, precision: str) -> Backbone:
    import torch

    network, mean, std = filled_network(source)
    indices, strides = choose_levels(network, source.name)
    check_dense(network, source.name, indices, strides)
    side = example_side_px(strides)
    example = torch.rand((1, len(mean), side, side), generator=torch.Generator().manual_seed(0))
    network = fold_batch_norms(network, indices, example)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    origins = measure_origins(network, indices, strides)  # before it is moved: the same on every device
    on_cpu = device == "cpu" and precision == "float32"
    return Backbone(
        name=f"{source.name} (random weights)" if source.kind == "random" else source.name,
        network=on_device(network, device),
        mean=mean,
        std=std,
        indices=indices,
        strides_px=strides,
        origins_px=origins,
        precision=precision,
        compiled=compiled_maps(network, indices, len(mean), cell_multiple_px(strides)) if on_cpu else None,
    )


def chosen_device(device: str) -> str:
    """The device that "auto" stands for on this computer; any other name as it is."""
    if device != AUTO:
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def on_device(network: nn.Module, device: str) -> nn.Module:
    """The network on a device of torch; raises `InputError` where it cannot be used."""
    try:
        moved = network.to(device=chosen_device(device))
    except (RuntimeError, AssertionError) as error:  # torch raises either, by what is missing
        reason = str(error).splitlines()[0][:100]
        raise InputError(f"device {device!r} cannot be used ({reason}): give --device cpu") from None
    return moved


def _resample(tensor: torch.Tensor, scale: float) -> torch.Tensor:
    if scale == 1:
        return tensor
    from torch.nn import functional

    rows, cols = (max(1, round(n * scale)) for n in tensor.shape[-2:])
    return functional.interpolate(tensor, size=(rows, cols), mode="bilinear", antialias=True, align_corners=False)


def cell_multiple_px(strides_px: tuple[int, ...]) -> int:
    """What the sides of a network's input are multiples of: with whole cells, padding inside is the same everywhere."""
    return 2 * max(strides_px)


def _pad(tensor: torch.Tensor, multiple: int) -> torch.Tensor:
    """Reflect the border outwards by the margin, and on to a multiple."""
    import torch

    rows, cols = tensor.shape[-2:]
    below, right = (MARGIN_PX + (-(n + 2 * MARGIN_PX)) % multiple for n in (rows, cols))
    padded = np.pad(tensor[0, 0].numpy(), ((MARGIN_PX, below), (MARGIN_PX, right)), mode="symmetric")
    return torch.from_numpy(padded)[None, None]


def _cells_on_image(
    rows: int, cols: int, stride: int, origin: float, available: tuple[int, ...]
) -> tuple[int, tuple[int, int]]:
    """First cell whose centre lies on the image, and how many follow along y and x (at least one)."""
    first = max(0, int(np.ceil((-0.5 - origin) / stride)))
    kept = [max(1, int(np.floor((n - 0.5 - origin) / stride)) - first + 1) for n in (rows, cols)]
    return first, (min(kept[0], available[0] - first), min(kept[1], available[1] - first))
