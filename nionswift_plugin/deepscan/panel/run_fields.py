"""The fields of the panel about runs that were interrupted."""

from __future__ import annotations

import gettext
from collections.abc import Sequence
from typing import Any

from nion.utils import Model

from deepscan_core.errors import InputError

from ..running.kept_runs import KeptRun

_ = gettext.gettext

RESTORE = (None, True, False)  # what the entries of the list mean


class RunFields:
    """A list of runs, and how the chosen one would go on.

    Parameters
    ----------
    restore_names : what the list of `RESTORE` shows.
    """

    def __init__(self, restore_names: tuple[str, ...]) -> None:
        self._runs: tuple[KeptRun, ...] = ()
        self.runs: Any = Model.PropertyModel([_("no interrupted run")])
        self.run_index: Any = Model.PropertyModel[int](0)
        self.repeat_exposed: Any = Model.PropertyModel[bool](False)
        self.restores: Any = Model.PropertyModel(list(restore_names))
        self.restore: Any = Model.PropertyModel[int](0)

    def list_runs(self, runs: Sequence[KeptRun]) -> None:
        """Show these; the first is chosen where they are others than before."""
        self._runs = tuple(runs)
        titles = [run.title for run in self._runs] or [_("no interrupted run")]
        if self.runs.value != titles:
            self.runs.value, self.run_index.value = titles, 0

    def chosen_run(self, what: str) -> KeptRun:
        """The chosen one; raises `InputError` where there is none to do something with."""
        if not self._runs:
            raise InputError(f"no run of this project was interrupted: there is nothing to {what}")
        return self._runs[min(self.run_index.value or 0, len(self._runs) - 1)]

    def restores_parameters(self) -> bool | None:
        """What is to be done about settings that differ; see `deepscan_core.survey.Survey`."""
        return RESTORE[self.restore.value or 0]
