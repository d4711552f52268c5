"""What was typed of clicks and labels, for ``deepscan run``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from deepscan_core.cli.reasons import Reasons
from deepscan_core.errors import InputError
from deepscan_core.records.asked import Asked
from deepscan_core.records.coordinates import YX
from deepscan_core.records.maps import ScoreMap
from deepscan_core.scoring.teaching.classes import DEFAULT_CLASS, Clicks, highest_of
from deepscan_core.scoring.teaching.labels import Label, load_labels
from deepscan_core.study import Study

if TYPE_CHECKING:
    from deepscan_core.features.words import WordModel


def check_teaching(arguments: argparse.Namespace) -> None:
    """Raise `InputError` for what cannot be meant, before anything is computed; puts the labels read into `earlier`."""
    if arguments.negative and not (arguments.positive or arguments.labels):
        raise InputError("only negative clicks were given: add at least one --positive Y,X")
    clicks_of(arguments)
    arguments.earlier = tuple(label for path in arguments.labels for label in load_labels(path))
    target: Path | None = arguments.save_labels
    if target is None:
        return
    if not arguments.positive:
        raise InputError("--save-labels was given without a click to save: add at least one --positive Y,X")
    if target.is_dir() or not target.parent.is_dir():
        raise InputError(f"{target}: labels cannot be written there: give a file in a folder that exists")
    if target.exists() and not arguments.overwrite:
        raise InputError(f"{target} exists: add --overwrite, or give another file")


def is_taught(arguments: argparse.Namespace) -> bool:
    """Whether clicks or labels say what to look for."""
    return bool(arguments.positive or arguments.labels)


def clicks_of(arguments: argparse.Namespace) -> Clicks:
    """The clicks that were typed."""
    positives: dict[str, list[YX]] = {}
    for one in arguments.positive:
        positives.setdefault(one.class_name or DEFAULT_CLASS, []).append(one.at_px)
    return Clicks(positives_px=positives, negatives_px=tuple(arguments.negative))


def taught_map(study: Study, arguments: argparse.Namespace) -> ScoreMap:
    """Of all classes the highest probability."""
    return highest_of(study.teach_classes(clicks_of(arguments), earlier=arguments.earlier))


def reasons(study: Study, arguments: argparse.Namespace) -> Reasons:
    """What explains the map's regions."""
    model = word_model(arguments)
    return Reasons(study, clicks_of(arguments), arguments.earlier, query=arguments.query or "", model=model)


def word_model(arguments: argparse.Namespace) -> WordModel | None:
    """The text-image model that was asked for; None without a query."""
    if arguments.query is None:
        return None
    from deepscan_core.features.words import load_word_model

    return load_word_model(arguments.clip_model, arguments.clip_checkpoint, arguments.device)


def labels_to_save(study: Study, arguments: argparse.Namespace) -> tuple[Label, ...]:
    """Those of this image, and before them the earlier ones of other images."""
    others = [label for label in arguments.earlier if label.image_sha256 != study.image.sha256]
    return (*others, *study.labels(clicks_of(arguments)))


def asked_of(arguments: argparse.Namespace) -> Asked:
    """What the map answers; surprisal has a part in it where nothing else was asked for."""
    others = arguments.query is not None or is_taught(arguments)
    return Asked(
        scorer=None if others else arguments.scorer,
        query=arguments.query or "",
        positives_px=tuple(one.at_px for one in arguments.positive),
        class_names=tuple(one.class_name for one in arguments.positive),
        negatives_px=tuple(arguments.negative),
        earlier=tuple((one.class_name, one.image_name, len(one.positives_px)) for one in arguments.earlier),
    )
