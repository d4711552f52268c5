"""The reference area lies off the plan, where nothing repeats; on a lattice it says how far it can be trusted."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from deepscan_core.acquisition.drift.reference import choose_reference, is_reference, piece_of, seen_in
from deepscan_core.acquisition.limits import check_step
from deepscan_core.errors import InputError
from deepscan_core.instruments.simulated import EVERYTHING, SimulatedController
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.costs import dose_e_per_nm2
from deepscan_core.simulation.specimens import Specimen
from deepscan_core.simulation.specimens.plain import Spots
from tests.acquisition.drift.drifting import LATTICE_NM, lattice, scattered
from tests.contract.controller_contract import make_step

CONTEXT = ScanContext(
    rows=256, cols=320, fov_y_nm=256 * 0.04, fov_x_nm=320 * 0.05, beam_current_pa=50, rotation_rad=0.5, center_x_nm=3.0
)


def seen(specimen: Specimen, context: ScanContext = CONTEXT) -> SimulatedController:
    return SimulatedController(specimen, context, dwell_time_us=2.0, seed=1)


def test_it_lies_off_all_steps_and_can_be_scanned() -> None:
    preview = seen(scattered()).preview()
    steps = [
        make_step(CONTEXT, (y, x), (1.2, 2.0), rotation_rad=0.7, order=k)
        for k, (y, x) in enumerate([(-2.0, -4.0), (3.0, 1.0), (-3.0, 6.0), (0.0, -1.0)], start=1)
    ]
    area = choose_reference(preview.values, CONTEXT, steps, side_px=(80, 64), dwell_time_us=3.0, margin_nm=0.3)
    check_step(area.step, CONTEXT, EVERYTHING)
    assert is_reference(area.step)
    assert not is_reference(steps[0])
    assert area.step.rotation_rad == 0
    top, left = (c - s / 2 - 0.3 for c, s in zip(area.step.center_nm, area.step.size_nm, strict=True))
    bottom, right = (c + s / 2 + 0.3 for c, s in zip(area.step.center_nm, area.step.size_nm, strict=True))
    for step in steps:
        y_nm, x_nm = step.in_context().mesh_nm()
        assert not ((y_nm > top) & (y_nm < bottom) & (x_nm > left) & (x_nm < right)).any()
    expected = dose_e_per_nm2(80, 64, 3.0, 50, *area.step.size_nm)
    assert area.step.dose_e_per_nm2 == pytest.approx(expected)


def test_features_that_do_not_repeat_are_preferred() -> None:
    """A lattice with a few extra spots in one corner of it."""
    perfect = lattice(1)
    extra = Spots(
        defects_nm=np.random.default_rng(2).uniform([1.0, 3.0], [3.8, 6.5], (7, 2)),
        sigma_nm=0.09,
        peak=0.12,
        background=0.0,
    )

    class Both:
        name = "lattice with a corner of spots"
        defects_nm = extra.defects_nm

        def intensity(self, y_nm: np.ndarray, x_nm: np.ndarray) -> np.ndarray:
            return np.clip(perfect.intensity(y_nm, x_nm) + extra.intensity(y_nm, x_nm), 0, 1)

    context = dataclasses.replace(CONTEXT, rotation_rad=0.0, center_x_nm=0.0)
    area = choose_reference(seen(Both(), context).preview().values, context, side_px=80, dwell_time_us=2.0)
    assert area.confidence > 0.1
    assert area.unambiguous_radius_nm > 1.2 * LATTICE_NM / 2
    assert math.dist(area.step.center_nm, (2.4, 4.7)) < 2.2


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_noise_is_not_preferred_to_the_only_thing_there_is_to_see(seed: int) -> None:
    places = np.random.default_rng(seed).uniform([1.0, 3.0], [3.8, 6.5], (9, 2))
    corner = Spots(defects_nm=places, sigma_nm=0.12, peak=0.05, background=0.02)
    context = dataclasses.replace(CONTEXT, rotation_rad=0.0, center_x_nm=0.0)
    area = choose_reference(seen(corner, context).preview().values, context, side_px=80, dwell_time_us=2.0)
    shown = np.abs(places - area.step.center_nm) < np.array(area.step.size_nm) / 2
    assert shown.all(axis=1).sum() >= 3


def test_room_is_given_up_where_only_the_edge_shows_anything() -> None:
    edge = np.random.default_rng(4).uniform([-5.1, -8.0], [-4.4, 8.0], (40, 2))
    at_edge = Spots(defects_nm=edge, sigma_nm=0.08, peak=0.1, background=0.02)
    context = dataclasses.replace(CONTEXT, rotation_rad=0.0, center_x_nm=0.0)
    values = seen(at_edge, context).preview().values
    area = choose_reference(values, context, side_px=80, dwell_time_us=2.0)
    assert area.step.center_nm[0] - area.step.size_nm[0] / 2 < -4.4
    with pytest.raises(InputError, match="more than noise"):
        choose_reference(values, context, side_px=80, dwell_time_us=2.0, room_nm=1.3)


def test_on_a_perfect_lattice_half_a_lattice_vector_is_told() -> None:
    area = choose_reference(seen(lattice(1)).preview().values, CONTEXT, side_px=96, dwell_time_us=2.0)
    assert area.is_ambiguous
    assert area.unambiguous_radius_nm == pytest.approx(LATTICE_NM / 2, rel=0.06)


def test_it_keeps_room_to_follow_the_drift() -> None:
    values = seen(scattered()).preview().values
    area = choose_reference(values, CONTEXT, side_px=64, dwell_time_us=2.0, room_nm=2.0)
    for center, size, fov in zip(area.step.center_nm, area.step.size_nm, CONTEXT.fov_nm, strict=True):
        assert abs(center) + size / 2 <= fov / 2 - 2.0 + 1e-9


def test_a_piece_of_the_preview_is_that_place_at_the_time_of_its_rows() -> None:
    preview = dataclasses.replace(seen(scattered()).preview(), started_s=100.0)
    area = choose_reference(preview.values, CONTEXT, side_px=64, dwell_time_us=5.0)
    piece = piece_of(preview, area)
    assert piece.dwell_time_us == 2.0
    assert piece.step is not None
    middle = tuple(round(v - 0.5) for v in (area.step.center_y_px, area.step.center_x_px))
    assert piece.values[31, 31] == preview.values[middle]
    assert piece.started_s + piece.duration_s / 2 == pytest.approx(seen_in(preview)(area.step))
    assert 100 < piece.started_s < 100 + preview.duration_s
    first_row = make_step(CONTEXT, CONTEXT.nm_from_px((0.0, 7.0)))
    assert seen_in(preview)(first_row) == pytest.approx(100 + preview.duration_s / 512)


def test_what_cannot_be_a_reference_is_refused_with_the_remedy() -> None:
    values = seen(scattered()).preview().values
    with pytest.raises(InputError, match="more than noise"):
        choose_reference(np.zeros_like(values), CONTEXT, side_px=64, dwell_time_us=2.0)
    noise = np.random.default_rng(0).poisson(9.0, values.shape)
    with pytest.raises(InputError, match="more than noise"):
        choose_reference(noise, CONTEXT, side_px=64, dwell_time_us=2.0)
    with pytest.raises(InputError, match="fewer pixels"):
        choose_reference(values, CONTEXT, side_px=300, dwell_time_us=2.0)
    with pytest.raises(InputError, match="5 nm off the edges"):
        choose_reference(values, CONTEXT, side_px=64, dwell_time_us=2.0, room_nm=5.0)
    with pytest.raises(InputError, match="at least 32"):
        choose_reference(values, CONTEXT, side_px=31, dwell_time_us=2.0)
    with pytest.raises(InputError, match="shape"):
        choose_reference(values[:-1], CONTEXT, side_px=64, dwell_time_us=2.0)
    everywhere = [make_step(CONTEXT, (0.0, 0.0), CONTEXT.fov_nm)]
    with pytest.raises(InputError, match="plan fewer"):
        choose_reference(values, CONTEXT, everywhere, side_px=64, dwell_time_us=2.0)
