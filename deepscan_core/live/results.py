"""The last results of something that takes long, for everybody who asks for the same."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class _Entry(Generic[Result]):
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made: Result | None = None


class ResultStore(Generic[Result]):
    """Results by key; the ones not asked for longest are forgotten first. Safe in any thread.

    Parameters
    ----------
    most : how many are kept.
    """

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[Hashable, _Entry[Result]] = OrderedDict()
        self._lock = threading.Lock()

    def once(self, key: Hashable | None, make: Callable[[], Result]) -> Result:
        """What was made under a key; whoever asks while it is being made waits for it.

        Where making it fails nothing is kept, and the next one who asks makes it. Nothing is kept under the key None.
        """
        if key is None:
            return make()
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
        with entry.lock:
            if entry.made is None:
                entry.made = make()
            return entry.made
