"""Which instrument a protocol is carried out on, and what lies under a simulated beam."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from deepscan_core.acquisition.controller import ScanController
from deepscan_core.cli.sources import is_source, source_channel, source_crop, source_path
from deepscan_core.errors import InputError, MissingError
from deepscan_core.ingest.readers import read_image
from deepscan_core.instruments.simulated import EVERYTHING, WITH_STAGE, SimulatedController
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.simulation.specimens import ImageSpecimen, Specimen, make_specimen, specimen_names


def instrument(arguments: argparse.Namespace, protocol: ScanProtocol) -> tuple[ScanController, Specimen | None]:
    """The controller that was asked for, and what it looks at where that is simulated."""
    if arguments.controller == "nion":
        try:
            from deepscan_core.instruments.nion import NionScanController
        except ImportError as error:
            raise MissingError(
                f"Nion's packages are not installed ({error}): pip install 'nionswift-deepscan[swift]'"
            ) from None
        return NionScanController(allow_stage=arguments.allow_stage), None
    if arguments.controller == "pyjem":
        return _pyjem(arguments, protocol), None
    specimen = world_of(arguments, protocol)
    capabilities = WITH_STAGE if arguments.allow_stage else EVERYTHING
    return SimulatedController(specimen, protocol.context, seed=arguments.seed, capabilities=capabilities), specimen


def _pyjem(arguments: argparse.Namespace, protocol: ScanProtocol) -> ScanController:
    from deepscan_core.instruments.pyjem import NOT_TRIED, PyJemController

    if arguments.pyjem_field_mm is None or arguments.pyjem_area_mode is None:
        raise InputError(
            "PyJEM does not tell how large the field is, and what is published of the number of the scan mode Area "
            "disagrees: give --pyjem-field-mm and --pyjem-area-mode (docs/pyjem.md)"
        )
    axes = arguments.pyjem_stage_axes
    if arguments.allow_stage and axes is None:
        raise InputError(
            "--allow-stage with pyjem needs --pyjem-stage-axes: how what is seen follows the stage is published nowhere "
            "(docs/pyjem.md)"
        )
    sys.stderr.write(f"deepscan: note: {NOT_TRIED}\n")
    return PyJemController(
        field_mm=arguments.pyjem_field_mm,
        area_mode=arguments.pyjem_area_mode,
        detector=arguments.pyjem_detector,
        beam_current_pa=protocol.context.beam_current_pa,
        stage_axes=(axes[:2], axes[2:]) if arguments.allow_stage else None,
    )


def world_of(arguments: argparse.Namespace, protocol: ScanProtocol) -> Specimen:
    """What lies under the simulated beam: what was asked for, else what the protocol was made on."""
    wanted = arguments.world or protocol.provenance.get("world")
    if isinstance(wanted, str):
        name, _, seed = wanted.partition(":")
        if name in specimen_names():
            if seed and not seed.isdigit():
                raise InputError(f"--world {wanted}: {seed!r} is no seed: give e.g. {name}:3")
            return make_specimen(name, int(seed or 0))
    path = Path(arguments.world) if arguments.world else source_path(arguments, protocol)
    is_own = is_source(path, protocol)
    if not is_own and not arguments.world:
        raise InputError(f"{path} is not the image the protocol was made on: name the world with --world")
    channel = arguments.channel
    if is_own:
        channel = source_channel(protocol) if channel is None else channel
    image = read_image(path, channel=channel, crop=source_crop(protocol) if is_own else None)
    if image.shape != (protocol.context.rows, protocol.context.cols):
        raise InputError(f"{path} has {image.shape} px, the protocol's context another size: name another --world")
    return ImageSpecimen(
        dataclasses.replace(image, pixel_size_nm=protocol.context.pixel_size_nm), context=protocol.context
    )
