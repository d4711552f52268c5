"""A store of its own for every test, and small networks to put into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepscan_core.weights.store import FOLDER_VARIABLE, ModelStore

SMALL = "mobilenetv3_small_050"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    folder = tmp_path / "models"
    monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
    return ModelStore(folder)


def checkpoint(path: Path, name: str = SMALL, *, seed: int = 0) -> Path:
    """A file of random weights of a whole network, classifier included, as its authors would give it."""
    import torch
    from safetensors.torch import save_file

    from deepscan_core.weights.architectures import create_network

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tensors = create_network(name, whole=True).state_dict()
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return path
