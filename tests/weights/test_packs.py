"""Packs: what one computer exports, another imports; anything else is refused."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deepscan_core.errors import InputError, MissingError
from deepscan_core.weights.pack import CONTENTS, is_pack
from deepscan_core.weights.store import ModelStore
from tests.weights.conftest import SMALL, checkpoint

pytestmark = pytest.mark.network


@pytest.fixture
def pack(store: ModelStore, tmp_path: Path) -> Path:
    from deepscan_core.weights.adding import import_file
    from deepscan_core.weights.transfer import export_pack

    import_file(store, checkpoint(tmp_path / f"{SMALL}.mine.pth"), licence="MIT")
    export_pack(store, [SMALL], tmp_path / "models.pack")
    return tmp_path / "models.pack"


@pytest.fixture
def other(tmp_path: Path) -> ModelStore:
    """The store of another computer."""
    return ModelStore(tmp_path / "other" / "models")


def test_what_one_computer_exports_another_imports(
    store: ModelStore, other: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepscan_core.features.backbones import load_backbone
    from deepscan_core.weights.adding import import_file
    from deepscan_core.weights.transfer import export_pack, import_pack

    import_file(store, checkpoint(tmp_path / f"{SMALL}.mine.pth"))
    path = tmp_path / "two.pack"
    exported = export_pack(store, ["tf_efficientnet_lite0", f"{SMALL}.mine"], path)
    assert import_pack(other, path) == exported
    assert other.names() == (f"{SMALL}.mine", "tf_efficientnet_lite0")
    scaled = np.random.default_rng(0).random((64, 96)).astype(np.float32)
    here = [load_backbone(name).levels(scaled, scale=1.0) for name in (SMALL, "tf_efficientnet_lite0")]
    monkeypatch.setenv("DEEPSCAN_MODELS", str(other.folder))
    there = [load_backbone(name).levels(scaled, scale=1.0) for name in (SMALL, "tf_efficientnet_lite0")]
    for a, b in zip((level for levels in here for level in levels), (v for vs in there for v in vs), strict=True):
        assert np.array_equal(a.values, b.values)
        assert a.origin_px == b.origin_px


def test_the_same_networks_give_the_same_bytes(store: ModelStore, pack: Path, tmp_path: Path) -> None:
    from deepscan_core.weights.transfer import export_pack

    export_pack(store, [SMALL, f"{SMALL}.mine"], tmp_path / "again.pack")
    assert (tmp_path / "again.pack").read_bytes() == pack.read_bytes()


def test_a_pack_is_not_replaced_unless_asked(store: ModelStore, pack: Path, tmp_path: Path) -> None:
    from deepscan_core.weights.transfer import export_pack

    with pytest.raises(InputError, match="--overwrite"):
        export_pack(store, [SMALL], pack)
    export_pack(store, [SMALL], pack, overwrite=True)
    for path in (tmp_path, tmp_path / "nowhere" / "p.pack"):
        with pytest.raises(InputError, match="--out"):
            export_pack(store, [SMALL], path, overwrite=True)
    with pytest.raises(MissingError, match="fetch resnet18"):
        export_pack(store, [SMALL, "resnet18"], tmp_path / "other.pack")
    assert sorted(p.name for p in tmp_path.iterdir() if "pack" in p.name or p.name.startswith(".")) == ["models.pack"]


def test_importing_twice_is_refused_unless_asked(other: ModelStore, pack: Path) -> None:
    from deepscan_core.weights.transfer import import_pack

    import_pack(other, pack)
    with pytest.raises(InputError, match="--overwrite"):
        import_pack(other, pack)
    import_pack(other, pack, overwrite=True)
    assert [p.name for p in other.folder.iterdir()] == [f"{SMALL}.mine"]


def test_checkpoints_of_torch_are_no_packs(tmp_path: Path, pack: Path) -> None:
    assert is_pack(pack)
    assert not is_pack(checkpoint(tmp_path / "x.pth"))
    assert not is_pack(tmp_path / "absent")
    assert not is_pack(tmp_path)


def rewrite(
    pack: Path,
    change: Callable[[dict[str, bytes]], dict[str, bytes]],
    compression: int = zipfile.ZIP_STORED,
) -> Path:
    """The pack with its members changed."""
    with zipfile.ZipFile(pack) as archive:
        members = change({name: archive.read(name) for name in archive.namelist()})
    path = pack.with_name("changed.pack")
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def with_card(change: dict[str, object]) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    def edit(members: dict[str, bytes]) -> dict[str, bytes]:
        contents = json.loads(members[CONTENTS])
        contents["models"][0] |= change
        return members | {CONTENTS: json.dumps(contents).encode()}

    return edit


def one_byte(members: dict[str, bytes]) -> dict[str, bytes]:
    name = f"{SMALL}.mine.safetensors"
    content = bytearray(members[name])
    content[-1] ^= 1
    return members | {name: bytes(content)}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (one_byte, "not what its card says"),
        (lambda m: m | {"../../evil": b"x"}, "other files"),
        (lambda m: {CONTENTS: m[CONTENTS]}, "other files"),
        (lambda m: m | {CONTENTS: b"[]"}, "no pack"),
        (lambda m: m | {CONTENTS: b"{" * 10000}, "not JSON"),
        (lambda m: m | {CONTENTS: b" " * 2_000_000}, "2000000 bytes"),
        (lambda m: m | {CONTENTS: b'{"format": "deepscan-models", "schema_version": 2, "models": []}'}, "version 2"),
        (lambda m: {CONTENTS: b'{"format": "deepscan-models", "schema_version": 1, "models": []}'}, "no network"),
        (with_card({"name": "../evil"}), "cannot name weights"),
        (with_card({"bytes": 10**15}), "other files"),
        (with_card({"sha256": "0" * 64}), "not what its card says"),
        (with_card({"name": "resnet18"}), "other files"),
    ],
)
def test_altered_packs_are_refused_and_leave_nothing(
    other: ModelStore, pack: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]], reason: str
) -> None:
    from deepscan_core.weights.transfer import import_pack

    with pytest.raises(InputError, match=reason) as caught:
        import_pack(other, rewrite(pack, change))
    assert "\n" not in str(caught.value)
    assert not any(other.folder.iterdir())
    assert not (other.folder.parent / "evil").exists()


def test_weights_under_the_name_of_another_network_are_refused(other: ModelStore, pack: Path) -> None:
    from deepscan_core.weights.transfer import import_pack

    def renamed(members: dict[str, bytes]) -> dict[str, bytes]:
        contents = with_card({"name": "resnet18", "architecture": "resnet18"})(members)[CONTENTS]
        return {CONTENTS: contents, "resnet18.safetensors": members[f"{SMALL}.mine.safetensors"]}

    with pytest.raises(InputError, match="does not fit the network"):
        import_pack(other, rewrite(pack, renamed))
    assert not any(other.folder.iterdir())


def test_a_bomb_is_refused_before_it_is_unpacked(other: ModelStore, pack: Path) -> None:
    from deepscan_core.weights.transfer import import_pack

    bomb = rewrite(
        pack, lambda m: m | {f"{SMALL}.mine.safetensors": bytes(50_000_000)}, compression=zipfile.ZIP_DEFLATED
    )
    assert bomb.stat().st_size < 100_000
    with pytest.raises(InputError, match="compressed"):
        import_pack(other, bomb)


@pytest.mark.parametrize("part", [0.0, 0.001, 0.3, 0.6, 0.9, 0.9999])
def test_cut_packs_are_refused(other: ModelStore, pack: Path, part: float) -> None:
    from deepscan_core.weights.transfer import import_pack

    content = pack.read_bytes()
    pack.write_bytes(content[: int(part * len(content))])
    with pytest.raises(InputError):
        import_pack(other, pack)


def test_any_altered_byte_is_refused_or_harmless(other: ModelStore, pack: Path) -> None:
    """Bytes of the zip's own tables included: what is read is what was packed, or nothing is."""
    from deepscan_core.weights.pack import unpack

    content = pack.read_bytes()
    tables = [*range(400), *range(len(content) - 400, len(content)), *range(400, len(content) - 400, 100_003)]
    stage = other.folder
    for place in tables:
        altered = bytearray(content)
        altered[place] ^= 0xFF
        pack.write_bytes(altered)
        stage.mkdir(parents=True, exist_ok=True)
        try:
            (card,) = unpack(pack, stage)
        except InputError:
            continue
        assert ModelStore(stage).checked_file(card.name)
