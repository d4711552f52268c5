"""``deepscan execute PROTOCOL``"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deepscan_core.acquisition.controller import BeamRest, ScanController
from deepscan_core.cli import laboratory
from deepscan_core.cli.arguments import say
from deepscan_core.cli.demo import PREVIEW_DWELL, defects_in_frame
from deepscan_core.cli.pipeline import Timings, region_of, say_summary, summary, versions, write_artifacts
from deepscan_core.cli.progress import stages
from deepscan_core.efficiency import efficiency_rows
from deepscan_core.errors import InputError, MissingError, ProtocolError
from deepscan_core.files import read_file
from deepscan_core.ingest.bars import Crop
from deepscan_core.ingest.cropping import parse_crop
from deepscan_core.ingest.readers import read_image
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.memory import limited_to
from deepscan_core.records.coordinates import YX
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreKind, ScoreMap
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.records.regions import RegionMeasurement
from deepscan_core.regions.measurement import measure_regions
from deepscan_core.reporting import artifacts
from deepscan_core.reporting.report_data import ReportData
from deepscan_core.simulation.specimens import ImageSpecimen, Specimen, make_specimen, specimen_names
from deepscan_core.survey import Survey, discard_run, look

KIND_OF_MODE: Mapping[Any, ScoreKind] = {"teacher": "probability", "words": "similarity"}


def command(arguments: argparse.Namespace) -> int:
    """Check a plan against an instrument and carry it out."""
    if arguments.channel is not None and arguments.world is None:
        raise InputError(f"--channel {arguments.channel} was given without --world: name the file it belongs to")
    settings = laboratory.in_force(arguments)
    protocol = ScanProtocol.from_file(arguments.protocol)
    if not protocol.context.is_calibrated:
        raise ProtocolError(f"{arguments.protocol} has no calibration: plan again with --pixel-size-nm")
    laboratory.check_laboratory(protocol, settings)
    with limited_to(settings.values["max_memory_gb"]):
        return _check_or_carry_out(arguments, protocol)


def _check_or_carry_out(arguments: argparse.Namespace, protocol: ScanProtocol) -> int:
    controller, specimen = _instrument(arguments, protocol)
    rest = BeamRest(park_fraction=arguments.park)
    if arguments.check:
        Survey(protocol, controller, rest=rest).check()
        _say(
            arguments, {"check": "passed", "steps": len(protocol.steps)}, [f"{len(protocol.steps)} steps: can be done"]
        )
        return 0
    if arguments.resume and arguments.overwrite:
        raise InputError("--resume and --overwrite were both given: give one of them")
    if not arguments.resume:
        artifacts.check_free(arguments.out, overwrite=arguments.overwrite)
    facts = _carry_out(arguments, protocol, controller, specimen, rest)
    _say(arguments, facts, say_summary(facts))
    return 0


def _say(arguments: argparse.Namespace, facts: Mapping[str, Any], lines: list[str]) -> None:
    if arguments.json:
        say(artifacts.to_json(facts).rstrip())
    else:
        for line in lines:
            say(line)


def _instrument(arguments: argparse.Namespace, protocol: ScanProtocol) -> tuple[ScanController, Specimen | None]:
    if arguments.controller == "nion":
        try:
            from deepscan_core.instruments.nion import NionScanController
        except ImportError as error:
            raise MissingError(
                f"Nion's packages are not installed ({error}): pip install 'nionswift-deepscan[swift]'"
            ) from None
        return NionScanController(), None
    specimen = _world(arguments, protocol)
    return SimulatedController(specimen, protocol.context, seed=arguments.seed), specimen


def _world(arguments: argparse.Namespace, protocol: ScanProtocol) -> Specimen:
    """What lies under the simulated beam: what was asked for, else what the protocol was made on."""
    wanted = arguments.world or protocol.provenance.get("world")
    if isinstance(wanted, str):
        name, _, seed = wanted.partition(":")
        if name in specimen_names():
            if seed and not seed.isdigit():
                raise InputError(f"--world {wanted}: {seed!r} is no seed: give e.g. {name}:3")
            return make_specimen(name, int(seed or 0))
    path = Path(arguments.world) if arguments.world else _source_path(arguments, protocol)
    is_source = _is_source(path, protocol)
    if not is_source and not arguments.world:
        raise InputError(f"{path} is not the image the protocol was made on: name the world with --world")
    channel = arguments.channel
    if is_source:
        channel = _source_channel(protocol) if channel is None else channel
    image = read_image(path, channel=channel, crop=_source_crop(protocol) if is_source else None)
    if image.shape != (protocol.context.rows, protocol.context.cols):
        raise InputError(f"{path} has {image.shape} px, the protocol's context another size: name another --world")
    return ImageSpecimen(
        dataclasses.replace(image, pixel_size_nm=protocol.context.pixel_size_nm), context=protocol.context
    )


def _source_path(arguments: argparse.Namespace, protocol: ScanProtocol) -> Path:
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


def _source_channel(protocol: ScanProtocol) -> int | str | None:
    """Which image of its file the protocol was made on."""
    parameters = protocol.provenance.get("parameters")
    channel = parameters.get("channel") if isinstance(parameters, dict) else None
    return channel if isinstance(channel, int | str) else None


def _source_crop(protocol: ScanProtocol) -> Crop | None:
    """Which part of its image the protocol was made on."""
    parameters = protocol.provenance.get("parameters")
    text = parameters.get("crop") if isinstance(parameters, dict) else None
    crop = parse_crop(text) if isinstance(text, str) else None
    if crop == "bars":
        raise ProtocolError("the protocol's crop is not a box of pixels: plan again")
    return crop


def _is_source(path: Path, protocol: ScanProtocol) -> bool:
    """Whether a file is the one the protocol was made on; what cannot be read is not."""
    try:
        content = read_file(path, "give a readable image file")
    except InputError:
        return False
    return hashlib.sha256(content).hexdigest() == protocol.source_sha256


def _carry_out(
    arguments: argparse.Namespace,
    protocol: ScanProtocol,
    controller: ScanController,
    specimen: Specimen | None,
    rest: BeamRest,
) -> dict[str, Any]:
    timings = Timings()
    # Everything that can be missing or damaged is read before the first exposure.
    image = _overview(arguments, protocol, specimen)
    score_map = _map_of(arguments.protocol.parent / artifacts.SCAN_MAP, protocol)
    measurements = timings.measure("measure", lambda: _measure(protocol, image, score_map))
    with stages(len(protocol.steps) + 1, "execute") as stage:
        names = iter([f"region {step.order}" for step in protocol.steps[1:]] + ["writing"])
        stage("region 1")
        if arguments.overwrite:
            Survey(protocol, controller, rest=rest).check()
            discard_run(arguments.out)
        survey = Survey(
            protocol,
            controller,
            directory=arguments.out,
            resume=arguments.resume,
            rest=rest,
            on_frame=lambda _: stage(next(names)),
        )
        tiles = timings.measure("scan", survey.run)
        result = _report_data(arguments, protocol, controller, specimen, image, score_map, measurements, tiles, timings)
        with artifacts.staged(arguments.out) as staging:
            write_artifacts(result, staging)
    return summary(result, arguments.out)


def _report_data(
    arguments: argparse.Namespace,
    protocol: ScanProtocol,
    controller: ScanController,
    specimen: Specimen | None,
    image: CalibratedImage,
    score_map: ScoreMap,
    measurements: tuple[RegionMeasurement, ...],
    tiles: tuple[ScanFrame, ...],
    timings: Timings,
) -> ReportData:
    truth_nm = [] if specimen is None else defects_in_frame(specimen, protocol.context)
    truth_px: list[YX] | None = [protocol.context.px_from_nm(p) for p in truth_nm] or None
    rows = efficiency_rows(protocol, truth_px=truth_px, preview_dwell_us=_preview_dwell_us(protocol))
    return ReportData(
        title=f"{protocol.source_name}, scanned by {controller.name}",
        image=image,
        score_map=score_map,
        regions=tuple(region_of(step) for step in protocol.steps),
        protocol=protocol,
        measurements=measurements,
        efficiency=tuple(row.to_dict() for row in rows),
        versions=versions(),
        parameters={"controller": controller.name, "seed": arguments.seed, "resumed": arguments.resume},
        timings_s=timings.seconds,
        tiles=tiles,
        truth_nm=tuple(truth_nm),
    )


def _preview_dwell_us(protocol: ScanProtocol) -> float | None:
    dwell_us = protocol.provenance.get(PREVIEW_DWELL)
    return float(dwell_us) if isinstance(dwell_us, int | float) and dwell_us > 0 else None


def _measure(protocol: ScanProtocol, image: CalibratedImage, score_map: ScoreMap) -> tuple[RegionMeasurement, ...]:
    """Objects inside the rectangles as they are turned: a turned one is searched straight, then sorted out."""
    found = measure_regions(image, [region_of(step) for step in protocol.steps], score_map)
    steps = protocol.steps
    kept = [
        one
        for one in found
        if not steps[one.region - 1].rotation_rad
        or steps[one.region - 1].holds_px(protocol.context, (one.centroid_y_px, one.centroid_x_px))
    ]
    return tuple(dataclasses.replace(one, id=number) for number, one in enumerate(kept, start=1))


def _overview(arguments: argparse.Namespace, protocol: ScanProtocol, specimen: Specimen | None) -> CalibratedImage:
    """The picture the plan was made on: the source image where it is at hand, else what a simulated preview gave."""
    try:
        path = _source_path(arguments, protocol)
        if _is_source(path, protocol):
            return read_image(
                path,
                pixel_size_nm=protocol.context.pixel_size_nm,
                channel=_source_channel(protocol),
                crop=_source_crop(protocol),
            )
    except InputError:
        if specimen is None:
            raise
    if specimen is None:
        raise InputError(f"{protocol.source_name} is not the image the protocol was made on: put that one beside it")
    # Another microscope of the same seed repeats the preview of the plan; nothing is exposed for it.
    _, _, seed = str(protocol.provenance.get("world", "")).partition(":")
    again = SimulatedController(
        specimen,
        protocol.context,
        dwell_time_us=_preview_dwell_us(protocol) or 1.0,
        seed=int(seed) if seed.isdigit() else arguments.seed,
    )
    return look(again)[1]


def _map_of(path: Path, protocol: ScanProtocol) -> ScoreMap:
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
