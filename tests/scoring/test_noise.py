"""The noise of a detector, planted and found again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.ingest.detectors import known_noise
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.noise import KnownNoise, NoiseModel
from deepscan_core.scoring.noise import estimate_noise
from deepscan_core.study import Study

SHAPE = (256, 256)


def scene(brightest: float = 60.0) -> np.ndarray:
    """Electrons that arrive: columns 16 px apart on a slope."""
    rows, cols = np.indices(SHAPE)
    columns = (np.cos(2 * np.pi * rows / 16) + np.cos(2 * np.pi * cols / 16) + 2) / 4
    arriving: np.ndarray = brightest * (0.1 + 0.8 * columns**2 + 0.1 * cols / SHAPE[1])
    return arriving


def recorded(
    arriving: np.ndarray, seed: int, *, gain: float = 1.0, offset: float = 0.0, read: float = 0.0
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    counted: np.ndarray = gain * rng.poisson(arriving) + offset + rng.normal(0, read, arriving.shape)
    return counted


@pytest.mark.parametrize("brightest", [2.0, 20.0, 200.0])
@pytest.mark.parametrize("gain", [0.01, 1.0, 300.0])
def test_gain_is_found_within_its_error_whatever_the_offset(gain: float, brightest: float) -> None:
    arriving = scene(brightest)
    for seed, offset in enumerate((0.0, 400.0 * gain)):
        found = estimate_noise(recorded(arriving, seed, gain=gain, offset=offset), arriving)
        assert found.gain == pytest.approx(gain, rel=0.06)
        assert abs(found.gain - gain) < 5 * found.gain_error
        assert found.offset == pytest.approx(offset, abs=0.05 * gain * brightest)


def test_read_noise_is_told_from_the_offset_where_one_of_them_is_known() -> None:
    arriving = scene()
    image = recorded(arriving, 3, gain=30, offset=500, read=60)
    with_offset = estimate_noise(image, arriving, KnownNoise(offset=500))
    assert with_offset.read_noise == pytest.approx(60, rel=0.1)
    with_read = estimate_noise(image, arriving, KnownNoise(read_noise=60))
    assert with_read.offset == pytest.approx(500, rel=0.05)
    unknown = estimate_noise(image, arriving)
    levels = np.array([700.0, 1500.0])
    for found in (with_offset, with_read, unknown):  # one line, whatever its names
        assert found.variance(levels) == pytest.approx(30 * (levels - 500) + 3600, rel=0.05)


def test_what_is_known_is_kept() -> None:
    arriving = scene()
    image = recorded(arriving, 4, gain=2, offset=10, read=3)
    known = estimate_noise(image, arriving, KnownNoise(gain=2, offset=10, read_noise=3))
    assert known == NoiseModel(gain=2, offset=10, read_noise=3)
    gain_only = estimate_noise(image, arriving, KnownNoise(gain=2))
    assert gain_only.gain == 2
    assert gain_only.variance(np.array([50.0])) == pytest.approx(2 * 40 + 9, rel=0.05)
    wrong_offset = estimate_noise(image, arriving, KnownNoise(offset=-100))
    assert (wrong_offset.offset, wrong_offset.read_noise) == (-100, 0)
    assert wrong_offset.variance(np.array([arriving.mean() * 2 + 10])) == pytest.approx(
        2 * 2 * arriving.mean(), rel=0.3
    )


def test_noise_that_does_not_grow_with_intensity_is_read_noise() -> None:
    image = scene() + np.random.default_rng(5).normal(0, 4, SHAPE)
    found = estimate_noise(image, scene())
    assert found.gain * np.ptp(scene()) < 0.1 * 16
    assert np.sqrt(found.variance(np.array([scene().mean()]))) == pytest.approx(4, rel=0.05)
    assert estimate_noise(scene() * 0 + 5, scene()) == NoiseModel(gain=0)


def test_edges_and_defects_do_not_count_as_noise() -> None:
    arriving = scene()
    clean = estimate_noise(recorded(arriving, 6), arriving)
    arriving[100:110] += 500
    arriving[60:68, 60:68] += 5000
    spoilt = estimate_noise(recorded(arriving, 6), scene())
    assert spoilt.gain == pytest.approx(clean.gain, rel=0.25)


@pytest.mark.parametrize("shape", [(4, 4), (5, 5), (8, 9), (24, 22)])
def test_small_images_give_a_number(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(7).normal(10, 2, shape)
    found = estimate_noise(values, values)
    assert found.gain == 0
    assert 0 <= found.read_noise < 6


def test_a_study_finds_the_noise_of_its_image_and_takes_it_from_the_metadata() -> None:
    image = recorded(scene(), 8, gain=12, offset=100)
    found = Study(CalibratedImage(image), backbone="classical").noise()
    assert found.gain == pytest.approx(12, rel=0.06)
    assert found.offset == pytest.approx(100, abs=20)
    told = CalibratedImage(image, metadata={"counts_per_electron": 11.5, "signal_unit": "counts"})
    assert Study(told, backbone="classical").noise().gain == 11.5
    other_unit = CalibratedImage(image, metadata={"counts_per_electron": 11.5, "signal_unit": "V"})
    assert Study(other_unit, backbone="classical").noise().gain == pytest.approx(12, rel=0.06)


@pytest.mark.parametrize(
    ("metadata", "known"),
    [
        (
            {"counts_per_electron": 11.5, "signal_scale": 0.5, "signal_offset": -10.0},
            KnownNoise(gain=23.0, offset=20.0),
        ),
        ({"counts_per_electron": 11.5, "signal_unit": "Counts"}, KnownNoise(gain=11.5)),
        ({"counts_per_electron": 11.5, "signal_unit": "e"}, KnownNoise()),
        ({"counts_per_electron": 11.5, "signal_scale": 0.0}, KnownNoise()),
        ({"counts_per_electron": 1e300, "signal_scale": 1e-300}, KnownNoise()),
        ({"counts_per_electron": True}, KnownNoise()),
        ({"counts_per_electron": "11.5"}, KnownNoise()),
        ({"signal_scale": 0.5, "signal_offset": -10.0}, KnownNoise()),
    ],
)
def test_the_gain_is_in_grey_values_and_taken_from_counts_alone(metadata: dict[str, Any], known: KnownNoise) -> None:
    assert known_noise(metadata) == known


def test_a_bright_rare_place_is_judged_by_the_noise_it_has() -> None:
    """Many electrons, much noise: the bulk alone would call that rare."""
    arriving = np.full(SHAPE, 10.0)
    arriving[:, 120:126] = 1000.0  # a bright line that repeats itself along the rows
    highest = []
    for noise in (KnownNoise(gain=1, offset=0, read_noise=0), KnownNoise(gain=1e-6, offset=0, read_noise=0)):
        image = CalibratedImage(recorded(arriving, 9))
        score = Study(image, backbone="classical", scorer="self_similarity", noise=noise).surprisal()
        highest.append(float(score.values[:, 122:124].max()))
    assert highest[0] < highest[1]


@pytest.mark.parametrize(
    ("values", "words"),
    [({"gain": 0.0}, "detector gain"), ({"gain": float("nan")}, "detector gain"), ({"read_noise": -1.0}, "read noise")],
)
def test_bad_calibrations_are_refused(values: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        KnownNoise(**values)


def test_a_calibration_follows_the_grey_values() -> None:
    known = KnownNoise(gain=4, offset=10, read_noise=2).rescaled(10, 30)
    assert known == KnownNoise(gain=0.2, offset=0, read_noise=0.1)
    assert KnownNoise().rescaled(0, 5) == KnownNoise()
