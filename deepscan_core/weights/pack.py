"""One file that carries networks from a computer with internet to one without: a zip of ``.safetensors`` files and cards.

A pack may come from anywhere, so nothing in it is believed: members are read by the names on the cards and never unpacked
by their own, nothing may be compressed (so a pack cannot become larger than it is), and every size and hash is compared.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from deepscan_core.errors import InputError
from deepscan_core.weights.cards import ModelCard, parse_json
from deepscan_core.weights.catalogue import READ_BYTES
from deepscan_core.weights.store import entry_file, write_card

FORMAT, SCHEMA_VERSION = "deepscan-models", 1
CONTENTS = "pack.json"
LARGEST_CONTENTS_BYTES = 1_000_000
ANCIENT = (1980, 1, 1, 0, 0, 0)  # the same networks give the same bytes whenever they are packed


def is_pack(path: Path) -> bool:
    """Whether a file is a pack; checkpoints of torch are zip files as well."""
    try:
        with zipfile.ZipFile(path) as archive:
            return CONTENTS in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def write_pack(path: Path, entries: Sequence[tuple[ModelCard, Path]], *, overwrite: bool) -> None:
    """Write a pack of weights files and their cards, whole or not at all.

    Raises
    ------
    InputError
        The file exists, cannot be written, or weights are not what their card says.
    """
    if path.is_dir() or (path.exists() and not overwrite):
        raise InputError(f"{path} exists: add --overwrite, or give another --out")
    contents = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "models": [card.to_dict() for card, _ in entries],
    }
    try:
        with _replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo(CONTENTS, ANCIENT), json.dumps(contents, indent=2, ensure_ascii=False))
            for card, weights in entries:
                info = zipfile.ZipInfo(_member(card), ANCIENT)
                with weights.open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
                    _copy_checked(source, target, card, str(weights))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}: give another --out") from None


def unpack(path: Path, stage: Path) -> tuple[ModelCard, ...]:
    """Put the networks of a pack below `stage`, as the store keeps them; returns their cards.

    Raises
    ------
    InputError
        It is not a pack, or was cut, altered or made to do harm.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            cards = _contents(archive, path)
            for card in cards:
                write_card(stage, card)
                with archive.open(_member(card)) as source, entry_file(stage, card.name).open("wb") as target:
                    _copy_checked(source, target, card, f"{card.name} in {path}")
    except InputError:
        raise
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise InputError(f"{path} is no sound pack ({error}): export it again") from None
    return cards


def _contents(archive: zipfile.ZipFile, path: Path) -> tuple[ModelCard, ...]:
    members = {info.filename: info for info in archive.infolist()}
    if CONTENTS not in members or len(members) != len(archive.infolist()):
        raise InputError(f"{path} is no pack of networks, or names a file twice: export it again")
    for info in members.values():
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise InputError(f"{info.filename} in {path} is compressed, which no pack is: export it again")
    if members[CONTENTS].file_size > LARGEST_CONTENTS_BYTES:
        raise InputError(f"{CONTENTS} in {path} has {members[CONTENTS].file_size} bytes: export it again")
    document = parse_json(archive.read(CONTENTS), f"{CONTENTS} in {path}")
    if (
        not isinstance(document, dict)
        or document.get("format") != FORMAT
        or not isinstance(document.get("models"), list)
    ):
        raise InputError(f"{path} is no pack of networks: export it again")
    if document.get("schema_version") != SCHEMA_VERSION:
        version = document.get("schema_version")
        raise InputError(f"{path} has schema version {version!r}, not {SCHEMA_VERSION}: update DeepScan")
    cards = tuple(ModelCard.from_dict(card, f"{CONTENTS} in {path}") for card in document["models"])
    wanted = {_member(card): card.bytes for card in cards} | {CONTENTS: members[CONTENTS].file_size}
    if len(wanted) != len(cards) + 1 or wanted != {name: info.file_size for name, info in members.items()}:
        raise InputError(f"{path} holds other files than its {CONTENTS} says: export it again")
    if not cards:
        raise InputError(f"{path} holds no network: export it again")
    return cards


def _member(card: ModelCard) -> str:
    return f"{card.name}.safetensors"


def _copy_checked(source: IO[bytes], target: IO[bytes], card: ModelCard, what: str) -> None:
    """Copy weights; raises `InputError` unless they have the size and the hash of the card."""
    digest, left = hashlib.sha256(), card.bytes
    while left > 0 and (block := source.read(min(READ_BYTES, left))):
        digest.update(block)
        target.write(block)
        left -= len(block)
    if left or source.read(1) or digest.hexdigest() != card.sha256:
        raise InputError(f"{what} is not what its card says (size or SHA-256 differ): get it again")


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file beside `path` that takes its place at the end, and is thrown away if anything fails."""
    with tempfile.TemporaryDirectory(prefix=".deepscan-", dir=path.absolute().parent) as folder:
        staged = Path(folder) / "pack"
        with staged.open("wb") as file:
            yield file
        os.replace(staged, path)
