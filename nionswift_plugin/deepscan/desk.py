"""What all parts of a window's session work on: the plan, the worker, and what is shown."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from deepscan_core.errors import DeepScanError, InputError
from deepscan_core.records.protocol import ScanProtocol

from . import bridge, words
from .form import Form
from .view import BUSY, Phase, View
from .worker import Worker

if TYPE_CHECKING:
    from deepscan_core.instruments.nion import NionScanController

    from .running.planning import Plan

MOST_LOGGED = 200


def controller_of(source: Any) -> NionScanController:
    """The controller of a scan."""
    from deepscan_core.instruments.nion import NionScanController

    return NionScanController(source)


class Desk:
    """The state of one window's session.

    Parameters
    ----------
    document_controller : the window.
    on_view : called in the user interface's thread whenever there is something else to show.

    Attributes
    ----------
    view : what is shown.
    form : what was filled in last.
    plan : the present one, None where there is none.
    data_item : what is attached, None before.
    worker : planning and runs go on in its thread.
    told_of_failure : what the part that failed has to say of an error, before it is said in general; empty for nothing.
    """

    def __init__(self, document_controller: Any, on_view: Callable[[View], None]) -> None:
        self.view = View()
        self.form = Form()
        self.plan: Plan | None = None
        self.data_item: Any = None
        self.worker = Worker(document_controller.event_loop, self._failed)
        self.told_of_failure: Callable[[Exception], str] = lambda error: ""
        self.document_controller = document_controller
        self._on_view = on_view

    @property
    def library(self) -> Any:
        """Swift's document model."""
        return self.document_controller.document_model

    @property
    def protocol(self) -> ScanProtocol | None:
        """The plan as it is executed."""
        return None if self.plan is None else self.plan.protocol

    def show(self, phase: Phase, status: str, progress_percent: int, *, log: bool = True, **others: Any) -> None:
        """Show a phase, words and percent done, and whatever else differs; words go into the log too."""
        logged = self.view.log
        if log and status != self.view.status:
            logged = (f"{datetime.now():%H:%M:%S}  {status}", *logged)[:MOST_LOGGED]
        self.view = replace(
            self.view, phase=phase, status=status, progress_percent=progress_percent, log=logged, **others
        )
        self._on_view(self.view)

    def say(self, status: str | None = None, *, log: bool = True, **others: Any) -> None:
        """Show other words, by default none, while phase and progress stay."""
        view = self.view
        self.show(view.phase, view.status if status is None else status, view.progress_percent, log=log, **others)

    def fail(self, error: DeepScanError) -> None:
        """Say what went wrong; the phase stays."""
        self.say(words.sentence(error))

    def refuse_while_busy(self, button: str) -> None:
        """Raise `InputError` where a button has to wait."""
        if self.view.phase in BUSY:
            raise InputError(f"{button} has to wait: DeepScan is {self.view.phase.value}")

    def live_source(self) -> Any | None:
        """The scan that the attached image comes from, None for a still image."""
        try:
            source = bridge.scan_source()
            live = bridge.live_data_item(self.library, source)
        except DeepScanError:
            return None
        return source if live is self.data_item else None

    def forget_plan(self) -> None:
        """There is no plan any more."""
        self.plan = None
        self.view = replace(self.view, prediction="", books="", rows=())

    def close(self, timeout_s: float) -> None:
        """Show nothing any more, and wait for the worker."""
        self._on_view = lambda view: None
        self.worker.close(timeout_s)

    def _failed(self, error: Exception, is_over: bool) -> None:
        """The job in the worker raised, and is over; or something that it posted did."""
        said = self.told_of_failure(error)
        if not said and isinstance(error, DeepScanError):
            said = words.sentence(error)
        elif not said:
            logging.getLogger("deepscan").error("DeepScan failed", exc_info=error)
            said = words.UNEXPECTED
        goes_on = self.view.phase in (Phase.RUNNING, Phase.PAUSED) and not is_over
        phase = Phase.PLANNED if self.plan is not None else Phase.ATTACHED
        self.show(self.view.phase if goes_on else phase, said, self.view.progress_percent)
