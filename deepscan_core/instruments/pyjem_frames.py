"""What comes from PyJEM itself: the package, its detectors, and frames that it records in a thread of their own."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError, InstrumentError, MissingError, WrongFrame


def import_pyjem() -> Any:
    """The package with its parts; raises `MissingError` where it is not installed."""
    try:
        package = importlib.import_module("PyJEM")
        importlib.import_module("PyJEM.TEM3")
        importlib.import_module("PyJEM.detector")
    except ImportError as error:
        raise MissingError(
            f"PyJEM is not installed ({error}): install it from JEOL's TEMCenter on the computer of the microscope"
        ) from None
    return package


class Snapshot:
    """A frame that is recorded in a thread of its own, since PyJEM cannot be interrupted.

    Parameters
    ----------
    record : blocks until the frame is there.
    expected_s : how long that should take.
    """

    def __init__(self, record: Callable[[], Any], expected_s: float) -> None:
        self.expected_s = expected_s
        self.done = threading.Event()
        self._record = record
        self._result: Any = None
        self._error: Exception | None = None
        threading.Thread(target=self._work, name="deepscan-pyjem", daemon=True).start()

    def outcome(self) -> bytes:
        """The bytes of the frame; raises `WrongFrame` or `InstrumentError`."""
        if self._error is not None:
            raise InstrumentError(f"PyJEM failed: {self._error}") from self._error
        if not isinstance(self._result, bytes | bytearray) or not self._result:
            raise WrongFrame(f"PyJEM returned {str(self._result)[:200]!r} and no frame")
        return bytes(self._result)

    def _work(self) -> None:
        try:
            self._result = self._record()
        except Exception as error:  # raised again where the frame is waited for
            self._error = error
        finally:
            self.done.set()


def choose(attached: Any, wanted: str | None) -> str:
    """The detector that is meant; raises `InputError` where that is not clear."""
    names = [str(name) for name in attached or ()]
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted not in names:
        which = "no detector was named" if wanted is None else f"there is no detector {wanted!r}"
        raise InputError(f"{which}: give one of {', '.join(names) or 'none, TEMCenter has none attached'}")
    return wanted


def decoded(content: bytes, rows: int, cols: int) -> npt.NDArray[np.float32]:
    """Raw data are 16 bits a sample, little endian, line by line."""
    if len(content) != 2 * rows * cols:
        raise WrongFrame(
            f"PyJEM returned {len(content)} bytes for {rows} x {cols} samples of 2", shape=(len(content) // 2,)
        )
    return np.frombuffer(content, dtype="<u2").reshape(rows, cols).astype(np.float32)
