"""Soft limits: every violation is told in the dry run, nothing is touched for it, and each step is asked about again."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from deepscan_core.acquisition.envelope import Envelope
from deepscan_core.acquisition.runner import Runner
from deepscan_core.acquisition.strategies import follow
from deepscan_core.errors import InputError, UnsupportedStep
from deepscan_core.records.protocol import ScanLimits
from deepscan_core.survey import Survey
from tests.acquisition.faulty import Recorder
from tests.acquisition.small_runs import CONTEXT, Microscope, plan

READS = {"costs", "now_s", "name", "capabilities", "context", "parameters"}


def words(envelope: Envelope, **changes: Any) -> str:
    protocol = dataclasses.replace(plan(3), **changes)
    return "; ".join(str(error) for error in Survey(protocol, Microscope(), envelope=envelope).violations())


def test_the_defaults_allow_all_but_the_stage() -> None:
    assert words(Envelope()) == ""
    assert not Envelope().allows("stage_x_nm")
    assert Envelope(stage_moves=True).allows("stage_x_nm")
    assert Envelope(controls=frozenset({"beam"})).allows("beam")
    assert not Envelope(controls=frozenset({"stage_x_nm"})).allows("stage_x_nm")


@pytest.mark.parametrize(
    ("envelope", "named", "times"),
    [
        (Envelope(longest_dwell_us=0.5), "dwells", 3),
        (Envelope(shortest_dwell_us=1e5), "dwells", 3),
        (Envelope(largest_fov_nm=2), "allows sides", 3),
        (Envelope(smallest_fov_nm=9), "allows sides", 3),
        (Envelope(most_samples=39), "40 x 40 samples", 3),
        (Envelope(most_steps=2), "3 steps", 1),
        (Envelope(controls=frozenset({"beam"})), "would write viewing", 1),
    ],
)
def test_each_limit_is_told_of_once_a_step(envelope: Envelope, named: str, times: int) -> None:
    assert words(envelope).count(named) == times


def test_all_violations_are_told_and_nothing_is_touched() -> None:
    steps = list(plan(3).steps)
    steps[0] = dataclasses.replace(steps[0], center_x_nm=90.0)
    steps[1] = dataclasses.replace(steps[1], dwell_time_us=1e9)
    steps[2] = dataclasses.replace(steps[2], rows=10**5)
    protocol = dataclasses.replace(
        plan(3), steps=tuple(steps), limits=ScanLimits(max_dose_e_per_nm2=1e-9, max_time_s=1e-9)
    )
    recorder = Recorder(Microscope())
    found = [str(one) for one in Survey(protocol, recorder, envelope=Envelope(most_steps=1)).violations()]
    for part in ("takes", "step 1 reaches", "step 2 dwells", "step 3 has", "gives", "1"):
        assert any(part in text for text in found), part
    assert len(found) == 8  # time, three steps, three doses, and the number of steps
    assert set(recorder.calls) <= READS


def test_each_step_is_asked_about_again_before_it_is_sent() -> None:
    steps = plan(3).steps
    longer = dataclasses.replace(steps[1], dwell_time_us=steps[1].dwell_time_us * 2)
    envelope = Envelope(longest_dwell_us=steps[0].dwell_time_us)

    def check(step: Any) -> None:
        for violation in envelope.step_violations(step, CONTEXT):
            raise violation

    controller = Microscope()
    with pytest.raises(UnsupportedStep, match="step 2 dwells"):
        Runner(controller, check_step=check).run(follow([steps[0], longer, steps[2]]))
    assert dict(controller.exposed) == {1: 1}


def test_an_envelope_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "envelope.toml"
    path.write_text('controls = ["beam", "viewing"]\nlongest_dwell_us = 20\nmost_steps = 50\n')
    wanted = Envelope(controls=frozenset({"beam", "viewing"}), longest_dwell_us=20, most_steps=50)
    assert Envelope.from_file(path) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "x = [", "longest_dwel_us = 3", "longest_dwell_us = 'a'", "stage_moves = 1", "most_steps = 1.5", "most_steps = 0",
        "controls = 'beam'", "longest_dwell_us = nan", "shortest_dwell_us = -1", "smallest_fov_nm = 3\nlargest_fov_nm = 2",
    ],
)  # fmt: skip
def test_an_envelope_that_cannot_be_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "envelope.toml"
    path.write_text(text)
    with pytest.raises(InputError, match="envelope"):
        Envelope.from_file(path)
