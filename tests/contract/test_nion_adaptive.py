"""A run that decides as it goes, on Nion's own simulator: over a dozen regions, proven to lie where they were decided."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("nion.usim_device", reason="nionswift-usim is not installed")

from deepscan_core.acquisition.controller import BEAM_PARAMETERS
from deepscan_core.acquisition.deciding import Decider, Tools
from deepscan_core.acquisition.journal import read_lines
from deepscan_core.acquisition.runner import RunState, RunStatus
from deepscan_core.acquisition.strategies import Candidate, Exploration, Strategy, explore
from deepscan_core.errors import RunAborted
from deepscan_core.instruments.nion import NionScanController
from deepscan_core.records.coordinates import YX, ScanContext
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanLimits, ScanProtocol
from deepscan_core.survey import Survey
from nionswift_plugin.deepscan_simulator.swap import SpecimenSwap
from tests.contract.controller_contract import found_px, make_step, spots_at
from tests.headless import HeadlessSwift, headless_swift

PLACES = [(y, x) for y in (-5.0, -1.5, 2.0, 5.2) for x in (-5.1, -1.7, 1.8, 5.0)]
#: of each spot from the middle of its region: no two alike, so that a region in another's place shows
OFFSETS = [(0.07 * (n % 5 - 2), 0.09 * (n // 5 - 1)) for n in range(len(PLACES))]
PLANTED = [n for n in range(len(PLACES)) if n % 4 != 3]
SIZE_NM, SAMPLES = 1.5, 48
ABORTED_WITHIN_S = 0.25


@pytest.fixture
def usim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeadlessSwift]:
    folder = tmp_path / "swift"
    folder.mkdir()
    monkeypatch.chdir(folder)
    spots = [(PLACES[n][0] + OFFSETS[n][0], PLACES[n][1] + OFFSETS[n][1]) for n in PLANTED]
    with headless_swift() as swift:
        swift.set_scan()
        swap = SpecimenSwap(spots_at(spots), on_message=pytest.fail)
        assert swap.install()
        yield swift
        swap.remove()


def judge(frame: ScanFrame) -> float:
    """For a spot in the frame: what stands out of it."""
    values = frame.values.astype(float)
    return 3.0 if values.max() > values.mean() + 4 * values.std() else -3.0


def decider(context: ScanContext, dwell_time_us: float) -> Decider:
    places = [
        Candidate(
            step=make_step(context, place, (SIZE_NM, SIZE_NM), rows=SAMPLES, cols=SAMPLES, dwell_time_us=dwell_time_us),
            probability=0.5,
            features=(float(n % 4 == 3),),  # as if the empty ones looked alike
        )
        for n, place in enumerate(PLACES)
    ]

    def make(tools: Tools) -> Strategy:
        return explore(places, judge, budget=tools.budget, settings=Exploration(unseen_share=0.0), seed=1)

    return Decider(name="explore", make=make)


def protocol_of(context: ScanContext) -> ScanProtocol:
    return ScanProtocol(source_name="live", source_sha256="0" * 64, context=context, steps=())


def test_over_ten_regions_lie_where_they_were_decided(usim: HeadlessSwift, tmp_path: Path) -> None:
    controller = NionScanController()
    context = controller.context()
    before = controller.parameters()
    limits = ScanLimits(max_time_s=60.0)
    survey = Survey(
        protocol_of(context), controller, strategy=decider(context, 4.0), directory=tmp_path / "run", limits=limits
    )
    survey.run()
    steps = [frame.step for frame in survey.frames if frame.step is not None]
    assert len(steps) >= 10
    numbers = [int(np.argmin([math.dist(step.center_nm, place) for place in PLACES])) for step in steps]
    assert len(set(numbers)) == len(numbers)
    assert numbers != sorted(numbers)  # it has decided the order itself
    hits = 0
    for frame, number in zip(survey.frames, numbers, strict=True):
        if number not in PLANTED:
            continue
        expected: YX = tuple((SAMPLES - 1) / 2 + offset * SAMPLES / SIZE_NM for offset in OFFSETS[number])  # type: ignore[assignment]
        assert math.dist(found_px(frame.values), expected) < 1.5
        hits += 1
    assert hits >= 8
    status = survey.ledger.status
    assert status.exposures == len(steps)
    assert status.time_s <= 60
    journal = read_lines((tmp_path / "run/journal.jsonl").read_bytes())
    assert not journal.problem
    assert journal.history.recorded == {step.order for step in steps}
    after = controller.parameters()
    assert {k: v for k, v in after.items() if k not in BEAM_PARAMETERS} == {
        k: v for k, v in before.items() if k not in BEAM_PARAMETERS
    }


def test_an_abort_takes_effect_within_a_quarter_of_a_second(usim: HeadlessSwift, tmp_path: Path) -> None:
    """In the middle of a step of a second; the run is resumed with consent and completes what it had begun."""
    controller = NionScanController()
    context = controller.context()
    began = threading.Event()

    def on_status(status: RunStatus) -> None:
        if status.state is RunState.RUNNING and status.step is not None and status.steps_done == 1:
            began.set()

    slow = decider(context, 400.0)  # 48 x 48 samples of 400 µs: 0.9 s
    survey = Survey(protocol_of(context), controller, strategy=slow, directory=tmp_path / "run", on_status=on_status)
    ended: list[tuple[float, BaseException]] = []

    def carry_out() -> None:
        try:
            survey.run()
        except RunAborted as error:
            ended.append((time.perf_counter(), error))

    worker = threading.Thread(target=carry_out)
    worker.start()
    assert began.wait(20)
    time.sleep(0.3)  # the step is on
    asked = time.perf_counter()
    survey.abort()
    while not controller.is_blanked:
        assert time.perf_counter() - asked < ABORTED_WITHIN_S
    worker.join(10)
    ((at, _),) = ended
    assert at - asked < ABORTED_WITHIN_S
    assert len(survey.frames) == 1
    resumed = Survey(
        protocol_of(context),
        controller,
        strategy=slow,
        directory=tmp_path / "run",
        resume=True,
        repeat_exposed=True,
        limits=ScanLimits(max_time_s=6.0),
    )
    resumed.run()
    assert 3 <= len(resumed.frames) <= 5
    assert resumed.ledger.status.time_s <= 6.0
