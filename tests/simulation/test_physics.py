"""Counting, blur, jitter, drift and damage, each against its closed form."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.records.costs import ScanCosts, electrons
from deepscan_core.simulation.blur import BlurredSpecimen, seen_through
from deepscan_core.simulation.damage import DoseMap, remaining_contrast
from deepscan_core.simulation.physics import (
    AcquisitionPhysics,
    Detector,
    Drift,
    Exposure,
    arriving_electrons,
    expected_counts,
    record_counts,
    record_frame,
    visited_nm,
)
from deepscan_core.simulation.specimens import Spots, make_specimen
from deepscan_core.simulation.specimens.materials import Polished
from deepscan_core.simulation.specimens.mesoscale import Mesoscale

Array = np.ndarray


class Flat:
    """The same share of the beam everywhere."""

    name = "flat"
    defects_nm = np.empty((0, 2))

    def __init__(self, share: float = 0.1) -> None:
        self.share = share

    def intensity(self, y_nm: Array, x_nm: Array) -> Array:
        return np.full(np.broadcast_shapes(np.shape(y_nm), np.shape(x_nm)), self.share)


class Edge(Flat):
    """Dark on the left, bright on the right of x = 0."""

    def intensity(self, y_nm: Array, x_nm: Array) -> Array:
        return np.where(np.asarray(x_nm) + 0 * np.asarray(y_nm) > 0, 0.5, 0.1)


class Ripple(Flat):
    """A sine of 2 nm period along x."""

    def intensity(self, y_nm: Array, x_nm: Array) -> Array:
        return 0.3 + 0.2 * np.sin(math.pi * np.asarray(x_nm)) + 0 * np.asarray(y_nm)


def exposure(dwell_us: float = 2.0, **changes: object) -> Exposure:
    settings: dict = {"rows": 256, "cols": 256, "height_nm": 8.0, "width_nm": 8.0, **changes}
    return Exposure(grid=SamplingGrid(**settings), dwell_time_us=dwell_us, beam_current_pa=100.0)


def centroid_nm(frame: Array, grid: SamplingGrid) -> tuple[float, float]:
    weight = np.clip(frame - 0.3 * frame.max(), 0, None)
    y, x = grid.mesh_nm()
    return float((y * weight).sum() / weight.sum()), float((x * weight).sum() / weight.sum())


# --- counting ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dwell_us", [0.05, 1.0, 20.0])
def test_counts_are_poisson_by_dwell(dwell_us: float, rng: np.random.Generator) -> None:
    counts = record_frame(Flat(), exposure(dwell_us), rng)
    expected = 0.1 * electrons(1, 1, dwell_us, 100.0)
    assert counts.mean() == pytest.approx(expected, rel=0.02)
    assert counts.var() == pytest.approx(expected, rel=0.03)
    for k in range(4):  # the whole distribution, not two moments only
        assert (counts == k).mean() == pytest.approx(math.exp(-expected) * expected**k / math.factorial(k), abs=0.01)


def test_without_any_physics_a_frame_is_what_it_was() -> None:
    specimen, taken = make_specimen("crystal", 2), exposure()
    one = record_frame(specimen, taken, np.random.default_rng(3))
    other = record_counts(specimen, taken.grid, 2.0, 100.0, np.random.default_rng(3))
    assert np.array_equal(one, other)


def test_detector_gain_offset_noise_and_efficiency(rng: np.random.Generator) -> None:
    detector = Detector(gain=3.0, offset=50.0, read_noise=7.0, efficiency=0.5)
    counts = record_frame(Flat(), exposure(1.0), rng, physics=AcquisitionPhysics(detector=detector))
    arriving = np.array(0.1 * electrons(1, 1, 1.0, 100.0))
    assert detector.mean(arriving) == pytest.approx(3 * 0.5 * arriving + 50)
    assert detector.variance(arriving) == pytest.approx(9 * 0.5 * arriving + 49)
    assert counts.mean() == pytest.approx(detector.mean(arriving), rel=0.01)
    assert counts.var() == pytest.approx(detector.variance(arriving), rel=0.03)


# --- blur -------------------------------------------------------------------------------------------------------------
def width_of(specimen: object, probe_nm: float) -> float:
    """Standard deviation of a spot in a noiseless frame."""
    taken = exposure()
    frame = arriving_electrons(
        specimen,
        taken,
        AcquisitionPhysics(probe_sigma_nm=probe_nm),
        np.random.default_rng(0),  # type: ignore[arg-type]
    )
    weight = frame - frame.min()
    _, x = taken.grid.mesh_nm()
    return math.sqrt(float((weight * x**2).sum() / weight.sum()))


def test_blur_adds_in_quadrature() -> None:
    spot = Spots(defects_nm=np.array([[0.0, 0.0]]), sigma_nm=0.3, peak=0.4, background=0.0)
    assert width_of(spot, 0.0) == pytest.approx(0.3, rel=1e-3)
    assert width_of(spot, 0.4) == pytest.approx(0.5, rel=1e-3)
    # the same through the sampled way
    assert BlurredSpecimen(spot, 0.4).intensity(*exposure().grid.mesh_nm()) == pytest.approx(
        seen_through(spot, 0.4).intensity(*exposure().grid.mesh_nm()), abs=2e-3
    )


@pytest.mark.parametrize("samples", [400, 12])
def test_a_blurred_wave_loses_contrast_by_the_transfer_of_the_probe(samples: int) -> None:
    """A Gaussian of 0.3 nm passes ``exp(-(2 π f σ)² / 2)`` of a wave, sampled finely or each position by itself."""
    x = np.linspace(-6, 6, samples)[None, :] * np.ones((3, 1))
    y = np.zeros_like(x) + np.arange(3)[:, None] * 0.5
    passed = math.exp(-((math.pi * 0.3) ** 2) / 2)
    expected = 0.3 + 0.2 * passed * np.sin(math.pi * x)
    assert BlurredSpecimen(Ripple(), 0.3).intensity(y, x) == pytest.approx(expected, abs=0.002)


def test_a_blurred_edge_is_the_error_function() -> None:
    from scipy.special import ndtr

    y, x = exposure().grid.mesh_nm()
    # a step is displaced by a sixth of the probe's width at most: 0.4 * 0.4 / 6 of the counts
    expected = 0.1 + 0.4 * ndtr(x / 0.25)
    assert BlurredSpecimen(Edge(), 0.25).intensity(y, x) == pytest.approx(expected, abs=0.03)


# --- where and when ---------------------------------------------------------------------------------------------------
def test_samples_are_taken_when_the_costs_say() -> None:
    costs = ScanCosts(flyback_us=40, line_overhead_us=10, frame_overhead_s=0.5)
    taken = dataclasses.replace(exposure(2.0, rows=10, cols=30), started_s=7.0, costs=costs)
    times = taken.times_s()
    assert times[0, 0] == pytest.approx(7.5 + 11e-6)
    assert np.diff(times[0]) == pytest.approx(2e-6)
    assert np.diff(times[:, 0]) == pytest.approx(110e-6)
    assert times[-1, -1] + 41e-6 == pytest.approx(7.0 + costs.frame_time_s(10, 30, 2.0))


def test_drift_shifts_the_picture_by_the_rate_times_the_time(rng: np.random.Generator) -> None:
    spot = Spots(defects_nm=np.array([[0.5, -0.4]]), sigma_nm=0.3, peak=0.5, background=0.0)
    physics = AcquisitionPhysics(drift=Drift(rate_nm_per_s=(0.02, -0.05)))
    for started_s in (0.0, 20.0):
        taken = dataclasses.replace(exposure(), started_s=started_s)
        frame = arriving_electrons(spot, taken, physics, rng)
        row, col = taken.grid.index_px((0.5 + 0.02 * started_s, -0.4 - 0.05 * started_s))
        then = float(taken.times_s()[round(row), round(col)])
        assert centroid_nm(frame, taken.grid) == pytest.approx((0.5 + 0.02 * then, -0.4 - 0.05 * then), abs=0.002)


def test_drift_within_a_frame_shears_it(rng: np.random.Generator) -> None:
    taken = exposure(20.0)
    physics = AcquisitionPhysics(drift=Drift(rate_nm_per_s=(0.0, 0.3)))
    _, x = visited_nm(taken, physics, rng)
    line_s = taken.costs.line_time_s(256, 20.0)
    assert np.diff(x[:, 0]) == pytest.approx(-0.3 * line_s)


def test_settling_creeps_to_an_end() -> None:
    drift = Drift(settling_nm=(3.0, 0.0), settling_s=10.0)
    assert float(drift.at(10.0)[0]) == pytest.approx(3 * (1 - math.exp(-1)))
    assert float(drift.at(1e4)[0]) == pytest.approx(3.0)
    assert not drift.is_still


def test_accelerating_drift_follows_the_parabola() -> None:
    drift = Drift(rate_nm_per_s=(0.2, 0.0), acceleration_nm_per_s2=(0.01, -0.04))
    y_nm, x_nm = drift.at(np.array([0.0, 5.0, 10.0]))
    assert y_nm == pytest.approx([0.0, 1.125, 2.5])
    assert x_nm == pytest.approx([0.0, -0.5, -2.0])
    assert not Drift(acceleration_nm_per_s2=(0.0, 0.1)).is_still
    assert Drift().is_still
    with pytest.raises(InputError, match="drift"):
        Drift(acceleration_nm_per_s2=(math.nan, 0.0))


def test_jitter_shifts_whole_lines_along_themselves(rng: np.random.Generator) -> None:
    taken = exposure(2.0, ccw_rad=0.5)
    y, x = visited_nm(taken, AcquisitionPhysics(line_jitter_nm=0.07), rng)
    straight_y, straight_x = taken.grid.mesh_nm()
    along = (x - straight_x) * math.cos(0.5) - (y - straight_y) * math.sin(0.5)
    across = (y - straight_y) * math.cos(0.5) + (x - straight_x) * math.sin(0.5)
    assert np.abs(across).max() < 1e-12
    assert np.ptp(along, axis=1).max() < 1e-12
    assert along[:, 0].std() == pytest.approx(0.07, rel=0.15)


# --- damage -----------------------------------------------------------------------------------------------------------
def test_contrast_decays_with_the_dose_and_splitting_a_dose_changes_nothing() -> None:
    zero = np.zeros(1)
    assert remaining_contrast(zero, 0.0, 100.0) == pytest.approx([1.0])
    assert remaining_contrast(zero + 250.0, 1e-9, 100.0) == pytest.approx([math.exp(-2.5)])
    whole = 60.0 * remaining_contrast(zero, 60.0, 100.0)
    parts = 20.0 * remaining_contrast(zero, 20.0, 100.0) + 40.0 * remaining_contrast(zero + 20.0, 40.0, 100.0)
    assert parts == pytest.approx(whole)
    assert whole == pytest.approx([100 * (1 - math.exp(-0.6))])


def test_a_frame_fades_where_it_was_exposed_before(rng: np.random.Generator) -> None:
    specimen, taken, dose = Ripple(), exposure(), DoseMap()
    critical = taken.dose_e_per_nm2 * 4
    physics = AcquisitionPhysics(critical_dose_e_per_nm2=critical, destroyed_intensity=0.3)
    fresh = arriving_electrons(specimen, taken, physics, rng, dose)
    half = dataclasses.replace(taken.grid, rows=128, height_nm=4.0, center_y_nm=-2.0)  # the upper half
    dose.expose(half, critical)
    faded = arriving_electrons(specimen, taken, physics, rng, dose)
    assert faded[:128].std() / fresh[:128].std() == pytest.approx(math.exp(-1), rel=1e-6)
    assert np.array_equal(faded[128:], fresh[128:])
    assert fresh.mean() == pytest.approx(0.3 * taken.electrons_a_sample, rel=1e-3)
    with pytest.raises(InputError, match="DoseMap"):
        arriving_electrons(specimen, taken, physics, rng)


def test_the_dose_map_adds_up_turned_and_partial_frames() -> None:
    dose = DoseMap()
    grid = SamplingGrid(rows=10, cols=20, height_nm=2.0, width_nm=4.0, center_y_nm=1.0, ccw_rad=0.6)
    dose.expose(grid, 5.0)
    dose.expose(grid, 2.0, lines=5)
    dose.expose(grid, 9.0, lines=0)
    y, x = SamplingGrid(rows=500, cols=500, height_nm=8, width_nm=8).mesh_nm()
    total = dose.at(y, x)
    assert set(np.unique(total)) == {0.0, 5.0, 7.0}
    assert total.mean() * 64 == pytest.approx(5.0 * 8 + 2.0 * 4, rel=0.01)
    # the first five lines end half a line beyond the middle of the fifth
    at_rows = [float(dose.at(*(np.array(c) for c in grid.plane_nm((row, 9.5))))) for row in (-0.4, 4.4, 4.6, 9.4)]
    assert at_rows == [7.0, 7.0, 5.0, 5.0]
    with pytest.raises(InputError, match="lines"):
        dose.expose(grid, 1.0, lines=11)


def test_expected_counts_are_the_mean_of_frames(rng: np.random.Generator) -> None:
    specimen = Mesoscale(name="ground", material=Polished(seed=1, level=0.2, grain_nm=1.0))
    taken = exposure(5.0, rows=64, cols=64)
    mean = expected_counts(specimen, taken.grid, 5.0, 100.0)
    frames = np.mean([record_frame(specimen, taken, rng) for _ in range(40)], axis=0)
    assert ((frames - mean) / np.sqrt(mean / 40)).std() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probe_sigma_nm": -0.1}, "probe_sigma_nm"),
        ({"critical_dose_e_per_nm2": 0.0}, "critical_dose"),
        ({"destroyed_intensity": 2.0}, "destroyed_intensity"),
    ],
)
def test_bad_physics_is_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        AcquisitionPhysics(**changes)
    with pytest.raises(InputError, match="efficiency"):
        Detector(efficiency=1.5)
    with pytest.raises(InputError, match="read_noise"):
        Detector(read_noise=-1.0)
