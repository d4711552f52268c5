"""Clicks that were saved serve the next field of view of the same specimen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepscan_core import CalibratedImage, Study
from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.scoring.teaching.labels import load_labels, save_labels

BRIGHT = [(40.0, 40.0), (40.0, 120.0), (120.0, 40.0)]
DARK = [(120.0, 120.0), (80.0, 80.0)]


def view(seed: int, *, gain: float = 1.0, offset: float = 0.0, shift: float = 0.0) -> CalibratedImage:
    """Bright and dark spots, recorded with other settings of the detector."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:160, :160]
    array = rng.normal(100, 5, (160, 160))
    for places, height in ((BRIGHT, 60), (DARK, -50)):
        for cy, cx in places:
            array += height * np.exp(-((y - cy - shift) ** 2 + (x - cx + shift) ** 2) / 18)
    return CalibratedImage(gain * array + offset, pixel_size_nm=0.5, name=f"view {seed}")


def heights(values: np.ndarray, places: list[tuple[float, float]], shift: float) -> list[float]:
    return [float(values[round(y + shift), round(x - shift)]) for y, x in places]


def test_saved_clicks_find_the_same_in_another_view_with_another_gain_and_offset(tmp_path: Path) -> None:
    first = Study(view(0), backbone="classical")
    placed = ScanContext(rows=160, cols=160, fov_y_nm=80.0, fov_x_nm=80.0, center_y_nm=12.0, rotation_rad=0.1)
    label = first.label([BRIGHT[0]], [DARK[0]], class_name="bright", context=placed)
    save_labels(tmp_path / "labels.json", [label])
    (kept,) = load_labels(tmp_path / "labels.json")
    assert (kept.class_name, kept.image_sha256, kept.context) == ("bright", first.image.sha256, placed)
    assert (kept.positives_px, kept.negatives_px) == ((BRIGHT[0],), (DARK[0],))

    shift = 11.0
    second = Study(view(1, gain=3.0, offset=-40.0, shift=shift), backbone="classical")
    found = second.teach([], earlier=[kept]).values
    assert min(heights(found, BRIGHT, shift)) > 0.5 > max(heights(found, DARK, shift))
    assert np.median(found) < 0.1
    assert np.allclose(found, second.teach([], earlier=[label]).values, atol=0.02)
    more = second.teach([(BRIGHT[1][0] + shift, BRIGHT[1][1] - shift)], earlier=[kept])
    assert more.label == "like 2 positive and unlike 1 negative clicks"


def altered(path: Path, change: Any) -> Path:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return path


def set_type(document: dict[str, Any]) -> None:
    document["labels"][0]["examples"]["positive"]["type"] = "|O"


def cut_shares(document: dict[str, Any]) -> None:
    document["labels"][0]["examples"]["shares"] = {"type": "<f4", "shape": [0], "base64": ""}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda d: d.update(format="x"), "format 'x'"),
        (lambda d: d.update(schema_version=99), "schema version 99"),
        (lambda d: d["labels"][0].pop("image"), "KeyError"),
        (set_type, "an array of"),
        (cut_shares, "different lengths"),
        (lambda d: d["labels"][0]["clicks"][0].update(y_px="a"), "finite number"),
    ],
)
def test_what_is_no_file_of_labels_is_refused(tmp_path: Path, change: Any, named: str) -> None:
    study = Study(view(0), backbone="classical")
    save_labels(tmp_path / "labels.json", [study.label([BRIGHT[0]])])
    with pytest.raises(InputError, match=named):
        load_labels(altered(tmp_path / "labels.json", change))


def test_files_that_cannot_be_read_or_written_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give a file that save_labels wrote"):
        load_labels(tmp_path / "absent.json")
    (tmp_path / "no.json").write_text("{")
    with pytest.raises(InputError, match="holds no labels"):
        load_labels(tmp_path / "no.json")
    with pytest.raises(InputError, match="cannot be written"):
        save_labels(tmp_path / "no folder" / "labels.json", [])
