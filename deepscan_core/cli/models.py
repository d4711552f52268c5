"""``deepscan models list|verify|import|export|fetch``"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Iterable
from typing import Any

from deepscan_core.cli.arguments import say
from deepscan_core.cli.progress import stages
from deepscan_core.errors import DeepScanError, InputError, MissingError
from deepscan_core.reporting.artifacts import to_json
from deepscan_core.weights.cards import ModelCard
from deepscan_core.weights.catalogue import PACKAGED, PackagedWeights
from deepscan_core.weights.pack import is_pack
from deepscan_core.weights.shipped import SHIPPED, ShippedWeights
from deepscan_core.weights.store import ModelStore, store_folder

NOT_INSTALLED = "not installed"


def command(arguments: argparse.Namespace) -> int:
    """Do what ``deepscan models`` was asked for."""
    store = ModelStore(store_folder())
    actions: dict[str, Callable[[ModelStore, argparse.Namespace], int]] = {
        "list": _list,
        "verify": _list,
        "import": _import,
        "export": _export,
        "fetch": _fetch,
    }
    return actions[arguments.action](store, arguments)


def _list(store: ModelStore, arguments: argparse.Namespace) -> int:
    """Say which weights are on this computer; `verify` also compares their hashes and fails where one is wrong."""
    verify = arguments.action == "verify"
    looks: dict[str, Callable[[], dict[str, Any]]] = {
        **{f"shipped {w.name}": functools.partial(_shipped, w, verify=verify) for w in SHIPPED.values()},
        **{f"package {w.name}": functools.partial(_packaged, w, verify=verify) for w in PACKAGED.values()},
        **{name: functools.partial(_stored, store, name, verify=verify) for name in store.names()},
    }
    entries = []
    with stages(len(looks), arguments.action) as stage:
        for name, look in looks.items():
            stage(name)
            entries.append(look())
    if arguments.json:
        say(to_json({"store": str(store.folder), "models": entries}).rstrip())
    else:
        for entry in entries:
            size = f"{entry['bytes'] / 1e6:.1f} MB" if entry["bytes"] else "-"
            say(f"{entry['name']}  {size}  {entry['licence'] or '-'}  {entry['kind']}, {entry['state']}")
            say(f"  {entry['path'] or 'pip install ' + entry['package']}")
            if entry["path"]:
                say(f"  SHA-256 {entry['sha256'] or '-'}  from {entry['origin'] or '-'}")
        say(f"store: {store.folder}")
    bad = [entry for entry in entries if verify and not entry["good"]]
    if bad:
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise MissingError(f"{bad[0]['state']}{more}")
    return 0


def _import(store: ModelStore, arguments: argparse.Namespace) -> int:
    from deepscan_core.weights.adding import import_file
    from deepscan_core.weights.transfer import import_pack

    path, rules = arguments.file, {"sha256": arguments.sha256, "overwrite": arguments.overwrite}
    with stages(1, path.name) as stage:
        stage("checking")
        if not is_pack(path):
            cards: tuple[ModelCard, ...] = (
                import_file(store, path, name=arguments.name, licence=arguments.licence, **rules),
            )
        elif arguments.name or arguments.licence:
            raise InputError(f"{path} is a pack, which has names and licences of its own: leave them away")
        else:
            cards = import_pack(store, path, **rules)
    return _say_cards("imported", cards, arguments)


def _fetch(store: ModelStore, arguments: argparse.Namespace) -> int:
    from deepscan_core.weights.adding import fetch

    with stages(1, arguments.name) as stage:
        stage("fetching")
        card = fetch(store, arguments.name, overwrite=arguments.overwrite)
    return _say_cards("fetched", [card], arguments)


def _export(store: ModelStore, arguments: argparse.Namespace) -> int:
    from deepscan_core.weights.transfer import export_pack

    with stages(1, arguments.out.name) as stage:
        stage("packing")
        cards = export_pack(store, arguments.names, arguments.out, overwrite=arguments.overwrite)
    return _say_cards("exported", cards, arguments)


def _say_cards(done: str, cards: Iterable[ModelCard], arguments: argparse.Namespace) -> int:
    if arguments.json:
        say(to_json({done: [card.to_dict() for card in cards]}).rstrip())
    else:
        for card in cards:
            say(f"{done} {card.name}  {card.bytes / 1e6:.1f} MB  {card.licence}")
            say(f"  SHA-256 {card.sha256}  from {card.origin}")
    return 0


def _shipped(weights: ShippedWeights, *, verify: bool) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": weights.name,
        "kind": "shipped",
        "licence": weights.licence,
        "origin": weights.origin,
        "package": "nionswift-deepscan",
        "sha256": weights.sha256,
        "path": None,
        "bytes": None,
    }
    try:
        path = weights.checked_file() if verify else weights.file()
    except MissingError as error:
        return facts | {"state": str(error), "good": False}
    state = "verified" if verify else "installed"
    return facts | {"path": str(path), "bytes": path.stat().st_size, "state": state, "good": True}


def _packaged(weights: PackagedWeights, *, verify: bool) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": weights.name,
        "kind": "packaged",
        "licence": weights.licence,
        "origin": weights.origin,
        "package": weights.distribution,
        "sha256": weights.sha256,
        "path": None,
        "bytes": None,
    }
    if weights.optional and not weights.is_installed():
        return facts | {"state": NOT_INSTALLED, "good": True}
    try:
        path = weights.checked_file() if verify else weights.file()
    except MissingError as error:
        return facts | {"state": str(error), "good": False}
    state = "verified" if verify else "installed"
    return facts | {"path": str(path), "bytes": path.stat().st_size, "state": state, "good": True}


def _stored(store: ModelStore, name: str, *, verify: bool) -> dict[str, Any]:
    facts: dict[str, Any] = dict.fromkeys(("licence", "origin", "package", "sha256", "bytes"))
    facts = {"name": name, "kind": "store"} | facts | {"path": str(store.folder / name)}
    try:
        card = store.card(name)
        facts |= {"licence": card.licence, "origin": card.origin, "sha256": card.sha256, "bytes": card.bytes}
        path = store.checked_file(name) if verify else store.file(name)
    except DeepScanError as error:
        return facts | {"state": str(error), "good": False}
    if not path.is_file():
        return facts | {"state": f"{path} is missing: import {name} again with --overwrite", "good": False}
    return facts | {"path": str(path), "state": "verified" if verify else "installed", "good": True}
