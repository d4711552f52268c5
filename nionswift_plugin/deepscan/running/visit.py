"""The run of one plan, as its window shows it: regions marked, tiles kept, and what it says."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepscan_core.acquisition.books import OVERVIEW_ORDER, LedgerStatus
from deepscan_core.acquisition.controller import BeamRest
from deepscan_core.acquisition.runner import RunState, RunStatus
from deepscan_core.errors import RunAborted
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanStep

from .. import bridge, words
from ..drawing.annotations import State, mark, show_plan, show_reference
from ..form import Form
from ..mapping.live_map import LiveMap
from ..view import Phase
from . import kept_runs, tiles
from .deciding import FOLLOW, strategy_of
from .kept_runs import Resumed

if TYPE_CHECKING:
    from deepscan_core.instruments.nion import NionScanController

    from .planning import Plan

Say = Callable[..., None]


class Visit:
    """One run.

    Parameters
    ----------
    plan, form : what is to be done.
    controller : of the scan.
    runs : takes a folder for this run, so that it can go on after an interruption; None keeps it in memory alone.
    project : whose run it is, see `kept_runs.name_of`.
    resumed : an earlier run that goes on.
    live : the image on which it is drawn.
    document_model : Swift's library, which takes the tiles.
    post : calls something in the user interface's thread, from any other.
    say : shows a phase, words and percent done, in the user interface's thread; ``states=`` tells that a mark changed.
    """

    def __init__(
        self,
        plan: Plan,
        form: Form,
        controller: NionScanController,
        *,
        runs: Path | None = None,
        project: str = "",
        resumed: Resumed | None = None,
        live: LiveMap,
        document_model: Any,
        post: Callable[..., None],
        say: Say,
    ) -> None:
        from deepscan_core.survey import Survey

        self._folder = kept_runs.folder_for(runs) if resumed is None else resumed.folder
        self._project = project
        self._removed = 0  # runs of before, from their folder
        self._is_resumed = resumed is not None
        self._may_repeat = resumed is not None and not resumed.repeat_exposed
        self.books = ""
        self.states: dict[int, State] = {} if resumed is None else resumed.states(form)
        self._earlier = frozenset(self.states)
        self._new_orders: set[int] = set()  # recorded in this session
        self.tile_group = tiles.TileGroup(document_model, plan.protocol)
        self._plan, self._form = plan, form
        self._live, self._post, self._say = live, post, say
        self._phase, self._percent = Phase.RUNNING, 0
        self._survey = Survey(
            plan.protocol,
            controller,
            strategy=strategy_of(plan, form),
            directory=self._folder,
            resume=resumed is not None,
            repeat_exposed=resumed is not None and resumed.repeat_exposed,
            restore_parameters=None if resumed is None else resumed.restore_parameters,
            rest=BeamRest(park_fraction=form.park_fraction),
            beam_as_before=form.beam_as_before,
            wait_if_taken=True,
            preview=plan.image.array,
            preview_dwell_us=plan.dwell_time_us,
            on_frame=self._on_frame,
            on_status=lambda status: self._post(self._show_status, status),
            on_ledger=lambda status: self._post(self._show_books, status),
        )
        for display_item in live.display_items():
            show_plan(display_item, plan.protocol)
            for order in self._earlier:
                mark(display_item, order, State.VISITED)
        self._tell(self._running(len(self._earlier)))

    @property
    def frames(self) -> tuple[ScanFrame, ...]:
        """What was recorded so far."""
        return tuple(self._survey.frames)

    @property
    def frames_as_planned(self) -> tuple[ScanFrame, ...]:
        """Those whose numbers are the plan's; none of a strategy, which numbers its steps as it goes."""
        return self.frames if self._is_followed else ()

    def pause(self) -> None:
        """Wait after the present region, with the beam at rest."""
        self._survey.pause()
        self._tell("Pausing after this region …")

    def resume(self) -> None:
        """Go on after a pause."""
        self._phase = Phase.RUNNING
        self._tell("Going on …")
        self._survey.resume()

    def abort(self) -> None:
        """Stop as soon as the microscope can."""
        self._survey.abort()

    def work(self) -> None:
        """Carry it out, in a worker's thread."""
        if self._folder is None:
            frames = self._survey.run()
        else:
            with kept_runs.in_use(self._folder):
                frames = self._run_in(self._folder)
            self._removed = kept_runs.tidy(self._folder.parent)
        whole = bridge.mosaic_data(self._plan.image, self._plan.dwell_time_us, frames)
        earlier = [(frame, bridge.tile_data(frame)) for frame in frames if self._is_earlier(frame)]
        self._post(self._finish, len(frames), whole, earlier)

    def _run_in(self, folder: Path) -> tuple[ScanFrame, ...]:
        if not self._is_resumed:
            kept_runs.keep(folder, self._plan, self._form, self._project)
        try:
            frames = self._survey.run()
        except BaseException:
            kept_runs.forget_unbegun(folder)
            raise
        if not (self._may_repeat and self._survey.left_out):  # else it can still be asked for what was left out
            kept_runs.mark_done(folder)
        return frames

    def failed(self, error: Exception) -> str:
        """Mark the region that was not recorded; what to say of an abort, and nothing of any other failure."""
        is_abort = isinstance(error, RunAborted)
        self._mark_current(State.PLANNED if is_abort else State.FAILED)
        if not is_abort:
            return ""
        done = f"{len(self.frames)} frames"
        if self._is_followed:
            done = f"{len(self.frames)} of {len(self._plan.protocol.steps)} regions"
        return f"Aborted after {done}, {self._afterwards()}"

    def close(self) -> None:
        """Keep what was recorded and not yet shown, once the work is over and its window goes; others show it still."""
        for frame in self.frames:
            if frame.step is not None and frame.step.order not in self.tile_group.orders:
                self._keep_tile(frame, bridge.tile_data(frame))
        self._mark_current(State.PLANNED)

    def _is_earlier(self, frame: ScanFrame) -> bool:
        """Whether it was recorded before this run was interrupted."""
        return frame.step is not None and frame.step.order not in self._new_orders

    def _on_frame(self, frame: ScanFrame) -> None:
        if frame.step is not None:
            self._new_orders.add(frame.step.order)
        self._post(self._keep_tile, frame, bridge.tile_data(frame))

    # in the user interface's thread

    def _show_status(self, status: RunStatus) -> None:
        if status.step is None:
            return
        if status.state is RunState.PAUSED:
            self._phase = Phase.PAUSED
            self._tell(f"Paused: {status.reason}." if status.reason else "Paused. Resume goes on.")
        elif status.state is RunState.RUNNING:
            self._phase = Phase.RUNNING
            self._show_step(status.step)

    def _show_step(self, step: ScanStep) -> None:
        """What the beam is at; the overview is everywhere."""
        if step.order > OVERVIEW_ORDER:
            order = self._region(step)
            if self.states.get(order) is not State.CURRENT:
                self._mark_current(State.FAILED)  # the one before was given up after a fault
            self._mark(order, State.CURRENT)
        elif step.order < OVERVIEW_ORDER:
            self._show_reference(step)

    def _show_reference(self, step: ScanStep) -> None:
        """Where the drift is measured just now."""
        for display_item in self._live.display_items():
            show_reference(display_item, self._plan.protocol.context, step)

    def _show_books(self, status: LedgerStatus) -> None:
        self.books = words.books(status)
        self._tell(None, log=False)

    def _keep_tile(self, frame: ScanFrame, data: Any) -> None:
        if frame.step is None:
            return
        self.tile_group.append(frame.step, data)
        done = len(self.tile_group.data_items) + len(self._earlier - self.tile_group.orders)
        count = len(self._plan.protocol.steps)
        self._percent = min(100, round(100 * done / count))
        self._mark(self._region(frame.step), State.VISITED)
        if self._phase is Phase.RUNNING:
            self._tell(self._running(done), log=False)

    def _finish(self, count: int, whole: Any, earlier: Sequence[tuple[ScanFrame, Any]]) -> None:
        for frame, data in earlier:
            self._keep_tile(frame, data)
        self._phase, self._percent = Phase.PLANNED, 100
        self._mark_current(State.FAILED)  # given up after a fault
        for note in self._survey.notes:
            self._tell(words.for_panel(f"Note: {note}" if self._is_resumed else f"Fault: {note}"))
        if self._removed:
            self._tell(words.removed(self._removed, kept_runs.MOST_DONE))
        what = "regions" if self._is_followed else "frames"
        self._tell(f"Done: {count} {what} recorded, {self._afterwards()}")
        self.tile_group.append_mosaic(whole)

    @property
    def _is_followed(self) -> bool:
        return self._form.strategy == FOLLOW

    def _running(self, done: int) -> str:
        count = len(self._plan.protocol.steps)
        return f"Running: step {min(done + 1, count)} of {count}" if self._is_followed else f"Running: frame {done + 1}"

    def _region(self, step: ScanStep) -> int:
        """The planned region that a step belongs to: a strategy numbers its steps as it goes."""
        if self._is_followed:
            return step.order

        def away_px(planned: ScanStep) -> float:
            return math.hypot(planned.center_y_px - step.center_y_px, planned.center_x_px - step.center_x_px)

        return min(self._plan.protocol.steps, key=away_px).order

    def _mark_current(self, state: State) -> None:
        for order in [order for order, present in self.states.items() if present is State.CURRENT]:
            self._mark(order, state)

    def _mark(self, order: int, state: State) -> None:
        self.states[order] = state
        for display_item in self._live.display_items():
            mark(display_item, order, state)
        self._tell(None, log=False)

    def _tell(self, status: str | None, *, log: bool = True) -> None:
        self._say(self._phase, status, self._percent, log=log, states=self.states, books=self.books)

    def _afterwards(self) -> str:
        return words.AS_BEFORE if self._form.beam_as_before else words.AT_REST
