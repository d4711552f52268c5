"""The filter finds the motion that was planted, and knows how well."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from deepscan_core.acquisition.drift.prediction import DriftFilter, DriftModel
from deepscan_core.errors import InputError

RATE, FASTER = np.array([0.08, -0.03]), np.array([-4e-4, 5e-4])
MEASURED_NM2 = np.eye(2) * 0.01**2


def moved(time_s: float, since_s: float = 0.0) -> np.ndarray:
    return RATE * (time_s - since_s) + FASTER * (time_s**2 - since_s**2) / 2


def fed(times_s: list[float], rng: np.random.Generator | None = None, origin_s: float = 0.0) -> DriftFilter:
    drift = DriftFilter(DriftModel(), origin_s)
    for time_s in times_s:
        noise = np.zeros(2) if rng is None else rng.normal(0, 0.01, 2)
        y_nm, x_nm = moved(time_s, origin_s) + noise
        drift.update(time_s, (float(y_nm), float(x_nm)), MEASURED_NM2)
    return drift


def test_steady_acceleration_is_foreseen() -> None:
    drift = fed([2.0 * k for k in range(1, 30)])
    assert drift.predict(68.0).shift_nm == pytest.approx(moved(68.0), abs=0.05)


def test_at_the_reference_drift_is_none_by_definition() -> None:
    drift = DriftFilter(DriftModel(), 100.0)
    at_once = drift.predict(100.0)
    assert at_once.shift_nm == (0, 0)
    assert at_once.sigma_nm == 0


def test_before_anything_was_measured_uncertainty_is_that_of_the_model() -> None:
    model = DriftModel(rate_nm_per_s=0.5, acceleration_nm_per_s2=1e-3, change_s=1e6)
    assert DriftFilter(model, 0.0).predict(4.0).sigma_nm == pytest.approx(np.hypot(4 * 0.5, 8 * 1e-3))


def test_uncertainty_grows_with_the_time_since_the_last_measurement() -> None:
    drift = fed([1.0, 2.0, 3.0])
    sigmas = [drift.predict(3.0 + t).sigma_nm for t in (0, 1, 3, 10, 30, 100)]
    assert all(a < b for a, b in itertools.pairwise(sigmas))


def test_its_errors_are_as_large_as_it_says() -> None:
    rng = np.random.default_rng(1)
    scores = []
    for _ in range(200):
        model = DriftModel()
        rate, faster = rng.normal(0, model.rate_nm_per_s, 2), rng.normal(0, model.acceleration_nm_per_s2, 2)
        drift = DriftFilter(model, 0.0)
        for time_s in (0.5, 1.0, 4.0):
            y_nm, x_nm = rate * time_s + faster * time_s**2 / 2 + rng.normal(0, 0.01, 2)
            drift.update(time_s, (y_nm, x_nm), MEASURED_NM2)
        estimate = drift.predict(8.0)
        error = np.array(estimate.shift_nm) - (rate * 8 + faster * 32)
        scores.append(error @ np.linalg.solve(estimate.covariance_nm2, error))
    assert np.mean(scores) == pytest.approx(2, rel=0.2)


def test_drift_since_a_time_before_the_reference_is_learned_later() -> None:
    """Rows of a preview that went by earlier than the reference area did."""
    drift = DriftFilter(DriftModel(), 5.0)
    before = drift.predict(5.0, since_s=1.0).sigma_nm
    drift = fed([6.0 + k for k in range(20)], origin_s=5.0)
    estimate = drift.predict(25.0, since_s=1.0)
    assert estimate.shift_nm == pytest.approx(moved(25.0, 1.0), abs=0.03)
    assert estimate.sigma_nm < before / 10


def test_one_sided_measurements_leave_the_other_side_unknown() -> None:
    drift = DriftFilter(DriftModel(), 0.0)
    drift.update(1.0, (0.05, 0.0), np.diag([1e-4, 1e6]))
    y, x = np.sqrt(np.diag(drift.predict(1.0).covariance_nm2))
    assert y < 0.011
    assert x == pytest.approx(0.2, rel=0.01)


def test_after_a_jump_the_place_is_kept_and_the_rate_forgotten() -> None:
    drift = fed([1.0 * k for k in range(1, 20)])
    steady = drift.predict(21.0).sigma_nm
    drift.restart(20.0, (3.0, 4.0), MEASURED_NM2)
    assert drift.predict(20.0).shift_nm == pytest.approx((3.0, 4.0))
    assert drift.predict(21.0).sigma_nm > 5 * steady
    assert drift.predict(20.0, since_s=-1.0).shift_nm == pytest.approx(np.add((3.0, 4.0), -moved(-1.0)), abs=0.05)


def test_an_old_measurement_is_refused() -> None:
    drift = fed([4.0])
    with pytest.raises(InputError, match="older"):
        drift.update(3.0, (0.0, 0.0), MEASURED_NM2)


@pytest.mark.parametrize("name", ["rate_nm_per_s", "acceleration_nm_per_s2", "change_s"])
def test_a_model_has_positive_numbers(name: str) -> None:
    with pytest.raises(InputError, match=name):
        DriftModel(**{name: 0.0})
