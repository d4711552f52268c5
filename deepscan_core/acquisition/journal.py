"""The journal of a run: one line a happening, on disk before the next one begins, so that a run can be resumed.

``docs/journal.md`` describes every line. A step is announced before it is sent and told of afterwards, so that after a
crash no exposure is forgotten.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from deepscan_core.acquisition import durable
from deepscan_core.acquisition.chain import FIRST, line_of, links
from deepscan_core.acquisition.entries import Entry, check_entry
from deepscan_core.acquisition.history import History
from deepscan_core.errors import InputError
from deepscan_core.files import read_file
from deepscan_core.records.protocol import ScanProtocol

FILE_NAME = "journal.jsonl"
SET_ASIDE = "set-aside"
LARGEST_BYTES = 1 << 30


def protocol_hash(protocol: ScanProtocol) -> str:
    """SHA-256 of the protocol's JSON, to recognise the plan a journal belongs to."""
    return hashlib.sha256(protocol.to_json().encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was found in a journal.

    Attributes
    ----------
    history : what the lines that stand add up to.
    lines : how many stand.
    sha256 : of the last of them.
    end : bytes up to there.
    problem : what is wrong with the first line that does not stand; empty where all do.
    """

    history: History
    lines: int
    sha256: str
    end: int
    problem: str


def read_lines(content: bytes) -> Reading:
    """The lines of a journal up to the first that was cut, changed or cannot be; never raises."""
    history, lines, sha256, end, problem = History(), 0, FIRST, 0, ""
    try:
        for link in links(content):
            check_entry(link.entry)
            history.add(link.entry)
            lines, sha256, end = lines + 1, link.sha256, link.end
    except InputError as error:
        problem = str(error)
    return Reading(history=history, lines=lines, sha256=sha256, end=end, problem=problem)


class Journal:
    """Append-only record of one run in a directory; made by `begin` or `resume`.

    Attributes
    ----------
    history : what it holds so far.
    set_aside : name of the file that took what did not stand when it was opened; None where all did.
    problem : what was wrong there, in words.
    """

    def __init__(self, path: Path, reading: Reading, set_aside: str | None = None) -> None:
        self.history = reading.history
        self.set_aside = set_aside
        self.problem = reading.problem and f"line {reading.lines + 1} of {FILE_NAME} {reading.problem}"
        self._path = path
        self._sha256 = reading.sha256
        self._end = reading.end
        self._is_torn = False

    @classmethod
    def begin(cls, directory: Path, start: Entry) -> Journal:
        """A new journal in an existing directory; raises `InputError` where there is one."""
        path = directory / FILE_NAME
        if path.exists():
            raise InputError(f"{path} exists: go on with --resume, or give another --out")
        check_entry(start)
        line, _ = line_of(start, FIRST)
        durable.write_whole(path, line)
        return cls(path, read_lines(line))

    @classmethod
    def resume(cls, directory: Path) -> Journal:
        """Go on with a journal; what does not stand in it is moved into a file beside it.

        Raises
        ------
        InputError
            There is none, or not even its first line stands; then nothing is changed.
        """
        path = directory / FILE_NAME
        if not path.exists():
            raise InputError(f"{path} does not exist: there is nothing to resume, leave out --resume")
        content = read_file(path, "give the --out of an unfinished run", largest_bytes=LARGEST_BYTES)
        reading = read_lines(content)
        if not reading.lines:
            problem = f"line 1 {reading.problem}" if content else "it is empty"
            raise InputError(
                f"{path} has no beginning ({problem}), so what was exposed is not known: give another --out"
            )
        return cls(path, reading, _set_aside(path, content, reading.end))

    def append(self, entry: Entry) -> None:
        """Add one line and have it on disk before returning.

        Raises
        ------
        InputError
            Another program has changed the file meanwhile, perhaps a second run.
        OSError
            The line could not be written; the journal is as before.
        """
        check_entry(entry)
        line, sha256 = line_of(entry, self._sha256)
        with self._path.open("r+b") as file:
            if os.fstat(file.fileno()).st_size != self._end and not self._is_torn:
                raise InputError(f"{self._path} was changed by another program: let one run at a time use it")
            self._is_torn = True
            file.truncate(self._end)
            file.seek(self._end)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self.history.add(entry)
        self._sha256, self._end, self._is_torn = sha256, self._end + len(line), False


def _set_aside(path: Path, content: bytes, end: int) -> str | None:
    """Keep what follows the lines that stand in a file of its own, then cut it off."""
    if end == len(content):
        return None
    aside = durable.free_name(path.with_name(f"{path.name}.{SET_ASIDE}"))
    durable.write_whole(aside, content[end:])
    with path.open("r+b") as file:
        file.truncate(end)
        file.flush()
        os.fsync(file.fileno())
    return aside.name
