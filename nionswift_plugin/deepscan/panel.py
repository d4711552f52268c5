"""The DeepScan panel: four buttons, one row of numbers, a bar, and one line of words."""

from __future__ import annotations

import gettext
import math
import os
from collections.abc import Callable
from typing import Any

from nion.swift import Panel
from nion.swift.model import PlugInManager
from nion.ui import Declarative
from nion.utils import Model

from deepscan_core.errors import DeepScanError, InputError
from deepscan_core.records.coordinates import YX

from .computations import MapSettings
from .session import Phase, PlanForm, Session, View

_ = gettext.gettext

PANEL_ID = "deepscan-panel"
BACKBONE_VARIABLE = "DEEPSCAN_BACKBONE"
WIDTH = 300


class Handler:
    """What the widgets are bound to."""

    def __init__(self, session_for: Callable[[Callable[[View], None]], Session]) -> None:
        self.status = Model.PropertyModel[str](View().status)
        self.progress = Model.PropertyModel[int](0)
        self.area = Model.PropertyModel[str]("10")
        self.dwell = Model.PropertyModel[str]("8")
        self.region = Model.PropertyModel[str]("")
        self.park = Model.PropertyModel[str]("")
        self.may_plan = Model.PropertyModel[bool](False)
        self.may_run = Model.PropertyModel[bool](False)
        self.may_abort = Model.PropertyModel[bool](False)
        self.may_attach = Model.PropertyModel[bool](True)
        self.session = session_for(self._show)
        self.ui_view = _layout()

    def close(self) -> None:
        """Called by Swift when the panel goes away."""
        self.session.close()

    def attach(self, widget: Any = None) -> None:
        """The Attach button."""
        self._say_if_it_fails(self.session.attach)

    def plan(self, widget: Any = None) -> None:
        """The Plan button."""
        self._say_if_it_fails(lambda: self.session.plan(self._form()))

    def run(self, widget: Any = None) -> None:
        """The Run button."""
        self._say_if_it_fails(lambda: self.session.run(_pair("park", self.park.value)))

    def abort(self, widget: Any = None) -> None:
        """The Abort button."""
        self.session.abort()

    def beam_on(self, widget: Any = None) -> None:
        """The Beam on button."""
        self._say_if_it_fails(self.session.beam_on)

    def _form(self) -> PlanForm:
        region_px = _number("region", self.region.value)
        return PlanForm(
            area_percent=_number("area", self.area.value) or PlanForm().area_percent,
            dwell_time_us=_number("dwell", self.dwell.value),
            region_px=None if region_px is None else round(region_px),
        )

    def _show(self, view: View) -> None:
        self.status.value = view.status
        self.progress.value = view.progress_percent
        self.may_attach.value = view.phase not in (Phase.PLANNING, Phase.RUNNING)
        self.may_plan.value = view.phase in (Phase.ATTACHED, Phase.PLANNED)
        self.may_run.value = view.phase is Phase.PLANNED
        self.may_abort.value = view.phase is Phase.RUNNING

    def _say_if_it_fails(self, action: Callable[[], None]) -> None:
        try:
            action()
        except DeepScanError as error:
            self.session.fail(error)


def _number(name: str, text: str | None) -> float | None:
    """A number above zero from a field, None from an empty one; raises `InputError`."""
    if not (text or "").strip():
        return None
    try:
        value = float(str(text).replace(",", "."))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"{name} is {text!r}: fill in a number above zero, or nothing")
    return value


def _pair(name: str, text: str | None) -> YX | None:
    """Two fractions ``y, x`` from a field, None from an empty one; raises `InputError`."""
    if not (text or "").strip():
        return None
    try:
        y, x = (float(part) for part in str(text).split(","))
    except ValueError:
        raise InputError(
            f"{name} is {text!r}: fill in y, x as two fractions of the frame, such as 0.02, 0.98"
        ) from None
    return (y, x)


def _layout() -> Any:
    ui = Declarative.DeclarativeUI()

    def button(text: str, method: str, enabled: str) -> Any:
        return ui.create_push_button(text=text, on_clicked=method, enabled=f"@binding({enabled}.value)")

    def field(label: str, name: str, hint: str, tip: str, width: int = 80) -> Any:
        edit = ui.create_line_edit(text=f"@binding({name}.value)", placeholder_text=hint, width=width, tool_tip=tip)
        return ui.create_column(ui.create_label(text=label, tool_tip=tip), edit, spacing=2)

    return ui.create_column(
        ui.create_row(
            button(_("Attach"), "attach", "may_attach"),
            button(_("Plan"), "plan", "may_plan"),
            button(_("Run"), "run", "may_run"),
            button(_("Abort"), "abort", "may_abort"),
            ui.create_stretch(),
            spacing=6,
        ),
        ui.create_row(
            field(_("Area %"), "area", "10", _("Largest share of the image that is planned")),
            field(_("Dwell µs"), "dwell", "auto", _("Time the beam stays on each sample")),
            field(_("Region px"), "region", "auto", _("Side of a region, in pixels of the live image")),
            ui.create_stretch(),
            spacing=6,
        ),
        ui.create_row(
            field(
                _("Park the beam at y, x"),
                "park",
                _("nowhere: it is blanked"),
                _("Where the beam rests between regions if there is no blanker, as fractions of the frame"),
                190,
            ),
            ui.create_column(ui.create_label(text=""), button(_("Beam on"), "beam_on", "may_attach"), spacing=2),
            ui.create_stretch(),
            spacing=6,
        ),
        ui.create_progress_bar(value="@binding(progress.value)", maximum=100, width=WIDTH),
        ui.create_label(text="@binding(status.value)", word_wrap=True, width=WIDTH),
        ui.create_stretch(),
        spacing=8,
        margin=8,
    )


class DeepScanPanel(Panel.Panel):
    """One panel a window."""

    def __init__(self, document_controller: Any, panel_id: str, properties: Any) -> None:
        super().__init__(document_controller, panel_id, _("DeepScan"))
        api = PlugInManager.api_broker_fn("~1.0", None)
        settings = MapSettings(backbone=os.environ.get(BACKBONE_VARIABLE) or MapSettings().backbone)
        self.handler = Handler(
            lambda on_view: Session(document_controller, api, on_view=on_view, map_settings=settings)
        )
        self.widget = Declarative.DeclarativeWidget(
            document_controller.ui, document_controller.event_loop, self.handler
        )
