"""A computer without internet gets its answer at once, in one line, with nothing left changed."""

from __future__ import annotations

import logging
import socket

import pytest

from deepscan_core.errors import MissingError
from deepscan_core.weights.hub import asking_the_hub, is_reachable


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("no_network")
def test_unreachable_is_said() -> None:
    assert not is_reachable("https://example.invalid")


def test_a_listening_server_is_reachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert is_reachable(f"http://127.0.0.1:{server.getsockname()[1]}")


@pytest.mark.network
@pytest.mark.usefixtures("no_network")
def test_the_hub_is_put_offline_for_the_time_being_only() -> None:
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    with asking_the_hub():
        assert constants.HF_HUB_OFFLINE
        assert not logging.getLogger("x").isEnabledFor(logging.ERROR)
    assert before == constants.HF_HUB_OFFLINE
    assert logging.getLogger("x").isEnabledFor(logging.ERROR)


@pytest.mark.network
@pytest.mark.usefixtures("no_network")
def test_backbones_and_words_without_weights_are_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    from deepscan_core.features.backbones import load_backbone
    from deepscan_core.features.words import load_word_model

    for load, remedy in (
        (lambda: load_backbone("regnety_002"), "--backbone-weights"),
        (lambda: load_word_model("ViT-B-32"), "--clip-checkpoint"),
    ):
        with pytest.raises(MissingError, match=remedy) as caught:
            load()
        assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""
