"""Read a file in a process of its own, which can be ended when the reader does not end by itself.

libhdf5 and gwyfile can loop for ever on damaged files (found by ``python -m tests.fuzz``), the first without letting go of
Python's lock, so that no thread can stop it. No damage was found to hang the other readers.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deepscan_core.errors import InputError, MissingError
from deepscan_core.ingest import hdf5_files
from deepscan_core.ingest.pictures import Picture
from deepscan_core.ingest.scanning_probe import gwyddion
from deepscan_core.memory import limit_gb, limited_to

LONGEST_S = 60.0
BYTES_A_SECOND = 10e6  # a larger file may take longer


def read_hdf5(path: Path, content: bytes) -> list[Picture]:
    """`hdf5_files.read_hdf5` in another process."""
    return _read("hdf5", path, content)


def read_gwy(path: Path, content: bytes) -> list[Picture]:
    """`gwyddion.read_gwy` in another process."""
    return _read("gwy", path, content)


_READERS: Mapping[str, Callable[[Path, bytes], list[Picture]]] = {
    "hdf5": hdf5_files.read_hdf5,
    "gwy": gwyddion.read_gwy,
}


def _read(kind: str, path: Path, content: bytes) -> list[Picture]:
    """Raises what the reader raises, and `InputError` where it crashes or does not end.

    Where Python is built into another program no process can be started, and the file is read in this one.
    """
    if not Path(sys.executable or "").stem.lower().startswith("python"):
        return _READERS[kind](path, content)
    seconds = LONGEST_S + len(content) / BYTES_A_SECOND
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, kind, str(path), json.dumps(limit_gb())],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"{path}: its reader does not end, the file is damaged: give an undamaged one") from None
    if done.returncode != 0:
        raise InputError(f"{path}: its reader crashed, the file is damaged: give an undamaged one")
    return _unpacked(done.stdout)


def main(arguments: list[str]) -> None:
    """What the other process does: read, and answer on stdout."""
    kind, name, limit = arguments
    path = Path(name)
    answer, sys.stdout = sys.stdout.buffer, sys.stderr  # a library that prints must not spoil the answer
    with limited_to(json.loads(limit)):
        try:
            packed = _packed(_READERS[kind](path, path.read_bytes()))
        except (InputError, MissingError) as error:
            packed = _packed([], error)
    answer.write(packed)


def _packed(pictures: list[Picture], error: Exception | None = None) -> bytes:
    """An archive of arrays and one text, without pickling."""
    facts = {
        "error": None if error is None else [type(error).__name__, str(error)],
        "pictures": [[p.name, p.pixel_size_nm, dict(p.facts)] for p in pictures],
    }
    stream = io.BytesIO()
    text = np.frombuffer(json.dumps(facts, default=_plain).encode(), np.uint8)
    arrays: dict[str, Any] = {str(k): p.array for k, p in enumerate(pictures)}
    np.savez(stream, facts=text, **arrays)
    return stream.getvalue()


def _unpacked(packed: bytes) -> list[Picture]:
    with np.load(io.BytesIO(packed), allow_pickle=False) as archive:
        facts = json.loads(archive["facts"].tobytes())
        if facts["error"] is not None:
            kind, message = facts["error"]
            raise {"MissingError": MissingError}.get(kind, InputError)(message)
        return [
            Picture(archive[str(k)], name, None if size is None else (size[0], size[1]), known)
            for k, (name, size, known) in enumerate(facts["pictures"])
        ]


def _plain(value: Any) -> Any:
    """Numbers of numpy as JSON keeps them, anything else as words."""
    return value.item() if isinstance(value, np.generic) else str(value)


if __name__ == "__main__":
    main(sys.argv[1:])
