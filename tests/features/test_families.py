"""Dense features of a stated stride from convolutional networks, transformers and hybrids, random where it has to be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deepscan_core import CalibratedImage, Study
from deepscan_core.errors import InputError
from tests.conftest import spot_image

pytestmark = pytest.mark.network

# Seven families; the last number is the stride of every map in px.
BACKBONES = {
    "tf_efficientnet_lite0": (4, 8, 16),
    "mobilenetv3_small_050": (4, 8, 16),
    "regnety_002": (4, 8, 16),
    "resnet10t": (4, 8, 16),
    "convnext_atto": (4, 8, 16),
    "vit_small_patch14_dinov2": (14, 14),
    "vit_small_patch14_reg4_dinov2": (14, 14),
    "swin_tiny_patch4_window7_224": (4, 8, 16),
    "mobilevit_xxs": (4, 8, 16),
}
OF_PATCHES = (
    "convnext_atto",
    "vit_small_patch14_dinov2",
    "vit_small_patch14_reg4_dinov2",
    "swin_tiny_patch4_window7_224",
)


@pytest.fixture(scope="module")
def image() -> CalibratedImage:
    return CalibratedImage(spot_image((101, 132), [(40.0, 90.0)]), pixel_size_nm=0.1)


@pytest.mark.parametrize("name", BACKBONES)
def test_a_study_runs_on_any_family(name: str, image: CalibratedImage) -> None:
    from deepscan_core.features.extractor import extract

    study = Study(image, backbone=name, backbone_weights="random", scales=(1.0,))
    score_map = study.surprisal()
    assert score_map.shape == image.shape
    assert np.isfinite(score_map.values).all()
    scaled = ((image.array - image.array.min()) / np.ptp(image.array)).astype(np.float32)
    pyramid = extract(scaled, study.extractor)
    assert pyramid.source == f"{name} (random weights)"
    assert tuple(level.stride_px for level in pyramid.levels) == BACKBONES[name]
    for level in pyramid.levels:
        for cells, side in zip(level.values.shape[1:], image.shape, strict=True):
            assert level.origin_px < level.stride_px - 0.5  # no cell is missing at either end
            assert side - 0.5 - level.stride_px < level.origin_px + (cells - 1) * level.stride_px <= side - 0.5


@pytest.mark.parametrize("name", OF_PATCHES)
def test_cells_of_networks_of_patches_are_centred_on_their_patches(name: str) -> None:
    """Patches that do not overlap: the closed form is (stride - 1) / 2."""
    from deepscan_core.features.backbones import load_backbone

    backbone = load_backbone(name, "random", "cpu")
    for stride, origin in zip(backbone.strides_px, backbone.origins_px, strict=True):
        assert origin == pytest.approx((stride - 1) / 2, abs=0.15 * stride)


@pytest.mark.parametrize("name", OF_PATCHES[1:])
def test_rows_stay_rows_and_columns_columns(name: str) -> None:
    """A spot far from the diagonal changes the cell where it is most, not the one across the diagonal."""
    from deepscan_core.features.extractor import ExtractorSettings, extract

    place = (28, 119)
    base = np.full((98, 140), 0.5, np.float32)
    base[0, 0] = 0.51
    marked = base.copy()
    marked[place[0] - 6 : place[0] + 6, place[1] - 6 : place[1] + 6] = 1.0
    settings = ExtractorSettings(backbone=name, weights="random", scales=(1.0,), device="cpu")
    for before, after in zip(extract(base, settings).levels, extract(marked, settings).levels, strict=True):
        change = ((after.values - before.values) ** 2).sum(axis=0)
        found = np.array(np.unravel_index(change.argmax(), change.shape)) * after.stride_px + after.origin_px
        assert np.abs(found - place).max() <= max(16, after.stride_px)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mixer_s16_224", "does not take images of any size"),
        ("levit_128s", "does not take images of any size"),
        ("inception_v3", "not one every"),
        ("crossvit_tiny_240", "not one every"),
        ("efficientnet_b00", "efficientnet_b0"),
    ],
)
def test_networks_without_dense_maps_are_refused_in_one_line(name: str, reason: str) -> None:
    from deepscan_core.features.backbones import load_backbone

    with pytest.raises(InputError, match=reason) as caught:
        load_backbone(name, "random")
    assert "\n" not in str(caught.value)


def test_networks_of_other_channels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from deepscan_core.weights import architectures

    timm = architectures.import_timm()
    create = timm.create_model

    def of_one_channel(name: str, **settings: object) -> object:
        overlay = {"input_size": (1, 224, 224)}
        return create(name, **settings, in_chans=1, pretrained_cfg_overlay=overlay)

    monkeypatch.setattr(timm, "create_model", of_one_channel)
    with pytest.raises(InputError, match="images of 1 channels"):
        architectures.create_network("resnet10t")


def test_random_weights_are_never_taken_without_being_asked(
    image: CalibratedImage, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    from deepscan_core.errors import MissingError
    from deepscan_core.weights import hub

    monkeypatch.setenv("DEEPSCAN_MODELS", str(tmp_path))
    monkeypatch.setattr(hub, "is_reachable", lambda _: False)
    with pytest.raises(MissingError, match="regnety_002"):
        Study(image, backbone="regnety_002").surprisal()


def test_random_weights_are_the_same_each_time() -> None:
    import torch

    from deepscan_core.weights.sources import filled_network, find_weights

    state = torch.random.get_rng_state()
    first, second = (filled_network(find_weights("regnety_002", "random"))[0].state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert torch.equal(state, torch.random.get_rng_state())


# --- devices and precision ---

# Root mean square of the difference over the standard deviation of the features, each level. CUDA's float32 convolutions
# keep ten bits behind the point unless they are told otherwise, as float16 does.
TOLERANCE = {"float16": 0.03, "bfloat16": 0.15, "float32": 0.03}


def relative_difference(settings: dict[str, str], other: dict[str, str]) -> list[float]:
    from deepscan_core.features.extractor import ExtractorSettings, extract

    scaled = np.random.default_rng(5).normal(0.5, 0.1, (160, 160)).astype(np.float32)
    a, b = (extract(scaled, ExtractorSettings(**kind)).levels for kind in (settings, other))  # type: ignore[arg-type]
    return [float(np.sqrt(((x.values - y.values) ** 2).mean() / x.values.var())) for x, y in zip(a, b, strict=True)]


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_mixed_precision_gives_the_same_features_within_tolerance(precision: str) -> None:
    differences = relative_difference({"device": "cpu"}, {"device": "cpu", "precision": precision})
    assert max(differences) < TOLERANCE[precision]
    assert min(differences) > 0  # it was another precision


def test_overflow_in_mixed_precision_is_refused_not_shown() -> None:
    import torch

    from deepscan_core.features.backbones import load_backbone

    backbone = load_backbone("resnet10t", "random", "cpu", "float16")
    first = next(iter(backbone.network.parameters()))
    before = first.detach().clone()
    with torch.inference_mode():
        first.mul_(1e9)
    try:
        with pytest.raises(InputError, match="--precision float32"):
            backbone.levels(np.random.default_rng(0).random((64, 64)).astype(np.float32), scale=1.0)
    finally:
        with torch.inference_mode():
            first.copy_(before)


@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_a_gpu_gives_the_same_features_within_tolerance(precision: str) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("torch finds no GPU here: CPU and GPU are not compared")
    differences = relative_difference({"device": "cpu"}, {"device": "cuda", "precision": precision})
    assert max(differences) < TOLERANCE[precision]


def test_unknown_precisions_and_devices_are_refused() -> None:
    from deepscan_core.features.backbones import chosen_device, load_backbone

    with pytest.raises(InputError, match="give one of float32"):
        load_backbone(precision="float8")
    for device in ("toaster", "cuda:99"):
        with pytest.raises(InputError, match="--device cpu"):
            load_backbone(device=device)
    assert chosen_device("auto") in ("cpu", "cuda")


@pytest.mark.slow
def test_the_table_of_backbones_can_be_written_without_micrographs(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    out = tmp_path / "backbones.md"
    command = [sys.executable, str(root / "benchmarks" / "backbones.py"), "resnet10t", "--rounds", "1"]
    environment = os.environ | {"PYTHONPATH": str(root), "DEEPSCAN_MODELS": str(tmp_path / "none")}
    subprocess.run([*command, "--data", str(tmp_path), "--out", str(out)], check=True, env=environment)
    rows = {line.split("|")[1].strip(): line for line in out.read_text().splitlines() if line.startswith("| ")}
    assert "**random**" in rows["resnet10t"]
    assert "**random**" not in rows["tf_efficientnet_lite0"]
    accuracy = float(rows["tf_efficientnet_lite0"].split("|")[8])
    assert 0.5 < accuracy <= 1  # guessing gives 0.25
