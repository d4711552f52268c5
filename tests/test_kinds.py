"""What a tile confirms is found again where the preview hides it."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.acquisition.strategies import Candidate
from deepscan_core.adaptive import Background, tiles_of
from deepscan_core.benchmarking.sparse.scene import DENSITY, Reference, SparseScene, sparse_scene
from deepscan_core.kinds import SURROUNDINGS_PX, Kinds
from deepscan_core.planning import PlanSettings
from deepscan_core.records.coordinates import YX
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.regions import ScanRegion
from deepscan_core.study import Study

TERMS = Reference(raster_px=1024, preview_share=0.02)
EDGE_PX = 2 * SURROUNDINGS_PX


@pytest.fixture(scope="module")
def scene() -> SparseScene:
    return sparse_scene("gaas", 7, px_per_defect=6000, reference=TERMS)


@pytest.fixture(scope="module")
def background(scene: SparseScene) -> Background:
    frame = scene.microscope(1).preview()
    return Background(
        Study(CalibratedImage(frame.values, pixel_size_nm=frame.context.pixel_size_nm)),
        scene.context,
        preview_dwell_us=TERMS.preview_dwell_us,
        full_dwell_us=TERMS.dwell_us,
        full_density=DENSITY,
    )


def _candidate(scene: SparseScene, place_px: YX) -> Candidate:
    side = float(TERMS.region_px)
    region = ScanRegion(center_px=place_px, size_px=(side, side), score=1.0)
    image = CalibratedImage(
        np.zeros((scene.context.rows, scene.context.cols)), pixel_size_nm=scene.context.pixel_size_nm
    )
    (step,) = tiles_of(image, [region], scene.context, PlanSettings(density=DENSITY, dwell_time_us=TERMS.dwell_us))
    return Candidate(step=step, probability=0.5)


def _hidden(scene: SparseScene) -> np.ndarray:
    """Places of defects that the preview does not show by themselves, away from the edge."""
    inside = (scene.points_px > EDGE_PX).all(axis=1) & (scene.points_px < TERMS.preview_px - EDGE_PX).all(axis=1)
    return scene.points_px[inside & scene.clear & (scene.preview_d_primes > 3) & (scene.preview_d_primes < 7)]


def test_twins_of_a_confirmed_defect_are_proposed(scene: SparseScene, background: Background) -> None:
    hidden = _hidden(scene)
    assert len(hidden) >= 12
    kinds, microscope = Kinds(background), scene.microscope(2)
    taught = hidden[:6]
    proposed: dict[YX, float] = {}
    for y, x in taught:
        candidate = _candidate(scene, (round(y) + 0.5, round(x) + 0.5))
        for found in kinds(candidate, microscope.scan(candidate.step), 0.99):
            proposed[found.center_px] = found.probability
    likely = np.array([place for place, chance in proposed.items() if chance > 0.5])
    near = np.hypot(*np.moveaxis(likely[:, None] - scene.points_px[None], -1, 0)).min(axis=1) < 3
    by_chance = len(scene.points_px) * np.pi * 3**2 / TERMS.preview_px**2
    assert len(likely) > len(taught)
    assert near.mean() > 0.7 > 20 * by_chance
    others = hidden[6:]
    again = np.hypot(*np.moveaxis(others[:, None] - likely[None], -1, 0)).min(axis=1) < 3
    assert again.mean() > 0.5  # not one of them was looked at


def test_proposals_are_tiles_inside_the_frame(scene: SparseScene, background: Background) -> None:
    y, x = _hidden(scene)[0]
    candidate = _candidate(scene, (round(y) + 0.5, round(x) + 0.5))
    proposed = Kinds(background)(candidate, scene.microscope(2).scan(candidate.step), 0.99)
    assert proposed
    for found in proposed:
        step = found.step
        assert (step.rows, step.cols, step.size_nm) == (
            candidate.step.rows,
            candidate.step.cols,
            candidate.step.size_nm,
        )
        assert scene.context.px_from_nm(step.center_nm) == pytest.approx(found.center_px)
        for place, size in zip(found.center_px, (step.height_px, step.width_px), strict=True):
            assert (size - 1) / 2 <= place <= TERMS.preview_px - 1 - (size - 1) / 2
    chances = [found.probability for found in proposed]
    assert chances == sorted(chances, reverse=True)


def test_what_is_not_confirmed_or_lies_at_the_edge_teaches_nothing(scene: SparseScene, background: Background) -> None:
    y, x = _hidden(scene)[0]
    inside, edge = _candidate(scene, (round(y) + 0.5, round(x) + 0.5)), _candidate(scene, (6.5, 6.5))
    microscope = scene.microscope(2)
    assert Kinds(background)(inside, microscope.scan(inside.step), 0.5) == ()
    assert Kinds(background)(edge, microscope.scan(edge.step), 0.99) == ()


def test_where_nothing_repeats_nothing_is_proposed() -> None:
    rng = np.random.default_rng(0)
    terms = Reference(raster_px=512)
    crystal = sparse_scene("gold", 1, px_per_defect=50_000, reference=terms)
    noise = CalibratedImage(rng.poisson(20, (256, 256)).astype(float), pixel_size_nm=crystal.context.pixel_size_nm)
    background = Background(
        Study(noise), crystal.context, preview_dwell_us=terms.preview_dwell_us, full_dwell_us=10.0, full_density=DENSITY
    )
    candidate = _candidate(crystal, (100.5, 100.5))
    assert Kinds(background)(candidate, crystal.microscope(2).scan(candidate.step), 0.99) == ()
