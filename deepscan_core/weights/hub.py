"""The model hub: optional, asked quietly, and given up at once where it cannot be reached."""

from __future__ import annotations

import contextlib
import logging
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from deepscan_core.errors import InputError, MissingError
from deepscan_core.weights.architectures import ANY_SIZE, check_known, import_timm, knows_tag, tags_of, training_of
from deepscan_core.weights.names import timm_name

if TYPE_CHECKING:
    from torch import nn

REACH_TIMEOUT_S = 3.0


@contextlib.contextmanager
def asking_the_hub() -> Iterator[None]:
    """While fetching weights: no log lines, and only what is kept on this computer if the hub cannot be reached.

    The hub's client retries each file for half a minute, and says so each time. A computer without internet is the normal
    case at a microscope.
    """
    from huggingface_hub import constants

    was_offline, was_disabled = constants.HF_HUB_OFFLINE, logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    constants.HF_HUB_OFFLINE = was_offline or not is_reachable(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = was_offline
        logging.disable(was_disabled)


def is_reachable(endpoint: str) -> bool:
    """Whether a connection can be opened to a server; True where a proxy is set, which is left to try."""
    if urllib.request.getproxies():
        return True
    address = urllib.parse.urlsplit(endpoint)
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        with socket.create_connection((address.hostname or "", port), timeout=REACH_TIMEOUT_S):
            return True
    except OSError:
        return False


def network_from_hub(name: str, *, remedy: str) -> nn.Module:
    """A network of timm without its classifier, filled from the hub or from what the hub's client keeps on this computer.

    Parameters
    ----------
    name : as timm knows it, with or without a tag.
    remedy : what to do where it cannot be had.

    Raises
    ------
    InputError
        timm knows no such network, or no such weights of it.
    MissingError
        The hub cannot be reached, or gave none.
    """
    check_known(name)
    if not knows_tag(name):
        known = ", ".join(tags_of(name)) or "none"
        raise InputError(f"timm knows no weights by the name {name!r}, but {known}: give one of these, or a file")
    timm = import_timm()
    settings: dict[str, Any] = {"pretrained": True, "num_classes": 0}
    try:
        with asking_the_hub():
            try:
                network: nn.Module = timm.create_model(timm_name(name), **settings, **ANY_SIZE)
            except TypeError:  # see `create_network`
                network = timm.create_model(timm_name(name), **settings)
    except Exception as error:  # the hub's client raises its own, httpx's, and urllib's errors
        raise MissingError(
            f"weights of {name} are not on this computer, and the model hub gave none ({type(error).__name__}): {remedy}"
        ) from None
    return network.eval()


def hub_page(name: str) -> str:
    """Where timm takes weights from."""
    training = training_of(name)
    return f"https://huggingface.co/{training.hf_hub_id}" if training.hf_hub_id else str(training.url or "timm")
