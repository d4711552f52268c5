"""The simulated microscope obeys the contract, and what else it promises."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable

import numpy as np
import pytest

from deepscan_core.acquisition.controller import BeamRest, ScanController
from deepscan_core.errors import InputError, RunAborted, UnsupportedStep
from deepscan_core.instruments.simulated import EVERYTHING, WITH_STAGE, SimulatedController
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.costs import ScanCosts, electrons
from deepscan_core.simulation.physics import AcquisitionPhysics, Drift
from deepscan_core.simulation.specimens import Specimen
from tests.contract.controller_contract import FOV_NM, ROWS, ControllerContract, make_step, spots_at
from tests.contract.stage_contract import StageContract


def simulated(controller: ScanController) -> SimulatedController:
    assert isinstance(controller, SimulatedController)
    return controller


class TestSimulated(ControllerContract, StageContract):
    @pytest.fixture
    def make(self) -> Callable[..., ScanController]:
        def build(specimen: Specimen, rotation_rad: float = 0.0, allow_stage: bool = False) -> SimulatedController:
            context = ScanContext(
                rows=ROWS,
                cols=ROWS,
                fov_y_nm=FOV_NM,
                fov_x_nm=FOV_NM,
                rotation_rad=rotation_rad,
                beam_current_pa=200,
            )
            capabilities = WITH_STAGE if allow_stage else EVERYTHING
            return SimulatedController(specimen, context, sleep=time.sleep, capabilities=capabilities)

        return build

    def exposure(self, controller: ScanController) -> float:
        return simulated(controller).exposed_electrons

    def is_blanked(self, controller: ScanController) -> bool:
        return simulated(controller).beam == "blanked"

    def is_viewing(self, controller: ScanController) -> bool:
        return simulated(controller).is_viewing

    def start_view(self, controller: ScanController) -> None:
        simulated(controller).is_viewing = True

    def after_a_crash(self, controller: ScanController) -> SimulatedController:
        crashed = simulated(controller)
        heir = SimulatedController(spots_at([]), crashed.context())
        heir.beam, heir.is_viewing = crashed.beam, crashed.is_viewing
        return heir

    @pytest.mark.parametrize("beam", ["on", "parked (2.0, 0.5)", "parked (1, )", "parked (--, 0.1)", None, 3])
    def test_a_place_of_the_beam_that_cannot_be_is_refused(self, beam: object) -> None:
        context = ScanContext(rows=32, cols=32, fov_y_nm=4, fov_x_nm=4, beam_current_pa=10)
        controller = SimulatedController(spots_at([]), context)
        with pytest.raises(InputError, match="beam is"):
            controller.restore_parameters({"beam": beam})
        controller.rest(BeamRest(park_fraction=(1e-7, 0.5)))
        parked = controller.parameters()
        controller.rest(BeamRest())
        controller.restore_parameters(parked)
        assert controller.parameters() == parked

    @pytest.mark.parametrize("place", [(20.0, 100.0), (64.0, 7.0), (3.0, 31.0)])
    def test_turned_non_square_context_off_centre(self, place: tuple[float, float]) -> None:
        """A spot at a context pixel is at that pixel of the preview, and in the middle of a step sent there."""
        context = ScanContext(
            rows=96,
            cols=160,
            fov_y_nm=12,
            fov_x_nm=20,
            center_y_nm=31,
            center_x_nm=-17,
            rotation_rad=0.6,
            beam_current_pa=500,
        )
        specimen = spots_at([context.specimen_from_nm(context.nm_from_px(place))])
        controller = SimulatedController(specimen, context, dwell_time_us=10)
        preview = controller.preview().values
        assert np.hypot(*(np.array(np.unravel_index(preview.argmax(), preview.shape)) - place)) <= 1.5
        step = make_step(context, context.nm_from_px(place), (2.0, 4.0), 41, 81, rotation_rad=-0.9, dwell_time_us=20)
        edge_free = dataclasses.replace(step, height_nm=0.5, width_nm=0.5, height_px=4, width_px=4)
        tile = controller.scan(edge_free).values
        center = np.array([(tile * g).sum() / tile.sum() for g in np.mgrid[:41, :81]])
        assert np.abs(center - (20, 40)).max() <= 1

    def test_the_same_seed_gives_the_same_counts(self) -> None:
        context = ScanContext(rows=32, cols=32, fov_y_nm=4, fov_x_nm=4, beam_current_pa=10)
        one, other = (SimulatedController(spots_at([(0, 0)]), context, seed=5).preview().values for _ in range(2))
        assert np.array_equal(one, other)

    def test_counts_are_poisson_and_grow_with_dwell(self) -> None:
        context = ScanContext(rows=128, cols=128, fov_y_nm=4, fov_x_nm=4, beam_current_pa=100)
        short, long = (
            SimulatedController(spots_at([]), context, dwell_time_us=t).preview().values for t in (1.0, 16.0)
        )
        assert long.mean() == pytest.approx(16 * short.mean(), rel=0.02)
        assert short.var() == pytest.approx(short.mean(), rel=0.05)
        assert long.mean() / long.std() == pytest.approx(4 * short.mean() / short.std(), rel=0.05)

    def test_a_square_instrument_refuses_other_contexts(self) -> None:
        context = ScanContext(rows=32, cols=64, fov_y_nm=4, fov_x_nm=8, beam_current_pa=10)
        square = dataclasses.replace(EVERYTHING, non_square_context=False)
        with pytest.raises(UnsupportedStep, match="square"):
            SimulatedController(spots_at([]), context, capabilities=square)
        with pytest.raises(UnsupportedStep, match="centred"):
            SimulatedController(
                spots_at([]),
                dataclasses.replace(context, center_y_nm=1.0),
                capabilities=dataclasses.replace(EVERYTHING, center=False),
            )

    def test_without_a_blanker_a_place_to_park_must_be_named(self) -> None:
        context = ScanContext(rows=32, cols=32, fov_y_nm=4, fov_x_nm=4, beam_current_pa=10)
        controller = SimulatedController(
            spots_at([]), context, capabilities=dataclasses.replace(EVERYTHING, blanker=False)
        )
        with pytest.raises(UnsupportedStep, match="--park"):
            controller.rest(BeamRest())
        controller.rest(BeamRest(park_fraction=(0.0, 1.0)))
        assert controller.beam.startswith("parked")
        for bad in ((-0.1, 0.0), (0.0, 1.1), (math.nan, 0.0)):
            with pytest.raises(InputError, match="park"):
                BeamRest(park_fraction=bad)

    def test_an_abort_while_nothing_runs_has_no_effect(self) -> None:
        context = ScanContext(rows=32, cols=32, fov_y_nm=4, fov_x_nm=4, beam_current_pa=10)
        controller = SimulatedController(spots_at([]), context)
        controller.abort()
        assert controller.preview().values.shape == (32, 32)

    def test_its_physics_is_charged_and_seen(self) -> None:
        """Drift moves the spot between frames, dose fades it, moves take time, an idle beam exposes."""
        context = ScanContext(rows=64, cols=64, fov_y_nm=8, fov_x_nm=8, beam_current_pa=500)
        specimen = spots_at([(0.0, 0.0)])
        costs = ScanCosts(frame_overhead_s=10.0, settle_s=1.0, travel_nm_per_s=2.0, blanks_when_idle=False)
        physics = AcquisitionPhysics(drift=Drift(rate_nm_per_s=(0.0, 0.1)), moves_take_time=True)
        controller = SimulatedController(specimen, context, dwell_time_us=20, costs=costs, physics=physics)
        places = [np.argwhere(f.values == f.values.max()).mean(0) for f in (controller.preview(), controller.preview())]
        frame_s = costs.frame_time_s(64, 64, 20.0) + 1.0  # the settling of a move of no length
        assert places[1][1] - places[0][1] == pytest.approx(0.1 * frame_s / 8 * 64, abs=1.5)
        assert controller.clock_s == pytest.approx(2 * frame_s)
        expected = 2 * (costs.frame_electrons(64, 64, 20.0, 500) + costs.idle_electrons(1.0, 500))
        assert controller.exposed_electrons == pytest.approx(expected)
        controller.prepare()
        controller.scan(make_step(context, (2.0, 0.0), (2.0, 2.0), 16, 16))
        assert controller.clock_s == pytest.approx(2 * frame_s + 2.0 + costs.frame_time_s(16, 16, 10.0), abs=2.0)

    def test_dose_is_remembered_and_fades_what_was_exposed(self) -> None:
        context = ScanContext(rows=64, cols=64, fov_y_nm=8, fov_x_nm=8, beam_current_pa=500)
        specimen = spots_at([(-2.0, -2.0), (2.0, 2.0)])
        once = SimulatedController(specimen, context, dwell_time_us=50).preview().dose_e_per_nm2
        physics = AcquisitionPhysics(critical_dose_e_per_nm2=20 * once, destroyed_intensity=0.02)
        controller = SimulatedController(specimen, context, dwell_time_us=50, physics=physics)
        before = controller.preview().values
        step = make_step(context, (-2.0, -2.0), (2.0, 2.0), 16, 16, dwell_time_us=50 * 40)
        controller.prepare()
        controller.scan(step)
        controller.restore()
        place = (np.array(-2.0), np.array(-2.0))
        assert float(controller.dose.at(*place)) == pytest.approx(once + 40 * once)
        assert float(controller.dose.at(place[0] + 4, place[1] + 4)) == pytest.approx(once)
        after = controller.preview().values
        faded, kept = ((after[part, part].max() / before[part, part].max()) for part in (slice(8, 24), slice(40, 56)))
        assert faded == pytest.approx(math.exp(-41 / 20), abs=0.15)
        assert kept == pytest.approx(math.exp(-1 / 20), abs=0.15)

    def test_an_aborted_frame_leaves_the_dose_of_its_lines(self) -> None:
        context = ScanContext(rows=256, cols=64, fov_y_nm=8, fov_x_nm=2, beam_current_pa=500)
        controller: SimulatedController
        passed: list[float] = []

        def sleep(seconds: float) -> None:
            passed.append(seconds)
            if len(passed) == 6:
                controller.abort()

        controller = SimulatedController(spots_at([]), context, sleep=sleep)
        with pytest.raises(RunAborted):
            controller.preview()
        exposed = controller.dose.at(np.linspace(-3.9, 3.9, 101), np.zeros(101)) > 0
        assert 0 < exposed.mean() < 0.5
        assert exposed.mean() == pytest.approx(controller.exposed_electrons / electrons(256, 64, 1.0, 500), abs=0.02)
