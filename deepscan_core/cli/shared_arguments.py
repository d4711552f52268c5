"""Options that several commands share."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from pathlib import Path

from deepscan_core.acquisition.strategy_names import STRATEGIES
from deepscan_core.cli.values import number


def add_strategy(parser: argparse.ArgumentParser, default: str = "follow") -> None:
    """Which strategy chooses among the steps of a plan, and whether drift is corrected."""
    group = parser.add_argument_group("what is next (docs/strategies.md)")
    group.add_argument(
        "--strategy",
        choices=STRATEGIES,
        default=default,
        help=f"which steps of the plan are exposed, in which order and after which looks (default {default})",
    )
    group.add_argument(
        "--beyond-plan",
        action="store_true",
        help="with explore: also expose places off the plan that look like what a tile has confirmed",
    )
    group.add_argument(
        "--drift", action="store_true", help="correct drift, measured on a reference area off the plan (docs/drift.md)"
    )
    group.add_argument(
        "--drift-allowed-nm", type=number, default=0.25, metavar="NM", help="to be known before a step (default 0.25)"
    )
    group.add_argument(
        "--overview-dwell-us",
        type=number,
        default=2.0,
        metavar="US",
        help="of the overview that is recorded first where the strategy needs one (default 2)",
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", type=Path, metavar="FILE", help="the laboratory's defaults (docs/settings.md)")
    parser.add_argument("--max-memory-gb", type=number, metavar="GB", help="default: half of what is free")


def add_output(parser: argparse.ArgumentParser, default: Path) -> None:
    parser.add_argument("--out", type=Path, default=default, metavar="DIR", help=f"result (default {default})")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing result")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def lazily(command: str) -> Callable[[argparse.Namespace], int]:
    """Import a command when it is used, so that ``deepscan --help`` is quick."""

    def run(arguments: argparse.Namespace) -> int:
        module = importlib.import_module(f"deepscan_core.cli.{command}")
        code: int = module.command(arguments)
        return code

    return run
