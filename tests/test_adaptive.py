"""Candidates and judges from a study: the background model knows a crystal, and what does not belong there."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from deepscan_core.acquisition.runner import Runner
from deepscan_core.acquisition.strategies import Exploration, cheap_look, explore, refine
from deepscan_core.adaptive import Background, candidates_of, tiles_of
from deepscan_core.benchmarking.sparse.scene import DENSITY, Reference, SparseScene, sparse_scene
from deepscan_core.errors import InputError
from deepscan_core.planning import PlanSettings
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.regions import ScanRegion
from deepscan_core.study import Study

TERMS = Reference(raster_px=512, preview_share=0.05, tile_px=32)


@pytest.fixture(scope="module")
def scene() -> SparseScene:
    return sparse_scene("gold", 2, px_per_defect=20_000, reference=TERMS)


@pytest.fixture(scope="module")
def background(scene: SparseScene) -> Background:
    frame = scene.microscope(1).preview()
    study = Study(CalibratedImage(frame.values, pixel_size_nm=frame.context.pixel_size_nm))
    return Background(
        study,
        scene.context,
        preview_dwell_us=TERMS.preview_dwell_us,
        full_dwell_us=TERMS.dwell_us,
        full_density=DENSITY,
    )


def _regions(scene: SparseScene, seed: int = 0) -> tuple[list[ScanRegion], list[bool]]:
    """One region on each clear defect inside the frame, and sixteen where nothing is near."""
    rng, side = np.random.default_rng(seed), TERMS.region_px
    inside = [p for p in scene.points_px[scene.clear] if min(p) > 20 and max(p) < TERMS.preview_px - 20]
    empty: list[np.ndarray] = []
    while len(empty) < 16:
        place = rng.uniform(20, TERMS.preview_px - 20, 2)
        if np.hypot(*(scene.points_px - place).T).min() > 24:
            empty.append(place)
    places = [*inside, *empty]
    regions = [
        ScanRegion(center_px=(round(y) + 0.5, round(x) + 0.5), size_px=(side, side), score=5.0 - 0.01 * n)
        for n, (y, x) in enumerate(places)
    ]
    return regions, [n < len(inside) for n in range(len(places))]


def _tiles(scene: SparseScene, regions: list[ScanRegion]):  # type: ignore[no-untyped-def]
    image = CalibratedImage(np.zeros((TERMS.preview_px,) * 2), pixel_size_nm=scene.context.pixel_size_nm)
    return tiles_of(image, regions, scene.context, PlanSettings(density=DENSITY, dwell_time_us=TERMS.dwell_us))


def test_full_tiles_tell_defects_from_the_crystal(scene: SparseScene, background: Background) -> None:
    regions, there = _regions(scene)
    candidates, judge = candidates_of(background, regions, _tiles(scene, regions))
    microscope = scene.microscope(2)
    nats = np.array([judge(microscope.scan(c.step)) for c in candidates])
    assert sum(there) >= 4
    assert (nats[np.array(there)] > 0).mean() >= 0.9
    assert (nats[~np.array(there)] < 0).mean() >= 0.9


def test_cheap_looks_say_less_than_tiles(scene: SparseScene, background: Background) -> None:
    regions, there = _regions(scene)
    candidates, judge = candidates_of(background, regions, _tiles(scene, regions))
    microscope, empty = scene.microscope(3), [c for c, full in zip(candidates, there, strict=True) if not full]
    full = [judge(microscope.scan(c.step)) for c in empty]
    cheap = [judge(microscope.scan(cheap_look(c.step))) for c in empty]
    assert np.median(full) < np.median(cheap) < 0


def test_features_know_the_site_of_the_cell(scene: SparseScene, background: Background) -> None:
    """A lattice vector further everything looks the same; half of one further it does not."""
    vectors_nm = scene.specimen.lattice.vectors_nm  # type: ignore[attr-defined]
    step_px = vectors_nm[0] / np.array(scene.context.pixel_size_nm)
    row, col = np.unravel_index(background.expected[100:120, 100:120].argmax(), (20, 20))
    here = np.array([100.0 + row, 100.0 + col])
    plain = [np.array(background.features(tuple(here + k * step_px))[:-1]) for k in (0.0, 1.0, 0.5)]  # type: ignore[arg-type]
    assert np.linalg.norm(plain[0] - plain[1]) < 0.5 * np.linalg.norm(plain[0] - plain[2])


@pytest.mark.parametrize("name", ["refine", "explore"])
def test_a_runner_carries_adaptive_strategies_out(scene: SparseScene, background: Background, name: str) -> None:
    regions, _ = _regions(scene)
    candidates, judge = candidates_of(background, regions, _tiles(scene, regions))
    even = [dataclasses.replace(c, probability=0.5) for c in candidates]
    strategy = refine(even, judge) if name == "refine" else explore(even, judge, settings=Exploration())
    frames: list[ScanFrame] = []
    microscope = scene.microscope(4)
    done = Runner(microscope, on_frame=frames.append).run(strategy)
    assert done == len(frames) >= len(even) // 2
    assert [f.step.order for f in frames if f.step is not None] == list(range(1, done + 1))
    assert microscope.beam == "blanked"


def test_what_does_not_belong_together_is_refused(scene: SparseScene, background: Background) -> None:
    regions, _ = _regions(scene)
    with pytest.raises(InputError, match="one step for each region"):
        candidates_of(background, regions, ())
    with pytest.raises(InputError, match="preview was given"):
        background.judge([(1.0, 1.0)])(scene.microscope(5).preview())
