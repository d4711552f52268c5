"""The ideal observer against closed forms, and against its own hit rate in simulated frames."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy.special import ndtr

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.simulation.detectability import (
    best_template,
    d_prime,
    detectabilities,
    detectability,
    hit_rate,
    samples_near,
    two_cases,
)
from deepscan_core.simulation.ideal_observer import ideal_observer_map
from deepscan_core.simulation.physics import IDEAL, AcquisitionPhysics, Detector, Exposure, record_frame
from deepscan_core.simulation.shapes import Stroke
from deepscan_core.simulation.specimens import Mesoscale, Spots, make_atomic, make_specimen, specimen_kind
from deepscan_core.simulation.specimens.features import Hollow
from deepscan_core.simulation.specimens.materials import Polished
from deepscan_core.simulation.truth import PlantedDefect

FALSE_ALARMS = 0.1


def exposure(fov_nm: float = 6.0, dwell_us: float = 4.0, samples: int = 128, **changes: float) -> Exposure:
    grid = SamplingGrid(rows=samples, cols=samples, height_nm=fov_nm, width_nm=fov_nm, **changes)
    return Exposure(grid=grid, dwell_time_us=dwell_us, beam_current_pa=30.0)


def test_woodbury_is_the_inverse_of_the_whole_covariance(rng: np.random.Generator) -> None:
    from scipy import sparse

    signal, variance, modes = rng.normal(size=40), rng.uniform(1, 3, 40), rng.normal(size=(40, 7))
    template = np.linalg.solve(np.diag(variance) + modes @ modes.T, signal)
    assert best_template(signal, variance, modes) == pytest.approx(template)
    assert best_template(signal, variance, sparse.csc_array(modes)) == pytest.approx(template)
    assert d_prime(signal, variance, modes) == pytest.approx(math.sqrt(signal @ template))
    assert best_template(signal, variance) == pytest.approx(signal / variance)


def test_a_faint_spot_on_a_flat_ground_has_the_closed_d_prime() -> None:
    """``d′² = N a² π σ² / (p² b)``, the sum of s²/v: a, b in shares of the beam, N electrons a sample, p its pitch."""
    sigma, share, background = 0.25, 0.0005, 0.05
    spot = Spots(defects_nm=np.array([[0.3, -0.2]]), sigma_nm=sigma, peak=share, background=background)
    taken = exposure()
    (found,) = detectabilities(spot, taken)
    pitch = 6.0 / 128
    expected = math.sqrt(taken.electrons_a_sample * share**2 * math.pi * sigma**2 / (pitch**2 * background))
    assert found.d_prime == pytest.approx(expected, rel=0.02)
    assert found.defect == spot.truth[0]


def test_d_prime_grows_with_the_root_of_the_dose_and_with_the_samples() -> None:
    spot = Spots(defects_nm=np.array([[0.0, 0.0]]), sigma_nm=0.25, peak=0.002, background=0.05)
    once, four = (detectability(spot, spot.truth[0], exposure(dwell_us=t)).d_prime for t in (1.0, 4.0))
    assert four == pytest.approx(2 * once)
    dense = detectability(spot, spot.truth[0], exposure(dwell_us=1.0, samples=256)).d_prime
    assert dense == pytest.approx(2 * once, rel=0.01)
    turned = detectability(spot, spot.truth[0], exposure(dwell_us=1.0, ccw_rad=0.5)).d_prime
    assert turned == pytest.approx(once, rel=0.01)


def test_read_noise_and_efficiency_cost_what_the_closed_form_says() -> None:
    spot = Spots(defects_nm=np.array([[0.0, 0.0]]), sigma_nm=0.25, peak=0.0005, background=0.05)
    taken = exposure()
    ideal = detectability(spot, spot.truth[0], taken).d_prime
    mean = 0.05 * taken.electrons_a_sample
    noisy = AcquisitionPhysics(detector=Detector(gain=2.0, offset=9.0, read_noise=2 * math.sqrt(mean)))
    assert detectability(spot, spot.truth[0], taken, noisy).d_prime == pytest.approx(ideal / math.sqrt(2), rel=0.01)
    half = AcquisitionPhysics(detector=Detector(efficiency=0.5))
    assert detectability(spot, spot.truth[0], taken, half).d_prime == pytest.approx(ideal / math.sqrt(2), rel=0.01)


def test_a_probe_costs_what_it_spreads() -> None:
    """At the same volume d′ of a faint spot falls as one over its width."""
    spot = Spots(defects_nm=np.array([[0.0, 0.0]]), sigma_nm=0.2, peak=0.0005, background=0.05)
    taken = exposure(samples=256)
    sharp, wide = (
        detectability(spot, spot.truth[0], taken, AcquisitionPhysics(probe_sigma_nm=s)).d_prime for s in (0.0, 0.15)
    )
    assert wide == pytest.approx(sharp * 0.2 / 0.25, rel=0.02)


def test_spread_bounds_what_dose_can_buy() -> None:
    """A column that lacks a share f of itself cannot be told from a spread s better than about f / s."""
    bright = {"per_1000_nm2": {"vacancy": 60.0}, "extent_nm": 8.0, "contamination": 0.0, "depth": 0.3}
    spread = make_atomic("gold", 3, column_spread=0.1, gradient_per_nm=0.0, **bright)
    even = spread.even()
    defect = spread.truth[0]
    values = {dwell: detectability(spread, defect, exposure(8.0, dwell)).d_prime for dwell in (1.0, 1e3)}
    without = {dwell: detectability(even, even.truth[0], exposure(8.0, dwell)).d_prime for dwell in (1.0, 1e3)}
    assert values[1.0] < without[1.0]
    assert without[1e3] == pytest.approx(without[1.0] * math.sqrt(1e3), rel=0.01)
    factor = spread.edits[0].factor
    bound = (1 - factor) / (0.1 * math.sqrt((1 + factor**2) / 2))
    assert values[1e3] == pytest.approx(bound, rel=0.05)


@pytest.mark.parametrize("column_spread", [0.0, 0.12])
def test_the_ideal_observer_hits_as_often_as_d_prime_says(column_spread: float) -> None:
    """Monte Carlo: frames with and without a defect, with new noise and new columns each time."""
    with_defect = make_atomic(
        "gold", 3, column_spread=column_spread, per_1000_nm2={"vacancy": 60.0}, extent_nm=6.0, depth=0.2
    )
    defect = with_defect.truth[0]
    taken = Exposure(
        grid=SamplingGrid(
            rows=40,
            cols=40,
            height_nm=0.9,
            width_nm=0.9,
            center_y_nm=defect.center_y_nm,
            center_x_nm=defect.center_x_nm,
        ),
        dwell_time_us=0.35 if column_spread else 0.2,
        beam_current_pa=10.0,
    )
    even = with_defect.even()
    near = samples_near(defect, taken)
    y, x = (axis[near] for axis in taken.grid.mesh_nm())
    cases = two_cases(with_defect, defect, y, x, taken, IDEAL)
    template = best_template(cases.signal, cases.variance, cases.modes)
    expected = d_prime(cases.signal, cases.variance, cases.modes)
    assert 1.0 < expected < 4.0
    rng, draws = np.random.default_rng(5), 6000
    scores = {}
    for label, specimen in (("absent", even.without(defect)), ("present", even)):
        columns = specimen.columns(y, x)
        reach = dataclasses.replace(columns, spreads=columns.peaks * column_spread).modes(y, x)
        mean = specimen.intensity(y, x)
        uneven = mean + (reach @ rng.normal(size=(len(columns), draws))).T
        scores[label] = rng.poisson(np.clip(uneven, 0, 1) * taken.electrons_a_sample) @ template
    threshold = np.quantile(scores["absent"], 1 - FALSE_ALARMS)
    rate = float((scores["present"] > threshold).mean())
    assert rate == pytest.approx(hit_rate(expected, FALSE_ALARMS), abs=0.04)
    # the area under the curve is Φ(d′ / √2), also where the variances of the two cases differ
    ranks = np.searchsorted(np.sort(scores["absent"]), scores["present"]) / draws
    assert ranks.mean() == pytest.approx(ndtr(expected / math.sqrt(2)), abs=0.012)
    if column_spread:  # without the spread it would promise more than it holds
        assert hit_rate(d_prime(cases.signal, cases.variance), FALSE_ALARMS) > rate + 0.15


def test_hit_rate_at_known_points() -> None:
    assert hit_rate(0.0, 0.1) == pytest.approx(0.1)
    assert hit_rate(2.326348, 0.01) == pytest.approx(0.5, abs=1e-6)
    with pytest.raises(InputError, match="false_alarm_rate"):
        hit_rate(1.0, 0.0)
    with pytest.raises(InputError, match="variance"):
        d_prime(np.ones(2), np.array([1.0, 0.0]))


@pytest.mark.parametrize("name", ["srtio3-dislocations", "mos2-bicrystal", "polycrystal", "terraces"])
def test_every_defect_of_a_view_gets_a_d_prime(name: str) -> None:
    specimen, kind = make_specimen(name, 2), specimen_kind(name)
    grid = SamplingGrid(rows=160, cols=160, height_nm=kind.fov_nm, width_nm=kind.fov_nm)
    taken = Exposure(grid=grid, dwell_time_us=kind.dwell_time_us, beam_current_pa=kind.beam_current_pa)
    found = detectabilities(specimen, taken)
    inside = [d for d in specimen.truth if max(map(abs, d.center_nm)) < kind.fov_nm / 2]
    assert {id(d) for d in inside} <= {id(one.defect) for one in found}
    assert all(one.d_prime >= 0 and one.samples > 0 for one in found)
    assert max(one.d_prime for one in found) > 5


@pytest.mark.parametrize("name", ["srtio3", "mos2", "gold-bicrystal", "srtio3-dislocations", "particles", "spots"])
def test_the_ideal_observers_map_puts_visible_defects_first(name: str) -> None:
    specimen, kind = make_specimen(name, 2), specimen_kind(name)
    grid = SamplingGrid(rows=256, cols=256, height_nm=kind.fov_nm, width_nm=kind.fov_nm)
    taken = Exposure(grid=grid, dwell_time_us=4 * kind.dwell_time_us, beam_current_pa=kind.beam_current_pa)
    counts = record_frame(specimen, taken, np.random.default_rng(1))
    scores = ideal_observer_map(specimen, taken, counts)
    assert scores.shape == counts.shape
    visible = [one.defect for one in detectabilities(specimen, taken) if one.d_prime > 8]
    covered = np.zeros(counts.shape, bool)
    y, x = grid.mesh_nm()
    hits = []
    for defect in visible:
        row, col = (round(i) for i in grid.index_px(defect.center_nm))
        covered |= defect.covers(y, x)
        if 3 <= row < 253 and 3 <= col < 253:
            hits.append(scores[row - 2 : row + 3, col - 2 : col + 3].max() > 0)
    assert len(hits) >= 2
    assert np.mean(hits) > 0.9
    # what is marked is what is there
    elsewhere = scores[~covered] > 5
    assert elsewhere.mean() < 0.02


def test_the_map_at_a_crooked_crack_is_half_of_its_squared_d_prime() -> None:
    """The mean log-likelihood ratio of a signal known exactly is d′² / 2, and its standard deviation d′."""
    line = Stroke(points_nm=np.array([[-900.0, -700.0], [0.0, 0.0], [100.0, 1500.0]]), width_nm=150.0)
    body = PlantedDefect(kind="crack", center_y_nm=300.0, center_x_nm=-200.0, shape=line, amplitude=-0.01)
    ground = Polished(seed=1, level=0.1, grain_nm=300.0)
    crack = Hollow(body=body, edge_nm=40.0, floor=0.9, rim=0.0, lit_wall=0.0)
    specimen = Mesoscale(name="crack", material=ground, features=(crack,))
    # the centre falls on a sample
    taken = exposure(8000.0, 16.0, 160, center_y_nm=325.0, center_x_nm=-175.0)
    (known,) = detectabilities(specimen, taken)
    values = []
    for seed in range(12):
        scores = ideal_observer_map(specimen, taken, record_frame(specimen, taken, np.random.default_rng(seed)))
        row, col = (round(i) for i in taken.grid.index_px(body.center_nm))
        values.append(scores[row, col])
    assert np.mean(values) == pytest.approx(known.d_prime**2 / 2, abs=1.2 * known.d_prime)
    covers = body.covers(*taken.grid.mesh_nm())
    assert np.median(scores[covers]) > 5 * max(np.median(scores[~covers]), 1.0)


def test_where_there_is_nothing_the_map_finds_nothing() -> None:
    specimen, taken = make_specimen("mos2", 2), exposure(10.0, 8.0, 256)
    counts = record_frame(specimen.pristine(), taken, np.random.default_rng(1))
    assert (ideal_observer_map(specimen, taken, counts) > 8).mean() < 1e-3
    empty = ideal_observer_map(specimen.pristine(), taken, counts)
    assert np.array_equal(empty, np.zeros_like(empty))
    with pytest.raises(InputError, match="shape"):
        ideal_observer_map(specimen, taken, counts[:-1])
