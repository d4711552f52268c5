"""Which maps of a network are used, that they cover the image, and where their cells lie on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deepscan_core.errors import InputError
from deepscan_core.features.folding import intermediate_maps

if TYPE_CHECKING:
    from torch import nn

FINEST_STRIDE_PX = 4
COARSEST_STRIDE_PX = 16  # deeper maps answer "which object is this", not "is this place unlike its neighbours"
MOST_LEVELS = 3
SIDE_IN_STRIDES = 16  # of the image on which the alignment of a network is measured
CHECKED_CELLS = ((8, 12), (28, 20))  # of the coarsest map: images of two sizes, both of unequal sides
PROBE_SPOTS = 16
EVEN_STEPS = (0.7548776662466927, 0.5698402909980532)  # of the R2 sequence (M. Roberts 2018): fills a square evenly
PROBE_SIGMA_PX = 2.5
REMEDY = "use tf_efficientnet_lite0 or another one"


def choose_levels(network: nn.Module, name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Indices and strides of the last map of each stride from 4 to 16; of a transformer, maps spread over its depth.

    Raises
    ------
    InputError
        The network gives no such maps.
    """
    try:
        strides = [int(info["reduction"]) for info in network.feature_info]  # type: ignore[union-attr]
    except (AttributeError, KeyError, TypeError):
        strides = []
    if not strides or not hasattr(network, "forward_intermediates"):
        raise InputError(f"backbone {name} gives no intermediate maps: {REMEDY}")
    if len(set(strides)) == 1:
        chosen = sorted({round((len(strides) - 1) * f) for f in (0.5, 0.75)})
    else:
        last = {stride: k for k, stride in enumerate(strides) if FINEST_STRIDE_PX <= stride <= COARSEST_STRIDE_PX}
        chosen = sorted(last.values())[-MOST_LEVELS:]
    if not chosen or max(strides[k] for k in chosen) > 2 * COARSEST_STRIDE_PX:
        raise InputError(f"backbone {name} has no maps of stride {FINEST_STRIDE_PX} to {COARSEST_STRIDE_PX}: {REMEDY}")
    return tuple(chosen), tuple(strides[k] for k in chosen)


def check_dense(network: nn.Module, name: str, indices: tuple[int, ...], strides: tuple[int, ...]) -> None:
    """Raise `InputError` unless the network takes images of any size and its maps have a cell every stride.

    Some transformers and hybrids take images of one size only, and some networks cut their border off.
    """
    import torch

    for cells in CHECKED_CELLS:
        rows, cols = (n * max(strides) for n in cells)
        try:
            with torch.inference_mode():
                maps = intermediate_maps(network, indices, torch.zeros(1, 3, rows, cols))
        except (RuntimeError, AssertionError, IndexError, ValueError, TypeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0][:80]
            raise InputError(f"backbone {name} does not take images of any size ({reason}): {REMEDY}") from None
        for values, stride in zip(maps, strides, strict=True):
            if values.ndim != 4 or tuple(values.shape[-2:]) != (rows // stride, cols // stride):
                raise InputError(
                    f"backbone {name} maps {rows} x {cols} px to {tuple(values.shape[-2:])} cells, which is not one every "
                    f"{stride} px: {REMEDY}"
                )


def measure_origins(network: nn.Module, indices: tuple[int, ...], strides: tuple[int, ...]) -> tuple[float, ...]:
    """Where, in pixels of its input, the centre of cell (0, 0) of each map lies, along both axes.

    Strided layers with asymmetric padding, common in networks ported from TensorFlow, shift a map of stride 16 by up to
    half a cell, and learned filters shift it back by some of that. So the centre is measured: small spots are put at known
    places of a noise image, and the centroid of how much each cell changed is compared with where they are.
    """
    import torch

    side = SIDE_IN_STRIDES * max(strides)
    rng = np.random.default_rng(0)
    # Spread evenly over one coarsest cell: what is rounded to a cell, as in a transformer, then averages out.
    spread = np.arange(1, PROBE_SPOTS + 1)[:, None] * EVEN_STEPS % 1.0
    places = side / 2 + (spread - 0.5) * max(strides)
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


def example_side_px(strides: tuple[int, ...]) -> int:
    """Side of a small image that the network takes."""
    return 8 * max(strides)
