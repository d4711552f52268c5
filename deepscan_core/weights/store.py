"""The weights that were brought to this computer: one folder a network, with a ``.safetensors`` file and its card."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepscan_core.errors import InputError, MissingError
from deepscan_core.weights.cards import ModelCard, parse_json
from deepscan_core.weights.catalogue import sha256_of
from deepscan_core.weights.names import architecture_of, check_name

FOLDER_VARIABLE = "DEEPSCAN_MODELS"
WEIGHTS, CARD = "weights.safetensors", "card.json"
LARGEST_CARD_BYTES = 100_000


def store_folder() -> Path:
    """The folder that the variable DEEPSCAN_MODELS names, else the user's data folder of this system."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(os.path.abspath(Path(named).expanduser()))
    from platformdirs import user_data_path

    return user_data_path("deepscan", appauthor=False) / "models"


@dataclass(frozen=True)
class ModelStore:
    """A folder of networks. A hash guards against damage and mix-ups, not against somebody who may write the folder."""

    folder: Path

    def names(self) -> tuple[str, ...]:
        """What is in it, sorted; nothing where the folder does not exist. Raises `InputError` where it cannot be read."""
        try:
            return tuple(sorted(p.name for p in self.folder.iterdir() if p.is_dir() and not p.name.startswith(".")))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._unusable(error) from None

    def file(self, name: str) -> Path:
        """Where the weights of `name` are, or would be."""
        return entry_file(self.folder, name)

    def card(self, name: str) -> ModelCard:
        """What is known about `name`.

        Raises
        ------
        MissingError
            It is not here, or its card is damaged.
        """
        path = self.file(name).with_name(CARD)
        try:
            with path.open("rb") as file:
                card = ModelCard.from_dict(parse_json(file.read(LARGEST_CARD_BYTES), str(path)), str(path))
        except FileNotFoundError:
            raise MissingError(f"{name} is not in {self.folder}: deepscan models import FILE --name {name}") from None
        except InputError as error:
            raise MissingError(f"{error}; import {name} again with --overwrite") from None
        if card.name != name:
            raise MissingError(f"{path} is the card of {card.name}: import {name} again with --overwrite")
        return card

    def checked_file(self, name: str) -> Path:
        """The weights of `name`, after their hash was compared; raises `MissingError` if they are not what was added."""
        card, path = self.card(name), self.file(name)
        try:
            found = sha256_of(path)
        except OSError as error:
            raise MissingError(f"{path}: {error.strerror}: import {name} again with --overwrite") from None
        if found != card.sha256:
            raise MissingError(
                f"{path} has SHA-256 {found[:12]}… instead of {card.sha256[:12]}…: import {name} again with --overwrite"
            )
        return path

    def find(self, name: str) -> str | None:
        """The entry that a name means: itself, or without a tag the only entry of that architecture; None if none.

        Raises
        ------
        InputError
            The name has no tag, and several entries are of its architecture.
        """
        names = self.names()
        if name in names or "." in name:
            return name if name in names else None
        same = [entry for entry in names if architecture_of(entry) == name]
        if len(same) > 1:
            raise InputError(f"weights of {name} are here more than once: name one of {', '.join(same)}")
        return same[0] if same else None

    def check_free(self, names: Sequence[str], *, overwrite: bool) -> None:
        """Raise `InputError` where an entry would be replaced without having been asked to."""
        taken = sorted(set(names) & set(self.names()))
        if taken and not overwrite:
            raise InputError(f"{taken[0]} is in {self.folder} already: add --overwrite, or give another --name")

    @contextlib.contextmanager
    def adding(self, *, overwrite: bool) -> Iterator[Path]:
        """A folder for new entries, which become part of the store together at the end, or not at all."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            stage = Path(tempfile.mkdtemp(prefix=".adding-", dir=self.folder))
        except OSError as error:
            raise self._unusable(error) from None
        try:
            yield stage
            self._take_in(stage, overwrite=overwrite)
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    def _take_in(self, stage: Path, *, overwrite: bool) -> None:
        new = [path.name for path in sorted(stage.iterdir())]
        self.check_free(new, overwrite=overwrite)
        replaced = stage / ".replaced"
        replaced.mkdir()
        done: list[str] = []
        try:
            for name in new:
                if (self.folder / name).exists():
                    os.replace(self.folder / name, replaced / name)
                done.append(name)
                os.replace(stage / name, self.folder / name)
        except OSError as error:
            for name in done:  # as it was before
                shutil.rmtree(self.folder / name, ignore_errors=True)
                if (replaced / name).exists():
                    os.replace(replaced / name, self.folder / name)
            raise self._unusable(error) from None

    def _unusable(self, error: OSError) -> InputError:
        return InputError(f"{self.folder}: {error.strerror}: name another folder with the variable {FOLDER_VARIABLE}")


def entry_file(folder: Path, name: str) -> Path:
    """Where the weights of `name` are below a folder."""
    return folder / check_name(name) / WEIGHTS


def write_card(folder: Path, card: ModelCard) -> None:
    """Write a card beside its weights."""
    path = entry_file(folder, card.name).with_name(CARD)
    path.parent.mkdir(exist_ok=True)
    path.write_text(card.to_json(), encoding="utf-8", newline="\n")
