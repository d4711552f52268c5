"""What a plan was made from: its picture, its map, and the preview as the instrument recorded it."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deepscan_core.cli.sources import is_source, source_channel, source_crop, source_path
from deepscan_core.errors import InputError
from deepscan_core.ingest.readers import read_image
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreKind, ScoreMap
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.simulation.specimens import Specimen
from deepscan_core.survey import look

PREVIEW_DWELL = "preview_dwell_us"  # in the provenance of plans
KIND_OF_MODE: Mapping[Any, ScoreKind] = {
    "teacher": "probability",
    "words": "similarity",
    "words and clicks": "similarity",
}


def preview_dwell_us(protocol: ScanProtocol) -> float | None:
    """The dwell time of the preview that a protocol was made on; None where it is not told."""
    dwell_us = protocol.provenance.get(PREVIEW_DWELL)
    return float(dwell_us) if isinstance(dwell_us, int | float) and dwell_us > 0 else None


def overview(arguments: argparse.Namespace, protocol: ScanProtocol, specimen: Specimen | None) -> CalibratedImage:
    """The picture the plan was made on: the source image where it is at hand, else what a simulated preview gave."""
    try:
        path = source_path(arguments, protocol)
        if is_source(path, protocol):
            return read_image(
                path,
                pixel_size_nm=protocol.context.pixel_size_nm,
                channel=source_channel(protocol),
                crop=source_crop(protocol),
            )
    except InputError:
        if specimen is None:
            raise
    if specimen is None:
        raise InputError(f"{protocol.source_name} is not the image the protocol was made on: put that one beside it")
    return look(_again(arguments, protocol, specimen))[1]


def _again(arguments: argparse.Namespace, protocol: ScanProtocol, specimen: Specimen) -> SimulatedController:
    """Another microscope of the same seed repeats the preview of the plan; nothing is exposed for it."""
    _, _, seed = str(protocol.provenance.get("world", "")).partition(":")
    return SimulatedController(
        specimen,
        protocol.context,
        dwell_time_us=preview_dwell_us(protocol) or 1.0,
        seed=int(seed) if seed.isdigit() else arguments.seed,
    )


def same_preview(arguments: argparse.Namespace, protocol: ScanProtocol, specimen: Specimen | None) -> ScanFrame | None:
    """The plan's preview as the same instrument recorded it, where that is known; a file may have other grey values."""
    if specimen is None or preview_dwell_us(protocol) is None:
        return None
    return _again(arguments, protocol, specimen).preview()


def map_of(path: Path, protocol: ScanProtocol) -> ScoreMap:
    """The map written beside the protocol; without it the priorities of the steps, painted where they lie."""
    shape = (protocol.context.rows, protocol.context.cols)
    if path.is_file():
        try:
            values = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            raise InputError(f"{path} is no .npy file of numbers: remove it or plan again") from None
        if values.shape == shape:
            parameters = protocol.provenance.get("parameters")
            mode = parameters.get("mode") if isinstance(parameters, dict) else None
            return ScoreMap(values, kind=KIND_OF_MODE.get(mode, "surprisal"), label="as planned")
    values = np.zeros(shape, np.float32)
    y_nm, x_nm = (
        dataclasses.replace(protocol.context, center_y_nm=0.0, center_x_nm=0.0, rotation_rad=0.0)
        .on_specimen()
        .mesh_nm()
    )
    for step in protocol.steps:
        rows, cols = step.in_context().indices_px(y_nm, x_nm)
        inside = (np.abs(rows + 0.5 - step.rows / 2) <= step.rows / 2) & (
            np.abs(cols + 0.5 - step.cols / 2) <= step.cols / 2
        )
        values[inside] = step.priority
    return ScoreMap(values, kind="surprisal", label="priority of the planned regions")
