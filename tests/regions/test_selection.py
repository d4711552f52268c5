"""Regions by their invariants: inside, disjoint, within the area, best first, centred."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepscan_core.errors import InputError
from deepscan_core.records.maps import ScoreMap
from deepscan_core.regions.selection import Selection, select_regions
from deepscan_core.study import Study
from tests.conftest import spot_image


def smooth_map(seed: int, shape: tuple[int, int]) -> ScoreMap:
    from scipy import ndimage

    return ScoreMap(ndimage.gaussian_filter(np.random.default_rng(seed).normal(0, 1, shape), 3) * 10, kind="surprisal")


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    height=st.integers(3, 40),
    width=st.integers(3, 40),
    fraction=st.floats(0.03, 0.9),
)
def test_regions_are_inside_disjoint_and_within_the_area(seed: int, height: int, width: int, fraction: float) -> None:
    score_map = smooth_map(seed, (96, 112))
    if height * width > fraction * 96 * 112:
        with pytest.raises(InputError, match="area fraction"):
            select_regions(score_map, Selection(size_px=(height, width), area_fraction=fraction))
        return
    regions = select_regions(score_map, Selection(size_px=(height, width), area_fraction=fraction))
    times = np.zeros((96, 112), int)
    for region in regions:
        part = region.slices((96, 112))
        assert times[part].shape == (height, width)
        times[part] += 1
    assert times.max() == 1
    assert times.mean() <= fraction + 1e-9
    scores = [region.score for region in regions]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == score_map.values.max()


def test_a_level_is_a_level() -> None:
    score_map = smooth_map(1, (96, 96))
    level = float(np.quantile(score_map.values, 0.97))
    regions = select_regions(score_map, Selection(size_px=(9, 9), level=level))
    assert regions
    assert all(region.score >= level for region in regions)
    assert not select_regions(score_map, Selection(size_px=(9, 9), level=float(score_map.values.max()) + 1))


def test_one_spot_gets_one_region_with_itself_in_the_middle() -> None:
    y, x = np.mgrid[:128, :128]
    values = 5 * np.exp(-((y - 40.2) ** 2 + (x - 77.8) ** 2) / (2 * 6.0**2))
    regions = select_regions(ScoreMap(values, kind="surprisal"), Selection(size_px=(25, 25), level=1.0))
    assert [region.center_px for region in regions] == [(40.0, 78.0)]


def test_the_slopes_of_a_wide_spot_are_no_spots_and_a_faint_neighbour_is_one() -> None:
    y, x = np.mgrid[:128, :128]
    values = 5 * np.exp(-((y - 64) ** 2 + (x - 50) ** 2) / (2 * 4.5**2))
    values += 2 * np.exp(-((y - 64) ** 2 + (x - 72) ** 2) / (2 * 3.0**2))
    regions = select_regions(ScoreMap(values, kind="surprisal"), Selection(size_px=(11, 11), level=1.0))
    assert [region.center_px for region in regions] == [(64.0, 50.0), (64.0, 72.0)]


def test_the_faint_skirt_of_a_bright_thing_gets_no_region_of_its_own() -> None:
    """Also further out than half a region, and wherever it happens to cross the level; its like elsewhere does."""
    y, x = np.mgrid[:160, :160]
    bright = 180 * np.exp(-np.hypot(y - 60.2, x - 60.9) / 7)
    faint = 9 * np.exp(-(np.hypot(y - 130, x - 130) ** 2) / 50)
    for values in (bright + faint, np.rot90(bright + faint)):
        regions = select_regions(ScoreMap(values, kind="surprisal"), Selection(size_px=(24, 24), level=6))
        assert [round(region.score) for region in regions] == [round(float(values.max())), 9]


def test_a_crack_gets_a_chain_that_covers_it() -> None:
    y, x = np.mgrid[:256, :256]
    values = 5 * np.exp(-((y - 0.5 * x - 60) ** 2) / 40)
    regions = select_regions(ScoreMap(values, kind="surprisal"), Selection(size_px=(32, 32), level=2.5))
    covered = np.zeros((256, 256), bool)
    for region in regions:
        covered[region.slices((256, 256))] = True
    assert covered[values > 2.5].mean() > 0.85
    assert 8 <= len(regions) <= 13


def test_nothing_in_a_map_without_differences() -> None:
    assert not select_regions(
        ScoreMap(np.full((64, 64), 0.7), kind="surprisal"), Selection(size_px=(8, 8), area_fraction=0.2)
    )


@pytest.mark.parametrize("bad", [{"area_fraction": 0.0}, {"area_fraction": 1.5}, {"level": float("nan")}, {}])
def test_impossible_rules_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Selection(size_px=(8, 8), **bad)


def test_regions_larger_than_the_image_are_refused() -> None:
    with pytest.raises(InputError, match="200 x 8"):
        select_regions(smooth_map(0, (64, 64)), Selection(size_px=(200, 8), area_fraction=0.5))


@pytest.mark.parametrize("backbone", ["classical", pytest.param("tf_efficientnet_lite0", marks=pytest.mark.network)])
def test_a_planted_spot_is_centred_within_a_pixel_from_the_image_on(backbone: str) -> None:
    for seed, place in enumerate([(60.3, 171.8), (200.0, 31.5), (128.5, 128.5)]):
        from deepscan_core.records.image import CalibratedImage

        image = CalibratedImage(spot_image((256, 256), [place], seed=seed))
        study = Study(image, backbone=backbone)
        region = study.regions(study.surprisal(), area_fraction=0.01, region_size_px=24)[0]
        assert np.abs(np.array(region.center_px) - place).max() <= 1


def test_a_spot_between_two_regions_is_planned_once_and_centred() -> None:
    from deepscan_core.records.regions import ScanRegion
    from deepscan_core.regions.centring import centre_on_objects

    array = spot_image((128, 128), [(60.0, 64.0)])
    blurred = ScoreMap(np.ones((128, 128), np.float32), kind="surprisal", blur_px=8)
    regions = [ScanRegion(center_px=(y, 64.5), size_px=(20, 20), score=s) for y, s in ((52.5, 5.0), (72.5, 3.0))]
    (centred,) = centre_on_objects(array, regions, blurred)
    assert np.abs(np.array(centred.center_px) - (60, 64)).max() <= 0.5
    lattice = 100 + 50 * np.cos(np.arange(128) / 2)[:, None] * np.cos(np.arange(128) / 2)[None, :]
    assert centre_on_objects(lattice, regions, blurred) == tuple(regions)


def test_a_region_of_a_sharp_map_keeps_the_place_it_was_planned_for() -> None:
    from deepscan_core.records.regions import ScanRegion
    from deepscan_core.regions.centring import centre_on_objects

    array = spot_image((128, 128), [(60.0, 64.0)])
    region = ScanRegion(center_px=(55.5, 64.5), size_px=(20, 20), score=5.0)
    at_the_spot = ScoreMap(spot_image((128, 128), [(60.0, 64.0)]).astype(np.float32), kind="surprisal")
    elsewhere = ScoreMap(spot_image((128, 128), [(47.0, 57.0)]).astype(np.float32), kind="surprisal")
    assert np.abs(np.array(centre_on_objects(array, [region], at_the_spot)[0].center_px) - (60, 64)).max() <= 0.5
    assert centre_on_objects(array, [region], elsewhere) == (region,)


@pytest.mark.parametrize("backbone", ["classical", pytest.param("tf_efficientnet_lite0", marks=pytest.mark.network)])
@pytest.mark.parametrize("diameter", [10, 24])
def test_a_disc_with_its_halo_in_the_map_is_planned_once(backbone: str, diameter: int) -> None:
    from deepscan_core.records.image import CalibratedImage

    places = [(130, 150), (350, 370)]
    y, x = np.mgrid[:512, :512]
    array = np.random.default_rng(1).normal(100, 5, (512, 512))
    for py, px in places:
        array += 60 * np.clip(diameter / 2 - np.hypot(y - py, x - px) + 0.5, 0, 1)
    study = Study(CalibratedImage(array), backbone=backbone)
    regions = study.regions(study.surprisal(), expected_false_regions=1)
    for place in places:
        near = [r for r in regions if np.abs(np.array(r.center_px) - place).max() <= 64]
        assert len(near) == 1
        assert np.abs(np.array(near[0].center_px) - place).max() <= 1
