"""The files of the outside contract, each written whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from deepscan_core.efficiency import COLUMNS
from deepscan_core.errors import InputError
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.regions import RegionMeasurement
from deepscan_core.reporting.report_data import ReportData

SCAN_MAP = "scan_map.npy"
PROTOCOL = "scan_protocol.json"
EFFICIENCY = "efficiency.csv"
QUANTIFICATION = "quantification.csv"
OVERLAY = "overlay.png"
REPORT = "report.html"
RUN = "run.json"
NAMES = (SCAN_MAP, PROTOCOL, EFFICIENCY, QUANTIFICATION, OVERLAY, REPORT, RUN)


def check_free(directory: Path, *, overwrite: bool, names: Sequence[str] = NAMES) -> None:
    """Raise `InputError` where a result would be overwritten without having been asked to, or cannot be written."""
    if "\0" in str(directory):
        raise InputError(f"{str(directory)!r}: cannot be written (a null byte): give another --out")
    try:
        if directory.exists() and not directory.is_dir():
            raise InputError(f"{directory} is a file: give a directory with --out")
        existing = [name for name in names if not overwrite and (directory / name).exists()]
    except (OSError, RuntimeError) as error:  # a name too long, a place that may not be entered, a loop of links
        raise _unwritable(directory, error) from None
    if existing:
        raise InputError(f"{directory / existing[0]} exists: add --overwrite, or give another --out")


@contextlib.contextmanager
def staged(directory: Path) -> Iterator[Path]:
    """A directory beside `directory` whose files are moved into it at the end, and thrown away if anything fails."""
    directory = Path(os.path.abspath(directory))
    try:
        existing = directory
        while not existing.exists():
            existing = existing.parent
        stage = Path(tempfile.mkdtemp(prefix=".deepscan-", dir=existing))
    except OSError as error:
        raise _unwritable(directory, error) from None
    try:
        yield stage
        directory.mkdir(parents=True, exist_ok=True)
        for path in sorted(stage.iterdir()):
            os.replace(path, directory / path.name)
    except OSError as error:
        raise _unwritable(directory, error) from None
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _unwritable(directory: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or error
    return InputError(f"{directory}: cannot be written ({reason}): give another --out")


def write_artifacts(data: ReportData, directory: Path) -> dict[str, Any]:
    """Write all artifacts of a result into an existing directory; returns what ``run.json`` holds."""
    from deepscan_core.reporting.figures import overlay_png
    from deepscan_core.reporting.report import render_report

    write_scan_map(directory / SCAN_MAP, data.score_map)
    write_text(directory / PROTOCOL, data.protocol.to_json())
    write_text(directory / EFFICIENCY, table_csv(COLUMNS, data.efficiency))
    write_text(directory / QUANTIFICATION, measurements_csv(data.measurements))
    overlay = overlay_png(data.image, data.score_map, data.regions, data.protocol)
    (directory / OVERLAY).write_bytes(overlay)
    write_text(directory / REPORT, render_report(data))
    run = {
        "versions": dict(data.versions),
        "parameters": dict(data.parameters),
        "source": {"name": data.image.name, "sha256": data.image.sha256},
        "noise": None if data.noise is None else dataclasses.asdict(data.noise),
        "notes": list(data.notes),
        "asked": None if data.asked is None else data.asked.to_dict(),
        "reasons": [{"region": order, **found.to_dict()} for order, found in sorted(data.explanations.items())],
        "timings_s": dict(data.timings_s),
        "artifacts_sha256": hashes(directory),
    }
    write_text(directory / RUN, to_json(run))
    return run


def write_scan_map(path: Path, score_map: ScoreMap) -> None:
    """float32 of shape (rows, cols), without pickling."""
    np.save(path, score_map.values, allow_pickle=False)


def write_text(path: Path, text: str) -> None:
    """UTF-8 with Unix line ends on every system."""
    path.write_text(text, encoding="utf-8", newline="\n")


def measurements_csv(measurements: Sequence[RegionMeasurement]) -> str:
    """``quantification.csv``: nm columns stay empty without calibration."""
    names = [field.name for field in fields(RegionMeasurement)]
    return table_csv(names, (asdict(measurement) for measurement in measurements))


def table_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A table as CSV; None becomes an empty cell, booleans ``true`` and ``false``."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(row[name]) for name in columns})
    return text.getvalue()


def to_json(document: Mapping[str, Any]) -> str:
    """Indented JSON; refuses NaN, turns paths into text."""
    return json.dumps(document, indent=2, allow_nan=False, default=str) + "\n"


def hashes(directory: Path) -> dict[str, str]:
    """SHA-256 of each file in a directory."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.iterdir())
        if path.is_file()
    }


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.8g}"
    return value
