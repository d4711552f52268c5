"""One process that makes maps, the pipes to it, and what is being waited for (``beside.py``)."""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO, Any

from deepscan_core.errors import DeepScanError
from deepscan_core.live.messages import (
    Call,
    FrameGiven,
    FrameWanted,
    Hello,
    Outcome,
    Sender,
    Share,
    Stop,
    receive,
)
from deepscan_core.live.serving import version
from deepscan_core.records.image import CalibratedImage

START_S = 30.0
END_S = 2.0
PIPE_BYTES = 1 << 20  # what Linux lets every user have; each piece that is read waits for Python's lock
REPORT_EVERY_S = 0.05  # each report wakes two threads here
MOST_AT_ONCE = 2  # frames that were clicked and go with a call; a click is mostly on one new frame

FrameOf = Callable[[str], CalibratedImage]
Report = Callable[[float], None]


class NoProcessError(RuntimeError):
    """No process can be started here, or it is not this very program."""


class ClosedError(RuntimeError):
    """It was closed while a map was being made."""


class LostError(Exception):
    """The other process ended."""


class Link:
    """One process, and what is being waited for.

    Raises `NoProcessError` where it does not start, or is another version.
    """

    def __init__(self, command: list[str]) -> None:
        self.is_lost = False
        self._numbers = itertools.count(1)
        self._given: set[tuple[str, str]] = set()  # names and versions of frames
        self._waiting: dict[int, queue.SimpleQueue[Any]] = {}
        self._lock = threading.Lock()
        self._is_closing = False
        self._process = _started(command)
        if self._process.stdin is None or self._process.stdout is None:
            raise NoProcessError("there are no pipes to it")
        self._sender, self._answers = Sender(self._process.stdin), self._process.stdout
        self._greet()
        self._reader = threading.Thread(target=self._read, name="deepscan-maps", daemon=True)
        self._reader.start()

    def call(self, function: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """What a function returns in the other process; raises what it raises there, and what `report` raises here."""
        report, frame_of = options.pop("report", None), options.pop("frame_of", None)
        versions: dict[str, str] | None = options.pop("versions", None)
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        number = next(self._numbers)
        call = Call(
            number=number,
            function=function,
            arguments=arguments,
            versions=versions,
            frames=self._new_frames(versions, frame_of),
            asks_frames=frame_of is not None,
            report_every_s=None if report is None else REPORT_EVERY_S,
            options=options,
        )
        with self._lock:
            self._waiting[number] = answers
        try:
            self._send(call)
            return self._answer(number, answers, report, frame_of)
        except BaseException:
            with contextlib.suppress(LostError):
                self._send(Stop(number=number))
            raise
        finally:
            with self._lock:
                self._waiting.pop(number, None)

    def _new_frames(self, versions: dict[str, str] | None, frame_of: FrameOf | None) -> dict[str, CalibratedImage]:
        """The latest frames that the other process cannot have: sent with the call they cost no way there and back.

        Others, and one that cannot be had, are left to be asked for, if they are needed at all.
        """
        if frame_of is None or versions is None:
            return {}
        with self._lock:
            new = [name for name, version in versions.items() if (name, version) not in self._given]
            self._given.update(versions.items())
        found = {}
        for name in new[-MOST_AT_ONCE:]:
            with contextlib.suppress(DeepScanError):
                found[name] = frame_of(name)
        return found

    def close(self) -> None:
        """End the process, which keeps nothing that could be lost."""
        self._is_closing = True
        self._process.kill()
        self._reader.join(END_S)

    def _answer(
        self, number: int, answers: queue.SimpleQueue[Any], report: Report | None, frame_of: FrameOf | None
    ) -> Any:
        if self.is_lost:
            self._raise_lost()
        while True:
            said = answers.get()
            if said is None:
                self._raise_lost()
            elif isinstance(said, Share):
                if report is not None:
                    report(said.share)
            elif isinstance(said, FrameWanted) and frame_of is not None:
                self._send(_given(number, frame_of, said.name))
            elif isinstance(said, Outcome):
                if said.error is not None:
                    raise said.error
                return said.result

    def _send(self, message: Any) -> None:
        try:
            self._sender.send(message)
        except (OSError, ValueError):
            self._lose()
            self._raise_lost()

    def _raise_lost(self) -> None:
        if self._is_closing:
            raise ClosedError("no maps are made any more")
        raise LostError

    def _greet(self) -> None:
        """Wait for its first word; kill what does not say it in time."""
        timer = threading.Timer(START_S, self._process.kill)
        timer.start()
        try:
            hello = receive(self._answers)
        finally:
            timer.cancel()
        if not isinstance(hello, Hello) or hello.version != version():
            self._process.kill()
            self._close_pipes()
            raise NoProcessError(f"the process said {hello!r} instead of {version()}")

    def _read(self) -> None:
        """Hand what comes to whoever waits for it, in a thread of its own."""
        with contextlib.suppress(OSError, ValueError):
            while (message := receive(self._answers)) is not None:
                with self._lock:
                    answers = self._waiting.get(message.number)
                if answers is not None:
                    answers.put(message)
        self._lose()
        self._close_pipes()

    def _close_pipes(self) -> None:
        with contextlib.suppress(OSError):  # what was not read cannot be written any more
            self._sender.close()
        self._answers.close()
        self._process.wait()

    def _lose(self) -> None:
        self.is_lost = True
        with self._lock:
            for answers in self._waiting.values():
                answers.put(None)


def _given(number: int, frame_of: FrameOf, name: str) -> FrameGiven:
    try:
        return FrameGiven(number=number, frame=frame_of(name))
    except DeepScanError as error:
        return FrameGiven(number=number, error=error)


def _started(command: list[str]) -> subprocess.Popen[bytes]:
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.BELOW_NORMAL_PRIORITY_CLASS | subprocess.CREATE_NO_WINDOW
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=PIPE_BYTES,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            creationflags=flags,
        )
    except OSError as error:
        raise NoProcessError(str(error)) from None
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            _widen(pipe)
    return process


def _widen(pipe: IO[bytes]) -> None:
    """Let an image through in large pieces where the system can do that: each piece waits for Python's lock."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):  # a limit of the system; it works all the same
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
