"""Lines that show when one of them was cut, changed, removed, swapped or added.

A line is ``{"sha256": "…", "entry": {…}}`` in ASCII. Its hash is that of the hash of the line before it, followed by the
bytes of its own entry, so that it vouches for all lines up to itself. This finds accidents; whoever wants to write a
false journal can compute the hashes anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_finite

FIRST = hashlib.sha256(b"deepscan journal").hexdigest()  # what the first line follows
LONGEST_LINE_BYTES = 1 << 20
_BEGIN, _MIDDLE, _END = b'{"sha256": "', b'", "entry": ', b"}\n"
_HASH_AT = slice(len(_BEGIN), len(_BEGIN) + 64)
_ENTRY_FROM = len(_BEGIN) + 64 + len(_MIDDLE)


@dataclass(frozen=True, kw_only=True)
class Link:
    """One line that stands.

    Attributes
    ----------
    entry : what it holds.
    sha256 : its hash, which the next line follows.
    end : bytes of the file up to and with this line.
    """

    entry: dict[str, Any]
    sha256: str
    end: int


def line_of(entry: dict[str, Any], previous: str) -> tuple[bytes, str]:
    """The line for an entry after a line with the hash `previous`, and its own hash."""
    text = json.dumps(entry, allow_nan=False).encode("ascii")
    sha256 = _hash(previous, text)
    return _BEGIN + sha256.encode("ascii") + _MIDDLE + text + _END, sha256


def links(content: bytes) -> Iterator[Link]:
    """The lines of a file, oldest first, as far as they follow each other.

    Raises
    ------
    InputError
        At the first line that does not, saying why.
    """
    previous, start = FIRST, 0
    while start < len(content):
        end = content.find(b"\n", start) + 1
        if not end:
            raise InputError("is cut short")
        entry, previous = _read(content[start:end], previous)
        yield Link(entry=entry, sha256=previous, end=end)
        start = end


def _read(line: bytes, previous: str) -> tuple[dict[str, Any], str]:
    text = line[_ENTRY_FROM : -len(_END)]
    if len(line) > LONGEST_LINE_BYTES or line != _BEGIN + line[_HASH_AT] + _MIDDLE + text + _END:
        raise InputError("is no line of a journal")
    sha256 = _hash(previous, text)
    if line[_HASH_AT] != sha256.encode("ascii"):
        raise InputError("was changed, or the line before it was removed or changed")
    return entry_of(text), sha256


def entry_of(text: bytes) -> dict[str, Any]:
    """A JSON object in ASCII with finite numbers alone, and no key twice; raises `InputError`."""
    try:
        entry = json.loads(text.decode("ascii"), parse_float=_finite, parse_constant=_finite, object_pairs_hook=_unique)
        json.dumps(entry, ensure_ascii=False).encode("utf-8")  # half a surrogate pair could not be written again
    except (ValueError, RecursionError) as error:
        raise InputError(f"is not JSON ({error})") from None
    if not isinstance(entry, dict):
        raise InputError("holds no JSON object")
    return entry


def _hash(previous: str, text: bytes) -> str:
    return hashlib.sha256(previous.encode("ascii") + text).hexdigest()


def _finite(text: str) -> float:
    number = float(text)
    check_finite("a number", number)
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entry = dict(pairs)
    if len(entry) < len(pairs):
        raise ValueError("a key stands twice")
    return entry
