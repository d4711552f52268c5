"""What stage moves cost, and what becomes of a run with them that dies."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest

from deepscan_core.acquisition.envelope import Envelope
from deepscan_core.acquisition.stages import AT_HOME, in_field, is_inside, offset_nm
from deepscan_core.errors import BeyondLimit, InputError, InstrumentError, ProtocolError
from deepscan_core.instruments.simulated import WITH_STAGE, SimulatedController
from deepscan_core.instruments.stage import Stage
from deepscan_core.records.coordinates import YX
from deepscan_core.records.costs import ScanCosts
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanLimits, ScanProtocol, ScanStep
from deepscan_core.simulation.physics import AcquisitionPhysics
from deepscan_core.survey import Survey
from tests.acquisition.small_runs import CONTEXT, SPECIMEN, plan
from tests.contract.controller_contract import make_step

ALLOWED = Envelope(stage_moves=True)
PLACES: tuple[YX, ...] = ((0.0, 3.0), (40.0, -9.0), (38.0, -9.5), (1.0, 0.0))


def protocol() -> ScanProtocol:
    steps = tuple(
        make_step(CONTEXT, place, (3.0, 3.0), rows=20, cols=20, order=order, dwell_time_us=5.0)
        for order, place in enumerate(PLACES, start=1)
    )
    return dataclasses.replace(plan(0), steps=steps)


class Microscope(SimulatedController):
    """Dies in step 3, as a computer does that loses its power."""

    dies = False

    def __init__(self, *, opens: bool = False) -> None:
        costs = ScanCosts(blanks_when_idle=not opens)
        physics = AcquisitionPhysics(moves_take_time=True)
        super().__init__(SPECIMEN, CONTEXT, costs=costs, physics=physics, capabilities=WITH_STAGE)

    def scan(self, step: ScanStep) -> ScanFrame:
        if self.dies and step.order == 3:
            raise KeyboardInterrupt
        return super().scan(step)


@pytest.mark.parametrize("opens", [False, True])
def test_moves_are_charged_as_long_as_they_take(opens: bool) -> None:
    controller = Microscope(opens=opens)
    survey = Survey(protocol(), controller, envelope=ALLOWED)
    survey.run()
    went_home_s = 0.0  # at the end of the plan it is there already
    status = survey.ledger.status
    assert status.time_s + went_home_s == pytest.approx(controller.clock_s, rel=1e-12)
    assert status.electrons == pytest.approx(controller.exposed_electrons, rel=1e-12)
    far_nm, near_nm = math.dist(PLACES[1], AT_HOME), math.dist(PLACES[1], PLACES[2])
    costs, back_nm = controller.costs, math.dist(PLACES[2], AT_HOME)
    moves_s = sum(costs.stage_time_s(nm) for nm in (far_nm, near_nm, back_nm))
    assert status.by_kind["idle"].time_s == pytest.approx(moves_s + 4 * costs.settle_s, rel=1e-3)
    assert controller.stage_nm == AT_HOME


def test_a_move_that_would_pass_the_limit_on_time_is_not_made() -> None:
    controller = Microscope()
    survey = Survey(protocol(), controller, envelope=ALLOWED, limits=ScanLimits(max_time_s=1.5))
    (violation,) = survey.violations()
    assert isinstance(violation, BeyondLimit)
    assert "step 3 would bring the run to" in str(violation)


def test_a_run_that_died_beyond_its_field_asks_before_it_goes_on(tmp_path: Path) -> None:
    controller = Microscope()
    controller.dies = True
    controller.restore = lambda *, beam=False: None  # type: ignore[method-assign] # nobody is there any more to do it
    controller.restore_parameters = lambda parameters: None  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        Survey(protocol(), controller, envelope=ALLOWED, directory=tmp_path).run()
    lines = (tmp_path / "journal.jsonl").read_bytes().splitlines(keepends=True)
    last = max(n for n, line in enumerate(lines) if b'"interrupted"' in line)
    (tmp_path / "journal.jsonl").write_bytes(b"".join(lines[: last + 1]))
    heir = Microscope()
    heir.stage_nm = controller.stage_nm
    assert math.dist(heir.stage_nm, AT_HOME) > 30
    with pytest.raises(InputError, match=r"stage_nm is \[.* and was \[0.0, 0.0\].*--restore-parameters"):
        Survey(protocol(), heir, envelope=ALLOWED, directory=tmp_path, resume=True).run()
    survey = Survey(
        protocol(),
        heir,
        envelope=ALLOWED,
        directory=tmp_path,
        resume=True,
        restore_parameters=True,
        repeat_exposed=True,
    )
    assert len(survey.run()) == 4
    assert heir.stage_nm == AT_HOME


def test_a_step_larger_than_the_scan_range_is_refused() -> None:
    step = make_step(CONTEXT, (20.0, 0.0), (17.0, 3.0), rows=40, cols=10)
    controller = Microscope()
    survey = Survey(dataclasses.replace(protocol(), steps=(step,)), controller, envelope=ALLOWED)
    with pytest.raises(ProtocolError, match="step 1 is larger than the context"):
        survey.check()


def test_in_its_field_a_step_lies_in_the_middle() -> None:
    for step in protocol().steps:
        offset = offset_nm(step, CONTEXT)
        moved = in_field(step, offset, CONTEXT)
        assert is_inside(moved, CONTEXT)
        assert moved.center_nm == (step.center_nm if offset == AT_HOME else pytest.approx((0.0, 0.0)))
        assert CONTEXT.px_from_nm(moved.center_nm) == pytest.approx((moved.center_y_px, moved.center_x_px))


def test_a_stage_that_does_not_arrive_is_an_error_and_nothing_was_exposed() -> None:
    position, waited = [3.0, 4.0], [0.0]

    def wait(seconds: float) -> None:
        waited[0] += seconds

    def write(position_nm: YX) -> None:
        position[0] = position_nm[0] + 100.0

    stage = Stage(read=lambda: (position[0], position[1]), write=write, settle_s=0.5, wait=wait)
    with pytest.raises(InstrumentError, match="was not prepared"):
        stage.go((1.0, 0.0))
    stage.remember()
    with pytest.raises(InstrumentError, match=r"was sent to \(-47, 4\) nm and is at \(53, 4\) nm") as failed:
        stage.go((50.0, 0.0))
    assert failed.value.nothing_exposed
    assert 30 < waited[0] < 40
    with pytest.raises(InputError, match="are not two directions"):
        Stage(read=lambda: AT_HOME, write=write, settle_s=0.0, axes=((1.0, 2.0), (2.0, 4.0)))
