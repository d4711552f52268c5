"""The settings in force: defaults, then the laboratory's file, then what was typed."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepscan_core.acquisition.limits import check_doses
from deepscan_core.cli.arguments import say
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.reporting.artifacts import to_json
from deepscan_core.settings import NAMES, Settings, as_toml, find_file

TYPED, DEFAULT = "command line", "default"
# What is typed on the left sets aside what the file says on the right, which belonged to another choice.
_SETS_ASIDE = {
    "expected_false_regions": ("area_fraction",),
    "false_share": ("area_fraction",),
    "level": ("area_fraction",),
    "region_size_nm": ("region_size_px",),
    "backbone": ("backbone_weights",),
    "clip_model": ("clip_checkpoint",),
}


@dataclass(frozen=True, kw_only=True)
class InForce:
    """Values by name, where each comes from, and the file that took part."""

    values: Mapping[str, Any]
    origins: Mapping[str, str]
    file: Path | None


def in_force(arguments: argparse.Namespace) -> InForce:
    """Put defaults, the settings file and the command line together; raises `InputError` for a bad file."""
    path = find_file(arguments.settings)
    settings, named = (Settings(), frozenset[str]()) if path is None else Settings.from_file(path)
    aside = {
        name for typed, names in _SETS_ASIDE.items() if getattr(arguments, typed, None) is not None for name in names
    }
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name in NAMES:
        typed = getattr(arguments, name, None)
        if typed is not None:
            values[name], origins[name] = typed, TYPED
        elif name in aside:
            values[name], origins[name] = None, TYPED
        else:
            values[name], origins[name] = getattr(settings, name), str(path) if name in named else DEFAULT
    return InForce(values=values, origins=origins, file=path)


def apply(arguments: argparse.Namespace) -> InForce:
    """Fill in what was not typed, and note where each value comes from as ``origins``."""
    found = in_force(arguments)
    for name, value in found.values.items():
        setattr(arguments, name, value)
    arguments.settings, arguments.origins = found.file, found.origins
    return found


def show(found: InForce, *, json: bool) -> None:
    """Print the settings as a TOML file that could be used as it is, or as JSON."""
    if json:
        plain = {name: value if value is None else _plain(value) for name, value in found.values.items()}
        say(to_json({"file": found.file, "settings": plain, "from": dict(found.origins)}).rstrip())
        return
    say(f"# settings file: {found.file or 'none'}")
    say(as_toml(found.values, found.origins).rstrip())


def check_laboratory(protocol: ScanProtocol, found: InForce) -> None:
    """Raise `ProtocolError` for a step beyond the dose that the laboratory allows, whoever wrote the protocol."""
    limit = found.values["max_dose_e_per_nm2"]
    if limit is not None:
        check_doses(protocol, limit)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) else str(value)
