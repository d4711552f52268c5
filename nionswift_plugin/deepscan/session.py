"""What a person does at one window: attach, teach, plan; `Runs` carries plans out, `Findings` shows what came of them.

Planning and running go on in a worker thread of our own, never in a computation: reading a computation's last result
cannot tell which frame it belongs to. Everything of Swift's is touched in the user interface's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from deepscan_core.errors import DeepScanError, InputError
from deepscan_core.records.coordinates import YX
from deepscan_core.records.protocol import ScanProtocol

from . import bridge, computations, words
from .clicking import click_graphics
from .clicking.clicks import Armed
from .desk import Desk, controller_of
from .drawing.annotations import clear_plan, show_plan
from .form import Form
from .mapping.asking import Look
from .mapping.live_map import LiveMap
from .mapping.object_table import ObjectTable
from .running import results
from .running.findings import Findings
from .running.runs import Runs
from .view import Phase, View

if TYPE_CHECKING:
    from .running.planning import Plan

CLOSE_TIMEOUT_S = 10.0


class Session:
    """One window's work.

    Parameters
    ----------
    document_controller : the window.
    api : Swift's facade, for new data items.
    on_view : called in the user interface's thread whenever there is something else to show.
    map_settings : of the live map and of the map that plans are made from.

    Attributes
    ----------
    live : the image, and what lies over it.
    table : of the objects in the image.
    runs, findings : see there.
    """

    def __init__(
        self,
        document_controller: Any,
        api: Any,
        *,
        on_view: Callable[[View], None],
        map_settings: computations.MapSettings | None = None,
    ) -> None:
        self.desk = Desk(document_controller, on_view)
        settings = map_settings or computations.MapSettings()
        self.live = LiveMap(document_controller, api, settings, self._armed, self.fail, self._clicked)
        self.table = ObjectTable(document_controller, api, self._table_changed)
        self.runs = Runs(self.desk, self.live, self.change)
        self.findings = Findings(self.desk, self.live, self.runs)

    @property
    def view(self) -> View:
        """What is shown."""
        return self.desk.view

    @property
    def form(self) -> Form:
        """What was filled in last."""
        return self.desk.form

    @property
    def protocol(self) -> ScanProtocol | None:
        """The plan as it is executed."""
        return self.desk.protocol

    @property
    def tile_group(self) -> Any:
        """The tiles of the latest run, None before."""
        return self.runs.tile_group

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
        desk = self.desk
        desk.refuse_while_busy("Attach")
        data_item = self._image_to_attach()
        bridge.as_image(data_item.xdata, data_item.title)
        if self.data_item is not None and self.data_item is not data_item:
            for display_item in self.live.display_items():
                clear_plan(display_item)
            self.live.detach()
        desk.form = self.live.attach(data_item, self.form)
        desk.data_item = data_item
        self.table.attach(data_item)
        self._forget_plan()
        said = f"Attached to {data_item.title}. Press Plan."
        desk.show(Phase.ATTACHED, said, 0, source=words.source(data_item))

    def change(self, form: Form) -> None:
        """Fill in something else; the live map follows, a plan stays as it was made."""
        self.desk.form = form
        if self.data_item is not None:
            self.live.change(form)
            self.table.change(self._table_settings())

    def plan(self, form: Form) -> None:
        """Freeze a whole frame and plan on it, in the worker."""
        desk = self.desk
        desk.refuse_while_busy("Plan")
        if self.data_item is None:
            raise InputError("no image is attached: press Attach first")
        source = desk.live_source()
        if source is not None and controller_of(source).is_blanked:
            raise InputError("the beam is blanked: press Beam on, wait for a frame, then Plan")
        self.change(form)
        self._forget_plan()
        look = self.live.look()
        desk.show(Phase.PLANNING, "Planning on a whole frame …", 0)
        desk.worker.start(lambda: self._plan(source, form, look))

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
        desk = self.desk
        desk.refuse_while_busy("Where next")
        find, phase = self.live.suggestion(), self.view.phase
        desk.show(Phase.SUGGESTING, "Looking for the most useful click …", self.view.progress_percent)
        desk.worker.start(lambda: desk.worker.on_ui(self._suggested, find(), phase))

    def clear_clicks(self) -> None:
        """Remove all examples; Edit > Undo brings them back."""
        self.live.tool.clear()

    def measure(self, form: Form) -> None:
        """Show the table of the objects in the image, which follows it; made where there is none."""
        if self.data_item is None:
            raise InputError("no image is attached: press Attach first")
        self.change(form)
        self.table.make_or_show(self._table_settings())

    def fail(self, error: DeepScanError) -> None:
        """Say what went wrong; the phase stays."""
        self.desk.fail(error)

    def close(self) -> None:
        """Abort, wait for the worker, keep what was recorded, and forget the window."""
        if self.runs.visit is not None:
            self.runs.visit.abort()
        self.desk.close(CLOSE_TIMEOUT_S)
        self.runs.keep_what_was_recorded()
        self.table.close()
        self.live.close()

    # in the worker's thread

    def _plan(self, source: Any, form: Form, look: Look) -> None:
        from .running.planning import plan_frame

        frame = bridge.whole_frame(source, self.data_item)
        image = bridge.as_image(frame, self.data_item.title)
        plan = plan_frame(image, bridge.dwell_time_us(frame), source, form, look)
        self.desk.worker.on_ui(self._planned, plan)

    # in the user interface's thread

    def _armed(self, armed: Armed | None) -> None:
        status = None
        if armed is not None:
            what = "shows" if armed.positive else "does not show"
            status = f"Click on what {what} “{armed.class_name}”; Shift turns it round, Escape ends it."
        self.desk.say(status, log=False, is_armed=armed is not None)

    def _clicked(self, classes: tuple[str, ...]) -> None:
        self.desk.say(log=False, classes=classes)

    def _suggested(self, fraction: YX, phase: Phase) -> None:
        for display_item in self.live.display_items():
            click_graphics.suggest(display_item, fraction)
        said = "The place marked ? would teach most: click there, with Shift where it is not what you look for."
        self.desk.show(phase, said, self.view.progress_percent)

    def _table_changed(self) -> None:
        self.desk.say(log=False, objects=self.table.words)

    def _table_settings(self) -> computations.MapSettings:
        """Objects are measured where regions would be planned on what surprises."""
        rule: dict[str, Any] = self.form.rule()
        return replace(self.live.settings(), region_size_px=self.form.region_px, **rule)

    def _planned(self, plan: Plan) -> None:
        if not plan.protocol.steps:
            self.desk.show(Phase.ATTACHED, "Nothing stands out: raise the threshold, or look elsewhere.", 0)
            return
        self.desk.plan = plan
        for display_item in self.live.display_items():
            show_plan(display_item, plan.protocol)
        said, rows = words.prediction(plan.protocol), tuple(results.lines(plan, {}))
        self.desk.show(Phase.PLANNED, f"{said}. Press Run to expose them.", 0, prediction=said, rows=rows)

    def _forget_plan(self) -> None:
        self.desk.forget_plan()
        self.runs.forget()

    def _image_to_attach(self) -> Any:
        """The live image of the scan; without a live one, the image that is chosen in the window."""
        try:
            return bridge.live_data_item(self.desk.library, bridge.scan_source())
        except DeepScanError:
            chosen = self.desk.document_controller.selected_data_item
            if chosen is None:
                raise
            return chosen
