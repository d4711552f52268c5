"""Weights that were brought to this computer: checked when they come, and whenever they are used."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from deepscan_core.errors import InputError, MissingError
from deepscan_core.weights.store import CARD, FOLDER_VARIABLE, ModelStore, store_folder
from tests.weights.conftest import SMALL, checkpoint

pytestmark = pytest.mark.network


def left_behind(store: ModelStore) -> list[str]:
    return sorted(p.name for p in store.folder.iterdir()) if store.folder.exists() else []


def test_the_folder_is_the_users_or_the_one_that_was_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "x" / ".." / "y"))
    assert store_folder() == tmp_path / "y"
    monkeypatch.setenv(FOLDER_VARIABLE, "")
    assert store_folder().parts[-2:] == ("deepscan", "models")
    assert ModelStore(tmp_path / "nowhere").names() == ()


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_an_imported_file_gives_the_features_of_the_file(store: ModelStore, tmp_path: Path, suffix: str) -> None:
    from deepscan_core.features.backbones import load_backbone
    from deepscan_core.weights.adding import import_file

    path = checkpoint(tmp_path / f"{SMALL}.mine{suffix}", seed=3)
    card = import_file(store, path, licence="MIT")
    assert (card.name, card.architecture, card.licence) == (f"{SMALL}.mine", SMALL, "MIT")
    assert path.name in card.origin
    scaled = np.random.default_rng(0).random((64, 96)).astype(np.float32)
    from_file = load_backbone(SMALL, path).levels(scaled, scale=1.0)
    for name in (f"{SMALL}.mine", SMALL):  # with its tag, and as the only one of this architecture
        stored = load_backbone(name)
        assert stored.name == f"{SMALL}.mine"
        for a, b in zip(from_file, stored.levels(scaled, scale=1.0), strict=True):
            assert np.array_equal(a.values, b.values)


def test_a_name_that_two_entries_could_mean_is_refused_with_both(store: ModelStore, tmp_path: Path) -> None:
    from deepscan_core.features.backbones import load_backbone
    from deepscan_core.weights.adding import import_file

    path = checkpoint(tmp_path / "weights.pth")
    for tag in ("one", "two"):
        import_file(store, path, name=f"{SMALL}.{tag}")
    with pytest.raises(InputError, match=rf"{SMALL}.one, {SMALL}.two"):
        load_backbone(SMALL)
    assert load_backbone(f"{SMALL}.two").name == f"{SMALL}.two"


def test_weights_altered_in_one_byte_are_refused(store: ModelStore, tmp_path: Path) -> None:
    from deepscan_core.features.backbones import load_backbone
    from deepscan_core.weights.adding import import_file

    import_file(store, checkpoint(tmp_path / f"{SMALL}.pth"))
    load_backbone(SMALL)
    path = store.file(SMALL)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))
    with pytest.raises(MissingError, match=r"SHA-256 .* instead of .*--overwrite"):
        load_backbone(SMALL)


def test_a_packaged_file_altered_in_one_byte_is_refused(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepscan_core.features import backbones
    from deepscan_core.weights.catalogue import PACKAGED, PackagedWeights

    original = PACKAGED["tf_efficientnet_lite0"].file()
    altered = tmp_path / original.name
    content = bytearray(original.read_bytes())
    content[len(content) // 2] ^= 1
    altered.write_bytes(content)
    monkeypatch.setattr(PackagedWeights, "file", lambda self: altered)
    backbones._prepared.cache_clear()
    with pytest.raises(MissingError, match=r"SHA-256 .* instead of .*force-reinstall"):
        backbones.load_backbone()


def test_a_name_that_is_taken_is_kept_unless_asked(store: ModelStore, tmp_path: Path) -> None:
    from deepscan_core.weights.adding import import_file

    first = import_file(store, checkpoint(tmp_path / f"{SMALL}.pth", seed=1))
    other = checkpoint(tmp_path / "other.pth", seed=2)
    with pytest.raises(InputError, match="--overwrite"):
        import_file(store, other, name=SMALL)
    assert store.card(SMALL) == first
    second = import_file(store, other, name=SMALL, overwrite=True)
    assert second.sha256 != first.sha256
    assert store.checked_file(SMALL).exists()
    assert left_behind(store) == [SMALL]


def test_wrong_files_are_refused_with_the_reason_and_leave_nothing(store: ModelStore, tmp_path: Path) -> None:
    import torch

    from deepscan_core.weights.adding import import_file
    from deepscan_core.weights.sources import find_weights

    good = torch.load(checkpoint(tmp_path / "good.pth"), weights_only=True)
    first = next(iter(good))
    text, cut = tmp_path / "text.pth", tmp_path / "cut.safetensors"
    text.write_text("no weights")
    cut.write_bytes(checkpoint(tmp_path / "whole.safetensors").read_bytes()[:1000])
    cases = {
        r"1 tensors missing \(first: " + first: {k: v for k, v in good.items() if k != first},
        r"1 tensors unknown \(first: extra\)": good | {"extra": torch.zeros(1)},
        r"1 tensors of another shape \(first: " + first + r" \(2,\) instead of": good | {first: torch.zeros(2)},
        "not finite": good | {first: torch.full_like(good[first], float("nan"))},
        "no table of named tensors": {"state_dict": [1, 2]},
    }
    for k, (reason, document) in enumerate(cases.items()):
        torch.save(document, tmp_path / f"{k}.pth")
        with pytest.raises(InputError, match=reason) as caught:
            import_file(store, tmp_path / f"{k}.pth", name=SMALL)
        assert "\n" not in str(caught.value)
    for path in (text, cut, tmp_path, tmp_path / "absent.pth"):
        with pytest.raises(InputError):
            import_file(store, path, name=SMALL)
    with pytest.raises(InputError, match="--name"):
        import_file(store, tmp_path / "good.pth")
    with pytest.raises(InputError, match="not the one that was given"):
        import_file(store, tmp_path / "good.pth", name=SMALL, sha256="0" * 64)
    with pytest.raises(InputError, match="64 hexadecimal"):
        import_file(store, tmp_path / "good.pth", name=SMALL, sha256="abc")
    for path in (tmp_path, tmp_path / "absent.pth"):
        with pytest.raises(InputError, match=r"file"):
            find_weights(SMALL, path)
    torch.save(good | {"\x1b[31mred": torch.zeros(1)}, tmp_path / "coloured.pth")
    with pytest.raises(InputError, match=r"\?\[31mred"):
        import_file(store, tmp_path / "coloured.pth", name=SMALL)
    assert left_behind(store) == []


def test_a_checkpoint_by_its_authors_names_is_converted(store: ModelStore, tmp_path: Path) -> None:
    """torchvision's file of regnet_y_400mf becomes timm's regnety_004, and computes the same."""
    import torch

    from deepscan_core.features.folding import intermediate_maps
    from deepscan_core.weights.adding import import_file
    from deepscan_core.weights.sources import filled_network, find_weights

    find_weights("regnet_y_400mf")  # makes torchvision importable
    import torchvision

    torch.manual_seed(5)
    theirs = torchvision.models.get_model("regnet_y_400mf", weights=None).eval()
    torch.save(theirs.state_dict(), tmp_path / "regnet_y_400mf-0123.pth")
    card = import_file(store, tmp_path / "regnet_y_400mf-0123.pth", name="regnet_y_400mf")
    assert card.name == "regnety_004.tv2_in1k"
    ours, _, _ = filled_network(find_weights("regnet_y_400mf"))
    batch = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        expected = theirs.trunk_output[:2](theirs.stem(batch))
        (found,) = intermediate_maps(ours, (2,), batch)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))


def test_dinov2_as_its_authors_give_it_is_converted(store: ModelStore, tmp_path: Path) -> None:
    """Their class token and the position of it are apart, and a token for training is left over."""
    import torch

    from deepscan_core.weights.adding import import_file
    from deepscan_core.weights.sources import filled_network, find_weights

    name = "vit_small_patch14_reg4_dinov2"
    network, _, _ = filled_network(find_weights(name, "random"))
    ours = network.state_dict()
    place = torch.full((1, 1, 384), 0.25)
    theirs = {k: v for k, v in ours.items() if k not in ("reg_token", "pos_embed", "cls_token")}
    theirs |= {"register_tokens": ours["reg_token"], "cls_token": ours["cls_token"] - place}
    theirs |= {"pos_embed": torch.cat([place, ours["pos_embed"]], dim=1), "mask_token": torch.zeros(1, 384)}
    torch.save(theirs, tmp_path / "dinov2_vits14_reg4_pretrain.pth")
    card = import_file(store, tmp_path / "dinov2_vits14_reg4_pretrain.pth", name="dinov2_vits14_reg")
    assert card.name == f"{name}.lvd142m"
    found, _, _ = filled_network(find_weights("dinov2_vits14_reg"))
    for key, tensor in found.state_dict().items():
        assert torch.allclose(tensor, ours[key], atol=1e-6), key


def test_a_file_of_a_known_package_is_recognised_by_its_hash(store: ModelStore) -> None:
    from deepscan_core.weights.adding import import_file
    from deepscan_core.weights.catalogue import PACKAGED

    packaged = PACKAGED["tf_efficientnet_lite0"]
    card = import_file(store, packaged.file())
    assert (card.name, card.licence, card.mean) == (packaged.name, packaged.licence, packaged.mean)


def test_damaged_cards_are_named(store: ModelStore, tmp_path: Path) -> None:
    from deepscan_core.weights.adding import import_file

    import_file(store, checkpoint(tmp_path / f"{SMALL}.pth"))
    path = store.folder / SMALL / CARD
    whole = json.loads(path.read_text())
    damaged = [
        "[",
        "[]",
        "{}",
        *(json.dumps(whole | change) for change in ({"extra": 1}, {"schema_version": 9}, {"name": "resnet18"})),
        *(json.dumps(whole | change) for change in ({"bytes": "1"}, {"bytes": 0}, {"sha256": "x"}, {"mean": [1, 2]})),
        *(json.dumps(whole | change) for change in ({"mean": [10**400, 1, 1]}, {"mean": [float("nan"), 1, 1]})),
        *(json.dumps(whole | change) for change in ({"std": [0, 1, 1]}, {"licence": 3}, {"licence": "a\nb"})),
    ]
    for text in damaged:
        path.write_text(text)
        with pytest.raises(MissingError, match=r"import .* again with --overwrite"):
            store.checked_file(SMALL)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="permissions are not kept from this user")
def test_a_folder_that_cannot_be_written_is_one_line(store: ModelStore, tmp_path: Path) -> None:
    from deepscan_core.weights.adding import import_file

    store.folder.mkdir(mode=0o500)
    with pytest.raises(InputError, match=FOLDER_VARIABLE):
        import_file(store, checkpoint(tmp_path / f"{SMALL}.pth"))


def test_a_file_in_place_of_the_folder_is_one_line(store: ModelStore, tmp_path: Path) -> None:
    from deepscan_core.weights.adding import import_file

    store.folder.write_text("a file")
    for work in (store.names, lambda: import_file(store, checkpoint(tmp_path / f"{SMALL}.pth"))):
        with pytest.raises(InputError, match=FOLDER_VARIABLE):
            work()


def test_an_interrupted_import_leaves_the_old_entry(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepscan_core.weights import store as module
    from deepscan_core.weights.adding import import_file

    card = import_file(store, checkpoint(tmp_path / f"{SMALL}.pth", seed=1))
    replace = os.replace

    def full_disk(source: Path, target: Path) -> None:
        if Path(target).parent == store.folder and ".replaced" not in str(source):
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(module.os, "replace", full_disk)
    with pytest.raises(InputError, match="No space left"):
        import_file(store, checkpoint(tmp_path / "other.pth", seed=2), name=SMALL, overwrite=True)
    monkeypatch.undo()
    assert ModelStore(store.folder).card(SMALL) == card
    assert store.checked_file(SMALL).exists()
    assert left_behind(store) == [SMALL]
