"""Running plans at one window: asked first, paused, aborted, resumed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from deepscan_core.acquisition.controller import BeamRest
from deepscan_core.acquisition.limits import context_changes
from deepscan_core.errors import InputError, UnsupportedStep

from .. import bridge, words
from ..desk import Desk, controller_of
from ..drawing.annotations import State, mark, show_plan
from ..form import Form
from ..mapping.live_map import LiveMap
from ..view import Phase
from . import kept_runs, results
from .kept_runs import Resumed
from .visit import Visit

if TYPE_CHECKING:
    from deepscan_core.instruments.nion import NionScanController

    from .planning import Plan


class Runs:
    """The present run of a window, and those that were interrupted.

    Parameters
    ----------
    desk : of the session.
    live : the image and what lies over it.
    change : called with what was filled in when Run was pressed.
    """

    def __init__(self, desk: Desk, live: LiveMap, change: Callable[[Form], None]) -> None:
        self.visit: Visit | None = None  # the latest
        self._desk, self._live, self._change = desk, live, change
        self._is_confirmed = False  # the first exposure of the present plan
        self._resumed: Resumed | None = None
        desk.told_of_failure = self._failed

    @property
    def tile_group(self) -> Any:
        """The tiles of the latest run, None before."""
        return None if self.visit is None else self.visit.tile_group

    def forget(self) -> None:
        """There is another plan, or none."""
        self.visit, self._is_confirmed, self._resumed = None, False, None

    def run(self, form: Form) -> None:
        """Carry out the plan; its first exposure waits for `confirm`, unless the form says otherwise."""
        desk = self._desk
        desk.refuse_while_busy("Run")
        if desk.plan is None:
            raise InputError("there is no plan yet: press Plan first, it says what the run will take")
        if desk.live_source() is None:
            raise InputError("the plan was made on a still image: attach to a live scan to run it")
        controller = controller_of(bridge.scan_source())
        if form.park_fraction is None and not controller.capabilities.blanker:
            raise UnsupportedStep(
                "this instrument has no beam blanker: fill in where the beam may park (y, x from 0 to 1)"
            )
        BeamRest(park_fraction=form.park_fraction)
        for change in context_changes(desk.plan.protocol.context, controller.context()):
            raise change
        self._change(form)
        if form.ask_first and not self._is_confirmed:
            desk.show(Phase.CONFIRMING, f"Expose {words.prediction(desk.plan.protocol)}?", 0)
        else:
            self._begin(controller)

    def confirm(self) -> None:
        """Yes: expose."""
        if self._desk.view.phase is Phase.CONFIRMING:
            self._is_confirmed = self._resumed is None
            self._begin(controller_of(bridge.scan_source()))

    def decline(self) -> None:
        """No: nothing was exposed."""
        if self._desk.view.phase is Phase.CONFIRMING:
            self._resumed = None
            self._desk.show(Phase.PLANNED, "Nothing was exposed. The plan is still there.", 0)

    def pause(self) -> None:
        """Wait after the present region, with the beam at rest."""
        if self.visit is not None and self._desk.view.phase is Phase.RUNNING:
            self.visit.pause()

    def resume(self) -> None:
        """Go on after a pause."""
        if self.visit is not None and self._desk.view.phase is Phase.PAUSED:
            self.visit.resume()

    def abort(self) -> None:
        """Stop the run as soon as the microscope can."""
        if self.visit is not None and self._desk.view.phase in (Phase.RUNNING, Phase.PAUSED):
            self._desk.say("Aborting …")
            self.visit.abort()

    def beam_on(self) -> None:
        """Open the blanker, because a person asked for it."""
        if self._desk.view.phase is not Phase.PAUSED:
            self._desk.refuse_while_busy("Beam on")
        controller_of(bridge.scan_source()).open_blanker()
        self._desk.say("The blanker is open.")

    # runs that were interrupted

    def interrupted(self) -> tuple[kept_runs.KeptRun, ...]:
        """Runs of this project that may go on, the latest first."""
        library = self._desk.library
        return kept_runs.interrupted(kept_runs.folder_beside(library), kept_runs.name_of(library))

    def go_on_with(
        self, run: kept_runs.KeptRun, *, repeat_exposed: bool = False, restore_parameters: bool | None = None
    ) -> None:
        """Let an interrupted run go on, after a question: its plan takes the place of the present one.

        Parameters
        ----------
        run : from `interrupted`.
        repeat_exposed, restore_parameters : see `deepscan_core.survey.Survey`.
        """
        desk = self._desk
        desk.refuse_while_busy("Resume run")
        if desk.data_item is None or desk.live_source() is None:
            raise InputError("a run goes on where it was made: start the scan, press Attach, then Resume run")
        desk.forget_plan()
        self.forget()
        resumed = Resumed(
            folder=run.folder,
            recorded=run.recorded,
            repeat_exposed=repeat_exposed,
            restore_parameters=restore_parameters,
        )
        desk.show(Phase.PLANNING, f"Reading the run of {run.folder.name} …", 0)

        def read() -> None:
            plan, form = kept_runs.plan_of(run)
            desk.worker.on_ui(self._read_again, plan, form, resumed, run)

        desk.worker.start(read)

    def give_up(self, run: kept_runs.KeptRun) -> None:
        """Offer an interrupted run no more; its frames stay for a while."""
        kept_runs.mark_done(run.folder)
        self._desk.say(words.given_up(run.folder, len(run.recorded), kept_runs.MOST_DONE))

    def keep_what_was_recorded(self) -> None:
        """Once the work is over and the window closes."""
        if self.visit is not None:
            try:
                self.visit.close()
            except Exception:  # the window has to close
                logging.getLogger("deepscan").exception("not all that was recorded could be kept")

    # in the user interface's thread

    def _read_again(self, plan: Plan, form: Form, resumed: Resumed, run: kept_runs.KeptRun) -> None:
        desk = self._desk
        desk.plan, self._resumed, desk.form = plan, resumed, form
        known = resumed.states(form)
        for display_item in self._live.display_items():
            show_plan(display_item, plan.protocol)
            for order, state in known.items():
                mark(display_item, order, state)
        said = words.prediction(plan.protocol)
        asked = f"Go on with the run of {run.folder.name}, which has {len(run.recorded)} frames? Its plan: {said}."
        desk.show(Phase.CONFIRMING, asked, 0, prediction=said, rows=tuple(results.lines(plan, known)))

    def _begin(self, controller: NionScanController) -> None:
        desk = self._desk
        if desk.plan is None:
            return
        visit = self.visit = Visit(
            desk.plan,
            desk.form,
            controller,
            runs=kept_runs.folder_beside(desk.library),
            project=kept_runs.name_of(desk.library),
            resumed=self._resumed,
            live=self._live,
            document_model=desk.library,
            post=desk.worker.on_ui,
            say=self._say,
        )
        self._resumed = None
        desk.worker.start(visit.work)

    def _say(
        self, phase: Phase, status: str | None, percent: int, *, log: bool, states: dict[int, State], books: str
    ) -> None:
        desk = self._desk
        rows = () if desk.plan is None else tuple(results.lines(desk.plan, states))
        desk.show(phase, desk.view.status if status is None else status, percent, log=log, rows=rows, books=books)

    def _failed(self, error: Exception) -> str:
        return "" if self.visit is None else self.visit.failed(error)
