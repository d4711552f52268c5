"""Clicks on a file: what was clicked, where on which image, and what it taught, for the next field of view."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.files import read_file
from deepscan_core.records.coordinates import YX, ScanContext, check_finite
from deepscan_core.scoring.teaching.classes import check_class_name
from deepscan_core.scoring.teaching.examples import Examples, Sample

FORMAT, SCHEMA_VERSION = "deepscan-labels", 1
REMEDY = "give a file that save_labels wrote"
PLACED = ("rows", "cols", "fov_y_nm", "fov_x_nm", "center_y_nm", "center_x_nm", "rotation_rad")
TYPES = ("<f2", "<f4", "<f8", "|b1")


@dataclass(frozen=True, eq=False, kw_only=True)
class Label:
    """Clicks of one class on one image.

    Attributes
    ----------
    class_name : of what the positive clicks show.
    image_name, image_sha256 : of the image.
    context : its samples, field of view and place on the specimen.
    positives_px, negatives_px : clicks ``(y, x)`` as image indices.
    examples : what they teach, without the image.
    """

    class_name: str
    image_name: str
    image_sha256: str
    context: ScanContext
    positives_px: tuple[YX, ...]
    negatives_px: tuple[YX, ...]
    examples: Examples


def save_labels(path: str | Path, labels: Sequence[Label]) -> None:
    """Write labels as JSON, about a megabyte an image; an existing file is replaced.

    Raises `InputError` where the file cannot be written.
    """
    document = {"format": FORMAT, "schema_version": SCHEMA_VERSION, "labels": [_to_json(label) for label in labels]}
    target = Path(path)
    partial = target.with_name(target.name + ".part")
    try:
        partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written ({error.strerror or error}): give another path") from None


def load_labels(path: str | Path) -> tuple[Label, ...]:
    """Read what `save_labels` wrote; nothing in the file is executed.

    Raises
    ------
    InputError
        No such file, or not one of labels.
    """
    content = read_file(path, REMEDY)
    try:
        document = json.loads(content)
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']!r}")
        version = document["schema_version"]
        if version == SCHEMA_VERSION:
            return tuple(_from_json(value) for value in document["labels"])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(f"{path}: holds no labels ({type(error).__name__}: {error}): {REMEDY}") from None
    raise InputError(f"{path}: labels of schema version {version!r}: this DeepScan reads {SCHEMA_VERSION}")


def _to_json(label: Label) -> dict[str, Any]:
    examples, sample = label.examples, label.examples.sample
    return {
        "class": label.class_name,
        "image": {"name": label.image_name, "sha256": label.image_sha256},
        "context": {name: getattr(label.context, name) for name in PLACED},
        "clicks": [
            {"y_px": y, "x_px": x, "positive": is_positive}
            for is_positive, points in ((True, label.positives_px), (False, label.negatives_px))
            for y, x in points
        ],
        "examples": {
            "source": examples.source,
            "positive": _packed(examples.positive),
            "negative": _packed(examples.negative),
            "shares": _packed(examples.shares),
            "sample": None
            if sample is None
            else {
                "points_px": _packed(sample.points_px.astype(np.float32)),
                "features": _packed(sample.features.astype(np.float16)),
                "shares": _packed(sample.shares),
                "is_rare": _packed(sample.is_rare),
            },
        },
    }


def _from_json(value: Mapping[str, Any]) -> Label:
    taught, kept = value["examples"], value["examples"]["sample"]
    sample = None
    if kept is not None:
        sample = Sample(
            points_px=_unpacked(kept["points_px"], 2).astype(np.float64),
            features=_unpacked(kept["features"], 2).astype(np.float32),
            shares=_unpacked(kept["shares"], 1).astype(np.float32),
            is_rare=_unpacked(kept["is_rare"], 1).astype(bool),
        )
    examples = Examples(
        positive=_unpacked(taught["positive"], 2).astype(np.float32),
        negative=_unpacked(taught["negative"], 2).astype(np.float32),
        sample=sample,
        shares=_unpacked(taught["shares"], 1).astype(np.float32),
        source=str(taught["source"]),
    )
    _check_lengths(examples)
    clicks = {True: list[YX](), False: list[YX]()}
    for click in value["clicks"]:
        check_finite("y_px, x_px of a click", click["y_px"], click["x_px"])
        clicks[bool(click["positive"])].append((float(click["y_px"]), float(click["x_px"])))
    check_class_name(value["class"])
    return Label(
        class_name=value["class"],
        image_name=str(value["image"]["name"]),
        image_sha256=str(value["image"]["sha256"]),
        context=ScanContext(**{name: value["context"][name] for name in PLACED}),
        positives_px=tuple(clicks[True]),
        negatives_px=tuple(clicks[False]),
        examples=examples,
    )


def _check_lengths(examples: Examples) -> None:
    sample, widths = examples.sample, {examples.positive.shape[1], examples.negative.shape[1]}
    counts = {len(examples.shares)}
    if sample is not None:
        widths.add(sample.features.shape[1])
        counts |= {len(sample.features), len(sample.points_px), len(sample.shares), len(sample.is_rare)}
    if len(widths) > 1 or len(counts) > 1:
        raise ValueError("arrays of different lengths")


def _packed(array: npt.NDArray[Any]) -> dict[str, Any]:
    little = array.astype(array.dtype.newbyteorder("<"))
    return {
        "type": little.dtype.str,
        "shape": list(array.shape),
        "base64": base64.b64encode(np.ascontiguousarray(little).tobytes()).decode("ascii"),
    }


def _unpacked(value: Mapping[str, Any], dimensions: int) -> npt.NDArray[Any]:
    """Raises `ValueError` for what is no finite array of so many dimensions."""
    if value["type"] not in TYPES or len(value["shape"]) != dimensions:
        raise ValueError(f"an array of {value['type']!r} and {len(value['shape'])} dimensions")
    array = np.frombuffer(base64.b64decode(value["base64"], validate=True), value["type"]).reshape(value["shape"])
    if not np.isfinite(array).all():
        raise ValueError("an array with NaN or infinity")
    return array
