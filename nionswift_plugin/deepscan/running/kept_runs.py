"""What is kept of each run beside its project, so that a run that was interrupted can go on, also after a restart of Swift.

A run has a folder: the plan and what it was made from, the journal and tiles that `Survey` writes, and at the end a mark
that it is done. Of done runs the latest are kept (`tidy`); one that may go on stays until a person gives it up. A project
that is in memory alone keeps nothing.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepscan_core.errors import DeepScanError, InputError
from deepscan_core.live.clicks import clicks_from_json, clicks_to_json
from deepscan_core.live.settings import MapSettings
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.records.regions import ScanRegion

from ..drawing.region_looks import State
from ..form import Form, form_from_json, form_to_json
from ..mapping.asking import Question
from .deciding import FOLLOW

if TYPE_CHECKING:
    from .planning import Plan

FOLDER = "DeepScan runs"  # beside the project
PROTOCOL, FACTS, PREVIEW, MAP, DONE = "scan_protocol.json", "plan.json", "preview.npy", "scan_map.npy", "done"
JOURNAL, TILES = "journal.jsonl", "tiles"
MOST_DONE = 20  # runs that are done, of all projects of a folder
UNBEGUN_S = 86_400.0  # what has no journal after a day was ended by a crash before anything was exposed

_used: set[Path] = set()


@dataclass(frozen=True, kw_only=True)
class KeptRun:
    """A run that was begun and not finished.

    Attributes
    ----------
    folder : holds it.
    recorded : numbers of the frames that it has.
    planned : how many regions its plan has.
    """

    folder: Path
    recorded: frozenset[int]
    planned: int

    @property
    def title(self) -> str:
        """For a list that is not wide: without the year."""
        return f"{self.folder.name[len('2026-') :]}: {len(self.recorded)} of {self.planned}"


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """How an earlier run goes on.

    Attributes
    ----------
    folder : keeps it.
    recorded : numbers of its frames.
    repeat_exposed, restore_parameters : see `Survey`.
    """

    folder: Path
    recorded: frozenset[int]
    repeat_exposed: bool = False
    restore_parameters: bool | None = None

    def states(self, form: Form) -> dict[int, State]:
        """Regions that have a frame; of a strategy the journal alone knows which."""
        return dict.fromkeys(self.recorded if form.strategy == FOLLOW else (), State.VISITED)


def folder_beside(document_model: Any) -> Path | None:
    """Where the runs of a project lie; None for a project in memory."""
    path = getattr(document_model._project.project_storage_system, "project_path", None)
    return None if path is None else Path(path).parent / FOLDER


def name_of(document_model: Any) -> str:
    """What tells a project from others in the same folder."""
    return str(document_model._project.uuid)


def folder_for(runs: Path | None) -> Path | None:
    """Where a run that begins now will be kept."""
    if runs is None:
        return None
    name = f"{datetime.now():%Y-%m-%d %H-%M-%S}"
    taken = sum(path.name.startswith(name) for path in runs.glob(f"{name}*"))
    return runs / (f"{name} {taken + 1}" if taken else name)


def keep(folder: Path, plan: Plan, form: Form, project: str) -> None:
    """Write what a run of a project that is about to begin was made from; in a worker's thread."""
    try:
        folder.mkdir(parents=True)
        np.save(folder / PREVIEW, plan.image.array, allow_pickle=False)
        np.save(folder / MAP, plan.score_map.values, allow_pickle=False)
        (folder / PROTOCOL).write_text(plan.protocol.to_json(), encoding="utf-8")
        (folder / FACTS).write_text(json.dumps(_facts(plan, form, project)), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror}): make room beside the project") from None


@contextlib.contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """While a window carries the run out, no other one is offered it."""
    _used.add(folder)
    try:
        yield
    finally:
        _used.discard(folder)


def mark_done(folder: Path) -> None:
    """The run is finished, or given up: it is not offered any more."""
    (folder / DONE).touch()


def tidy(runs: Path) -> int:
    """Remove what is kept of done runs beyond the latest `MOST_DONE`, and of those that never began; in a worker's thread.

    A run that may go on is never removed. Returns how many done runs were.
    """
    folders = [path for path in runs.iterdir() if path.is_dir() and path not in _used]
    done = sorted((path for path in folders if (path / DONE).exists()), key=lambda path: (path / DONE).stat().st_mtime)
    removed = done[: max(0, len(done) - MOST_DONE)]
    for folder in removed:
        shutil.rmtree(folder, ignore_errors=True)
    for folder in folders:
        if (folder / FACTS).exists() and time.time() - (folder / FACTS).stat().st_mtime > UNBEGUN_S:
            forget_unbegun(folder)
    return len(removed)


def interrupted(runs: Path | None, project: str) -> tuple[KeptRun, ...]:
    """Runs of a project that may go on, the latest first."""
    if runs is None or not runs.is_dir():
        return ()
    found = []
    for folder in sorted((path for path in runs.iterdir() if path.is_dir()), reverse=True):
        is_open = folder not in _used and not (folder / DONE).exists() and (folder / JOURNAL).exists()
        if is_open and _is_of(folder, project):
            try:
                planned = len(ScanProtocol.from_file(folder / PROTOCOL).steps)
            except DeepScanError:
                continue
            orders = frozenset(int(path.stem) for path in (folder / TILES).glob("[0-9]*.npy") if path.stem.isdecimal())
            found.append(KeptRun(folder=folder, recorded=orders, planned=planned))
    return tuple(found)


def _is_of(folder: Path, project: str) -> bool:
    """Also where that cannot be read: whoever resumes it is told so."""
    try:
        return str(json.loads((folder / FACTS).read_text(encoding="utf-8")).get("project", project)) == project
    except (OSError, ValueError, AttributeError):
        return True


def forget_unbegun(folder: Path) -> None:
    """Remove what was kept of a run that was refused before anything was exposed."""
    if not (folder / JOURNAL).exists():
        shutil.rmtree(folder, ignore_errors=True)


def plan_of(run: KeptRun) -> tuple[Plan, Form]:
    """The plan as it was made, and what had been filled in; raises `InputError` where it cannot be read."""
    from deepscan_core.regions.measurement import measure_regions

    from .planning import Plan

    protocol = ScanProtocol.from_file(run.folder / PROTOCOL)
    try:
        facts = json.loads((run.folder / FACTS).read_text(encoding="utf-8"))
        array, values = (np.load(run.folder / name, allow_pickle=False) for name in (PREVIEW, MAP))
        image = CalibratedImage(array, protocol.context.pixel_size_nm, name=facts["name"])
        score_map = ScoreMap(values, kind=facts["kind"], label=facts["label"])
        form = form_from_json(facts["form"])
        question = Question(
            mode=form.mode,
            settings=MapSettings.from_json(facts["settings"]),
            query=form.query,
            clicks=clicks_from_json(facts["clicks"]),
        )
        dwell_time_us = facts["dwell_time_us"]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{run.folder} is damaged: what was recorded lies in its folder {TILES}") from None
    regions = tuple(
        ScanRegion(
            center_px=(step.center_y_px, step.center_x_px),
            size_px=(step.height_px, step.width_px),
            score=step.priority,
            label=step.reason,
            center_nm=step.center_nm,
            size_nm=step.size_nm,
        )
        for step in protocol.steps
    )
    plan = Plan(
        image=image,
        dwell_time_us=dwell_time_us,
        score_map=score_map,
        regions=regions,
        protocol=protocol,
        measurements=measure_regions(image, regions, score_map),
        question=question,
    )
    return plan, form


def _facts(plan: Plan, form: Form, project: str) -> dict[str, Any]:
    return {
        "name": plan.image.name,
        "dwell_time_us": plan.dwell_time_us,
        "kind": plan.score_map.kind,
        "label": plan.score_map.label,
        "project": project,
        "form": form_to_json(form),
        "settings": plan.question.settings.to_json(),
        "clicks": clicks_to_json(plan.question.clicks),
    }
