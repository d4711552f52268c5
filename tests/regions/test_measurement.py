"""Measured objects against the areas that were planted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage

from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.regions import RegionMeasurement, ScanRegion
from deepscan_core.regions.measurement import measure_regions
from deepscan_core.study import Study

DIAMETERS = (10, 16, 24, 40, 60)


def discs(
    diameter: float, *, contrast: float, noise: float, seed: int, blur_px: float = 0.0, slope: float = 0.0
) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Antialiased discs at random places on a background of 100, which may slope, seen through a blur."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:384, :384]
    array = 100 * (1 + slope * (x / 384 - 0.5))
    places: list[tuple[float, float]] = []
    while len(places) < 4:
        place = rng.uniform(diameter, 384 - diameter, 2)
        if all(math.dist(place, other) > 2.2 * diameter + 8 for other in places):
            places.append((float(place[0]), float(place[1])))
            array += contrast * np.clip(diameter / 2 - np.hypot(y - place[0], x - place[1]) + 0.5, 0, 1)
    return ndimage.gaussian_filter(array, blur_px) + rng.normal(0, noise, array.shape), places


def at(objects: tuple[RegionMeasurement, ...], place: tuple[float, float], reach: float) -> list[RegionMeasurement]:
    return [o for o in objects if math.dist((o.centroid_y_px, o.centroid_x_px), place) < reach]


@pytest.mark.parametrize("diameter", DIAMETERS)
@pytest.mark.parametrize(
    ("contrast", "noise", "blur_px", "slope"),
    [(60, 0.0, 0, 0), (50, 8.0, 0, 0), (-50, 4.0, 0, 0), (60, 3.0, 1.0, 0), (60, 5.0, 0, 0.3)],
)
@pytest.mark.parametrize(
    ("patch_px", "step_px", "fraction", "region_px"), [(8, 4, 0.05, 16), (16, 8, 0.15, None), (32, 8, 0.3, 64)]
)
def test_discs_are_measured_whatever_the_patch_the_threshold_and_the_region(
    diameter: int,
    contrast: float,
    noise: float,
    blur_px: float,
    slope: float,
    patch_px: float,
    step_px: float,
    fraction: float,
    region_px: int | None,
) -> None:
    array, places = discs(diameter, contrast=contrast, noise=noise, seed=diameter, blur_px=blur_px, slope=slope)
    study = Study(CalibratedImage(array, pixel_size_nm=0.5), backbone="classical", patch_px=patch_px, step_px=step_px)
    regions = study.regions(study.surprisal(), area_fraction=fraction, region_size_px=region_px)
    objects = study.measure(regions)
    found = 0
    for place in places:
        for measured in at(objects, place, diameter / 2):
            found += 1
            assert measured.area_nm2 == pytest.approx(math.pi * diameter**2 / 4 * 0.25, rel=0.05)
            assert measured.equivalent_diameter_nm == pytest.approx(diameter * 0.5, rel=0.03)
            assert not measured.touches_border
    assert found >= 1


@pytest.mark.network
@pytest.mark.parametrize("scales", [(1.0,), (1.0, 0.5), (2.0, 1.0)])
def test_discs_are_measured_whatever_the_scale(scales: tuple[float, ...]) -> None:
    for diameter in DIAMETERS:
        array, places = discs(diameter, contrast=60, noise=4, seed=diameter + 1)
        study = Study(CalibratedImage(array, pixel_size_nm=0.5), scales=scales)
        objects = study.measure(study.regions(study.surprisal(), area_fraction=0.15))
        measured = [m for place in places for m in at(objects, place, diameter / 2)]
        assert measured
        for one in measured:
            assert one.area_nm2 == pytest.approx(math.pi * diameter**2 / 4 * 0.25, rel=0.05)


def ellipse_image(angle_rad: float) -> np.ndarray:
    """A bright ellipse, half axes 30 and 10 px, its long axis turned counter-clockwise from x by an angle."""
    y, x = np.mgrid[:160, :160] - 79.5
    u = x * math.cos(angle_rad) - y * math.sin(angle_rad)
    v = x * math.sin(angle_rad) + y * math.cos(angle_rad)
    return 100.0 * ((u / 30) ** 2 + (v / 10) ** 2 <= 1)


def measure_one(array: np.ndarray, pixel_size_nm: float | tuple[float, float] | None) -> RegionMeasurement:
    region = ScanRegion(center_px=(79.5, 79.5), size_px=(20, 20), score=1)
    score_map = ScoreMap(np.full(array.shape, 2.0), kind="surprisal")
    (measured,) = measure_regions(CalibratedImage(array, pixel_size_nm=pixel_size_nm), [region], score_map)
    return measured


@pytest.mark.parametrize("angle", [-1.2, -0.4, 0.0, 0.7, 1.5])
def test_axes_and_orientation(angle: float) -> None:
    measured = measure_one(ellipse_image(angle), 2.0)
    assert measured.orientation_rad == pytest.approx(angle, abs=0.02)
    assert measured.major_axis_nm == pytest.approx(120, rel=0.02)
    assert measured.minor_axis_nm == pytest.approx(40, rel=0.04)
    assert measured.area_nm2 == pytest.approx(math.pi * 30 * 10 * 4, rel=0.02)
    assert (measured.centroid_y_nm, measured.centroid_x_nm) == pytest.approx((0, 0), abs=1e-6)
    assert measured.score == 2


def test_unequal_pixel_sizes() -> None:
    measured = measure_one(ellipse_image(0.0), (3.0, 1.0))
    assert measured.area_nm2 == pytest.approx(math.pi * 30 * 10 * 3, rel=0.02)
    assert measured.major_axis_nm == pytest.approx(60, rel=0.03)
    assert measured.minor_axis_nm == pytest.approx(60, rel=0.03)


def test_without_calibration_lengths_are_in_px_only() -> None:
    measured = measure_one(ellipse_image(0.3), None)
    assert measured.area_nm2 is None
    assert measured.centroid_y_nm is None
    assert measured.area_px == pytest.approx(math.pi * 300, rel=0.02)


def test_an_object_that_leaves_the_image_says_so() -> None:
    array = np.zeros((96, 96))
    array[30:50, :25] = 50
    region = ScanRegion(center_px=(40, 12), size_px=(16, 16), score=1)
    score_map = ScoreMap(np.zeros(array.shape), kind="surprisal")
    (measured,) = measure_regions(CalibratedImage(array), [region], score_map)
    assert measured.touches_border
    assert measured.area_px == 500


def test_a_high_ground_and_large_numbers_do_not_matter() -> None:
    plain = measure_one(ellipse_image(0.3), 1.0)
    for array in (ellipse_image(0.3).astype(np.uint32) + 4_000_000_000, ellipse_image(0.3) * 1e300):
        assert measure_one(array, 1.0).area_nm2 == plain.area_nm2


def test_noise_alone_is_no_object() -> None:
    array = np.random.default_rng(3).normal(100, 5, (256, 256))
    regions = [ScanRegion(center_px=(y, x), size_px=(32, 32), score=1) for y in (50, 120, 200) for x in (50, 120, 200)]
    score_map = ScoreMap(np.zeros(array.shape), kind="surprisal")
    assert len(measure_regions(CalibratedImage(array), regions, score_map)) <= 1
