"""Read what a user named: plain files only, no larger than what can be held."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from deepscan_core.errors import InputError
from deepscan_core.memory import check_memory


def read_file(path: str | Path, remedy: str, *, largest_bytes: int | None = None) -> bytes:
    """The whole content of a plain file.

    Parameters
    ----------
    path : links are followed; folders, pipes and devices are refused, since reading them may never end.
    remedy : the end of a message, e.g. "give a readable image file".
    largest_bytes : refuse a file larger than that; else only one beyond the memory limit.

    Raises
    ------
    InputError
        The message names the path, the reason and the remedy.
    """
    try:
        # A pipe that is put in the file's place after the check must not be waited for either.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            _check_plain(path, status.st_mode, remedy)
            if largest_bytes is not None and status.st_size > largest_bytes:
                raise InputError(f"{path}: has {status.st_size} bytes, more than {largest_bytes}: {remedy}")
            check_memory(2 * status.st_size, f"{path}: a file of {status.st_size} bytes")
            return file.read()
    except OSError as error:
        if os.path.isdir(path):  # some systems do not open folders at all
            raise InputError(f"{path}: is a folder: {remedy}") from None
        raise InputError(f"{path}: cannot be read ({error.strerror or error}): {remedy}") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot be read ({error}): {remedy}") from None


def check_file(path: str | Path, remedy: str) -> None:
    """Raise `InputError` unless a path leads to a plain file, for libraries that want to open it themselves."""
    try:
        _check_plain(path, os.stat(path).st_mode, remedy)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}): {remedy}") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot be read ({error}): {remedy}") from None


def _check_plain(path: str | Path, mode: int, remedy: str) -> None:
    if stat.S_ISDIR(mode):
        raise InputError(f"{path}: is a folder: {remedy}")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path}: is no plain file: {remedy}")
