"""``deepscan models`` as it is typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from deepscan_core.cli import main
from deepscan_core.weights.store import FOLDER_VARIABLE, ModelStore
from tests.cli.test_run import refused
from tests.conftest import spot_image
from tests.weights.conftest import SMALL, checkpoint

pytestmark = pytest.mark.network


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "models"))
    return ModelStore(tmp_path / "models")


def listed(capsys: pytest.CaptureFixture[str], action: str = "list") -> dict[str, dict[str, object]]:
    capsys.readouterr()
    assert main(["models", action, "--json"]) == 0
    return {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)["models"]}


def test_list_and_verify_name_what_is_here(
    store: ModelStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    default = listed(capsys, "verify")["tf_efficientnet_lite0"]
    assert (default["kind"], default["state"], default["licence"]) == ("packaged", "verified", "Apache-2.0")
    path = checkpoint(tmp_path / f"{SMALL}.safetensors")
    assert main(["models", "import", str(path), "--licence", "CC-BY-4.0", "--json"]) == 0
    (card,) = json.loads(capsys.readouterr().out)["imported"]
    entry = listed(capsys, "verify")[SMALL]
    assert (entry["kind"], entry["state"], entry["licence"]) == ("store", "verified", "CC-BY-4.0")
    assert (entry["sha256"], entry["bytes"]) == (card["sha256"], Path(str(entry["path"])).stat().st_size)
    assert main(["models", "list"]) == 0
    text = capsys.readouterr().out
    assert str(store.folder) in text
    assert card["sha256"] in text


def test_verify_fails_with_one_line_where_a_byte_differs(
    store: ModelStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "import", str(checkpoint(tmp_path / "w.pth")), "--name", SMALL]) == 0
    with store.file(SMALL).open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    assert "--overwrite" in refused(capsys, ["models", "verify"])
    assert listed(capsys)[SMALL]["state"] == "installed"  # a list does not read the weights
    assert "SHA-256" in refused(capsys, ["models", "export", SMALL, "--out", str(tmp_path / "p")])
    assert not (tmp_path / "p").exists()
    store.file(SMALL).unlink()
    assert "import" in refused(capsys, ["models", "verify"])
    assert "missing" in str(listed(capsys)[SMALL]["state"])


def test_a_computer_without_internet_uses_what_another_packed(
    store: ModelStore, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["models", "import", str(checkpoint(tmp_path / "w.pth")), "--name", SMALL]) == 0
    pack = str(tmp_path / "lab.pack")
    assert main(["models", "export", SMALL, "tf_efficientnet_lite0", "--out", pack]) == 0
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "microscope"))
    assert "leave them away" in refused(capsys, ["models", "import", pack, "--name", "resnet18"])
    assert main(["models", "import", pack]) == 0
    assert "--overwrite" in refused(capsys, ["models", "import", pack])
    assert main(["models", "import", pack, "--overwrite"]) == 0
    image = tmp_path / "spots.tif"
    tifffile.imwrite(image, spot_image((96, 96), [(40.0, 50.0)]).astype(np.float32))
    assert main(["run", str(image), "--out", str(tmp_path / "out"), "--backbone", SMALL]) == 0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["import", "absent.pth"], "absent.pth"),
        (["import", "absent.pth", "--sha256", "12"], "64 hexadecimal"),
        (["fetch", "resnet_180"], "resnet"),
        (["fetch", "regnety_004.never"], "regnety_004.tv2_in1k"),
        (["export", "resnet18", "--out", "p"], "fetch resnet18"),
        (["export", "resnet18"], "--out"),
        (["burn"], "burn"),
        ([], ""),
    ],
)
def test_bad_arguments_are_one_line(
    store: ModelStore, capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    assert named in refused(capsys, ["models", *arguments])
    assert not store.folder.exists()


def test_fetching_without_internet_is_one_line_at_once(
    store: ModelStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepscan_core.weights import hub

    monkeypatch.setattr(hub, "is_reachable", lambda _: False)
    assert "models import PACK" in refused(capsys, ["models", "fetch", "regnet_y_400mf"])
    assert store.names() == ()


def test_what_is_fetched_bears_the_name_and_licence_that_timm_states(
    store: ModelStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepscan_core.weights import hub
    from deepscan_core.weights.architectures import import_timm

    timm = import_timm()
    create = timm.create_model
    monkeypatch.setattr(hub, "is_reachable", lambda _: False)
    monkeypatch.setattr(timm, "create_model", lambda name, **settings: create(name, **settings | {"pretrained": False}))
    assert main(["models", "fetch", "regnet_y_400mf", "--json"]) == 0
    (card,) = json.loads(capsys.readouterr().out)["fetched"]
    assert (card["name"], card["licence"]) == ("regnety_004.tv2_in1k", "bsd-3-clause")
    assert card["origin"] == "https://huggingface.co/timm/regnety_004.tv2_in1k"
    assert "--overwrite" in refused(capsys, ["models", "fetch", "regnety_004"])


def test_listing_loads_no_torch(store: ModelStore) -> None:
    code = "import sys; from deepscan_core.cli import main; main(['models', 'verify']); print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "False"
