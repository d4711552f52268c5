"""``deepscan models list|verify|import|export|fetch``"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any

from deepscan_core.cli.arguments import say
from deepscan_core.errors import DeepScanError, InputError, MissingError
from deepscan_core.reporting.artifacts import to_json
from deepscan_core.weights.cards import ModelCard
from deepscan_core.weights.catalogue import PACKAGED, PackagedWeights
from deepscan_core.weights.pack import is_pack
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
    entries = [_packaged(weights, verify=verify) for weights in PACKAGED.values()]
    entries += [_stored(store, name, verify=verify) for name in store.names()]
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

    if is_pack(arguments.file):
        if arguments.name or arguments.licence:
            raise InputError(f"{arguments.file} is a pack, which has names and licences of its own: leave them away")
        cards = import_pack(store, arguments.file, sha256=arguments.sha256, overwrite=arguments.overwrite)
    else:
        cards = (
            import_file(
                store,
                arguments.file,
                name=arguments.name,
                licence=arguments.licence,
                sha256=arguments.sha256,
                overwrite=arguments.overwrite,
            ),
        )
    return _say_cards("imported", cards, arguments)


def _fetch(store: ModelStore, arguments: argparse.Namespace) -> int:
    from deepscan_core.weights.adding import fetch

    return _say_cards("fetched", [fetch(store, arguments.name, overwrite=arguments.overwrite)], arguments)


def _export(store: ModelStore, arguments: argparse.Namespace) -> int:
    from deepscan_core.weights.transfer import export_pack

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
    if weights.extra is not None and not weights.is_installed():
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
