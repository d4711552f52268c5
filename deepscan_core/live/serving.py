"""``python -m deepscan_core.live.serving``: the other process, which makes maps while a microscope's window stays free.

It reads calls on stdin, makes each in a thread of its own, and answers on stdout; it ends with stdin. It gives way to
everything else on the computer, and keeps what is loaded out of Python's search for garbage.
"""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import IO, Any

from deepscan_core.errors import DeepScanError
from deepscan_core.live.clicked import ClickedFrames
from deepscan_core.live.messages import Call, FrameGiven, FrameWanted, Hello, Outcome, Sender, Share, Stop, receive
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap

FUNCTIONS = ("surprisal", "teach", "teach_levels", "search", "quantify", "suggest_click", "explain", "warm")
GIVE_WAY = 5  # of 19: a window draws first, and a computer with much to do still makes maps


class _StoppedError(Exception):
    """Nobody waits for this call any more."""


def version() -> tuple[str, ...]:
    """What has to be the same at both ends of the pipes."""
    return (platform.python_version(), os.path.realpath(__file__))


class Server:
    """Answers calls.

    Parameters
    ----------
    answers : pipe that takes the answers.
    """

    def __init__(self, answers: IO[bytes]) -> None:
        self._sender = Sender(answers)
        self._stopped: set[int] = set()
        self._frames: dict[int, queue.SimpleQueue[FrameGiven]] = {}
        self._clicked = ClickedFrames()

    def serve(self, requests: IO[bytes]) -> None:
        """Say hello, and answer until there are no more requests."""
        self._sender.send(Hello(version=version()))
        while (message := receive(requests)) is not None:
            if isinstance(message, Call):
                self._frames[message.number] = queue.SimpleQueue()
                threading.Thread(target=self._answer, args=(message,), name=message.function, daemon=True).start()
            elif isinstance(message, Stop) and message.number in self._frames:  # else it is done
                self._stopped.add(message.number)
            elif isinstance(message, FrameGiven) and message.number in self._frames:
                self._frames[message.number].put(message)

    def _answer(self, call: Call) -> None:
        try:
            outcome = Outcome(number=call.number, result=self._called(call))
        except Exception as error:
            outcome = Outcome(number=call.number, error=_portable(error))
        self._frames.pop(call.number, None)
        self._stopped.discard(call.number)
        try:
            self._sender.send(outcome)
        except (OSError, ValueError):  # nobody reads: the whole process ends in a moment
            return

    def _called(self, call: Call) -> Any:
        from deepscan_core.live import maps

        if call.function not in FUNCTIONS:
            raise ValueError(f"there is no function {call.function!r}")
        options: dict[str, Any] = dict(call.options)
        if call.function == "warm":
            maps.warm(*call.arguments, **options)
            gc.freeze()
            return None
        if call.asks_frames:
            options["frame_of"] = lambda name: self._frame(call, name)
        if call.versions is not None:
            options["version_of"] = call.versions.__getitem__
            self._clicked.keep(call.frames, call.versions)
        options["report"] = self._reporter(call)
        function: Callable[..., Any] = getattr(maps, call.function)
        result = function(*call.arguments, **options)
        if isinstance(result, ScoreMap):
            _ = result.display_levels  # made here, where nothing is drawn meanwhile
        return result

    def _reporter(self, call: Call) -> Callable[[float], None]:
        every_s = call.report_every_s
        said_s = time.monotonic()

        def report(share: float) -> None:
            nonlocal said_s
            if call.number in self._stopped:
                raise _StoppedError
            if every_s is not None and time.monotonic() - said_s >= every_s:
                said_s = time.monotonic()
                self._sender.send(Share(number=call.number, share=share))

        return report

    def _frame(self, call: Call, name: str) -> CalibratedImage:
        kept = self._clicked.get(name, (call.versions or {}).get(name))
        if kept is not None:
            return kept
        self._sender.send(FrameWanted(number=call.number, name=name))
        given = self._frames[call.number].get()
        if given.error is not None:
            raise given.error
        frame: CalibratedImage = given.frame
        if call.versions is not None:
            self._clicked.keep({name: frame}, call.versions)
        return frame


def _portable(error: Exception) -> Exception:
    """DeepScan's own errors and missing packages as they are; of others the words and where they came from."""
    if isinstance(error, DeepScanError | ImportError):
        return error
    return RuntimeError("".join(traceback.format_exception(error)))


def _give_way() -> None:
    """Let everything else run first, and interrupt nothing on waking up, where the system can do that."""
    if hasattr(os, "nice"):
        os.nice(GIVE_WAY)
    if hasattr(os, "SCHED_BATCH"):
        with contextlib.suppress(OSError):  # a sandbox forbids it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def main() -> None:
    """Serve this process's own pipes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Control-C is meant for the program that started this one
    _give_way()
    answers, sys.stdout = sys.stdout.buffer, sys.stderr  # a library that prints must not spoil the answers
    Server(answers).serve(sys.stdin.buffer)
    answers.flush()
    os._exit(0)  # without waiting for what is still being made


if __name__ == "__main__":
    main()
