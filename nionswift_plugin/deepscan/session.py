"""What one window is doing: the attached image, its plan, and the run. Knows no widgets.

::

    nothing ──attach──> ATTACHED ──plan──> PLANNING ──> PLANNED ──run──> RUNNING ──> PLANNED
                            ^                                                          (done, aborted or failed)
                            └─ attach again at any time but while PLANNING or RUNNING

Heavy work and everything that waits for the microscope happens in one worker thread at a time. Whatever touches Swift's
library or the view comes back to the user interface's thread through ``call_soon_threadsafe``.
"""

from __future__ import annotations

import enum
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deepscan_core.acquisition.controller import BeamRest
from deepscan_core.errors import DeepScanError, InputError, RunAborted, UnsupportedStep
from deepscan_core.records.coordinates import YX
from deepscan_core.records.frames import ScanFrame
from deepscan_core.records.protocol import ScanProtocol

from . import bridge, computations, overlay, tiles
from .annotations import clear_plan, mark_done, show_plan  # the package's own `annotations` is a __future__ feature
from .words import prediction, sentence

if TYPE_CHECKING:
    from deepscan_core.instruments.nion import NionScanController
    from deepscan_core.survey import Survey

CLOSE_TIMEOUT_S = 10.0
AT_REST = "the beam is at rest. Beam on lets it through again."
UNEXPECTED = "Something unexpected failed: Swift's log says what."


class Phase(enum.Enum):
    """Where a session stands."""

    IDLE = "idle"
    ATTACHED = "attached"
    PLANNING = "planning"
    PLANNED = "planned"
    RUNNING = "running"


@dataclass(frozen=True, kw_only=True)
class View:
    """What the panel shows: one line of words, and how much is done."""

    phase: Phase = Phase.IDLE
    status: str = "Start a scan, then press Attach."
    progress_percent: int = 0


@dataclass(frozen=True, kw_only=True)
class PlanForm:
    """What a person filled in.

    Attributes
    ----------
    area_percent : share of the image that may be planned.
    dwell_time_us : of every step; None leaves it to the planner.
    region_px : side of the rectangles; None leaves it to the planner.
    """

    area_percent: float = 10.0
    dwell_time_us: float | None = None
    region_px: int | None = None


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
        self.map_settings = map_settings or computations.MapSettings()
        self.view = View()
        self.protocol: ScanProtocol | None = None
        self.data_item: Any = None
        self.map_item: Any = None
        self.tile_group: tiles.TileGroup | None = None
        self._document_controller = document_controller
        self._api = api
        self._on_view = on_view
        self._survey: Survey | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def attach(self) -> None:
        """Put map and overlay on the live image; on the chosen image where no scan runs."""
        self._refuse_while_busy("Attach")
        document_model = self._document_controller.document_model
        data_item = self._image_to_attach(document_model)
        bridge.as_image(data_item.xdata, data_item.title)
        if self.data_item is not None and self.data_item is not data_item:
            self._clear_display()
        for display_item in document_model.get_display_items_for_data_item(data_item):
            overlay.attach_overlay(display_item)
        self.map_item = computations.follow(document_model, self._api, data_item, self.map_settings)
        self.data_item, self.protocol = data_item, None
        self._show(Phase.ATTACHED, f"Attached to {data_item.title}. Press Plan.", 0)

    def plan(self, form: PlanForm) -> None:
        """Freeze a whole frame and plan on it, in the worker."""
        self._refuse_while_busy("Plan")
        if self.data_item is None:
            raise InputError("no image is attached: press Attach first")
        source = self._live_source()
        if source is not None and _controller(source).is_blanked:
            raise InputError("the beam is blanked: press Beam on, wait for a frame, then Plan")
        self.protocol = None
        self._show(Phase.PLANNING, "Planning on a whole frame …", 0)
        self._start(lambda: self._plan(source, form), Phase.ATTACHED)

    def run(self, park_fraction: YX | None = None) -> None:
        """Carry out the plan in the worker. The live view stops, the beam is blanked or parked between steps."""
        self._refuse_while_busy("Run")
        if self.protocol is None:
            raise InputError("there is no plan yet: press Plan first, it says what the run will take")
        if self._live_source() is None:
            raise InputError("the plan was made on a still image: attach to a live scan to run it")
        from deepscan_core.survey import Survey

        controller = _controller(bridge.scan_source())
        if park_fraction is None and not controller.capabilities.blanker:
            raise UnsupportedStep(
                "this instrument has no beam blanker: fill in where the beam may park (y, x from 0 to 1)"
            )
        rest = BeamRest(park_fraction=park_fraction)
        protocol = self.protocol
        survey = self._survey = Survey(protocol, controller, rest=rest, on_frame=self._on_frame)
        self.tile_group = tiles.TileGroup(self._document_controller.document_model, protocol)
        for display_item in self._display_items():
            show_plan(display_item, protocol)
        self._show(Phase.RUNNING, f"Running: step 1 of {len(protocol.steps)}", 0)
        self._start(lambda: self._run(survey), Phase.PLANNED)

    def abort(self) -> None:
        """Stop the run as soon as the microscope can."""
        if self._survey is not None and self.view.phase is Phase.RUNNING:
            self._show(Phase.RUNNING, "Aborting …", self.view.progress_percent)
            self._survey.abort()

    def beam_on(self) -> None:
        """Open the blanker that a run closed, because a person asked for it."""
        self._refuse_while_busy("Beam on")
        _controller(bridge.scan_source()).open_blanker()
        self._show(self.view.phase, "The blanker is open.", self.view.progress_percent)

    def fail(self, error: DeepScanError) -> None:
        """Say what went wrong; the phase stays."""
        self._show(self.view.phase, sentence(error), self.view.progress_percent)

    def close(self) -> None:
        """Abort, wait for the worker, and forget the window."""
        self._closed = True
        if self._survey is not None:
            self._survey.abort()
        if self._thread is not None:
            self._thread.join(CLOSE_TIMEOUT_S)

    # in the worker's thread

    def _plan(self, source: Any, form: PlanForm) -> None:
        from .planning import plan_frame

        frame = bridge.whole_frame(source, self.data_item)
        image = bridge.as_image(frame, self.data_item.title)
        protocol = plan_frame(image, source, form, self.map_settings)
        self._on_ui(self._planned, protocol)

    def _run(self, survey: Survey) -> None:
        count = len(survey.run())
        self._on_ui(self._show, Phase.PLANNED, f"Done: {count} regions recorded, {AT_REST}", 100)

    def _on_frame(self, frame: ScanFrame) -> None:
        data = bridge.tile_data(frame)
        self._on_ui(self._keep_tile, frame, data)

    def _work(self, job: Callable[[], None], phase_after: Phase) -> None:
        try:
            job()
        except RunAborted:
            self._on_ui(self._aborted, phase_after)
        except DeepScanError as error:
            self._on_ui(self._show, phase_after, sentence(error), 0)
        except Exception:
            self._log_unexpected()
            self._on_ui(self._show, phase_after, UNEXPECTED, 0)

    # in the user interface's thread

    def _planned(self, protocol: ScanProtocol) -> None:
        if not protocol.steps:
            self._show(Phase.ATTACHED, "Nothing stands out: raise the area, or look elsewhere.", 0)
            return
        self.protocol = protocol
        for display_item in self._display_items():
            show_plan(display_item, protocol)
        self._show(Phase.PLANNED, prediction(protocol), 0)

    def _keep_tile(self, frame: ScanFrame, data: Any) -> None:
        step = frame.step
        if step is None or self.tile_group is None or self.protocol is None:
            return
        self.tile_group.append(step, data)
        for display_item in self._display_items():
            mark_done(display_item, step.order)
        done, count = len(self.tile_group.data_items), len(self.protocol.steps)
        if self.view.phase is Phase.RUNNING:
            following = min(done + 1, count)
            self._show(Phase.RUNNING, f"Running: step {following} of {count}", round(100 * done / count))

    def _aborted(self, phase: Phase) -> None:
        done = len(self._survey.frames) if self._survey is not None else 0
        count = len(self.protocol.steps) if self.protocol is not None else 0
        words = f"Aborted after {done} of {count} regions, {AT_REST}"
        self._show(phase, words, self.view.progress_percent)

    def _show(self, phase: Phase, status: str, progress_percent: int) -> None:
        self.view = View(phase=phase, status=status, progress_percent=progress_percent)
        self._on_view(self.view)

    def _on_ui(self, function: Callable[..., None], *arguments: Any) -> None:
        def call() -> None:
            if self._closed:
                return
            try:
                function(*arguments)
            except Exception:
                self._log_unexpected()
                phase = Phase.PLANNED if self.protocol is not None else Phase.ATTACHED
                self._show(self.view.phase if self.view.phase is Phase.RUNNING else phase, UNEXPECTED, 0)

        if not self._closed:
            self._document_controller.event_loop.call_soon_threadsafe(call)

    def _start(self, job: Callable[[], None], phase_after: Phase) -> None:
        self._thread = threading.Thread(target=self._work, args=(job, phase_after), name="deepscan", daemon=True)
        self._thread.start()

    def _log_unexpected(self) -> None:
        logging.getLogger("deepscan").exception("DeepScan failed")

    def _refuse_while_busy(self, button: str) -> None:
        if self.view.phase in (Phase.PLANNING, Phase.RUNNING):
            raise InputError(f"{button} has to wait: DeepScan is {self.view.phase.value}")

    def _image_to_attach(self, document_model: Any) -> Any:
        """The live image of the scan; without a live one, the image that is chosen in the window."""
        try:
            return bridge.live_data_item(document_model, bridge.scan_source())
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

    def _display_items(self) -> list[Any]:
        document_model = self._document_controller.document_model
        return list(document_model.get_display_items_for_data_item(self.data_item))

    def _clear_display(self) -> None:
        for display_item in self._display_items():
            overlay.detach_overlay(display_item)
            clear_plan(display_item)
