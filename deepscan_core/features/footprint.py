"""How much memory a look at an image will take, before it is taken.

A network's largest step is found by running it once on a small image and noting what goes into and comes out of each of its
modules; convolutional networks and transformers whose attention is computed in blocks need in proportion to the image.
``benchmarks/memory.py`` compares the estimate with what was really used.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from deepscan_core.features.backbones import Backbone
from deepscan_core.features.folding import intermediate_maps

if TYPE_CHECKING:
    from torch import nn

FIXED_BYTES = 150e6  # what does not grow with the image: trees, components, pictures for the report
PIPELINE_BYTES_PER_PX = 160  # scaled image, its padded copies, what is not predicted, score map, segmentation
CLASSICAL_BYTES_PER_PX = 140  # its filters keep some eight pictures of single precision, and twice that at the end
SIDE_IN_STRIDES = 16
SINGLE_BYTES = 4


def pipeline_bytes(
    shape: tuple[int, int], scales: tuple[float, ...], backbone: Backbone | None, *, seen_px: int | None = None
) -> float:
    """Estimate of the memory for features, score and regions of an image, in bytes.

    Parameters
    ----------
    shape : rows and columns of the image.
    scales : factors by which it is resampled for the network; the largest one counts.
    backbone : None for the classical features.
    seen_px : how much of the image the network sees at once; None for all of it.
    """
    pixels = shape[0] * shape[1]
    network = CLASSICAL_BYTES_PER_PX if backbone is None else max(scales) ** 2 * _network_bytes_per_px(backbone)
    return FIXED_BYTES + pixels * PIPELINE_BYTES_PER_PX + (pixels if seen_px is None else seen_px) * network


@functools.lru_cache(maxsize=4)
def _network_bytes_per_px(backbone: Backbone) -> float:
    """Bytes a pixel of the network's largest step, and of the maps that it hands out."""
    import torch

    side = SIDE_IN_STRIDES * max(backbone.strides_px)
    device = next(backbone.network.parameters()).device
    largest = 0

    def note(_: nn.Module, given: Any, made: Any) -> None:
        nonlocal largest
        largest = max(largest, _tensor_bytes(given) + _tensor_bytes(made))

    hooks = [m.register_forward_hook(note) for m in backbone.network.modules() if next(m.children(), None) is None]
    try:
        with torch.inference_mode():
            maps = intermediate_maps(backbone.network, backbone.indices, torch.zeros(1, 3, side, side, device=device))
    finally:
        for hook in hooks:
            hook.remove()
    handed_out = _tensor_bytes(maps)
    if backbone.compiled is not None:  # copies: its input in the order it likes best, and its maps
        handed_out = 2 * handed_out + 2 * len(backbone.mean) * SINGLE_BYTES * side**2
    return (largest + handed_out) / side**2


def _tensor_bytes(value: Any) -> int:
    """Of a tensor, or of all tensors in a list or tuple."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    return sum(_tensor_bytes(one) for one in value) if isinstance(value, list | tuple) else 0
