"""Having an instrument for the time of a run: what it was before, where the beam rests, and putting all of it back."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

from deepscan_core.acquisition.controller import BEAM_PARAMETERS, BeamRest
from deepscan_core.acquisition.faults import FaultFound
from deepscan_core.acquisition.inspection import ParameterWatch
from deepscan_core.acquisition.stages import AT_HOME
from deepscan_core.acquisition.watchdog import WatchedController
from deepscan_core.records.coordinates import YX


class Custody:
    """The instrument from `take` to `leave`.

    Parameters
    ----------
    controller : the instrument.
    rest : where the beam rests between steps and at the end.
    beam_as_before : at the end the beam and the live view are again as they were found; else the beam stays at rest.

    Attributes
    ----------
    is_astray : somebody changed it, or a step was aborted: it has to be prepared again before the next step.
    is_restored : its parameters were put back.
    """

    def __init__(self, controller: WatchedController, rest: BeamRest, *, beam_as_before: bool) -> None:
        self.is_astray = False
        self.is_restored = False
        self._controller = controller
        self._rest = rest
        self._beam_as_before = beam_as_before
        self._before: Mapping[str, Any] = {}
        self._at_end: Mapping[str, Any] = {}
        self._watch = ParameterWatch({})
        self._was_put_back = False
        self._stage_wanted_nm = self._stage_nm = AT_HOME

    def take(self, parameters_at_end: Mapping[str, Any] | None) -> None:
        """Remember all parameters and prepare the instrument.

        Where that fails somebody else may be using the beam: it is left alone.
        """
        self._at_end = parameters_at_end or {}
        self._before = copy.deepcopy(dict(self._controller.parameters()))
        self._controller.prepare()

    def begin(self) -> None:
        """Put the beam to rest, and watch from now on whether somebody changes something."""
        self.rest()
        self._watch = ParameterWatch(self._before)

    def rest(self) -> None:
        """Put the beam to rest."""
        self._controller.rest(self._rest)

    def move_stage(self, to_nm: YX) -> YX:
        """Have the stage at an offset from where the run found it; where it stands. Moves only where it has to."""
        if to_nm != self._stage_wanted_nm:
            self._stage_wanted_nm = (math.nan, math.nan)  # somewhere, until it has arrived
            self._stage_nm = self._controller.move_stage(to_nm)
            self._stage_wanted_nm = to_nm
        return self._stage_nm

    def check_unchanged(self, *, nothing_exposed: bool) -> None:
        """Raise `FaultFound` where somebody has changed the instrument."""
        try:
            self._watch.check(self._controller.parameters(), nothing_exposed=nothing_exposed)
        except FaultFound:
            self.is_astray = True
            raise

    def put_back(self) -> None:
        """Set the instrument as it was before the run and prepare it again; an abort of a step is over with that."""
        self._controller.restore()
        self._stage_wanted_nm = self._stage_nm = AT_HOME
        self._controller.restore_parameters(self._settings())
        self._controller.prepare()
        self.rest()
        self.is_astray, self._was_put_back = False, True

    def leave(self, first: Callable[[], None]) -> Exception | None:
        """Do something, put the beam to rest and the parameters back, each even where what comes before fails.

        Returns the first failure.
        """
        problem: Exception | None = None
        for leave in (first, self.rest, self._restore):
            try:
                leave()
            except Exception as error:
                problem = problem or error
        return problem

    def _restore(self) -> None:
        self._controller.restore(beam=self._beam_as_before)
        wanted = self._settings()
        if self._was_put_back and self._beam_as_before:
            wanted = dict(self._before)
        wanted.update(self._at_end)
        present = self._controller.parameters()
        if any(present.get(name) != value for name, value in wanted.items()):
            self._controller.restore_parameters(wanted)
        self.is_restored = True

    def _settings(self) -> dict[str, Any]:
        """The parameters before the run, but for the beam and the view."""
        return {name: value for name, value in self._before.items() if name not in BEAM_PARAMETERS}


def not_put_back(problem: Exception) -> str:
    """What to say where the instrument could not be put back."""
    return f"the instrument could not be put back as it was ({problem}): check the beam and its parameters"
