"""Strategies by name: what `explore` learns from tiles is used within the plan, and beyond it only where allowed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deepscan_core.benchmarking.sparse.scene import DENSITY, Reference, SparseScene, sparse_scene
from deepscan_core.deciders import DeciderSettings, decider_for
from deepscan_core.errors import InputError
from deepscan_core.judged import Judged
from deepscan_core.kinds import SURROUNDINGS_PX
from deepscan_core.planning import PlanSettings, make_protocol
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.records.regions import ScanRegion
from deepscan_core.study import Study
from deepscan_core.survey import Survey

TERMS = Reference(raster_px=1024, preview_share=0.02)
EDGE_PX = 2 * SURROUNDINGS_PX
PLANNED = 10


@pytest.fixture(scope="module")
def scene() -> SparseScene:
    return sparse_scene("gaas", 7, px_per_defect=6000, reference=TERMS)


@pytest.fixture(scope="module")
def clear_px(scene: SparseScene) -> np.ndarray:
    """Defects that a tile shows, away from the edge; the plan holds the first few."""
    inside = (scene.points_px > EDGE_PX).all(axis=1) & (scene.points_px < TERMS.preview_px - EDGE_PX).all(axis=1)
    return scene.points_px[inside & scene.clear & (scene.preview_d_primes > 3)]


def explored(scene: SparseScene, clear_px: np.ndarray, **settings: Any) -> tuple[Survey, ScanProtocol, list[Judged]]:
    microscope = scene.microscope(3)
    preview = microscope.preview()
    image = CalibratedImage(preview.values, pixel_size_nm=preview.context.pixel_size_nm)
    side = float(TERMS.region_px)
    regions = [
        ScanRegion(center_px=(float(y), float(x)), size_px=(side, side), score=5.0)
        for y, x in np.round(clear_px[:PLANNED])
    ]
    protocol = make_protocol(
        image, regions, PlanSettings(density=DENSITY, dwell_time_us=TERMS.dwell_us), context=microscope.context()
    )
    judged: list[Judged] = []
    decider = decider_for(
        protocol,
        DeciderSettings(strategy="explore", **settings),
        preview=preview,
        study=Study(image),
        on_judged=judged.append,
    )
    survey = Survey(protocol, microscope, strategy=decider, previews=[preview])
    survey.run()
    return survey, protocol, judged


def centers(survey: Survey) -> np.ndarray:
    return np.array([(f.step.center_y_px, f.step.center_x_px) for f in survey.frames if f.step is not None])


def test_nothing_off_the_plan_is_exposed_unless_that_is_allowed(scene: SparseScene, clear_px: np.ndarray) -> None:
    survey, protocol, judged = explored(scene, clear_px)
    planned = {(step.center_y_px, step.center_x_px) for step in protocol.steps}
    assert {tuple(center) for center in centers(survey)} <= planned
    assert len(survey.frames) >= 5
    assert len(judged) == len(survey.frames)


def test_beyond_the_plan_it_finds_what_is_like_its_tiles(scene: SparseScene, clear_px: np.ndarray) -> None:
    survey, protocol, _ = explored(scene, clear_px, beyond_plan=True)
    beyond = [frame.step for frame in survey.frames if frame.step is not None and "like a tile" in frame.step.reason]
    assert len(beyond) >= 5
    places = np.array([(step.center_y_px, step.center_x_px) for step in beyond])
    away = np.abs(places[:, None] - scene.points_px[scene.clear][None]).max(axis=2).min(axis=1)
    assert (away <= TERMS.region_px / 2).mean() >= 0.5  # most of them hold a defect; chance would have it in one of ten
    first = protocol.steps[0]
    assert {(step.rows, step.cols, step.dwell_time_us) for step in beyond} == {
        (first.rows, first.cols, first.dwell_time_us)
    }


def test_other_strategies_do_not_go_beyond_a_plan() -> None:
    with pytest.raises(InputError, match="'refine' exposes steps of the plan alone"):
        DeciderSettings(strategy="refine", beyond_plan=True)
    names = {DeciderSettings(strategy="explore", beyond_plan=far).name for far in (False, True)}
    assert len(names) == 2  # neither is resumed as the other
