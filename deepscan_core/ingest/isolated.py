"""Read a file in a process of its own, which can be ended when the reader does not end by itself.

libhdf5 can loop for ever, or crash, on damaged files (found by ``python -m tests.fuzz``), without letting go of Python's
lock, so no thread can stop it. The other readers are Python, or libraries that no damage was found to hang.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from deepscan_core.errors import InputError, MissingError
from deepscan_core.ingest import hdf5_files
from deepscan_core.ingest.pictures import Picture
from deepscan_core.memory import limit_gb, limited_to

LONGEST_S = 60.0
BYTES_A_SECOND = 10e6  # a larger file may take longer


def read_hdf5(path: Path, content: bytes) -> list[Picture]:
    """`hdf5_files.read_hdf5` in another process; raises what that raises, and `InputError` where it does not end.

    Where Python is built into another program no process can be started, and the file is read in this one.
    """
    if not Path(sys.executable or "").stem.lower().startswith("python"):
        return hdf5_files.read_hdf5(path, content)
    seconds = LONGEST_S + len(content) / BYTES_A_SECOND
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(path), json.dumps(limit_gb())],
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
    path = Path(arguments[0])
    answer, sys.stdout = sys.stdout.buffer, sys.stderr  # a library that prints must not spoil the answer
    with limited_to(json.loads(arguments[1])):
        try:
            packed = _packed(hdf5_files.read_hdf5(path, path.read_bytes()))
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
