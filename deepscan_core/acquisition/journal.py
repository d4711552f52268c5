"""The journal of a run: one line of JSON a step, on disk before the next step starts, so that a run can be resumed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from deepscan_core.errors import InputError
from deepscan_core.records.protocol import ScanProtocol

FILE_NAME = "journal.jsonl"


def protocol_hash(protocol: ScanProtocol) -> str:
    """SHA-256 of the protocol's JSON, to recognise the plan a journal belongs to."""
    return hashlib.sha256(protocol.to_json().encode()).hexdigest()


class Journal:
    """Append-only record of one run in a directory.

    Parameters
    ----------
    directory : existing directory that takes ``journal.jsonl``.
    protocol : the plan being carried out.
    resume : go on with a journal that is there; without it, one that is there is an `InputError`.
    """

    def __init__(self, directory: Path, protocol: ScanProtocol, *, resume: bool = False) -> None:
        self._path = directory / FILE_NAME
        self._hash = protocol_hash(protocol)
        self._lines: list[dict[str, Any]] = []
        if resume:
            self._lines = self._read()
        elif self._path.exists():
            raise InputError(f"{self._path} exists: go on with --resume, or give another --out")
        else:
            self.append({"event": "start", "protocol_sha256": self._hash, "steps": len(protocol.steps)})

    @property
    def entries(self) -> tuple[dict[str, Any], ...]:
        """The lines that stand, oldest first."""
        return tuple(self._lines)

    @property
    def steps_done(self) -> frozenset[int]:
        """Orders of the steps that were recorded."""
        return frozenset(line["order"] for line in self._lines if line["event"] == "step")

    def append(self, line: dict[str, Any]) -> None:
        """Write one line and have it on disk before returning."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._lines.append(line)

    def _read(self) -> list[dict[str, Any]]:
        if not self._path.exists():
            raise InputError(f"{self._path} does not exist: there is nothing to resume, leave out --resume")
        text = self._path.read_text(encoding="utf-8")
        complete = text[: text.rfind("\n") + 1]  # a line cut short by a crash was not recorded
        if complete != text:
            self._path.write_text(complete, encoding="utf-8")
        try:
            lines = [json.loads(line) for line in complete.splitlines()]
            found = lines[0]["protocol_sha256"] if lines else None
            for line in lines:
                if line["event"] == "step":
                    _ = (int(line["order"]), float(line["dwell_time_us"]), line["channel"], line["started_s"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{self._path} is not a journal ({error}): give another --out") from None
        if found != self._hash:
            raise InputError(f"{self._path} belongs to another protocol: give the protocol it was started with")
        return lines
