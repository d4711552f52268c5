"""No run passes any limit: random limits, late frames, faults, aborts and resumes, with and without a strategy."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from deepscan_core.acquisition.deciding import Decider
from deepscan_core.acquisition.doses import gap_nm
from deepscan_core.acquisition.faults import FaultPolicy
from deepscan_core.errors import DriftLost, RunAborted
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanLimits
from deepscan_core.survey import Survey
from tests.acquisition.deciders import NAMES, candidates, decider, drifting, numbered
from tests.acquisition.faulty import Faulty
from tests.acquisition.late import RESERVE_S, LateMicroscope, Seen
from tests.acquisition.small_runs import CONTEXT, plan

PLAN = "plan"
LIMITS = st.builds(
    ScanLimits,
    max_dose_e_per_nm2=st.none() | st.floats(0.8, 4.5),  # in doses of one step, put right below
    max_time_s=st.none() | st.floats(0.03, 0.6),
    max_total_electrons=st.none() | st.floats(1e6, 1e8),
    least_wait_s=st.none() | st.floats(0.01, 0.2),
    least_distance_nm=st.none() | st.floats(0.1, 9.0),
)
SESSION = st.tuples(
    st.sampled_from(["error", "nan", "empty", "changed", "none"]),  # fault
    st.integers(1, 6),  # at which step
    st.integers(1, 3),  # how often
    st.sets(st.integers(-2, 8), max_size=2),  # aborted at these
    st.booleans(),  # consent to repeat
)


@given(
    which=st.sampled_from([PLAN, *NAMES, "drift"]),
    limits=LIMITS,
    sessions=st.lists(SESSION, min_size=1, max_size=3),
    opens=st.booleans(),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate])
def test_no_run_passes_any_limit_whatever_goes_wrong(
    which: str, limits: ScanLimits, sessions: list[tuple[str, int, int, set[int], bool]], opens: bool, seed: int
) -> None:
    microscope = LateMicroscope(seed, opens=opens)
    microscope._dwell_time_us = 50.0 if which == "drift" else 1.0
    preview = microscope.preview()
    limits = in_doses_of_a_step(limits, microscope)
    microscope.seen.clear()
    with tempfile.TemporaryDirectory() as folder:
        for number, (kind, at, times, aborts, again) in enumerate(sessions):
            microscope.stops_at = set(aborts)
            resumed = {"resume": True, "repeat_exposed": again, "restore_parameters": True} if number else {}
            survey = carry_out(which, Faulty(microscope, kind, at=at, times=times), preview, limits, folder, **resumed)
            check(microscope, survey, limits, preview)


def carry_out(
    which: str, controller: Faulty, preview: ScanFrame, limits: ScanLimits, folder: str, **resumed: Any
) -> Survey:
    """One session, to its end or to where it is aborted; what a dry run forbids is held back while it runs."""
    steps = [one.step for one in candidates()]
    protocol = dataclasses.replace(plan(0), steps=tuple(numbered([*steps, *steps[:2]])) if which == PLAN else ())
    survey = Survey(
        protocol,
        controller,
        strategy=strategy(which, preview),
        directory=Path(folder),
        limits=limits,
        previews=[preview],
        policy=FaultPolicy.parse([f"{kind}=retry-exposed:2:skip" for kind in ("error", "nan", "empty", "changed")]),
        **resumed,
    )
    survey.violations = lambda: ()  # type: ignore[method-assign]
    with contextlib.suppress(RunAborted, DriftLost):
        survey.run()
    return survey


def strategy(which: str, preview: ScanFrame) -> Decider | None:
    if which == PLAN:
        return None
    return drifting("explore", preview) if which == "drift" else decider(which)


def in_doses_of_a_step(limits: ScanLimits, microscope: LateMicroscope) -> ScanLimits:
    """The dose as so many times that of one step, with what is kept free, beside what the preview has taken."""
    if limits.max_dose_e_per_nm2 is None:
        return limits
    step = candidates()[0].step
    current_pa = CONTEXT.beam_current_pa or 0.0
    costs = microscope.costs
    one = costs.frame_electrons(step.rows, step.cols, step.dwell_time_us, current_pa)
    (height_nm, width_nm), late = step.size_nm, costs.idle_electrons(RESERVE_S, current_pa)
    dose = limits.max_dose_e_per_nm2 * (one + late) / (height_nm * width_nm) + microscope.highest_dose_e_per_nm2
    return dataclasses.replace(limits, max_dose_e_per_nm2=dose)


def check(microscope: LateMicroscope, survey: Survey, limits: ScanLimits, preview: ScanFrame) -> None:
    """By what the microscope itself has seen; the preview was there before anybody could refuse it."""
    status, seen = survey.ledger.status, microscope.seen
    assert status.electrons is not None
    assert status.electrons >= microscope.exposed_electrons * (1 - 1e-9)
    if not seen:
        return
    if limits.max_time_s is not None:
        assert seen[-1].ended_s <= limits.max_time_s * (1 + 1e-9)
        assert status.time_s <= limits.max_time_s * (1 + 1e-9)
    if limits.max_total_electrons is not None:
        assert microscope.exposed_electrons <= limits.max_total_electrons * (1 + 1e-9)
        assert status.electrons <= limits.max_total_electrons * (1 + 1e-9)
    if limits.max_dose_e_per_nm2 is not None:
        before = Seen(grid=CONTEXT.on_specimen(), began_s=0.0, ended_s=0.0, electrons=preview.total_electrons or 0.0)
        microscope.seen = [before, *seen]
        assert microscope.highest_dose_e_per_nm2 <= limits.max_dose_e_per_nm2 * (1 + 1e-6)
        microscope.seen = seen
    for one, later in itertools.combinations(seen, 2):
        is_near = limits.least_distance_nm is None or gap_nm(one.grid, later.grid) < limits.least_distance_nm
        if limits.least_wait_s is not None and is_near:
            assert later.began_s >= one.ended_s + limits.least_wait_s - 1e-9
        elif limits.least_wait_s is None and limits.least_distance_nm is not None:
            assert not is_near


@pytest.mark.parametrize("which", [PLAN, *NAMES])
def test_limits_leave_something_to_do(which: str, tmp_path: Path) -> None:
    """So that the property above is not kept by doing nothing."""
    microscope = LateMicroscope(1, opens=True)
    preview = microscope.preview()
    microscope.seen.clear()
    limits = in_doses_of_a_step(
        ScanLimits(max_dose_e_per_nm2=1.5, max_time_s=0.4, max_total_electrons=1.2e8), microscope
    )
    survey = carry_out(which, Faulty(microscope, "none"), preview, limits, str(tmp_path))
    assert len(survey.frames) >= 3
    check(microscope, survey, limits, preview)
