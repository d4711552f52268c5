"""The files of a result: all of them, as the contract names them, and each with its hash on record."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

import deepscan_core
from deepscan_core.reporting import artifacts
from deepscan_core.reporting.versions import versions
from tests.reporting.test_report import make_data


def test_a_result_is_written_with_a_record_of_its_files(tmp_path: Path) -> None:
    data = make_data(versions={"deepscan": "1"}, parameters={"seed": 3}, notes=("a note",), timings_s={"map": 0.5})
    run = artifacts.write_artifacts(data, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(artifacts.NAMES)
    assert json.loads((tmp_path / artifacts.RUN).read_text(encoding="utf-8")) == run
    for name, digest in run["artifacts_sha256"].items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest
    assert set(run["artifacts_sha256"]) == set(artifacts.NAMES) - {artifacts.RUN}
    assert run["source"] == {"name": "sample.tif", "sha256": data.image.sha256}
    assert (run["versions"], run["parameters"], run["notes"]) == ({"deepscan": "1"}, {"seed": 3}, ["a note"])
    assert np.array_equal(np.load(tmp_path / artifacts.SCAN_MAP), data.score_map.values)


def test_versions_name_deepscan_and_numpy() -> None:
    found = versions()
    assert (found["deepscan"], found["numpy"]) == (deepscan_core.__version__, np.__version__)
    assert all(found.values())
