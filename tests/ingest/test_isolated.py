"""HDF5 and Gwyddion files are read in a process that can be ended."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from deepscan_core import memory
from deepscan_core.errors import InputError, MissingError
from deepscan_core.ingest import isolated
from deepscan_core.ingest.pictures import Picture
from deepscan_core.ingest.readers import read_image


@pytest.fixture
def topostats(tmp_path: Path) -> Path:
    path = tmp_path / "a.topostats"
    with h5py.File(path, "w") as file:
        file["image"] = np.arange(600.0).reshape(20, 30)
        file["pixel_to_nm_scaling"] = 0.5
    return path


def test_pictures_come_back_as_they_are(topostats: Path) -> None:
    image = read_image(topostats)
    assert np.array_equal(image.array, np.arange(600.0).reshape(20, 30))
    assert image.pixel_size_nm == (0.5, 0.5)


def test_everything_of_a_picture_survives_the_way() -> None:
    given = [
        Picture(np.ones((2, 3), np.int16), "é", (0.5, 2.0), {"voltage_kv": np.float32(200), "detector": "HAADF"}),
        Picture(np.zeros((4, 4)), "", None, {}),
    ]
    found = isolated._unpacked(isolated._packed(given))
    assert [(p.name, p.pixel_size_nm, p.facts) for p in found] == [
        ("é", (0.5, 2.0), {"voltage_kv": 200.0, "detector": "HAADF"}),
        ("", None, {}),
    ]
    assert all(np.array_equal(a.array, b.array) and a.array.dtype == b.array.dtype for a, b in zip(given, found))


@pytest.mark.parametrize("kind", [InputError, MissingError])
def test_refusals_come_back_as_what_they_are(kind: type[Exception]) -> None:
    with pytest.raises(kind, match="give another"):
        isolated._unpacked(isolated._packed([], kind("a.h5: give another")))


def test_a_reader_that_does_not_end_is_ended(topostats: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "LONGEST_S", 0.01)
    with pytest.raises(InputError, match="does not end"):
        read_image(topostats)


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_a_reader_that_crashes_is_a_refusal(topostats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crashing = tmp_path / "python-that-crashes"
    crashing.write_text("#!/bin/sh\nkill -SEGV $$\n")
    crashing.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(crashing))
    with pytest.raises(InputError, match="crashed"):
        read_image(topostats)


def test_inside_another_program_the_file_is_read_at_once(topostats: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/opt/NionSwift")
    monkeypatch.setattr(isolated.subprocess, "run", lambda *_, **__: pytest.fail("a process was started"))
    assert read_image(topostats).shape == (20, 30)


def test_the_memory_limit_goes_along(topostats: Path) -> None:
    assert memory.limit_gb() is None
    with memory.limited_to(1.0):
        assert memory.limit_gb() == 1.0
        assert read_image(topostats).shape == (20, 30)
