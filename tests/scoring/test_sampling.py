"""A sample of an image does not depend on how the image lies."""

from __future__ import annotations

import numpy as np
import pytest

from deepscan_core.scoring.sampling import evenly


@pytest.mark.parametrize("shape", [(64, 64), (50, 93), (128, 31)])
def test_turned_and_mirrored_images_give_the_same_sample(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    sample = np.sort(evenly(image, 500))
    assert 250 <= len(sample) <= 508
    for turned in (image[::-1], image[:, ::-1], image.T, np.rot90(image), np.rot90(image.T)):
        np.testing.assert_array_equal(np.sort(evenly(np.ascontiguousarray(turned), 500)), sample)


def test_images_of_one_shape_are_sampled_at_the_same_places() -> None:
    image = np.arange(5000, dtype=np.float32).reshape(50, 100)
    np.testing.assert_array_equal(evenly(2 * image, 300), 2 * evenly(image, 300))


def test_every_column_of_a_lattice_is_met() -> None:
    image = np.tile(np.arange(8, dtype=np.float32), (64, 8))
    values, counts = np.unique(evenly(image, 1000), return_counts=True)
    assert len(values) == 8
    assert counts.max() < 1.5 * counts.min()


def test_small_images_are_taken_whole() -> None:
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(evenly(image, 12), image.ravel())
