"""Cracks, grain boundaries and spots are told apart, on planted ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from deepscan_core import CalibratedImage, Study
from deepscan_core.benchmarking.planted_scenes import atomic_scene, micro_scene
from deepscan_core.benchmarking.scene import Scene
from deepscan_core.records.regions import ScanRegion


def described(scene: Scene) -> tuple[Counter[str], Counter[str]]:
    """Characters of the regions on the truth that has an extent, and of those on points away from it."""
    study = Study(scene.preview, backbone="classical")
    regions = study.regions(study.surprisal(), expected_false_regions=1, region_size_px=24)
    on_extent: Counter[str] = Counter()
    on_points: Counter[str] = Counter()
    for region, character in zip(regions, study.describe(regions), strict=True):
        core = tuple(slice(s.start + 6, s.stop - 6) for s in region.slices(scene.preview.shape))
        if scene.mask is not None and scene.mask[core].sum() > 24:
            on_extent[character] += 1
        elif any(np.abs(np.array(region.center_px) - p).max() < 8 for p in scene.points_px):
            on_points[character] += 1
    return on_extent, on_points


def test_boundaries_of_grains_are_boundaries_and_point_defects_are_spots() -> None:
    extents: Counter[str] = Counter()
    points: Counter[str] = Counter()
    for kind, seed in (("gold-bicrystal", 1), ("gold-bicrystal", 4), ("mos2-bicrystal", 2), ("srtio3-bicrystal", 1)):
        on_extent, on_points = described(atomic_scene(kind, seed, 512))
        extents += on_extent
        points += on_points
    assert extents["boundary"] >= 0.6 * extents.total()
    assert extents["dark line"] + extents["bright line"] <= 0.15 * extents.total()
    assert points["dark spot"] + points["bright spot"] >= 0.7 * points.total()


def test_cracks_are_dark_lines_and_never_boundaries() -> None:
    found: Counter[str] = Counter()
    for seed in range(3):
        scene = micro_scene("cracks", seed, 512)
        study = Study(scene.preview, backbone="classical")
        regions = study.regions(study.surprisal(), expected_false_regions=1, region_size_px=32)
        long = [r for r in regions if scene.mask is not None and scene.mask[r.slices(scene.preview.shape)].sum() > 90]
        found += Counter(study.describe(long))
    assert found["dark line"] >= 0.7 * found.total()
    assert found["boundary"] == 0


@pytest.mark.parametrize(("step", "character"), [(60, "bright spot"), (-60, "dark spot")])
def test_a_spot_is_bright_or_dark(step: float, character: str, rng: np.random.Generator) -> None:
    array = rng.normal(100, 5, (192, 192))
    array[90:96, 60:66] += step
    region = ScanRegion(center_px=(92.5, 62.5), size_px=(24.0, 24.0), score=1.0)
    study = Study(CalibratedImage(array), backbone="classical")
    assert study.describe([region]) == (character,)
    (labelled,) = study.labelled([replace(region, label="rare")])
    assert labelled == replace(region, label=f"{character}, rare")


def test_where_nothing_stands_out_nothing_is_claimed() -> None:
    region = ScanRegion(center_px=(92.5, 62.5), size_px=(8.0, 8.0), score=1.0)
    plain = CalibratedImage(np.full((192, 192), 7.0))
    assert Study(plain, backbone="classical").describe([region]) == ("unlike its surroundings",)
    assert Study(plain, backbone="classical").describe([]) == ()
