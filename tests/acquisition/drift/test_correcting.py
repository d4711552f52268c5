"""A strategy on a drifting specimen really sees the places it was planned for."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from deepscan_core.acquisition.drift import (
    DriftSettings,
    DriftTracker,
    choose_reference,
    is_reference,
    piece_of,
    seen_in,
    with_drift_correction,
)
from deepscan_core.acquisition.strategies import Strategy, follow
from deepscan_core.errors import DriftLost, UnsupportedStep
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.records.coordinates import YX, ScanContext
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep
from deepscan_core.simulation.physics import AcquisitionPhysics, Drift
from deepscan_core.simulation.specimens import Specimen
from deepscan_core.simulation.specimens.plain import Spots
from tests.acquisition.drift.drifting import lattice, scattered
from tests.contract.controller_contract import found_px, make_step

CONTEXT = ScanContext(
    rows=320, cols=400, fov_y_nm=12.8, fov_x_nm=16.0, beam_current_pa=50, rotation_rad=0.7, center_y_nm=4.0
)
PLACES_NM = [(-3.0, -5.0), (2.5, -4.0), (-2.0, 4.5), (1.0, 5.0)]  # in the context's axes
DRIFT = Drift(rate_nm_per_s=(0.07, -0.05), acceleration_nm_per_s2=(3e-4, 5e-4))


def with_targets() -> Spots:
    """Faint spots anywhere but around bright ones at the places to be visited."""
    faint = scattered(5, reach_nm=13.0, per_nm2=0.8)
    targets = np.array([CONTEXT.specimen_from_nm(place) for place in PLACES_NM])
    away = np.linalg.norm(faint.defects_nm[:, None] - targets[None], axis=2).min(axis=1)
    bright = np.repeat(targets, 5, axis=0)
    return Spots(
        defects_nm=np.concatenate([faint.defects_nm[away > 1.6], bright]), sigma_nm=0.12, peak=0.1, background=0.02
    )


def steps_at(places: list[YX], duration_s: float = 3.0) -> list[ScanStep]:
    dwell_us = duration_s * 1e6 / 48**2
    return [
        make_step(CONTEXT, place, (1.4, 1.4), 48, 48, rotation_rad=0.4, order=k, dwell_time_us=dwell_us)
        for k, place in enumerate(places, start=1)
    ]


def begin(
    specimen: Specimen,
    drift: Drift,
    steps: list[ScanStep],
    on_left: Callable[[ScanStep, str], None] | None = None,
) -> tuple[SimulatedController, DriftTracker, Strategy]:
    physics = AcquisitionPhysics(drift=drift, moves_take_time=True)
    controller = SimulatedController(specimen, CONTEXT, dwell_time_us=2.0, physics=physics)
    preview = controller.preview()
    area = choose_reference(preview.values, CONTEXT, steps, side_px=128, dwell_time_us=2.0)
    tracker = DriftTracker(area)
    tracker.measure(controller.scan(area.step) if area.is_ambiguous else piece_of(preview, area))
    strategy = with_drift_correction(
        follow(steps), tracker, clock=lambda: controller.clock_s, seen_s=seen_in(preview), on_left=on_left
    )
    return controller, tracker, strategy


def carry_out(controller: SimulatedController, strategy: Strategy) -> list[ScanFrame]:
    frames = []
    step = next(strategy, None)
    while step is not None:
        frames.append(controller.scan(step))
        try:
            step = strategy.send(frames[-1])
        except StopIteration:
            step = None
    return frames


def keeping(strategy: Strategy, scanned: list[ScanStep]) -> Strategy:
    """The same strategy; its steps are written down, also when it fails."""
    step = next(strategy, None)
    while step is not None:
        scanned.append(step)
        frame = yield step
        try:
            step = strategy.send(frame)
        except StopIteration:
            step = None


def test_planted_spots_land_in_the_middle_of_their_tiles() -> None:
    """The signs of drift, context rotation and step rotation all have to be right for that."""
    controller, tracker, strategy = begin(with_targets(), DRIFT, steps_at(PLACES_NM))
    controller.clock_s += 7  # somebody plans
    frames = carry_out(controller, strategy)
    tiles = [frame for frame in frames if not is_reference(frame.step)]
    assert [tile.step.order for tile in tiles if tile.step] == [1, 2, 3, 4]
    for tile, place in zip(tiles, PLACES_NM, strict=True):
        assert tile.step is not None
        off_px = np.subtract(found_px(tile.values), [(n - 1) / 2 for n in tile.values.shape])
        assert np.hypot(*off_px) * 1.4 / 48 < 0.1
        assert math.dist(tile.step.center_nm, place) > 0.5  # without the correction it would be at the edge
        assert min(tile.step.rows, tile.step.cols) >= 48
        assert tile.step.size_nm[0] / tile.step.rows == pytest.approx(1.4 / 48)
    assert 0 < sum(is_reference(frame.step) for frame in frames) <= 6
    assert all(one.accepted for one in tracker.measurements)


def test_reference_frames_go_along_with_the_specimen() -> None:
    controller, tracker, strategy = begin(with_targets(), DRIFT, steps_at(PLACES_NM))
    frames = carry_out(controller, strategy)
    last = [frame for frame in frames if is_reference(frame.step)][-1]
    assert last.step is not None
    moved = np.subtract(last.step.center_nm, tracker.area.step.center_nm)
    assert moved == pytest.approx(tracker.measurements[-1].shift_nm, abs=0.1)


def test_the_strategy_is_sent_only_its_own_frames_at_their_planned_places() -> None:
    steps = steps_at(PLACES_NM[:2])
    heard: list[ScanFrame] = []

    def listening() -> Strategy:
        for step in steps:
            frame = yield step
            heard.append(frame)

    controller, tracker, _ = begin(with_targets(), DRIFT, steps)
    strategy = with_drift_correction(listening(), tracker, clock=lambda: controller.clock_s)
    frames = [frame for frame in carry_out(controller, strategy) if not is_reference(frame.step)]
    assert len(heard) == len(frames) == 2
    for told, frame, step in zip(heard, frames, steps, strict=True):
        assert told.values is frame.values or np.array_equal(told.values, frame.values)
        assert told.step.center_nm == step.center_nm != frame.step.center_nm
        assert (told.step.rows, told.step.size_nm) == (frame.step.rows, frame.step.size_nm)


def test_a_place_that_drifts_out_of_the_context_is_told_to_the_strategy() -> None:
    near_edge, inside = (-5.5, 0.0), (0.0, 1.0)
    drift = Drift(rate_nm_per_s=(-0.1, 0.0))
    steps = steps_at([near_edge, inside])
    left = []

    def careful() -> Strategy:
        for step in steps:
            try:
                yield step
            except UnsupportedStep as error:
                left.append(str(error))
                continue

    context_drift = Drift(rate_nm_per_s=CONTEXT.specimen_from_nm(drift.rate_nm_per_s))
    turned = tuple(a - b for a, b in zip(context_drift.rate_nm_per_s, (CONTEXT.center_y_nm, CONTEXT.center_x_nm)))
    told = []
    controller, tracker, plain = begin(
        with_targets(), Drift(rate_nm_per_s=turned), steps, on_left=lambda step, why: told.append((step.order, why))
    )
    controller.clock_s += 8
    strategy = with_drift_correction(careful(), tracker, clock=lambda: controller.clock_s)
    tiles = [frame for frame in carry_out(controller, strategy) if not is_reference(frame.step)]
    assert [tile.step.order for tile in tiles if tile.step] == [2]
    assert len(left) == 1
    assert "out of the context" in left[0]
    tiles = [frame for frame in carry_out(controller, plain) if not is_reference(frame.step)]
    assert [tile.step.order for tile in tiles if tile.step] == [2]
    ((order, why),) = told
    assert order == 1
    assert "out of the context" in why


def test_a_lattice_out_of_sight_is_lost_before_anything_is_exposed_at_a_wrong_place() -> None:
    controller, _, strategy = begin(lattice(1), Drift(rate_nm_per_s=(0.2, 0.2)), steps_at(PLACES_NM))
    controller.clock_s += 60
    scanned: list[ScanStep] = []
    recording = keeping(strategy, scanned)
    with pytest.raises(DriftLost, match="take a new preview"):
        carry_out(controller, recording)
    assert scanned
    assert all(is_reference(step) for step in scanned)


def test_whoever_handles_a_lost_track_may_go_on() -> None:
    """Somebody puts the beam back while the run is paused: the next frames are good again."""
    steps = steps_at(PLACES_NM[:1])
    controller, tracker, _ = begin(with_targets(), Drift(), steps)
    controller.clock_s += 40
    told: list[DriftLost] = []
    strategy = with_drift_correction(follow(steps), tracker, clock=lambda: controller.clock_s, on_lost=told.append)
    step = next(strategy)
    tiles = []
    while True:
        frame = controller.scan(step)
        if not told:
            dark = np.zeros_like(frame.values)
            frame = ScanFrame(**{**vars(frame), "values": dark})
        if not is_reference(step):
            tiles.append(frame)
        try:
            step = strategy.send(frame)
        except StopIteration:
            break
    assert len(told) == 1
    assert "drift is lost before step 1" in str(told[0])
    assert len(tiles) == 1


def test_references_that_do_not_suffice_end_the_run_with_a_remedy() -> None:
    steps = steps_at(PLACES_NM[:1])
    controller, tracker, _ = begin(with_targets(), Drift(), steps)
    strict = DriftTracker(tracker.area, DriftSettings(allowed_nm=1e-4, most_in_a_row=5))
    strategy = with_drift_correction(follow(steps), strict, clock=lambda: controller.clock_s)
    with pytest.raises(DriftLost, match=r"after 5 reference frames .* shorter dwell"):
        carry_out(controller, strategy)
