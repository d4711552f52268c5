"""What a person does at one window: attach, plan, run, pause, abort, export.

Planning and running go on in a worker thread of our own, never in a computation: reading a computation's last result
cannot tell which frame it belongs to. Everything of Swift's is touched in the user interface's thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepscan_core.acquisition.controller import BeamRest
from deepscan_core.acquisition.limits import context_changes
from deepscan_core.errors import DeepScanError, InputError, UnsupportedStep
from deepscan_core.records.coordinates import YX
from deepscan_core.records.protocol import ScanProtocol

from . import bridge, click_graphics, computations, kept_runs, results, why_here, words
from .annotations import (
    State,
    clear_plan,
    mark,
    selected_order,
    show_plan,
)  # the package's own `annotations` is a __future__ feature
from .asking import Look
from .clicks import Armed
from .form import Form
from .live_map import LiveMap
from .object_table import ObjectTable
from .view import BUSY, Phase, View
from .visit import Resumed, Visit
from .worker import Worker

if TYPE_CHECKING:
    from deepscan_core.explain import Explanation
    from deepscan_core.instruments.nion import NionScanController

    from .planning import Plan

CLOSE_TIMEOUT_S = 10.0
MOST_LOGGED = 200


def _controller(source: Any) -> NionScanController:
    from deepscan_core.instruments.nion import NionScanController

    return NionScanController(source)


class Session:
    """One window's work.

    Parameters
    ----------
    document_controller : the window.
    api : Swift's facade, for new data items.
    on_view : called in the user interface's thread whenever there is something else to show.
    map_settings : of the live map and of the map that plans are made from.
    """

    def __init__(
        self,
        document_controller: Any,
        api: Any,
        *,
        on_view: Callable[[View], None],
        map_settings: computations.MapSettings | None = None,
    ) -> None:
        self.view = View()
        self.form = Form()
        self.plan_: Plan | None = None
        settings = map_settings or computations.MapSettings()
        self.live = LiveMap(document_controller, api, settings, self._armed, self.fail, self._clicked)
        self.table = ObjectTable(document_controller, api, self._table_changed)
        self._document_controller = document_controller
        self._on_view = on_view
        self._worker = Worker(document_controller.event_loop, self._failed)
        self._visit: Visit | None = None
        self._confirmed = False
        self._resumed: Resumed | None = None

    @property
    def protocol(self) -> ScanProtocol | None:
        """The plan as it is executed."""
        return None if self.plan_ is None else self.plan_.protocol

    @property
    def tile_group(self) -> Any:
        """The tiles of the latest run, None before."""
        return None if self._visit is None else self._visit.tile_group

    @property
    def data_item(self) -> Any:
        """What is attached, None before."""
        return self.live.data_item

    @property
    def map_item(self) -> Any:
        """The map of it."""
        return self.live.map_item

    # what a person asks for

    def attach(self) -> None:
        """Put map and overlay on the live image; on the chosen image where no scan runs."""
        self._refuse_while_busy("Attach")
        data_item = self._image_to_attach()
        bridge.as_image(data_item.xdata, data_item.title)
        if self.data_item is not None and self.data_item is not data_item:
            self._clear_plan()
            self.live.detach()
        self.form = self.live.attach(data_item, self.form)
        self.table.attach(data_item)
        self._forget_plan()
        self._show(Phase.ATTACHED, f"Attached to {data_item.title}. Press Plan.", 0, source=words.source(data_item))

    def change(self, form: Form) -> None:
        """Fill in something else; the live map follows, a plan stays as it was made."""
        self.form = form
        if self.data_item is not None:
            self.live.change(form)
            self.table.change(self._table_settings())

    def plan(self, form: Form) -> None:
        """Freeze a whole frame and plan on it, in the worker."""
        self._refuse_while_busy("Plan")
        if self.data_item is None:
            raise InputError("no image is attached: press Attach first")
        source = self._live_source()
        if source is not None and _controller(source).is_blanked:
            raise InputError("the beam is blanked: press Beam on, wait for a frame, then Plan")
        self.change(form)
        self._forget_plan()
        look = self.live.look()
        self._show(Phase.PLANNING, "Planning on a whole frame …", 0)
        self._worker.start(lambda: self._plan(source, form, look))

    def run(self, form: Form) -> None:
        """Carry out the plan; its first exposure waits for `confirm`, unless the form says otherwise."""
        self._refuse_while_busy("Run")
        if self.plan_ is None:
            raise InputError("there is no plan yet: press Plan first, it says what the run will take")
        if self._live_source() is None:
            raise InputError("the plan was made on a still image: attach to a live scan to run it")
        controller = _controller(bridge.scan_source())
        if form.park_fraction is None and not controller.capabilities.blanker:
            raise UnsupportedStep(
                "this instrument has no beam blanker: fill in where the beam may park (y, x from 0 to 1)"
            )
        BeamRest(park_fraction=form.park_fraction)
        for change in context_changes(self.plan_.protocol.context, controller.context()):
            raise change
        self.change(form)
        if form.ask_first and not self._confirmed:
            asked = f"Expose {words.prediction(self.plan_.protocol)}?"
            self._show(Phase.CONFIRMING, asked, 0)
            return
        self._begin_run(controller)

    def interrupted(self) -> tuple[kept_runs.KeptRun, ...]:
        """Runs of this project that may go on, the latest first."""
        library = self._document_controller.document_model
        return kept_runs.interrupted(kept_runs.folder_beside(library), kept_runs.name_of(library))

    def give_up_run(self, run: kept_runs.KeptRun) -> None:
        """Offer an interrupted run no more; its frames stay for a while."""
        kept_runs.mark_done(run.folder)
        said = words.given_up(run.folder, len(run.recorded), kept_runs.MOST_DONE)
        self._show(self.view.phase, said, self.view.progress_percent)

    def resume_run(
        self, run: kept_runs.KeptRun, *, repeat_exposed: bool = False, restore_parameters: bool | None = None
    ) -> None:
        """Let an interrupted run go on, after a question: its plan takes the place of the present one.

        Parameters
        ----------
        run : from `interrupted`.
        repeat_exposed, restore_parameters : see `deepscan_core.survey.Survey`.
        """
        self._refuse_while_busy("Resume run")
        if self.data_item is None or self._live_source() is None:
            raise InputError("a run goes on where it was made: start the scan, press Attach, then Resume run")
        self._forget_plan()
        resumed = Resumed(
            folder=run.folder,
            recorded=run.recorded,
            repeat_exposed=repeat_exposed,
            restore_parameters=restore_parameters,
        )
        self._show(Phase.PLANNING, f"Reading the run of {run.folder.name} …", 0)

        def read() -> None:
            plan, form = kept_runs.plan_of(run)
            self._worker.on_ui(self._read_again, plan, form, resumed, run)

        self._worker.start(read)

    def confirm(self) -> None:
        """Yes: expose."""
        if self.view.phase is Phase.CONFIRMING:
            self._confirmed = self._resumed is None
            self._begin_run(_controller(bridge.scan_source()))

    def decline(self) -> None:
        """No: nothing was exposed."""
        if self.view.phase is Phase.CONFIRMING:
            self._resumed = None
            self._show(Phase.PLANNED, "Nothing was exposed. The plan is still there.", 0)

    def pause(self) -> None:
        """Wait after the present region, with the beam at rest."""
        if self._visit is not None and self.view.phase is Phase.RUNNING:
            self._visit.pause()

    def resume(self) -> None:
        """Go on after a pause."""
        if self._visit is not None and self.view.phase is Phase.PAUSED:
            self._visit.resume()

    def abort(self) -> None:
        """Stop the run as soon as the microscope can."""
        if self._visit is not None and self.view.phase in (Phase.RUNNING, Phase.PAUSED):
            self._show(self.view.phase, "Aborting …", self.view.progress_percent)
            self._visit.abort()

    def beam_on(self) -> None:
        """Open the blanker, because a person asked for it."""
        if self.view.phase is not Phase.PAUSED:
            self._refuse_while_busy("Beam on")
        _controller(bridge.scan_source()).open_blanker()
        self._show(self.view.phase, "The blanker is open.", self.view.progress_percent)

    def look_at(self, row: int) -> None:
        """Bring a region of the plan into view."""
        if self.plan_ is not None and 0 <= row < len(self.plan_.protocol.steps):
            for display_item in self.live.display_items():
                results.look_at(display_item, self.plan_.protocol, self.plan_.protocol.steps[row])

    def look_at_all(self) -> None:
        """Show the whole image again."""
        for display_item in self.live.display_items():
            results.look_at_all(display_item)

    def arm(self, is_positive: bool, class_name: str) -> None:
        """Let clicks in the image be examples of what is looked for, or of what is not."""
        self.live.tool.arm(is_positive, class_name)

    def disarm(self) -> None:
        """Leave the mouse to Swift."""
        self.live.tool.disarm()

    def show_class(self, name: str | None) -> None:
        """Let map and overlay show one class of the examples; None the highest of all."""
        self.live.show_class(name)

    def suggest(self) -> None:
        """Show where the next click would teach most; found in the worker."""
        self._refuse_while_busy("Where next")
        find, phase = self.live.suggestion(), self.view.phase
        self._show(Phase.SUGGESTING, "Looking for the most useful click …", self.view.progress_percent)
        self._worker.start(lambda: self._worker.on_ui(self._suggested, find(), phase))

    def clear_clicks(self) -> None:
        """Remove all examples; Edit > Undo brings them back."""
        self.live.tool.clear()

    def make_composite(self) -> None:
        """Image and overlay as one picture, to export with Swift's own means."""
        title = self.live.make_composite().title
        self._show(self.view.phase, f"“{title}” is in the library.", self.view.progress_percent)

    def measure(self, form: Form) -> None:
        """Show the table of the objects in the image, which follows it; made where there is none."""
        if self.data_item is None:
            raise InputError("no image is attached: press Attach first")
        self.change(form)
        self.table.make_or_show(self._table_settings())

    def export(self, folder: Path) -> None:
        """Write protocol, map, measurements and report into a new folder inside `folder`, in the worker."""
        self._refuse_while_busy("Export")
        plan = self.plan_
        if plan is None:
            raise InputError("there is no plan to export: press Plan first")
        frames = () if self._visit is None else self._visit.frames_as_planned
        look = self.live.look(plan.question)
        self._show(Phase.EXPORTING, "Writing the report …", 0)

        def write() -> None:
            report = results.export(plan, frames, folder, look)
            self._worker.on_ui(self._show, Phase.PLANNED, f"Written: {report}", 100)

        self._worker.start(write)

    def why_here(self, row: int | None) -> None:
        """Make a picture of why a region was chosen, in the worker: of the selected one, else of a line of the results."""
        self._refuse_while_busy("Why here")
        plan = self.plan_
        if plan is None:
            raise InputError("there is no plan yet: press Plan first")
        selected = [selected_order(display_item) for display_item in self.live.display_items()]
        order = next((one for one in selected if one is not None), None if row is None or row < 0 else row + 1)
        if order is None or not 1 <= order <= len(plan.regions):
            raise InputError("no region is chosen: click a line of the results, or a region in the image")
        look = self.live.look(plan.question)
        self._show(Phase.EXPLAINING, f"Looking why region {order} was chosen …", 0)

        def explain() -> None:
            found, picture = why_here.explain(plan, order, look)
            self._worker.on_ui(self._explained, plan, order, found, picture)

        self._worker.start(explain)

    def fail(self, error: DeepScanError) -> None:
        """Say what went wrong; the phase stays."""
        self._show(self.view.phase, words.sentence(error), self.view.progress_percent)

    def close(self) -> None:
        """Abort, wait for the worker, keep what was recorded, and forget the window."""
        self._on_view = lambda view: None
        if self._visit is not None:
            self._visit.abort()
        self._worker.close(CLOSE_TIMEOUT_S)
        if self._visit is not None:
            self._close_visit(self._visit)
        self.table.close()
        self.live.close()

    def _close_visit(self, visit: Visit) -> None:
        try:
            visit.close()
        except Exception:  # the window has to close
            logging.getLogger("deepscan").exception("not all that was recorded could be kept")

    # in the worker's thread

    def _plan(self, source: Any, form: Form, look: Look) -> None:
        from .planning import plan_frame

        frame = bridge.whole_frame(source, self.data_item)
        image = bridge.as_image(frame, self.data_item.title)
        self._worker.on_ui(self._planned, plan_frame(image, bridge.dwell_time_us(frame), source, form, look))

    # in the user interface's thread

    def _armed(self, armed: Armed | None) -> None:
        status = self.view.status
        if armed is not None:
            what = "shows" if armed.positive else "does not show"
            status = f"Click on what {what} “{armed.class_name}”; Shift turns it round, Escape ends it."
        self._show(self.view.phase, status, self.view.progress_percent, log=False, is_armed=armed is not None)

    def _clicked(self, classes: tuple[str, ...]) -> None:
        self._show(self.view.phase, self.view.status, self.view.progress_percent, log=False, classes=classes)

    def _suggested(self, fraction: YX, phase: Phase) -> None:
        for display_item in self.live.display_items():
            click_graphics.suggest(display_item, fraction)
        said = "The place marked ? would teach most: click there, with Shift where it is not what you look for."
        self._show(phase, said, self.view.progress_percent)

    def _table_changed(self) -> None:
        view = self.view
        self._show(view.phase, view.status, view.progress_percent, log=False, objects=self.table.words)

    def _table_settings(self) -> computations.MapSettings:
        """Objects are measured where regions would be planned on what surprises."""
        rule: dict[str, Any] = self.form.rule()
        return replace(self.live.settings(), region_size_px=self.form.region_px, **rule)

    def _planned(self, plan: Plan) -> None:
        if not plan.protocol.steps:
            self._show(Phase.ATTACHED, "Nothing stands out: raise the threshold, or look elsewhere.", 0)
            return
        self.plan_ = plan
        for display_item in self.live.display_items():
            show_plan(display_item, plan.protocol)
        said = words.prediction(plan.protocol)
        self._show(
            Phase.PLANNED, f"{said}. Press Run to expose them.", 0, prediction=said, rows=tuple(results.lines(plan, {}))
        )

    def _read_again(self, plan: Plan, form: Form, resumed: Resumed, run: kept_runs.KeptRun) -> None:
        self.plan_, self._resumed, self.form = plan, resumed, form
        for display_item in self.live.display_items():
            show_plan(display_item, plan.protocol)
        said = words.prediction(plan.protocol)
        known = resumed.states(form)
        for display_item in self.live.display_items():
            for order, state in known.items():
                mark(display_item, order, state)
        rows = tuple(results.lines(plan, known))
        asked = f"Go on with the run of {run.folder.name}, which has {len(run.recorded)} frames? Its plan: {said}."
        self._show(Phase.CONFIRMING, asked, 0, prediction=said, rows=rows)

    def _explained(self, plan: Plan, order: int, found: Explanation, picture: Any) -> None:
        title = why_here.add_picture(self._document_controller.document_model, plan, order, found, picture).title
        self._show(Phase.PLANNED, f"“{title}” is in the library. {' '.join(found.sentences)}", 100)

    def _begin_run(self, controller: NionScanController) -> None:
        if self.plan_ is None:
            return
        visit = self._visit = Visit(
            self.plan_,
            self.form,
            controller,
            runs=kept_runs.folder_beside(self._document_controller.document_model),
            project=kept_runs.name_of(self._document_controller.document_model),
            resumed=self._resumed,
            live=self.live,
            document_model=self._document_controller.document_model,
            post=self._worker.on_ui,
            say=self._say_of_run,
        )
        self._resumed = None
        self._worker.start(visit.work)

    def _say_of_run(
        self, phase: Phase, status: str | None, percent: int, *, log: bool, states: dict[int, State], books: str
    ) -> None:
        rows = () if self.plan_ is None else tuple(results.lines(self.plan_, states))
        self._show(phase, self.view.status if status is None else status, percent, log=log, rows=rows, books=books)

    def _failed(self, error: Exception, is_over: bool) -> None:
        """The job in the worker raised, and is over; or something that it posted did."""
        said = "" if self._visit is None else self._visit.failed(error)
        if not said and isinstance(error, DeepScanError):
            said = words.sentence(error)
        elif not said:
            logging.getLogger("deepscan").error("DeepScan failed", exc_info=error)
            said = words.UNEXPECTED
        goes_on = self.view.phase in (Phase.RUNNING, Phase.PAUSED) and not is_over
        phase = Phase.PLANNED if self.plan_ is not None else Phase.ATTACHED
        self._show(self.view.phase if goes_on else phase, said, self.view.progress_percent)

    def _forget_plan(self) -> None:
        self.plan_, self._visit, self._confirmed, self._resumed = None, None, False, None
        self.view = replace(self.view, prediction="", books="", rows=())

    def _clear_plan(self) -> None:
        for display_item in self.live.display_items():
            clear_plan(display_item)

    def _show(self, phase: Phase, status: str, progress_percent: int, *, log: bool = True, **others: Any) -> None:
        logged = self.view.log
        if log and status != self.view.status:
            logged = (f"{datetime.now():%H:%M:%S}  {status}", *logged)[:MOST_LOGGED]
        self.view = replace(
            self.view, phase=phase, status=status, progress_percent=progress_percent, log=logged, **others
        )
        self._on_view(self.view)

    def _refuse_while_busy(self, button: str) -> None:
        if self.view.phase in BUSY:
            raise InputError(f"{button} has to wait: DeepScan is {self.view.phase.value}")

    def _image_to_attach(self) -> Any:
        """The live image of the scan; without a live one, the image that is chosen in the window."""
        try:
            return bridge.live_data_item(self._document_controller.document_model, bridge.scan_source())
        except DeepScanError:
            chosen = self._document_controller.selected_data_item
            if chosen is None:
                raise
            return chosen

    def _live_source(self) -> Any | None:
        """The scan that the attached image comes from, None for a still image."""
        try:
            source = bridge.scan_source()
            live = bridge.live_data_item(self._document_controller.document_model, source)
        except DeepScanError:
            return None
        return source if live is self.data_item else None
