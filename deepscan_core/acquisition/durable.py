"""Files that outlive a crash: on disk before a function returns, whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_CANNOT = (errno.EINVAL, errno.ENOTSUP)  # what file systems answer that do not flush folders


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk; on Windows and on file systems that offer no such call this does nothing."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are missing, and have their names on disk."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def rename(old: Path, new: Path) -> None:
    """Give a file another name in the same folder, and have that on disk; what bore the name is replaced."""
    os.replace(old, new)
    sync_folder(new.parent)


def write_synced(path: Path, content: bytes) -> None:
    """Write a file, and have its content on disk; its name is, once `sync_folder` or `rename` was called."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file of which after a crash all is there, or nothing."""
    partial = path.with_name(path.name + ".partial")
    write_synced(partial, content)
    rename(partial, path)


def free_name(path: Path) -> Path:
    """The path with the lowest number from 1 at its end that names no file yet."""
    number = 1
    while (free := path.with_name(f"{path.name}-{number}")).exists():
        number += 1
    return free
