"""``deepscan run IMAGE...``"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from deepscan_core.cli import laboratory, teaching
from deepscan_core.cli.arguments import as_text, say
from deepscan_core.cli.pipeline import Timings, say_summary, summary, weights_of
from deepscan_core.cli.progress import Advance, stages
from deepscan_core.cli.reasons import ASKED, explained_or_noted
from deepscan_core.efficiency import efficiency_rows
from deepscan_core.errors import DeepScanError, InputError
from deepscan_core.ingest.cropping import crop_notes, crop_text
from deepscan_core.ingest.detectors import known_noise
from deepscan_core.ingest.normalise import Preprocessing
from deepscan_core.ingest.readers import read_image
from deepscan_core.memory import limited_to
from deepscan_core.planning import ASSUMED_CURRENT_PA, PlanSettings, expected_finds, in_visiting_order, make_protocol
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.noise import KnownNoise
from deepscan_core.records.protocol import ScanLimits
from deepscan_core.reporting import artifacts
from deepscan_core.reporting.artifacts import write_artifacts
from deepscan_core.reporting.report_data import ReportData
from deepscan_core.reporting.versions import versions
from deepscan_core.scoring.query import parse_query
from deepscan_core.scoring.teaching.labels import save_labels
from deepscan_core.study import Study

STAGES = 7


def command(arguments: argparse.Namespace) -> int:
    """Plan a scan for each image; the others are done even if one fails."""
    settings = laboratory.apply(arguments)
    if arguments.show_settings:
        laboratory.show(settings, json=arguments.json)
        return 0
    directories = _directories(arguments)
    teaching.check_teaching(arguments)
    with limited_to(arguments.max_memory_gb):
        return _run_all(directories, arguments)


def _run_all(directories: dict[Path, Path], arguments: argparse.Namespace) -> int:
    done: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for path, directory in directories.items():
        try:
            facts = _run_one(path, directory, arguments)
        except DeepScanError as error:
            if len(directories) == 1:
                raise
            failed.append({"source": str(path), "error": str(error)})
            sys.stderr.write(f"deepscan: error: {' '.join(str(error).split())}\n")
            continue
        done.append(facts)
        if not arguments.json:
            for line in say_summary(facts):
                say(line)
    if arguments.json:
        say(artifacts.to_json({"results": done, "failed": failed}).rstrip())
    return 2 if failed else 0


def _directories(arguments: argparse.Namespace) -> dict[Path, Path]:
    """Where each image's result goes; refuses a clash before anything is computed."""
    images: list[Path] = arguments.images
    if not images:
        raise InputError("no image was given: name at least one file (see deepscan run --help)")
    if len(images) == 1:
        return {images[0]: arguments.out}
    if arguments.positive or arguments.negative:
        raise InputError(f"clicks were given with {len(images)} images: give one image with --positive and --negative")
    directories: dict[Path, Path] = {}
    for image in images:
        directory = arguments.out / image.stem
        if directory in directories.values():
            raise InputError(f"two images are called {image.stem}: run them with different --out")
        directories[image] = directory
    return directories


def _run_one(path: Path, directory: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    artifacts.check_free(directory, overwrite=arguments.overwrite)
    timings = Timings()
    with stages(STAGES, path.name) as stage:
        stage("reading")
        image = timings.measure("read", lambda: _read(path, arguments))
        study = _study(image, arguments)
        result = _plan(path, study, arguments, timings, stage)
        stage("writing")
        with artifacts.staged(directory) as staging:
            write_artifacts(result, staging)
        if arguments.save_labels is not None:
            save_labels(arguments.save_labels, teaching.labels_to_save(study, arguments))
    return summary(result, directory)


def _read(path: Path, arguments: argparse.Namespace) -> CalibratedImage:
    """The image, with the pixel size from where the settings want it."""
    image = read_image(path, pixel_size_nm=arguments.pixel_size_nm, channel=arguments.channel, crop=arguments.crop)
    if image.array.min() == image.array.max():
        raise InputError(f"{path}: every pixel is {image.array.flat[0]}: give an image of something")
    if arguments.pixel_size_nm is not None or arguments.pixel_size_source == "file":
        return image
    if arguments.pixel_size_source == "command":
        return replace(image, pixel_size_nm=None)
    if image.pixel_size_nm is None:
        raise InputError(f"{path}: has no pixel size, and the settings require one: give it with --pixel-size-nm")
    return image


def _study(image: CalibratedImage, arguments: argparse.Namespace) -> Study:
    return Study(
        image,
        backbone=arguments.backbone,
        backbone_weights=arguments.backbone_weights,
        preprocessing=Preprocessing(denoise=arguments.denoise, clahe=arguments.clahe),
        seed=arguments.seed,
        device=arguments.device,
        precision=arguments.precision,
        scorer=arguments.scorer,
        noise=_calibrated(known_noise(image.metadata), arguments),
    )


def _plan(path: Path, study: Study, arguments: argparse.Namespace, timings: Timings, stage: Advance) -> ReportData:
    image = study.image
    stage("looking")
    score_map = timings.measure("score", lambda: _score(study, arguments))
    stage("choosing regions")
    regions = timings.measure(
        "select",
        lambda: study.regions(
            score_map,
            area_fraction=arguments.area_fraction,
            expected_false_regions=arguments.expected_false_regions,
            false_share=arguments.false_share,
            level=arguments.level,
            region_size_px=arguments.region_size_px,
            region_size_nm=arguments.region_size_nm,
        ),
    )
    if score_map.kind == "surprisal":
        regions = timings.measure("describe", lambda: study.labelled(regions))
    stage("planning the way")
    current_pa, current_from = _beam_current(image, arguments)
    parameters, asked = _parameters(arguments, image), teaching.asked_of(arguments)
    protocol = timings.measure(
        "route",
        lambda: make_protocol(
            image,
            regions,
            PlanSettings(
                density=arguments.density,
                dwell_time_us=arguments.dwell_us,
                limits=ScanLimits(
                    max_dose_e_per_nm2=arguments.max_dose_e_per_nm2,
                    max_time_s=arguments.max_time_s,
                    max_total_electrons=arguments.max_electrons,
                ),
            ),
            prizes=expected_finds(regions, score_map),
            context=image.context(beam_current_pa=current_pa),
            provenance={
                "tool": "deepscan run",
                "source_path": as_text(path),
                "beam_current": current_from,
                "parameters": {k: _plain(v) for k, v in parameters.items()},
                ASKED: asked.to_dict(),
            },
        ),
    )
    stage("measuring")
    visited = in_visiting_order(regions, protocol)
    measurements = timings.measure("measure", lambda: study.measure(visited, score_map))
    stage("explaining")
    explanations, unexplained = timings.measure(
        "explain", lambda: explained_or_noted(lambda: teaching.reasons(study, arguments), visited)
    )
    return ReportData(
        title=image.name,
        image=image,
        score_map=score_map,
        regions=visited,
        protocol=protocol,
        measurements=measurements,
        efficiency=tuple(row.to_dict() for row in efficiency_rows(protocol)),
        versions=versions(),
        parameters=parameters,
        timings_s=timings.seconds,
        explanations=explanations,
        asked=asked,
        noise=timings.measure("noise", study.noise),
        notes=_notes(image, arguments, len(regions), len(visited))
        + unexplained
        + timings.measure("bars", lambda: crop_notes(image, arguments.crop)),
    )


def _calibrated(noise: KnownNoise, arguments: argparse.Namespace) -> KnownNoise:
    """What was given, else what the image's file says."""
    given = {
        "gain": arguments.detector_gain,
        "offset": arguments.detector_offset,
        "read_noise": arguments.read_noise,
    }
    return replace(noise, **{name: value for name, value in given.items() if value is not None})


def _beam_current(image: CalibratedImage, arguments: argparse.Namespace) -> tuple[float, str]:
    """The probe current in pA, and whether it was given, stands in the file, in the settings or is assumed."""
    if arguments.origins["beam_current_pa"] == laboratory.TYPED:
        return (arguments.beam_current_pa, "given")
    if "beam_current_pa" in image.metadata:
        return (float(image.metadata["beam_current_pa"]), "metadata")
    if arguments.beam_current_pa is not None:
        return (arguments.beam_current_pa, "settings")
    return (ASSUMED_CURRENT_PA, "assumed")


def _score(study: Study, arguments: argparse.Namespace) -> ScoreMap:
    if arguments.query is not None:
        parse_query(arguments.query)
        found = study.search(arguments.query, model=teaching.word_model(arguments))
        return study.combine(found, teaching.taught_map(study, arguments)) if teaching.is_taught(arguments) else found
    if teaching.is_taught(arguments):
        return teaching.taught_map(study, arguments)
    return study.surprisal()


def _parameters(arguments: argparse.Namespace, image: CalibratedImage) -> dict[str, Any]:
    left_out = {"run", "images", "json", "overwrite", "out", "show_settings", "origins", "earlier"}
    named = {name: value for name, value in vars(arguments).items() if name not in left_out}
    named = {name: as_text(value) if isinstance(value, str | Path) else value for name, value in named.items()}
    named |= {name: [as_text(one) for one in named[name]] for name in ("positive", "labels")}
    crop = image.metadata.get("crop_px")
    return named | {
        "backbone_source": weights_of(arguments.backbone, arguments.backbone_weights),
        "crop": None if crop is None else crop_text(crop),
        "mode": _mode(arguments),
    }


def _mode(arguments: argparse.Namespace) -> str:
    """What the map was made from."""
    if arguments.query is not None:
        return "words and clicks" if teaching.is_taught(arguments) else "words"
    return "teacher" if teaching.is_taught(arguments) else "surprisal"


def _plain(value: Any) -> Any:
    """As JSON keeps it."""
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _notes(image: CalibratedImage, arguments: argparse.Namespace, found: int, planned: int) -> tuple[str, ...]:
    notes = []
    if image.pixel_size_nm is None:
        notes.append("no pixel size is known: lengths are in px, and the protocol cannot be executed")
    elif _beam_current(image, arguments)[1] == "assumed":
        notes.append(f"the beam current is not known: doses assume {ASSUMED_CURRENT_PA:g} pA (--beam-current-pa)")
    if planned < found:
        notes.append(f"{found - planned} of {found} regions were left out to keep the time limit")
    if not found:
        notes.append("nothing stands out above the threshold: no region is planned")
    return tuple(notes)
