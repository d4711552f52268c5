"""Shared by all tests: where the shared micrographs are, images with planted truth, and which packages are here."""

from __future__ import annotations

import errno
import importlib.util
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest

# the same examples on every machine; `pytest --hypothesis-profile=default` looks for new ones
hypothesis.settings.register_profile("seeded", derandomize=True)
hypothesis.settings.load_profile("seeded")

# a plain module of shared checks, imported by tests of several folders: let pytest explain its assertions too
pytest.register_assert_rewrite("tests.contract.controller_contract")

THIS_COMPUTER = ("localhost", "127.0.0.1", "::1")
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def no_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several tests share few cores: Swift's windows in one must not keep the others from running."""
    monkeypatch.setenv("DEEPSCAN_PRIORITY", "usual")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first; tests that need a network are skipped, saying so, where torch is not installed."""
    _put_long_files_first(items)
    if importlib.util.find_spec("torch") is not None:
        return
    for item in items:
        if item.get_closest_marker("network"):
            item.add_marker(pytest.mark.skip(reason="torch is not installed here"))


def _put_long_files_first(items: list[pytest.Item]) -> None:
    """Files with slow tests, and then those with many: so no process is left alone with a long file in the end."""
    tests_in = Counter(item.path for item in items)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, -tests_in[item.path]))


@pytest.fixture(autouse=True)
def no_settings_of_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests know no laboratory's defaults but those that they write."""
    from deepscan_core import settings

    monkeypatch.delenv(settings.VARIABLE, raising=False)
    monkeypatch.setattr(settings, "default_places", tuple)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches beyond this computer: whatever resolves a name or opens a connection fails."""
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def refuse(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and str(address[0]) not in THIS_COMPUTER:
            raise OSError(errno.ENETUNREACH, f"tests are offline: no connection to {address[0]}")
        connect(self, address)

    def refuse_name(host: Any, *rest: Any, **named: Any) -> Any:
        if host is not None and str(host) not in THIS_COMPUTER:
            raise socket.gaierror(socket.EAI_AGAIN, f"tests are offline: {host} is not resolved")
        return resolve(host, *rest, **named)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", lambda self, address: errno.ENETUNREACH)
    monkeypatch.setattr(socket, "getaddrinfo", refuse_name)


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
