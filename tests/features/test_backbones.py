"""Backbones: names, weights, alignment, one pass over the whole image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepscan_core.errors import InputError, MissingError
from deepscan_core.features.extractor import ExtractorSettings, extract

pytestmark = pytest.mark.network


def test_the_default_backbone_gives_aligned_levels_of_known_strides() -> None:
    noise = np.random.default_rng(0).normal(0.5, 0.1, (256, 320)).astype(np.float32)
    pyramid = extract(noise, ExtractorSettings(scales=(1.0, 0.5)))
    assert [level.stride_px for level in pyramid.levels] == [4, 8, 16, 8, 16, 32]
    for level in pyramid.levels:
        rows, cols = level.values.shape[1:]
        assert -0.5 <= level.origin_px < level.stride_px - 0.5
        assert level.origin_px + (rows - 1) * level.stride_px <= 255.5
        assert level.origin_px + (cols - 1) * level.stride_px <= 319.5


@pytest.mark.parametrize("place", [(101.0, 77.0), (60.0, 150.0)])
def test_a_spot_changes_the_cells_where_it_is(place: tuple[float, float]) -> None:
    """The centroid of what a spot changes is the spot, on every level, although padding shifts the maps."""
    y, x = np.mgrid[:192, :192]
    base = np.random.default_rng(3).normal(0.5, 0.1, (192, 192)).astype(np.float32)
    spot = np.exp(-((y - place[0]) ** 2 + (x - place[1]) ** 2) / 18).astype(np.float32)
    settings = ExtractorSettings(scales=(1.0,))
    for before, after in zip(extract(base, settings).levels, extract(base + spot, settings).levels, strict=True):
        change = ((after.values - before.values) ** 2).sum(axis=0)
        change *= change > 0.05 * change.max()
        centers = before.origin_px + before.stride_px * np.arange(change.shape[0])
        found = (change.sum(1) @ centers / change.sum(), change.sum(0) @ centers / change.sum())
        assert np.hypot(found[0] - place[0], found[1] - place[1]) <= before.stride_px / 4


def test_any_timm_backbone_takes_weights_from_a_local_file(tmp_path: Path) -> None:
    import timm
    import torch

    from deepscan_core.features.backbones import load_backbone

    torch.manual_seed(0)
    for name in ("regnety_004", "convnext_atto"):
        network = timm.create_model(name)
        path = tmp_path / f"{name}.pth"
        torch.save(network.state_dict(), path)
        backbone = load_backbone(name, path)
        assert backbone.strides_px == (4, 8, 16)
        levels = backbone.levels(np.random.default_rng(0).random((96, 96)).astype(np.float32), scale=1.0)
        assert [level.values.shape[1] for level in levels] == [24, 12, 6]


def test_weights_of_another_network_are_refused_with_a_key(tmp_path: Path) -> None:
    import timm
    import torch

    from deepscan_core.features.backbones import load_backbone

    path = tmp_path / "other.pth"
    torch.save(timm.create_model("convnext_atto").state_dict(), path)
    with pytest.raises(InputError, match=r"does not fit.*missing.*first"):
        load_backbone("regnety_004", path)


def test_a_pickle_that_would_run_code_is_not_run(tmp_path: Path) -> None:
    import pickle

    from deepscan_core.weights.loading import read_tensors

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (exec, ("raise SystemExit('executed')",))

    path = tmp_path / "evil.pth"
    path.write_bytes(pickle.dumps({"weight": Evil()}))
    with pytest.raises(InputError, match="cannot be read as weights"):
        read_tensors(path)


def test_an_unknown_backbone_lists_near_names() -> None:
    from deepscan_core.features.backbones import load_backbone

    with pytest.raises(InputError, match="regnety_004"):
        load_backbone("regnety_04")


def test_a_tampered_weights_package_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from deepscan_core.weights.catalogue import PACKAGED, PackagedWeights

    fake = tmp_path / "fake.pth"
    fake.write_bytes(b"something else")
    monkeypatch.setattr(PackagedWeights, "file", lambda self: fake)
    with pytest.raises(MissingError, match="SHA-256"):
        PACKAGED["tf_efficientnet_lite0"].checked_file()


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "regnety_004", "resnet18", "convnext_atto"])
def test_folding_changes_the_time_and_not_the_numbers(name: str) -> None:
    import timm
    import torch

    from deepscan_core.features.folding import fold_batch_norms, intermediate_maps

    torch.manual_seed(0)
    network = timm.create_model(name).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # statistics as after training, not those of a new network
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    batch = torch.rand(1, 3, 96, 96)
    folded = fold_batch_norms(network, (1, 2, 3), batch)
    assert (folded is network) == (name == "convnext_atto")
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules()) == (name != "convnext_atto")
    other = torch.rand(1, 3, 96, 96)
    with torch.inference_mode():
        pairs = zip(*(intermediate_maps(n, (1, 2, 3), other) for n in (network, folded)), strict=True)
        for before, after in pairs:
            assert torch.allclose(before, after, atol=1e-3 * float(before.abs().max()))


def test_a_network_that_uses_a_convolution_twice_is_left_alone() -> None:
    import torch
    from torch import nn

    from deepscan_core.features.folding import fold_batch_norms

    class Forked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

        def forward_intermediates(self, x: torch.Tensor, **_: object) -> list[torch.Tensor]:
            y = self.conv(x)
            return [self.norm(y) + y]

    network = Forked().eval()
    network.norm.running_mean.fill_(3)
    assert fold_batch_norms(network, (0,), torch.rand(1, 3, 16, 16)) is network
