"""The model hub: optional, asked quietly, and given up at once where it cannot be reached."""

from __future__ import annotations

import contextlib
import logging
import socket
import urllib.parse
import urllib.request
from collections.abc import Iterator

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
