"""Clicks of one field of view, kept in a file, serve the next one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from deepscan_core import CalibratedImage, Study
from deepscan_core.cli import main
from deepscan_core.scoring.teaching.classes import Clicks, highest_of
from deepscan_core.scoring.teaching.labels import load_labels, save_labels
from tests.cli.test_run import FAST, refused

SIDE_PX = 160
BRIGHT, DARK = [(40.0, 40.0), (40.0, 120.0)], [(120.0, 120.0), (120.0, 40.0)]


def view(seed: int, shift: float = 0.0) -> np.ndarray:
    """Two bright spots and two dark ones."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
    array = np.random.default_rng(seed).normal(100, 5, (SIDE_PX, SIDE_PX))
    for places, height in ((BRIGHT, 60), (DARK, -50)):
        for cy, cx in places:
            array += height * np.exp(-((y - cy - shift) ** 2 + (x - cx - shift) ** 2) / 18)
    return array.astype(np.float32)


@pytest.fixture
def views(tmp_path: Path) -> tuple[Path, Path]:
    paths = (tmp_path / "first.tif", tmp_path / "second.tif")
    for number, path in enumerate(paths):
        tifffile.imwrite(path, view(number, 12.0 * number))
    return paths


def at(values: np.ndarray, places: list[tuple[float, float]], shift: float = 0.0) -> list[float]:
    return [float(values[round(y + shift), round(x + shift)]) for y, x in places]


def test_labels_of_one_view_find_the_same_in_the_next(views: tuple[Path, Path], tmp_path: Path) -> None:
    labels, first, second = tmp_path / "labels.json", tmp_path / "first", tmp_path / "second"
    clicks = ["--positive", "bright=40,40", "--positive", "dark=120,120", "--negative", "80,20"]
    assert main(["run", str(views[0]), "--out", str(first), *clicks, "--save-labels", str(labels), *FAST]) == 0
    kept = {label.class_name: label for label in load_labels(labels)}
    assert list(kept) == ["bright", "dark"]
    assert kept["bright"].positives_px == ((40.0, 40.0),)
    assert kept["bright"].negatives_px == ((120.0, 120.0), (80.0, 20.0))

    assert main(["run", str(views[1]), "--out", str(second), "--labels", str(labels), *FAST]) == 0
    found = np.load(second / "scan_map.npy")
    assert min(at(found, [*BRIGHT, *DARK], 12.0)) > 0.3 > 10 * np.median(found)
    asked = json.loads((second / "run.json").read_text())["asked"]
    assert asked["modes"] == ["teacher"]
    assert asked["earlier"][0] == {"class": "bright", "image": "first.tif", "positives": 1}
    assert "1 positive click for bright on first.tif" in (second / "report.html").read_text()


def test_labels_pile_up_from_view_to_view_and_an_image_is_kept_once(views: tuple[Path, Path], tmp_path: Path) -> None:
    once, twice = tmp_path / "once.json", tmp_path / "twice.json"
    run = ["run", "--overwrite", "--out", str(tmp_path / "out"), *FAST]
    assert main([*run, str(views[0]), "--positive", "40,40", "--save-labels", str(once)]) == 0
    more = ["--labels", str(once), "--positive", "52,52", "--save-labels", str(twice)]
    assert main([*run, str(views[1]), *more]) == 0
    assert main([*run, str(views[1]), "--labels", str(twice), "--positive", "52,132", "--save-labels", str(twice)]) == 0
    kept = load_labels(twice)
    assert [label.image_name for label in kept] == ["first.tif", "second.tif"]
    assert kept[1].positives_px == ((52.0, 132.0),)
    assert {label.class_name for label in kept} == {"target"}


def test_an_example_of_one_class_is_none_of_the_other() -> None:
    study = Study(CalibratedImage(view(0)), backbone="classical")
    clicks = Clicks(positives_px={"bright": BRIGHT[:1], "dark": DARK[:1]})
    maps = study.teach_classes(clicks)
    assert np.array_equal(maps["bright"].values, study.teach(BRIGHT[:1], DARK[:1]).values)
    assert at(maps["bright"].values, BRIGHT[1:]) > at(maps["bright"].values, DARK[1:])
    assert at(maps["dark"].values, BRIGHT[1:]) < at(maps["dark"].values, DARK[1:])
    both = highest_of(maps)
    assert both.label == "like bright or dark"
    assert np.array_equal(both.values, np.maximum(maps["bright"].values, maps["dark"].values))


def test_an_existing_file_of_labels_is_not_replaced_unasked(
    views: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "labels.json"
    kept.write_text("mine")
    arguments = ["run", str(views[0]), "--out", str(tmp_path / "out"), "--positive", "40,40", *FAST]
    assert "--overwrite" in refused(capsys, [*arguments, "--save-labels", str(kept)])
    assert kept.read_text() == "mine"
    assert not (tmp_path / "out").exists()


def test_labels_of_another_backbone_are_refused(
    views: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = Study(CalibratedImage(np.zeros((32, 32)) + 7), backbone="classical")
    save_labels(tmp_path / "foreign.json", [study.label([(3.0, 3.0)])])
    arguments = [
        "run",
        str(views[0]),
        "--out",
        str(tmp_path / "out"),
        "--labels",
        str(tmp_path / "foreign.json"),
        *FAST,
    ]
    assert "cannot be compared" in refused(capsys, arguments)
