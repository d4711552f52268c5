"""From one computer's store, through a pack, into another's."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from deepscan_core.errors import MissingError
from deepscan_core.weights.adding import check_file, provenance_of_package, write_entry
from deepscan_core.weights.architectures import create_network
from deepscan_core.weights.cards import ModelCard
from deepscan_core.weights.catalogue import packaged_weights
from deepscan_core.weights.loading import fit, read_tensors
from deepscan_core.weights.names import timm_name
from deepscan_core.weights.pack import unpack, write_pack
from deepscan_core.weights.sources import fill_from_package
from deepscan_core.weights.store import ModelStore, entry_file


def import_pack(
    store: ModelStore, path: Path, *, sha256: str | None = None, overwrite: bool = False
) -> tuple[ModelCard, ...]:
    """Put every network of a pack into the store, or none.

    Raises
    ------
    InputError
        It is no pack, was altered, holds weights that do not fit their network, or a name that is taken.
    """
    check_file(path, sha256)
    with store.adding(overwrite=overwrite) as stage:
        cards = unpack(path, stage)
        store.check_free([card.name for card in cards], overwrite=overwrite)
        for card in cards:
            fit(create_network(card.name), read_tensors(entry_file(stage, card.name)), f"{card.name} in {path}")
    return cards


def export_pack(
    store: ModelStore, names: Sequence[str], path: Path, *, overwrite: bool = False
) -> tuple[ModelCard, ...]:
    """Write networks of the store, and of installed packages, into one file for another computer.

    Raises
    ------
    InputError
        The file exists or cannot be written, or a name stands for several networks.
    MissingError
        A network that is not here, or is not what it was when it was added.
    """
    with tempfile.TemporaryDirectory(prefix="deepscan-") as folder:
        found = [_to_export(store, timm_name(name), Path(folder)) for name in names]
        entries = {card.name: (card, weights) for card, weights in found}
        write_pack(path, list(entries.values()), overwrite=overwrite)
    return tuple(card for card, _ in entries.values())


def _to_export(store: ModelStore, name: str, folder: Path) -> tuple[ModelCard, Path]:
    packaged = packaged_weights(name)
    if name not in store.names() and packaged is not None and packaged.is_installed():
        network = create_network(packaged.name)
        fill_from_package(network, packaged)
        card = write_entry(folder, network, provenance_of_package(packaged))
        return card, entry_file(folder, card.name)
    entry = store.find(name)
    if entry is None:
        raise MissingError(f"{name} is not on this computer: deepscan models fetch {name}, or import a file of it")
    return store.card(entry), store.checked_file(entry)
