"""What is fed: the readers, the protocol, the settings. Each may refuse with an error of DeepScan's own only."""

from __future__ import annotations

from pathlib import Path

from deepscan_core.errors import DeepScanError, InputError
from deepscan_core.ingest.readers import read_image
from deepscan_core.memory import limited_to
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.settings import Settings
from tests.fuzz import corpus
from tests.fuzz.mutations import mutated

MEMORY_GB = 0.5
Corpus = dict[str, bytes]


def everything() -> Corpus:
    """Content by name; the name's beginning says which target it is for."""
    fed = {f"file/{name}": content for name, content in corpus.files().items()}
    return fed | {"protocol/p.json": corpus.PROTOCOL.read_bytes(), "settings/s.toml": corpus.SETTINGS}


def case(seed: int, fed: Corpus) -> tuple[str, bytes]:
    """Name and damaged content of a case."""
    names = sorted(fed)
    # protocols and settings are few beside the files, and as often asked for
    chosen = names[seed % len(names)] if seed % 4 else ("protocol/p.json", "settings/s.toml")[seed // 4 % 2]
    return chosen, mutated(seed, fed[chosen], list(fed.values()))


def feed(name: str, content: bytes, folder: Path) -> bool:
    """Whether it was taken; an exception that is not DeepScan's own passes through."""
    kind, _, file_name = name.partition("/")
    path = folder / file_name
    path.write_bytes(content)
    try:
        with limited_to(MEMORY_GB):
            {"file": _read, "protocol": _plan, "settings": Settings.from_file}[kind](path)
    except DeepScanError as error:
        if "\n" in str(error).strip():
            raise AssertionError(f"a message of several lines: {error!r}") from error
        return False
    finally:
        path.unlink()
    return True


def _read(path: Path) -> None:
    try:
        read_image(path)
    except InputError as error:
        if "--channel" not in str(error):
            raise
        read_image(path, channel=0)


def _plan(path: Path) -> None:
    again = ScanProtocol.from_file(path).to_json()
    assert ScanProtocol.from_json(again).to_json() == again, "what was read must be written and read the same"
