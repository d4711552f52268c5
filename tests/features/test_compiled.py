"""A compiled network is the same network; where it is not, torch runs it."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from deepscan_core.features.backbones import Backbone

pytestmark = pytest.mark.network
pytest.importorskip("openvino", reason="openvino has no wheel for this computer")


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    from deepscan_core.features.backbones import load_backbone

    return load_backbone(device="cpu")


def image(rows: int, cols: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((rows, cols), np.float32)


def check_same(found: Any, expected: Any) -> None:
    for one, other in zip(found, expected, strict=True):
        assert (one.stride_px, one.origin_px) == (other.stride_px, other.origin_px)
        assert one.values == pytest.approx(other.values, abs=1e-4 * float(np.abs(other.values).max()))


@pytest.mark.parametrize("shape", [(16, 16), (40, 64), (131, 217), (512, 512)])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_the_maps_are_those_of_torch_at_any_size(backbone: Backbone, shape: tuple[int, int], scale: float) -> None:
    assert backbone.compiled is not None
    by_torch = replace(backbone, compiled=None)
    check_same(backbone.levels(image(*shape), scale=scale), by_torch.levels(image(*shape), scale=scale))


def test_maps_of_one_image_stay_when_the_next_is_seen(backbone: Backbone) -> None:
    first = backbone.levels(image(64, 64), scale=1.0)
    kept = [level.values.copy() for level in first]
    backbone.levels(image(64, 64, seed=1), scale=1.0)
    for level, values in zip(first, kept, strict=True):
        assert np.array_equal(level.values, values)


def test_threads_do_not_disturb_each_other(backbone: Backbone) -> None:
    images = [image(96, 64 + 32 * seed, seed) for seed in range(4)]
    expected = [backbone.levels(one, scale=1.0) for one in images]
    with ThreadPoolExecutor(4) as pool:
        for found, alone in zip(
            pool.map(lambda one: backbone.levels(one, scale=1.0), images * 3), expected * 3, strict=True
        ):
            check_same(found, alone)


def test_a_network_that_compiles_to_something_else_is_run_by_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from torch import nn

    from deepscan_core.features import compiled

    class Sizes(nn.Module):
        """Its numbers depend on the size of the image, which a trace cannot see."""

        def forward_intermediates(self, batch: torch.Tensor, **kwargs: Any) -> list[torch.Tensor]:
            return [batch * int(batch.shape[-1])]

    assert compiled.compiled_maps(Sizes().eval(), (0,), 1, 32) is None
    monkeypatch.setattr(compiled, "is_installed", lambda: False)
    assert compiled.compiled_maps(Sizes().eval(), (0,), 1, 32) is None


def test_mixed_precision_is_not_compiled() -> None:
    from deepscan_core.features.backbones import load_backbone

    assert load_backbone("resnet10t", "random", "cpu", "bfloat16").compiled is None


def _sum_in_child(queue: Any, backbone: Any) -> None:
    queue.put(float(backbone.levels(image(64, 64), scale=1.0)[0].values.sum()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_can_go_on(backbone: Backbone) -> None:
    expected = float(backbone.levels(image(64, 64), scale=1.0)[0].values.sum())
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_sum_in_child, args=(queue, backbone))
    child.start()
    assert queue.get(timeout=60) == pytest.approx(expected, rel=1e-5)
    child.join(timeout=60)
    assert child.exitcode == 0
