"""The books of a run: every electron and second, against the simulated microscope and closed forms; no limit is passed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from deepscan_core.acquisition.books import DRIFT, FAILED, IDLE, STEPS, LedgerStatus
from deepscan_core.acquisition.dose_map import DoseGrid
from deepscan_core.acquisition.faults import FaultPolicy
from deepscan_core.acquisition.ledger import Ledger
from deepscan_core.errors import BeyondLimit, InputError, ProtocolError
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.records.costs import ScanCosts, dose_e_per_nm2, electrons, electrons_per_second
from deepscan_core.records.protocol import ScanLimits, ScanProtocol, ScanStep
from deepscan_core.simulation.physics import AcquisitionPhysics
from deepscan_core.survey import DOSE_MAP, Survey
from tests.acquisition.faulty import Faulty
from tests.acquisition.small_runs import CONTEXT, SPECIMEN, Microscope, plan
from tests.contract.controller_contract import make_step

OPEN_BEAM = ScanCosts(blanks_when_idle=False)


def microscope(costs: ScanCosts = OPEN_BEAM) -> SimulatedController:
    physics = AcquisitionPhysics(moves_take_time=True)
    return SimulatedController(SPECIMEN, CONTEXT, costs=costs, physics=physics)


@pytest.mark.parametrize("costs", [ScanCosts(), OPEN_BEAM], ids=["blanked", "open"])
def test_what_is_charged_is_what_the_microscope_has_done(costs: ScanCosts, tmp_path: Path) -> None:
    controller = microscope(costs)
    preview = controller.preview()
    protocol = plan(4)
    told: list[LedgerStatus] = []
    survey = Survey(protocol, controller, directory=tmp_path, previews=[preview], on_ledger=told.append)
    survey.run()
    status = survey.ledger.status
    assert status.electrons == pytest.approx(controller.exposed_electrons, rel=1e-12)
    assert status.time_s == pytest.approx(controller.clock_s, rel=1e-12)
    assert status.exposures == 5
    assert status.by_kind[STEPS].electrons == pytest.approx(
        sum(costs.frame_electrons(s.rows, s.cols, s.dwell_time_us, 50) for s in protocol.steps)
    )
    assert status.by_kind[FAILED] == status.by_kind[DRIFT]
    assert told[-1] == status
    assert [one.exposures for one in told] == sorted(one.exposures for one in told)
    saved = np.load(tmp_path / DOSE_MAP)
    assert saved.shape == (CONTEXT.rows, CONTEXT.cols)
    area_nm2 = math.prod(CONTEXT.pixel_size_nm)
    assert saved.sum(dtype=float) * area_nm2 + survey.ledger.dose.outside_electrons == pytest.approx(status.electrons)


def test_the_dose_map_is_that_of_the_microscope_where_exposures_are_even() -> None:
    controller = microscope(ScanCosts())
    survey = Survey(plan(4), controller, previews=[controller.preview()])
    survey.run()
    y_nm, x_nm = CONTEXT.on_specimen().mesh_nm()
    assert survey.ledger.dose_map == pytest.approx(controller.dose.at(y_nm, x_nm), rel=1e-5)


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(0.5, 5), st.floats(0.5, 5), st.floats(-4, 4), st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_electron_is_lost_on_the_map(
    y_nm: float, x_nm: float, height_nm: float, width_nm: float, ccw_rad: float, is_straight: bool
) -> None:
    grid = SamplingGrid(
        rows=9,
        cols=7,
        height_nm=height_nm,
        width_nm=width_nm,
        center_y_nm=y_nm,
        center_x_nm=x_nm,
        ccw_rad=0.0 if is_straight else ccw_rad,
    )
    doses = DoseGrid(CONTEXT)
    doses.add(grid, 1000.0)
    total = doses.dose_e_per_nm2.sum(dtype=float) * math.prod(CONTEXT.pixel_size_nm)
    assert total == pytest.approx(1000, rel=1e-6)  # all of it lies inside
    expected = 1000 / (height_nm * width_nm)
    assert doses.highest_e_per_nm2 <= expected * 1.05
    doses.add(grid, -1000.0)
    assert doses.highest_e_per_nm2 == pytest.approx(0, abs=1e-9)


def test_what_lies_beside_the_frame_is_counted_apart() -> None:
    doses = DoseGrid(CONTEXT)
    doses.add(dataclasses.replace(CONTEXT.on_specimen(), rows=1, cols=1, center_y_nm=CONTEXT.fov_nm[0] / 2), 10.0)
    doses.add_along((0.0, 0.0), (0.0, CONTEXT.fov_nm[1]), 8.0)
    doses.add_at((0.0, 0.0), 1.0)
    assert doses.outside_electrons == pytest.approx(5 + 4, abs=0.1)
    assert doses.dose_e_per_nm2.sum(dtype=float) * math.prod(CONTEXT.pixel_size_nm) + doses.outside_electrons == (
        pytest.approx(19)
    )


def test_a_parked_beam_exposes_while_the_run_rests() -> None:
    now_s = [0.0]
    ledger = Ledger(CONTEXT, costs=ScanCosts(), park_fraction=(0.25, 0.5), clock=lambda: now_s[0])
    now_s[0] = 3.0
    ledger.advance()
    now_s[0] = 5.0
    ledger.advance(counts=False)  # somebody paused
    assert ledger.status.time_s == 3
    assert ledger.status.electrons == pytest.approx(5 * electrons_per_second(50))
    assert np.unravel_index(int(ledger.dose_map.argmax()), ledger.dose_map.shape) == (16, 32)
    assert ledger.status.by_kind[IDLE].electrons == ledger.status.electrons


def test_an_attempt_that_failed_counts_wholly_and_one_that_exposed_nothing_not_at_all() -> None:
    step = plan(1).steps[0]
    ledger = Ledger(CONTEXT, ScanLimits(max_dose_e_per_nm2=2.5 * (step.dose_e_per_nm2 or 0)))
    ledger.begin(step)
    ledger.withdraw()
    assert ledger.status.electrons == 0
    assert ledger.dose_map.max() == 0
    ledger.begin(step)
    ledger.end(None)
    frame = ledger.frame_cost(step)
    assert ledger.status.by_kind[FAILED].electrons == frame.electrons == electrons(40, 40, step.dwell_time_us, 50)
    assert ledger.status.by_kind[STEPS].electrons == 0
    ledger.check(step)
    ledger.begin(step)
    ledger.end(None)
    with pytest.raises(BeyondLimit, match=r"step 1 would bring a place to .* more than the limit"):
        ledger.check(step)
    assert ledger.cost_of(step).time_s == math.inf
    with pytest.raises(InputError, match="no step was begun"):
        ledger.end(None)


def test_a_repeat_leaves_room_for_what_is_planned() -> None:
    first, second = plan(2).steps
    beside = dataclasses.replace(second, center_y_nm=first.center_y_nm, center_x_nm=first.center_x_nm)
    dose = first.dose_e_per_nm2 or 0.0
    ledger = Ledger(CONTEXT, ScanLimits(max_dose_e_per_nm2=2.5 * dose))
    for step in (first, beside):
        ledger.plan(step)
    ledger.check(first)
    ledger.begin(first)
    ledger.end(None)
    with pytest.raises(BeyondLimit, match="step 1 would bring a place"):
        ledger.check(first)
    ledger.check(beside)


def test_limits_on_electrons_and_dose_need_the_current() -> None:
    context = dataclasses.replace(CONTEXT, beam_current_pa=None)
    for limits, word in (
        (ScanLimits(max_total_electrons=1e6), "an electron limit"),
        (ScanLimits(max_dose_e_per_nm2=1e3), "a dose limit"),
    ):
        with pytest.raises(ProtocolError, match=f"{word} needs the beam current"):
            Ledger(context, limits).check(plan(1).steps[0])
    ledger = Ledger(context, ScanLimits(max_time_s=1))
    ledger.check(plan(1).steps[0])
    assert ledger.status.electrons is None


def test_neighbours_wait_and_their_wait_is_planned() -> None:
    protocol = plan(4)  # 5 nm squares, 3 nm apart along x, 2.5 nm along y
    by_wait = ScanLimits(least_wait_s=2.0, least_distance_nm=2.75)
    controller = Microscope()
    survey = Survey(protocol, controller, limits=by_wait)
    survey.run()
    frames = survey.frames
    ends = {f.step.order: f.started_s + f.duration_s for f in frames if f.step is not None}
    starts = {f.step.order: f.started_s for f in frames if f.step is not None}
    places = {s.order: s.center_nm for s in protocol.steps}
    waited = 0
    for one in starts:
        for other in starts:
            same_column = places[one][1] == places[other][1]
            if one < other and same_column:
                assert starts[other] >= ends[one] + 2.0 - 1e-9
                waited += 1
    assert waited == 2
    tight = dataclasses.replace(by_wait, max_time_s=protocol.predicted_time_s + 0.5)
    assert any("more than its limit" in str(one) for one in Survey(protocol, Microscope(), limits=tight).violations())


def test_neighbours_that_may_never_be_exposed() -> None:
    survey = Survey(plan(4), Microscope(), limits=ScanLimits(least_distance_nm=2.75))
    (violation,) = survey.violations()
    assert "nearer than the limit of 2.75 nm, and so would 1 more" in str(violation)
    assert not Survey(plan(4), Microscope(), limits=ScanLimits(least_distance_nm=2.0)).violations()


def test_a_step_that_would_pass_a_limit_is_left_out_and_cheaper_ones_follow(tmp_path: Path) -> None:
    """The frames take longer than predicted, which only shows while the run is on, and is then allowed for."""

    class Slow(Microscope):
        def scan(self, step: ScanStep) -> Any:
            frame = super().scan(step)
            self.clock_s += 0.5
            return frame

    protocol = plan(4)
    cheap = dataclasses.replace(protocol.steps[3], rows=4, cols=4, dwell_time_us=1.0)
    protocol = dataclasses.replace(protocol, steps=(*protocol.steps[:3], cheap), predicted_time_s=0.1)
    one_s = ScanCosts().frame_time_s(40, 40, protocol.steps[0].dwell_time_us) + 0.5
    survey = Survey(protocol, Slow(), directory=tmp_path, limits=ScanLimits(max_time_s=2 * one_s + 0.525))
    survey.run()
    assert [f.step.order for f in survey.frames if f.step is not None] == [1, 2, 4]
    assert [one.order for one in survey.left_out] == [3]
    assert "step 3 was not exposed: step 3 would bring the run to" in survey.notes[0]
    assert '"event": "refused"' in (tmp_path / "journal.jsonl").read_text()


LIMITS = st.builds(
    ScanLimits,
    max_dose_e_per_nm2=st.none() | st.floats(0.5, 4.5),  # in doses of one step, put right below
    max_time_s=st.none() | st.floats(0.02, 0.4),
    max_total_electrons=st.none() | st.floats(1e5, 5e7),
    least_wait_s=st.none() | st.floats(0.01, 0.2),
    least_distance_nm=st.none() | st.floats(0.1, 9.0),
)
STEP = st.tuples(  # however it is turned, 5 nm square reaches 3.54 nm from its centre: inside the context of 16 nm
    st.floats(-4.4, 4.4), st.floats(-4.4, 4.4), st.floats(1, 5), st.floats(1, 5), st.integers(4, 40), st.floats(-3, 3)
)


def random_plan(steps: Sequence[tuple[float, float, float, float, int, float]]) -> ScanProtocol:
    made = [
        make_step(CONTEXT, (y, x), (h, w), rows=n, cols=n, rotation_rad=turn, order=order, dwell_time_us=5.0)
        for order, (y, x, h, w, n, turn) in enumerate(steps, start=1)
    ]
    return dataclasses.replace(plan(0), steps=tuple(made))


@given(steps=st.lists(STEP, min_size=1, max_size=6), limits=LIMITS, data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate])
def test_no_run_passes_any_limit(
    steps: list[tuple[float, float, float, float, int, float]],
    limits: ScanLimits,
    data: st.DataObject,
    tmp_path_factory: Any,
) -> None:
    """Random plans, limits, faults with consent to repeat, aborts, and resumed sessions with consent."""
    protocol = random_plan(steps)
    first = protocol.steps[0]
    dose = dose_e_per_nm2(first.rows, first.cols, first.dwell_time_us, 50, *first.size_nm)
    if limits.max_dose_e_per_nm2 is not None:
        limits = dataclasses.replace(limits, max_dose_e_per_nm2=limits.max_dose_e_per_nm2 * dose)
    folder = tmp_path_factory.mktemp("run")
    controller = microscope()
    preview = controller.preview() if data.draw(st.booleans()) else None
    for number in range(data.draw(st.integers(1, 3))):
        kind = data.draw(st.sampled_from(["error", "nan", "empty", "none"]))
        faulty = Faulty(controller, kind, at=data.draw(st.integers(1, len(steps))), times=data.draw(st.integers(1, 3)))
        options: dict[str, Any] = {"resume": True, "repeat_exposed": True} if number else {}
        survey = Survey(
            protocol,
            faulty,
            directory=folder,
            limits=limits,
            previews=[] if preview is None else [preview],
            policy=FaultPolicy.parse([f"{k}=retry-exposed:2:skip" for k in ("error", "nan", "empty")]),
            **options,
        )
        survey.violations = lambda: ()  # type: ignore[method-assign] # what a dry run forbids has to be held while running too
        survey.run()
        check_limits(controller, survey, limits)


def check_limits(controller: SimulatedController, survey: Survey, limits: ScanLimits) -> None:
    """What the microscope itself has counted; the preview was there before anybody could refuse it."""
    status = survey.ledger.status
    has_steps = any(status.by_kind[kind].time_s > 0 for kind in (STEPS, FAILED))
    assert status.electrons is not None
    assert status.electrons >= controller.exposed_electrons * (1 - 1e-9)
    assert status.time_s >= controller.clock_s * (1 - 1e-9)
    if limits.max_time_s is not None and has_steps:
        assert controller.clock_s <= limits.max_time_s * (1 + 1e-6)
    if limits.max_total_electrons is not None and has_steps:
        assert controller.exposed_electrons <= limits.max_total_electrons * (1 + 1e-6)
    if limits.max_dose_e_per_nm2 is not None and has_steps:
        y_nm, x_nm = CONTEXT.on_specimen().mesh_nm()
        assert controller.dose.at(y_nm, x_nm).max() <= limits.max_dose_e_per_nm2 * (1 + 1e-5)
