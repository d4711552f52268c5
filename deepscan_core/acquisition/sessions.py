"""The beginning of a session: a new journal for a plan on an instrument, or an old one that belongs to both."""

from __future__ import annotations

from pathlib import Path

from deepscan_core.acquisition import durable, entries
from deepscan_core.acquisition.controller import ScanController
from deepscan_core.acquisition.journal import FILE_NAME, Journal, protocol_hash
from deepscan_core.acquisition.recording import utc_now
from deepscan_core.acquisition.resuming import plain
from deepscan_core.acquisition.tiles import TileFolder
from deepscan_core.errors import InputError
from deepscan_core.records.protocol import ScanProtocol


def begin(
    directory: Path, protocol: ScanProtocol, controller: ScanController, strategy: str
) -> tuple[Journal, TileFolder]:
    """A new journal; raises `InputError` where the folder holds another run."""
    durable.make_folder(directory)
    tiles = TileFolder(directory)
    if not tiles.is_empty and not (directory / FILE_NAME).exists():
        raise InputError(
            f"{directory} holds tiles of a run without its journal: give another --out, or add --overwrite"
        )
    tiles.make()
    start = entries.start(
        at=utc_now(),
        protocol_sha256=protocol_hash(protocol),
        steps=len(protocol.steps),
        strategy=strategy,
        instrument=controller.name,
        parameters=plain(controller.parameters()),
    )
    return Journal.begin(directory, start), tiles


def reopen(
    directory: Path, protocol: ScanProtocol, controller: ScanController, strategy: str
) -> tuple[Journal, TileFolder]:
    """An old journal; raises `InputError` where there is none, or it belongs to another plan, instrument or
    strategy.
    """
    journal, path = Journal.resume(directory), directory / FILE_NAME
    start = journal.history.start
    if start["protocol_sha256"] != protocol_hash(protocol):
        raise InputError(f"{path} belongs to another protocol: give the protocol it was started with")
    if start["instrument"] != controller.name:
        raise InputError(
            f"{path} was started on {start['instrument']!r}, this is {controller.name!r}: "
            "give the --controller and --world it was started with"
        )
    if start["strategy"] != strategy:
        raise InputError(f"{path} was started with the strategy {start['strategy']!r}, not {strategy!r}: give the same")
    return journal, TileFolder(directory)


def discard(directory: Path) -> None:
    """Remove the journal and the tiles of an earlier run; what was set aside from a journal stays."""
    (directory / FILE_NAME).unlink(missing_ok=True)
    TileFolder(directory).discard()
