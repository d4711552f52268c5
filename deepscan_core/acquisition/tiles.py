"""The tiles of a run on disk, and the files that witness exposures even where the journal was lost.

``tiles/0003.npy`` is the tile of step 3. Before the step is sent an empty ``tiles/0003.attempt-1`` is made, and beside it
``tiles/0003.sent-1`` says what is sent; the tile is written into the former, and it is renamed once it is whole. So each
exposure leaves one file of its own, whatever happens, and none of them is ever removed unless it is certain that nothing
was exposed. ``drift-0002`` takes the place of ``0003`` for the second reference frame for drift, whose number is -2.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from deepscan_core.acquisition import durable
from deepscan_core.acquisition.chain import entry_of
from deepscan_core.acquisition.entries import Entry, check_entry
from deepscan_core.errors import InputError
from deepscan_core.files import read_file
from deepscan_core.records.frames import ScanFrame

FOLDER = "tiles"
LARGEST_SENT_BYTES = 100_000
_FILE = re.compile(r"(drift-)?([0-9]{4,10})\.(npy|(attempt|sent)-([0-9]{1,9})|set-aside-[0-9]{1,9})")


def tile_name(order: int) -> str:
    """Of the tile of a step, relative to the run's directory."""
    return f"{FOLDER}/{_stem(order)}.npy"


class TileFolder:
    """The folder ``tiles`` of a run's directory, which must exist."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._folder = directory / FOLDER
        self._witnesses: dict[int, int] = {}
        self._attempts: dict[int, int] = {}
        self._sent_attempts: dict[int, set[int]] = {}
        for path in sorted(self._folder.iterdir()) if self._folder.is_dir() else ():
            self._count(path.name)

    @property
    def is_empty(self) -> bool:
        """Whether there was no tile and no witness."""
        return not self._witnesses

    def exposures(self, order: int) -> int:
        """How many exposures of a step the files that were found bear witness to."""
        return self._witnesses.get(order, 0)

    def attempts(self, order: int) -> int:
        """The highest number of an attempt that the files that were found can stand for."""
        return max([self._attempts.get(order, 0), self.exposures(order), *self.sent_attempts(order)])

    def sent_attempts(self, order: int) -> tuple[int, ...]:
        """The numbers of the attempts of which there is a file on what was sent."""
        return tuple(sorted(self._sent_attempts.get(order, ())))

    def make(self) -> None:
        """Make the folder."""
        durable.make_folder(self._folder)

    @property
    def orders(self) -> frozenset[int]:
        """The numbers of the steps to whose exposure the files that were found bear witness."""
        return frozenset(self._witnesses)

    def announce(self, sent: Entry, order: int, attempt: int) -> None:
        """Leave the witness of an exposure that is about to begin, and what is sent, an ``exposing`` line.

        Raises
        ------
        InputError
            Another program did.
        """
        durable.write_synced(self._sent(order, attempt), json.dumps(sent, allow_nan=False).encode("ascii"))
        try:
            self._attempt(order, attempt).touch(exist_ok=False)
        except FileExistsError:
            raise InputError(
                f"{self._attempt(order, attempt)} exists: another program exposes step {order}, let one run at a time"
            ) from None
        durable.sync_folder(self._folder)

    def withdraw(self, order: int, attempt: int) -> None:
        """Remove the witness of an exposure that certainly did not happen."""
        self._attempt(order, attempt).unlink()
        self._sent(order, attempt).unlink(missing_ok=True)
        durable.sync_folder(self._folder)

    def sent(self, order: int, attempt: int) -> Entry | None:
        """What was about to be sent in an attempt, an ``exposing`` line; None where that cannot be read."""
        try:
            entry = entry_of(read_file(self._sent(order, attempt), "leave it", largest_bytes=LARGEST_SENT_BYTES))
            check_entry(entry)
        except InputError:
            return None
        is_it = entry["event"] == "exposing" and (entry["order"], entry["attempt"]) == (order, attempt)
        return entry if is_it else None

    def write(self, frame: ScanFrame, order: int, attempt: int) -> Entry:
        """Write a tile, whole or not at all; a tile that is there is set aside. Returns name, bytes and SHA-256.

        Where it failed it can be called again.
        """
        content, path = _as_file(frame), self._directory / tile_name(order)
        partial = self._attempt(order, attempt)
        if partial.exists() or not path.exists():  # else it was written, and what came after it failed
            durable.write_synced(partial, content)
            if path.exists():
                durable.rename(path, durable.free_name(path.with_name(f"{_stem(order)}.set-aside")))
            durable.rename(partial, path)
        return {"name": tile_name(order), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    def keep_bad(self, frame: ScanFrame, order: int, attempt: int) -> None:
        """Put a frame that is no good into the witness of its exposure, for people to look at."""
        durable.write_synced(self._attempt(order, attempt), _as_file(frame))

    def read(self, tile: Entry, order: int) -> Any:
        """The values of a tile; raises `InputError` where it is not the one that the journal tells of."""
        name, path = tile_name(order), self._directory / tile_name(order)
        if not path.exists():
            raise InputError(f"its tile {name} is missing")
        content = read_file(path, "put it back")
        if len(content) != tile["bytes"] or hashlib.sha256(content).hexdigest() != tile["sha256"]:
            raise InputError(f"its tile {name} is damaged: it is not what was recorded")
        try:
            return np.load(io.BytesIO(content), allow_pickle=False)
        except (OSError, ValueError, EOFError, TypeError, MemoryError) as error:
            raise InputError(f"its tile {name} is no .npy file of numbers ({error})") from None

    def discard(self) -> None:
        """Remove all tiles and witnesses."""
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if _FILE.fullmatch(path.name):
                path.unlink()

    def _attempt(self, order: int, attempt: int) -> Path:
        return self._folder / f"{_stem(order)}.attempt-{attempt}"

    def _sent(self, order: int, attempt: int) -> Path:
        return self._folder / f"{_stem(order)}.sent-{attempt}"

    def _count(self, name: str) -> None:
        found = _FILE.fullmatch(name)
        if found is None:
            return
        order = -int(found[2]) if found[1] else int(found[2])
        if found[4] == "sent":
            self._sent_attempts.setdefault(order, set()).add(int(found[5]))
        else:
            self._witnesses[order] = self._witnesses.get(order, 0) + 1
            self._attempts[order] = max(self._attempts.get(order, 0), int(found[5] or 0))


def _stem(order: int) -> str:
    return f"drift-{-order:04d}" if order < 0 else f"{order:04d}"


def _as_file(frame: ScanFrame) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, frame.values, allow_pickle=False)
    return buffer.getvalue()
