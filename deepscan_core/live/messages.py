"""Messages between this process and one that it started, each led by its length.

They are pickled: both ends are this program, over pipes that nobody else can write to.
"""

from __future__ import annotations

import pickle
import struct
import threading
from dataclasses import dataclass, field
from typing import IO, Any

_LENGTH = struct.Struct("<4sQ")
_MARK = b"DeSc"


@dataclass(frozen=True, kw_only=True)
class Hello:
    """The other process is there. `version` is what has to be the same at both ends."""

    version: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Call:
    """A function of `deepscan_core.live.maps` is wanted.

    Attributes
    ----------
    number : of the call, repeated in everything that is said of it.
    function : its name.
    arguments, options : what it is given, apart from the callbacks.
    versions : what `version_of` says of each frame, None where nobody says it.
    frames : those that were clicked, by name, where the other end cannot have them yet.
    asks_frames : whether there is a `frame_of`, for the ones that it lacks.
    report_every_s : how often to say how much is done, at most; None where nobody wants to know.
    """

    number: int
    function: str
    arguments: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] | None = None
    frames: dict[str, Any] = field(default_factory=dict)
    asks_frames: bool = False
    report_every_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Nobody waits for a call any more."""

    number: int


@dataclass(frozen=True, kw_only=True)
class Share:
    """So much of a call is done, from 0 to 1."""

    number: int
    share: float


@dataclass(frozen=True, kw_only=True)
class FrameWanted:
    """A call needs the frame of this name."""

    number: int
    name: str


@dataclass(frozen=True, kw_only=True)
class FrameGiven:
    """The frame that was wanted, or why there is none."""

    number: int
    frame: Any = None
    error: Exception | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a call returned, or raised."""

    number: int
    result: Any = None
    error: Exception | None = None


class Sender:
    """Writes messages to a pipe, from any thread."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def send(self, message: Any) -> None:
        """Write one; raises `OSError` or `ValueError` where nobody reads any more."""
        packed = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        with self._lock:
            self._pipe.write(_LENGTH.pack(_MARK, len(packed)) + packed)  # at once: whoever writes twice waits twice
            self._pipe.flush()

    def close(self) -> None:
        """There will be no more; raises `OSError` where the pipe broke before."""
        with self._lock:
            self._pipe.close()


def receive(pipe: IO[bytes]) -> Any | None:
    """The next message; None where there will be no more, or something else comes."""
    head = _exactly(pipe, _LENGTH.size)
    if head is None:
        return None
    mark, length = _LENGTH.unpack(head)
    packed = _exactly(pipe, length) if mark == _MARK else None
    return None if packed is None else pickle.loads(packed)  # noqa: S301 - see above


def _exactly(pipe: IO[bytes], count: int) -> bytes | None:
    got = pipe.read(count)
    return got if len(got) == count else None
