"""PatchCore as the anomalib library has it, on the packaged network: a check of DeepScan's own version of it.

anomalib (Apache-2.0, https://github.com/open-edge-platform/anomalib) wants good images to remember. There is one image
and nobody vouches for it, so that the frame is cut into quarters, and each is scored by what the three others remember:
with a memory of the frame itself every anomaly would find itself there. anomalib's settings stand: 3 x 3 pooling, a
coreset of 10 %, a Gaussian filter of 4 px.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from deepscan_core.benchmarking.rivals.base import Map
from deepscan_core.benchmarking.scene import Scene
from deepscan_core.errors import MissingError
from deepscan_core.features.backbones import DEFAULT_BACKBONE, import_timm
from deepscan_core.ingest.normalise import normalise
from deepscan_core.weights.catalogue import PACKAGED
from deepscan_core.weights.loading import fit_by_order, read_tensors

if TYPE_CHECKING:
    import torch

LAYERS = ("blocks.1", "blocks.2")  # strides 4 and 8
CORESET_SHARE = 0.1


def anomalib_patchcore(scene: Scene) -> Map:
    """Distance of each place to the nearest memory of the other three quarters of the frame.

    Raises
    ------
    MissingError
        anomalib is not installed.
    """
    import torch

    scaled = normalise(scene.preview.array)
    result = np.zeros(scaled.shape)
    if not np.ptp(scaled):
        return result
    packaged = PACKAGED[DEFAULT_BACKBONE]
    mean, std = (torch.tensor(three).view(1, -1, 1, 1) for three in (packaged.mean, packaged.std))
    weights = _packaged_weights()
    batch = (torch.from_numpy(scaled)[None, None] - mean) / std
    quarters = _quarters(scene.preview.shape)
    with _seeded(scene.seed):
        for own in quarters:
            model = _remembering([batch[:, :, *other] for other in quarters if other != own], weights)
            with torch.inference_mode():
                result[own] = model(batch[:, :, *own]).anomaly_map[0, 0].numpy()
    return result


def _remembering(images: list[torch.Tensor], weights: dict[str, torch.Tensor]) -> Any:
    """anomalib's model with a thinned memory of images, ready to score."""
    try:
        from anomalib.models.image.patchcore.torch_model import PatchcoreModel
    except ImportError as error:
        raise MissingError(f"anomalib cannot be used ({error}): pip install 'nionswift-deepscan[rivals]'") from None
    import torch

    model = PatchcoreModel(layers=LAYERS, backbone=DEFAULT_BACKBONE, pre_trained=False)
    network = model.feature_extractor.feature_extractor
    network.load_state_dict({name: weights[name] for name in network.state_dict()})
    model.train()
    with torch.inference_mode():
        for image in images:
            model(image)
        model.subsample_embedding(CORESET_SHARE)
    return model.eval()


def _packaged_weights() -> dict[str, torch.Tensor]:
    """The packaged weights under timm's names; anomalib's network has some of the same layers."""
    network = import_timm().create_model(DEFAULT_BACKBONE, pretrained=False)
    path = PACKAGED[DEFAULT_BACKBONE].checked_file()
    fit_by_order(network, read_tensors(path), str(path))
    named: dict[str, torch.Tensor] = network.state_dict()
    return named


def _quarters(shape: tuple[int, int]) -> list[tuple[slice, slice]]:
    halves = [(slice(0, n // 2), slice(n // 2, n)) for n in shape]
    return [(y, x) for y in halves[0] for x in halves[1]]


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Keep from others what anomalib does to all: it draws from the global generators of torch and numpy, writes progress
    bars, and its libraries warn about each other.
    """
    import torch

    before = np.random.get_state()  # noqa: NPY002
    try:
        with (
            torch.random.fork_rng(devices=[]),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            torch.manual_seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
