"""Where the weights of a network come from: a file, the store, an installed package, the model hub, in this order."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from deepscan_core.errors import InputError
from deepscan_core.weights.architectures import check_known, create_network, training_of
from deepscan_core.weights.cards import Three
from deepscan_core.weights.catalogue import PACKAGED, PackagedWeights, packaged_weights, sha256_of
from deepscan_core.weights.hub import network_from_hub
from deepscan_core.weights.loading import fit, in_order, read_tensors
from deepscan_core.weights.names import timm_name
from deepscan_core.weights.store import ModelStore, store_folder

if TYPE_CHECKING:
    from torch import nn

RANDOM: Literal["random"] = "random"
RANDOM_SEED = 0


@dataclass(frozen=True, kw_only=True)
class WeightsSource:
    """What `find_weights` decided. Two that are equal give the same network.

    Attributes
    ----------
    kind : "file", "store", "packaged", "hub" or "random".
    name : timm's name of the network; of the store's entry if the weights are in the store.
    path : of the weights, where they are a file.
    stamp : size in bytes and time of change in ns of that file, so that another one of the same name is not taken for it.
    """

    kind: Literal["file", "store", "packaged", "hub", "random"]
    name: str
    path: Path | None = None
    stamp: tuple[int, int] | None = None


def find_weights(name: str, weights: Path | Literal["random"] | None = None) -> WeightsSource:
    """Decide where the weights of a network are taken from; loads nothing.

    Parameters
    ----------
    name : a model of timm with or without a tag, or another name of it (`names.ALIASES`).
    weights : a local file; "random" for a network that learnt nothing, for measurements of time; None to look for them.

    Raises
    ------
    InputError
        No such network, or several entries of the store that it could mean.
    """
    check_known(name)
    wanted = timm_name(name)
    if weights == RANDOM:
        return WeightsSource(kind="random", name=wanted)
    if weights is not None:
        return _on_disk("file", wanted, Path(weights))
    store = ModelStore(store_folder())
    if wanted in store.names():
        return _on_disk("store", wanted, store.file(wanted))
    packaged = packaged_weights(wanted)
    if packaged is not None and (packaged.is_installed() or not packaged.optional):
        return WeightsSource(kind="packaged", name=packaged.name)
    entry = store.find(wanted)
    if entry is not None:
        return _on_disk("store", entry, store.file(entry))
    return WeightsSource(kind="hub", name=wanted)


def filled_network(source: WeightsSource) -> tuple[nn.Module, Three, Three]:
    """A network without its classifier, in evaluation mode, and the mean and standard deviation it was trained on.

    Raises
    ------
    InputError
        Weights that do not fit.
    MissingError
        Weights that cannot be had, or are not what they were when they were added.
    """
    if source.kind == "hub":
        remedy = f"deepscan models import FILE --name {source.name}, or give a local file with --backbone-weights"
        network = network_from_hub(source.name, remedy=remedy)
        return network, *_trained_on(source.name)
    if source.kind == "random":
        return _random_network(source.name), *_trained_on(source.name)
    network = create_network(source.name)
    if source.kind == "packaged":
        packaged = PACKAGED[source.name]
        fill_from_package(network, packaged)
        return network, packaged.mean, packaged.std
    if source.kind == "store":
        store = ModelStore(store_folder())
        path, card = store.checked_file(source.name), store.card(source.name)
        fit(network, read_tensors(path), str(path))
        return network, card.mean, card.std
    if source.path is None:
        raise InputError(f"no file was given for the weights of {source.name}: give one")
    fit(network, read_tensors(source.path), str(source.path))
    return network, *_trained_on(source.name)


def described(source: WeightsSource) -> str:
    """Where weights came from and their SHA-256, in one line for the records of a result."""
    if source.kind == "packaged":
        return f"package {PACKAGED[source.name].distribution}, SHA-256 {PACKAGED[source.name].sha256}"
    if source.kind == "store":
        return f"store, SHA-256 {ModelStore(store_folder()).card(source.name).sha256}"
    if source.path is not None:
        return f"file {source.path.name}, SHA-256 {sha256_of(source.path)}"
    return "the model hub" if source.kind == "hub" else "random"


def fill_from_package(network: nn.Module, packaged: PackagedWeights, path: Path | None = None) -> None:
    """Fill `network` from an installed package, or from a file that is known to be the package's; checks the hash."""
    path = path or packaged.checked_file()
    whole = create_network(packaged.name, whole=True)
    fit(network, in_order(whole, read_tensors(path), str(path)), str(path))


def _random_network(name: str) -> nn.Module:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        return create_network(name)


def _trained_on(name: str) -> tuple[Three, Three]:
    training = training_of(name)
    return tuple(training.mean), tuple(training.std)


def _on_disk(kind: Literal["file", "store"], name: str, path: Path) -> WeightsSource:
    try:
        facts = path.stat()
    except OSError as error:
        raise InputError(f"weights {path}: {error.strerror}: give a file that can be read") from None
    if not stat.S_ISREG(facts.st_mode):
        raise InputError(f"weights {path} are not a file: give a file of weights")
    return WeightsSource(kind=kind, name=name, path=path, stamp=(facts.st_size, facts.st_mtime_ns))
