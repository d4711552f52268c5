"""What the widgets of the panel are bound to: its buttons, and the fields of all tabs."""

from __future__ import annotations

import gettext
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nion.utils import Model

from deepscan_core.errors import DeepScanError
from deepscan_core.live.clicks import DEFAULT_CLASS

from ..form import MODES, THRESHOLDS
from ..session import Session
from ..view import Phase, View
from .form_fields import FormFields
from .layout import MODE_NAMES, RESTORE_NAMES, STRATEGY_NAMES, THRESHOLD_NAMES, layout
from .run_fields import RunFields
from .shown_fields import ShownFields
from .style_fields import StyleFields

_ = gettext.gettext


class Handler(FormFields, StyleFields, ShownFields, RunFields):
    """The panel's buttons and fields.

    Parameters
    ----------
    session_for : makes the session, given what is to be called with each view of it.
    ask_folder : asks a person for a folder, None where it was cancelled.
    """

    def __init__(
        self, session_for: Callable[[Callable[[View], None]], Session], ask_folder: Callable[[], Path | None]
    ) -> None:
        FormFields.__init__(self, MODE_NAMES, THRESHOLD_NAMES, STRATEGY_NAMES)
        StyleFields.__init__(self)
        ShownFields.__init__(self)
        RunFields.__init__(self, RESTORE_NAMES)
        self.class_name: Any = Model.PropertyModel[str]("")
        self._ask_folder = ask_folder
        self.session = session_for(self._show)
        self._row_listener: Any = self.row.property_changed_event.listen(self._row_changed)
        self.ui_view = layout()

    def close(self) -> None:
        """Called by Swift when the panel goes away."""
        self._row_listener = None
        self.session.close()

    # the buttons

    def attach(self, widget: Any = None) -> None:
        """Attach, and show what was filled in when this image was attached before."""

        def attach() -> None:
            self.session.attach()
            self.fill_in(self.session.form)
            self.show_style(self.session.live.style())
            self._list_runs()

        self._say_if_it_fails(attach)

    def plan(self, widget: Any = None) -> None:
        """Plan."""
        self._say_if_it_fails(lambda: self.session.plan(self.read()))

    def run(self, widget: Any = None) -> None:
        """Run."""
        self._say_if_it_fails(lambda: self.session.runs.run(self.read()))

    def confirm(self, widget: Any = None) -> None:
        """Yes, expose."""
        self._say_if_it_fails(self.session.runs.confirm)

    def decline(self, widget: Any = None) -> None:
        """No, not now."""
        self.session.runs.decline()

    def pause(self, widget: Any = None) -> None:
        """Pause, or resume."""
        resume = self.session.view.phase is Phase.PAUSED
        self._say_if_it_fails(self.session.runs.resume if resume else self.session.runs.pause)

    def abort(self, widget: Any = None) -> None:
        """Abort."""
        self.session.runs.abort()

    def resume_run(self, widget: Any = None) -> None:
        """Resume run."""

        def resume() -> None:
            self._list_runs()
            self.session.runs.go_on_with(
                self.chosen_run("resume"),
                repeat_exposed=bool(self.repeat_exposed.value),
                restore_parameters=self.restores_parameters(),
            )

        self._say_if_it_fails(resume)

    def give_up_run(self, widget: Any = None) -> None:
        """Give up."""

        def give_up() -> None:
            self._list_runs()
            self.session.runs.give_up(self.chosen_run("give up"))
            self._list_runs()

        self._say_if_it_fails(give_up)

    def _list_runs(self) -> None:
        self.list_runs(self.session.runs.interrupted())

    def beam_on(self, widget: Any = None) -> None:
        """Beam on."""
        self._say_if_it_fails(self.session.runs.beam_on)

    def look_at_all(self, widget: Any = None) -> None:
        """Whole image."""
        self.session.findings.look_at_all()

    def export(self, widget: Any = None) -> None:
        """Export."""
        folder = self._ask_folder()
        if folder is not None:
            self._say_if_it_fails(lambda: self.session.findings.export(folder))

    def why_here(self, widget: Any = None) -> None:
        """Why here."""
        self._say_if_it_fails(lambda: self.session.findings.why_here(self.row.value))

    def measure(self, widget: Any = None) -> None:
        """Table of objects."""
        self._say_if_it_fails(lambda: self.session.measure(self.read()))

    def arm_positive(self, widget: Any = None) -> None:
        """+ Example."""
        self._arm(True)

    def arm_negative(self, widget: Any = None) -> None:
        """- Example."""
        self._arm(False)

    def disarm(self, widget: Any = None) -> None:
        """Done."""
        self.session.disarm()

    def suggest(self, widget: Any = None) -> None:
        """Where next."""

        def suggest() -> None:
            if not self.is_armed.value:
                self._arm(True)
            self.session.suggest()

        self._say_if_it_fails(suggest)

    def class_shown(self, widget: Any = None, current_index: int = 0) -> None:
        """Another class of the examples is to be seen."""
        names = self.session.view.classes
        wanted = names[current_index - 1] if 0 < current_index <= len(names) else None
        if wanted != self.session.live.shown_class:
            self._say_if_it_fails(lambda: self.session.show_class(wanted))

    def clear_clicks(self, widget: Any = None) -> None:
        """Clear."""
        self.session.clear_clicks()

    def composite(self, widget: Any = None) -> None:
        """Composite."""
        self._say_if_it_fails(self.session.findings.make_composite)

    # the fields

    def row_selected(self, widget: Any = None, current_index: int | None = None) -> None:
        """A line of the results was double-clicked, perhaps the one that is chosen."""
        if current_index is not None and current_index >= 0:
            self.session.findings.look_at(current_index)

    def _row_changed(self, name: str) -> None:
        """Another line was clicked: a list of Swift tells that through its binding alone."""
        self.row_selected(current_index=self.row.value)

    def chosen(self, widget: Any = None, current_index: int = 0) -> None:
        """Another entry of a list."""
        self.show_amount()
        self.edited()

    def run_chosen(self, widget: Any = None, current_index: int = 0) -> None:
        """Another entry of what Resume run would do: nothing is done before it is pressed."""

    def edited(self, widget: Any = None, text: str = "") -> None:
        """A field was left, or a list chosen from: the live map follows."""
        self._say_if_it_fails(lambda: self.session.change(self.read()))

    def _arm(self, is_positive: bool) -> None:
        """Clicks are examples from now on, and the map shows what is like them."""

        def arm() -> None:
            self.mode.value = MODES.index("teach")
            self.threshold.value = THRESHOLDS.index("area")
            self.show_amount()
            self.session.change(self.read())
            self.session.arm(is_positive, (self.class_name.value or "").strip() or DEFAULT_CLASS)

        self._say_if_it_fails(arm)

    def restyle(self, widget: Any = None, *args: Any, **kwargs: Any) -> None:
        """The overlay should look different: at once."""
        self._say_if_it_fails(lambda: self.session.live.set_style(self.read_style()))

    def _show(self, view: View) -> None:
        was_running = self.phase in (Phase.RUNNING, Phase.PAUSED)
        self.show_view(view, self.session.live.shown_class if view.classes else None)
        if view.phase is Phase.PLANNED and was_running:
            self._list_runs()

    def _say_if_it_fails(self, action: Callable[[], None]) -> None:
        try:
            action()
        except DeepScanError as error:
            self.session.fail(error)
