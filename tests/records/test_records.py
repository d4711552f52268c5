"""Records are validated at birth."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import FeatureMap, ScoreMap
from deepscan_core.records.regions import ScanRegion


def test_an_image_keeps_its_pixels_and_takes_one_or_two_pixel_sizes() -> None:
    array = np.arange(400, dtype=np.uint16).reshape(20, 20)
    image = CalibratedImage(array, pixel_size_nm=0.5)
    assert image.array.dtype == np.uint16
    assert image.pixel_size_nm == (0.5, 0.5)
    context = CalibratedImage(array, pixel_size_nm=(0.5, 0.25)).context()
    assert (context.fov_y_nm, context.fov_x_nm) == (10, 5)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((20, 20), complex),
        np.zeros((20, 20, 3)),
        np.zeros((3, 20)),
        np.full((20, 20), np.nan),
        np.array([["a"] * 20] * 20),
    ],
)
def test_what_is_no_image_is_refused(array: np.ndarray) -> None:
    with pytest.raises(InputError):
        CalibratedImage(array)


@pytest.mark.parametrize("size", [0, -1, float("nan"), float("inf"), (1, 2, 3), (1, -1)])
def test_impossible_pixel_sizes_are_refused(size: object) -> None:
    with pytest.raises(InputError, match="pixel_size_nm"):
        CalibratedImage(np.zeros((20, 20)), pixel_size_nm=size)


def test_pixels_of_the_same_shape_type_and_values_have_one_key() -> None:
    array = np.arange(512, dtype=np.float32).reshape(16, 32)
    image = CalibratedImage(array, name="one", metadata={"a": 1})
    assert image.content_key == CalibratedImage(array.copy(), pixel_size_nm=3.0, name="other").content_key
    strided = CalibratedImage(np.repeat(array, 2, axis=1)[:, ::2])
    assert strided.content_key == image.content_key
    others = (array + 1, array.reshape(32, 16), array.astype(np.float64), array.view(np.int32))
    keys = {CalibratedImage(other).content_key for other in others}
    assert len(keys | {image.content_key}) == 5
    sent = pickle.loads(pickle.dumps(image))
    assert vars(sent)["content_key"] == image.content_key, "it need not be made again in another process"


def test_score_maps_hold_finite_numbers_of_a_known_kind() -> None:
    with pytest.raises(InputError, match="NaN"):
        ScoreMap(np.array([[np.nan]]), kind="surprisal")
    with pytest.raises(InputError, match="probability"):
        ScoreMap(np.zeros((2, 2)), kind="heat")  # type: ignore[arg-type]


def test_interpolation_of_a_plane_is_exact_between_patch_centres() -> None:
    shape, step, origin = (40, 48), 8.0, 3.5
    centers = [origin + step * np.arange(n) for n in (5, 6)]
    features = FeatureMap(
        values=np.zeros((5, 6, 1), np.float32), step_px=step, origin_px=origin, image_shape=shape, source="test"
    )
    plane = centers[0][:, None] * 2 - centers[1][None, :] * 3
    pixels = features.to_pixels(plane)
    y, x = np.mgrid[4:36, 4:44]
    assert pixels[4:36, 4:44] == pytest.approx(2 * y - 3 * x, abs=1e-3)
    assert features.nearest_cell((0, 0)) == (0, 0)
    assert features.nearest_cell((12, 200)) == (1, 5)


def test_a_region_covers_the_pixels_it_says() -> None:
    region = ScanRegion(center_px=(4.5, 9.5), size_px=(10, 20), score=1)
    assert region.bounds_px == (-0.5, -0.5, 9.5, 19.5)
    assert region.slices((100, 100)) == (slice(0, 10), slice(0, 20))
    assert ScanRegion(center_px=(0, 0), size_px=(3, 3), score=1).slices((100, 100)) == (slice(0, 2), slice(0, 2))
