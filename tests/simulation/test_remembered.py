"""A live view asks for the same positions again: the answer is the same, and is not computed twice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from deepscan_core.records.coordinates import SamplingGrid
from deepscan_core.simulation.specimens import make_specimen
from deepscan_core.simulation.specimens import remembered as module
from deepscan_core.simulation.specimens.remembered import Remembered

FloatArray = npt.NDArray[np.float64]


class Counting:
    """The simulated crystal, counting how often it is asked."""

    def __init__(self) -> None:
        self._crystal = make_specimen("crystal", 3)
        self.name, self.defects_nm = self._crystal.name, self._crystal.defects_nm
        self.asked = 0

    def intensity(self, y_nm: FloatArray, x_nm: FloatArray) -> FloatArray:
        self.asked += 1
        return self._crystal.intensity(y_nm, x_nm)


def positions(center_x_nm: float = 0.0) -> tuple[FloatArray, FloatArray]:
    grid = SamplingGrid(rows=24, cols=32, height_nm=3.0, width_nm=4.0, center_x_nm=center_x_nm, ccw_rad=0.3)
    return grid.mesh_nm()


def test_the_same_positions_are_computed_once_and_others_anew() -> None:
    sharp = Counting()
    remembered = Remembered(sharp)
    here, there = positions(), positions(center_x_nm=1.0)
    for asked, computed in ((here, 1), (positions(), 1), (there, 2), (here, 3), (here, 3)):
        assert np.array_equal(remembered.intensity(*asked), make_specimen("crystal", 3).intensity(*asked))
        assert sharp.asked == computed
    assert remembered.name == "crystal"
    assert np.array_equal(remembered.defects_nm, sharp.defects_nm)


def test_positions_that_change_in_place_are_noticed_and_the_answer_cannot_be_spoilt() -> None:
    remembered = Remembered(make_specimen("crystal", 3))
    y_nm, x_nm = positions()
    first = remembered.intensity(y_nm, x_nm)
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 2.0
    y_nm += 0.5
    assert np.array_equal(remembered.intensity(y_nm, x_nm), make_specimen("crystal", 3).intensity(y_nm, x_nm))


def test_large_frames_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_POSITIONS", 24 * 32 - 1)
    sharp = Counting()
    remembered = Remembered(sharp)
    for _ in range(2):
        remembered.intensity(*positions())
    assert sharp.asked == 2
