"""Shared by all tests: where the shared micrographs are, images with planted truth, and which packages are here."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need a network are skipped, saying so, where torch is not installed."""
    if importlib.util.find_spec("torch") is not None:
        return
    for item in items:
        if item.get_closest_marker("network"):
            item.add_marker(pytest.mark.skip(reason="torch is not installed here"))


@pytest.fixture(autouse=True, scope="session")
def nobodys_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test sees the weights that were brought to this computer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEPSCAN_MODELS", str(tmp_path_factory.mktemp("store") / "models"))
        yield


@pytest.fixture
def shared_data() -> Path:
    """Folder of real micrographs; a test that asks for it is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("shared/data is not beside the project: real micrographs are not checked")
    return SHARED_DATA


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def spot_image(shape: tuple[int, int], places: list[tuple[float, float]], *, seed: int = 0) -> np.ndarray:
    """Noise of standard deviation 3 around 100 with Gaussian spots of height 60 and width 3 px."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    array = np.random.default_rng(seed).normal(100, 3, shape)
    for py, px in places:
        array += 60 * np.exp(-((y - py) ** 2 + (x - px) ** 2) / (2 * 3.0**2))
    return array
