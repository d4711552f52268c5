"""A run that fails half way is resumed without exposing anything twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepscan_core.acquisition.journal import FILE_NAME, Journal
from deepscan_core.errors import InputError, RunAborted
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.planning import make_protocol
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanProtocol
from deepscan_core.records.regions import ScanRegion
from deepscan_core.simulation.specimens import make_spots
from deepscan_core.survey import Survey, look

CONTEXT = ScanContext(rows=64, cols=64, fov_y_nm=16, fov_x_nm=16, beam_current_pa=50)


def microscope() -> SimulatedController:
    return SimulatedController(make_spots(1, extent_nm=12), CONTEXT)


def plan() -> ScanProtocol:
    _, image = look(microscope())
    regions = [ScanRegion(center_px=(y, x), size_px=(8, 8), score=1) for y in (10.5, 40.5) for x in (12.5, 44.5)]
    return make_protocol(image, regions, context=microscope().context())


def test_every_tile_is_kept_and_journalled(tmp_path: Path) -> None:
    protocol = plan()
    frames = Survey(protocol, microscope(), directory=tmp_path).run()
    assert [frame.step for frame in frames] == list(protocol.steps)
    for frame in frames:
        assert frame.step is not None
        assert np.array_equal(np.load(tmp_path / f"tiles/{frame.step.order:04d}.npy"), frame.values)
    assert Journal(tmp_path, protocol, resume=True).steps_done == {1, 2, 3, 4}


def test_an_aborted_run_is_resumed_without_a_second_exposure(tmp_path: Path) -> None:
    protocol = plan()

    def stop_after_two(frame: ScanFrame) -> None:
        if frame.step is not None and frame.step.order == 2:
            survey.abort()

    survey = Survey(protocol, microscope(), directory=tmp_path, on_frame=stop_after_two)
    with pytest.raises(RunAborted):
        survey.run()
    controller = microscope()
    frames = Survey(protocol, controller, directory=tmp_path, resume=True).run()
    assert [frame.step for frame in frames] == list(protocol.steps)
    assert protocol.predicted_electrons is not None
    assert controller.exposed_electrons == pytest.approx(protocol.predicted_electrons / 2)


def test_a_line_cut_short_by_a_crash_does_not_count(tmp_path: Path) -> None:
    protocol = plan()
    Survey(protocol, microscope(), directory=tmp_path).run()
    path = tmp_path / FILE_NAME
    path.write_text(path.read_text()[:-20])
    assert Journal(tmp_path, protocol, resume=True).steps_done == {1, 2, 3}


def test_a_journal_is_never_mixed_up(tmp_path: Path) -> None:
    protocol = plan()
    with pytest.raises(InputError, match="nothing to resume"):
        Journal(tmp_path, protocol, resume=True)
    Journal(tmp_path, protocol)
    with pytest.raises(InputError, match="--resume"):
        Journal(tmp_path, protocol)
    other = make_protocol(look(microscope())[1], [], context=CONTEXT)
    with pytest.raises(InputError, match="another protocol"):
        Journal(tmp_path, other, resume=True)
    (tmp_path / FILE_NAME).write_text("{}\n")
    with pytest.raises(InputError, match="not a journal"):
        Journal(tmp_path, protocol, resume=True)
