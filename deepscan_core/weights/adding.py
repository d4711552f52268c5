"""Bring weights into the store: from a file, or from the model hub."""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deepscan_core.errors import InputError
from deepscan_core.weights.architectures import check_known, create_network, training_of
from deepscan_core.weights.cards import NOT_STATED, ModelCard, Three, check_sha256
from deepscan_core.weights.catalogue import PACKAGED, PackagedWeights, sha256_of
from deepscan_core.weights.hub import hub_page, network_from_hub
from deepscan_core.weights.loading import fit, read_tensors, save_tensors
from deepscan_core.weights.names import check_name, timm_name
from deepscan_core.weights.sources import fill_from_package
from deepscan_core.weights.store import ModelStore, entry_file, write_card

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What a card says that its weights file does not; see `ModelCard`."""

    name: str
    licence: str
    origin: str
    mean: Three
    std: Three


def import_file(
    store: ModelStore,
    path: Path,
    *,
    name: str | None = None,
    licence: str | None = None,
    sha256: str | None = None,
    overwrite: bool = False,
) -> ModelCard:
    """Check a checkpoint against its network and put it into the store.

    Parameters
    ----------
    path : ``.safetensors``, or ``.pth`` / ``.pt`` / ``.bin`` read with ``weights_only=True``. A file of a package that
        DeepScan knows is recognised by its hash.
    name : timm's name of the network, with a tag if several are to be kept; the file's own name by default.
    licence : as its source states it; "not stated" by default. Nothing is guessed.
    sha256 : that the file must have.

    Raises
    ------
    InputError
        A file that cannot be read, has another hash or does not fit the network; a name that is not known, or taken.
    """
    digest = check_file(path, sha256)
    packaged = next((entry for entry in PACKAGED.values() if entry.sha256 == digest), None)
    if packaged is not None and name in (None, packaged.name):
        provenance = provenance_of_package(packaged)
    else:
        chosen = _network_for(path, name)
        mean, std = _trained_on(chosen)
        origin = f"file {_printable(path.name)}, SHA-256 {digest}"
        provenance = Provenance(name=chosen, licence=licence or NOT_STATED, origin=origin, mean=mean, std=std)
        packaged = None
    store.check_free([provenance.name], overwrite=overwrite)
    network = create_network(provenance.name)
    if packaged is not None:
        fill_from_package(network, packaged, path)
    else:
        fit(network, read_tensors(path), str(path))
    return _keep(store, network, provenance, overwrite=overwrite)


def fetch(store: ModelStore, name: str, *, overwrite: bool = False) -> ModelCard:
    """Take weights from the hub that timm names and put them into the store, with the licence that timm states.

    Raises
    ------
    InputError
        No such network or weights, or they are in the store already.
    MissingError
        The hub cannot be reached, or gave none.
    """
    check_known(name)
    training = training_of(name)
    chosen = f"{training.architecture}.{training.tag}" if training.tag else timm_name(name)
    store.check_free([chosen], overwrite=overwrite)
    remedy = "fetch and export it on a computer with internet, then deepscan models import PACK here"
    network = network_from_hub(name, remedy=remedy)
    mean, std = _trained_on(name)
    provenance = Provenance(
        name=chosen, licence=training.license or NOT_STATED, origin=hub_page(name), mean=mean, std=std
    )
    return _keep(store, network, provenance, overwrite=overwrite)


def check_file(path: Path, sha256: str | None) -> str:
    """The SHA-256 of a file; raises `InputError` if it cannot be read, or another hash was given."""
    wanted = None if sha256 is None else check_sha256(sha256)
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is not a file: give a file of weights")
    try:
        found = sha256_of(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}: give a file that can be read") from None
    if wanted not in (None, found):
        raise InputError(f"{path} has SHA-256 {found}, not the one that was given: get the file again")
    return found


def write_entry(stage: Path, network: nn.Module, provenance: Provenance) -> ModelCard:
    """Write the weights of a network and their card below `stage`."""
    path = entry_file(stage, provenance.name)
    path.parent.mkdir(exist_ok=True)
    save_tensors(network.state_dict(), path)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    card = ModelCard(**asdict(provenance), sha256=sha256_of(path), bytes=path.stat().st_size, added=today)
    write_card(stage, card)
    return card


def provenance_of_package(packaged: PackagedWeights) -> Provenance:
    """As the catalogue states it."""
    return Provenance(
        name=packaged.name,
        licence=packaged.licence,
        origin=f"{packaged.origin}; package {packaged.distribution}, SHA-256 {packaged.sha256}",
        mean=packaged.mean,
        std=packaged.std,
    )


def _keep(store: ModelStore, network: nn.Module, provenance: Provenance, *, overwrite: bool) -> ModelCard:
    with store.adding(overwrite=overwrite) as stage:
        return write_entry(stage, network, provenance)


def _network_for(path: Path, name: str | None) -> str:
    """timm's name of the network that a file is for; raises `InputError` where nothing says it."""
    chosen = timm_name(path.stem if name is None else name)
    try:
        check_name(chosen)
        check_known(chosen)
    except InputError as error:
        if name is not None:
            raise
        raise InputError(f"{path} does not say by its name which network it is for: add --name NAME") from error
    return chosen


def _trained_on(name: str) -> tuple[Three, Three]:
    training = training_of(name)
    return tuple(training.mean), tuple(training.std)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:120]
