"""How Windows runs threads (SetThreadPriority), which everybody may choose."""

from __future__ import annotations

import ctypes
import sys
import threading
from dataclasses import dataclass
from typing import Any

IS_KNOWN = sys.platform == "win32"
ABOVE_NORMAL = 1
UNKNOWN = 0x7FFFFFFF  # what GetThreadPriority says of a thread that it cannot tell of
MAY_SET, MAY_ASK = 0x0020, 0x0040  # THREAD_SET_INFORMATION, THREAD_QUERY_INFORMATION


def kernel() -> Any:
    """The library of the system that knows threads; raises `OSError` elsewhere than on Windows."""
    if sys.platform == "win32":
        return ctypes.WinDLL("kernel32")
    raise OSError(f"{sys.platform} has no kernel32: ask for it on Windows alone")


@dataclass(frozen=True, kw_only=True)
class WindowsThread:
    """A thread that comes first, and its priority before.

    Attributes
    ----------
    library : of `kernel`.
    number : of the thread.
    priority : before.
    """

    library: Any
    number: int
    priority: int

    @classmethod
    def come_first(cls, library: Any) -> WindowsThread | None:
        """Let the calling thread come before those of the usual priority; None where it has another one already."""
        number = threading.get_native_id()
        with _Handle(library, number) as handle:
            priority = UNKNOWN if handle is None else library.GetThreadPriority(handle)
            if priority != 0 or not library.SetThreadPriority(handle, ABOVE_NORMAL):
                return None
        return cls(library=library, number=number, priority=priority)

    def as_before(self) -> None:
        """Run it as before."""
        with _Handle(self.library, self.number) as handle:
            if handle is not None:
                self.library.SetThreadPriority(handle, self.priority)


class _Handle:
    """What Windows wants in place of a thread's number; None where the thread has ended."""

    def __init__(self, library: Any, number: int) -> None:
        self._library = library
        library.OpenThread.restype = ctypes.c_void_p  # else a long one is cut off
        self._handle = library.OpenThread(MAY_SET | MAY_ASK, False, number)

    def __enter__(self) -> Any:
        return ctypes.c_void_p(self._handle) if self._handle else None

    def __exit__(self, *raised: object) -> None:
        if self._handle:
            self._library.CloseHandle(ctypes.c_void_p(self._handle))
