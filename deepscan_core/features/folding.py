"""Fold batch normalisation into the convolution before it: the same numbers in less than half of the time.

At inference a batch normalisation is one multiplication and one addition a channel, which a convolution can do for nothing.
Which normalisation follows which convolution is seen by running the network once, so that no architecture has to be known;
that the result is the same is checked by running it again.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

RELATIVE_TOLERANCE = 1e-3


def fold_batch_norms(network: nn.Module, indices: tuple[int, ...], example: torch.Tensor) -> nn.Module:
    """A copy of `network` without the batch normalisations that follow a convolution.

    Parameters
    ----------
    network : in evaluation mode, with timm's ``forward_intermediates``.
    indices : the intermediate maps that have to stay the same.
    example : a batch to run it on.

    Returns
    -------
    The folded copy; `network` itself where nothing could be folded, or where folding would change its output, as in a
    network that uses a convolution's output in two places.
    """
    import torch

    folded = copy.deepcopy(network)
    with torch.inference_mode():
        pairs = _conv_norm_pairs(folded, indices, example)
    for conv, norm_name in pairs:
        _fold(folded, conv, norm_name)
    if not pairs or not _same_output(network, folded, indices, example):
        return network
    return folded


def _conv_norm_pairs(network: Any, indices: tuple[int, ...], example: torch.Tensor) -> list[tuple[nn.Conv2d, str]]:
    """Convolutions and the names of the normalisations that take exactly their output."""
    from torch import nn

    made_by: dict[int, tuple[nn.Conv2d, Any]] = {}
    pairs: list[tuple[nn.Conv2d, str]] = []
    hooks = []

    def note_output(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(module, nn.Conv2d):
            made_by[id(output)] = (module, output)  # the output is kept, so that its id stays its own

    def note_input(name: str) -> Any:
        def hook(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            if id(inputs[0]) in made_by:
                pairs.append((made_by[id(inputs[0])][0], name))

        return hook

    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            hooks.append(module.register_forward_hook(note_output))
        elif isinstance(module, nn.BatchNorm2d):
            hooks.append(module.register_forward_pre_hook(note_input(name)))
    try:
        intermediate_maps(network, indices, example)
    finally:
        for hook in hooks:
            hook.remove()
    return pairs


def _fold(network: nn.Module, conv: nn.Conv2d, norm_name: str) -> None:
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_weights

    norm: Any = network.get_submodule(norm_name)
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    kept = [getattr(norm, name) for name in ("drop", "act") if isinstance(getattr(norm, name, None), nn.Module)]
    parent_name, _, own_name = norm_name.rpartition(".")
    setattr(network.get_submodule(parent_name), own_name, nn.Sequential(*kept))


def _same_output(network: Any, folded: Any, indices: tuple[int, ...], example: torch.Tensor) -> bool:
    import torch

    with torch.inference_mode():
        maps = intermediate_maps(network, indices, example), intermediate_maps(folded, indices, example)
    return all(
        torch.allclose(before, after, rtol=0, atol=RELATIVE_TOLERANCE * float(before.abs().max()))
        for before, after in zip(*maps, strict=True)
    )


def intermediate_maps(network: Any, indices: tuple[int, ...], batch: torch.Tensor) -> list[torch.Tensor]:
    """The chosen intermediate maps, each (n, channels, rows, cols); layers beyond the last are not run."""
    maps: list[torch.Tensor] = network.forward_intermediates(
        batch, indices=list(indices), stop_early=True, intermediates_only=True, output_fmt="NCHW"
    )
    return maps
