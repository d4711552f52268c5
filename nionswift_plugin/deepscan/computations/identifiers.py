"""Identifiers made beforehand, for the moments in which the user interface must not wait.

Swift copies the layers of a display whenever its data change, and gives each copy an identifier of random bytes. While the
system makes those Python lets another thread run, which keeps its turn for 20 ms (decision 26).
"""

from __future__ import annotations

import collections
import contextlib
import uuid
from collections.abc import Iterator

MOST = 32

_made: collections.deque[uuid.UUID] = collections.deque(maxlen=MOST)
_new = uuid.uuid4  # not what stands in for it: one map may be made while another one is handed over


def make() -> None:
    """Make some, in a worker's thread."""
    while len(_made) < MOST:
        _made.append(_new())


@contextlib.contextmanager
def at_hand() -> Iterator[None]:
    """Let whoever wants a random identifier meanwhile have one of those that are made, as long as there are any."""
    made_now = uuid.uuid4

    def given() -> uuid.UUID:
        try:
            return _made.pop()
        except IndexError:
            return made_now()

    uuid.uuid4 = given
    try:
        yield
    finally:
        uuid.uuid4 = made_now
