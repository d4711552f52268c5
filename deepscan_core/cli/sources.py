"""The image that a protocol was made on: where it is, and which part of it that was."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from deepscan_core.errors import InputError, ProtocolError
from deepscan_core.files import read_file
from deepscan_core.ingest.bars import Crop
from deepscan_core.ingest.cropping import parse_crop
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.simulation.specimens import specimen_names


def source_path(arguments: argparse.Namespace, protocol: ScanProtocol) -> Path:
    """Where the image is: where it was, or beside the protocol; raises `InputError` where it is not."""
    recorded = protocol.provenance.get("source_path")
    places = [Path(recorded)] if isinstance(recorded, str) else []
    places += [Path(protocol.source_name), arguments.protocol.parent / protocol.source_name]
    for place in places:
        if place.is_file():
            return place
    raise InputError(
        f"{protocol.source_name} is not found: name what the simulated microscope looks at with --world "
        f"(an image file, or one of {', '.join(specimen_names())})"
    )


def source_channel(protocol: ScanProtocol) -> int | str | None:
    """Which image of its file the protocol was made on."""
    parameters = protocol.provenance.get("parameters")
    channel = parameters.get("channel") if isinstance(parameters, dict) else None
    return channel if isinstance(channel, int | str) else None


def source_crop(protocol: ScanProtocol) -> Crop | None:
    """Which part of its image the protocol was made on."""
    parameters = protocol.provenance.get("parameters")
    text = parameters.get("crop") if isinstance(parameters, dict) else None
    crop = parse_crop(text) if isinstance(text, str) else None
    if crop == "bars":
        raise ProtocolError("the protocol's crop is not a box of pixels: plan again")
    return crop


def is_source(path: Path, protocol: ScanProtocol) -> bool:
    """Whether a file is the one the protocol was made on; what cannot be read is not."""
    try:
        content = read_file(path, "give a readable image file")
    except InputError:
        return False
    return hashlib.sha256(content).hexdigest() == protocol.source_sha256
