"""What the teacher calls probable is true as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from deepscan_core import Study
from deepscan_core.benchmarking.planted_scenes import micro_scene
from deepscan_core.scoring.teacher import Teacher
from deepscan_core.scoring.teaching import calibration

SCORES = np.linspace(-0.9, 3.0, 400)


@given(st.integers(1, 40), st.floats(0.001, 3.0), st.floats(0.1, 60.0))
def test_log_odds_rise_with_the_score_whatever_was_clicked(n_clicks: int, sigma: float, steepness: float) -> None:
    found = calibration.calibrated(SCORES, steepness * (SCORES - 0.5), n_clicks=n_clicks, sigma=sigma)
    assert (np.diff(found) >= 0).all()
    assert (np.diff(found[np.abs(found) < 9.5]) > 0).all()
    assert np.abs(found).max() <= calibration.MOST_LOG_ODDS


def test_clicks_and_spreads_beyond_those_that_were_tried_count_as_the_outermost() -> None:
    assert np.array_equal(calibration.design(10, 0.05), calibration.design(99, 0.0001))
    assert np.array_equal(calibration.design(1, 0.35), calibration.design(0, 7.0))


def test_what_is_learned_is_what_made_the_truth(rng: np.random.Generator) -> None:
    from training.calibrate_teacher import fitted

    offsets, log_slopes = (
        np.array([-1.5, 0.3, 0.2, -0.4]),
        np.array([[-1.0, 0.3, 0.1], [-0.8, 0.0, 0.2], [0.2, -0.2, 0]]),
    )
    lessons, said = [], []
    for number in range(60):
        given_ = calibration.design(1 + number % 10, 0.05 * 1.03**number)
        own = rng.uniform(-0.2, 1.4, 500)
        terms = calibration.terms(own, 8 * (own - 0.6))
        true = expit(offsets @ given_ + np.exp(log_slopes @ given_[:3]) @ terms)
        lessons.append((np.tile(given_, (500, 1)), terms, true, np.ones(500)))
        said.append(true)
    found_offsets, found_slopes = fitted(lessons)
    for (designs, terms, _, _), true in zip(lessons, said, strict=True):
        found = expit(found_offsets @ designs[0] + np.exp(found_slopes @ designs[0][:3]) @ terms)
        assert np.abs(found - true).max() < 0.02


@pytest.mark.slow
@pytest.mark.network
def test_probabilities_of_new_specimens_are_nearer_the_truth_than_the_densities_say(rng: np.random.Generator) -> None:
    """Of what scores above 0.05, with one click and with five; the calibration never saw these frames."""
    errors = {"calibrated": 0.0, "uncalibrated": 0.0}
    for name in ("cracks", "agglomerates", "pores", "terraces", "precipitates"):
        scene = micro_scene(name, 0, 256)
        study = Study(scene.preview)
        stack = study._kept.taught()
        for mask in scene.masks_by_kind().values():
            places = np.argwhere(mask)
            for count in (1, 5):
                clicks = [(float(y), float(x)) for y, x in places[rng.choice(len(places), count, replace=False)]]
                teacher = Teacher().fit([study.examples(clicks)])
                scores = stack.weighted_sum(teacher.learned_.weights) + np.float32(teacher.learned_.bias)
                before = stack.finest.to_pixels(expit(teacher.odds_.ratios(scores.astype(float), scores)))
                for state, said in (("calibrated", teacher.predict(stack).values), ("uncalibrated", before)):
                    above = said > 0.05
                    errors[state] += abs(float(said[above].sum() - mask[above].sum())) / mask.size
    assert errors["calibrated"] < 0.7 * errors["uncalibrated"]
