"""What the panel shows of a session: words, lines, and which buttons can be pressed."""

from __future__ import annotations

import gettext
from typing import Any

from nion.utils import Model

from ..view import Phase, View

_ = gettext.gettext

NOTHING_ATTACHED = _("Nothing is attached.")


def _no() -> Any:
    return Model.PropertyModel[bool](False)


class ShownFields:
    """Everything that a person reads and does not fill in."""

    def __init__(self) -> None:
        self.phase = Phase.IDLE
        self.status: Any = Model.PropertyModel[str](View().status)
        self.source: Any = Model.PropertyModel[str](NOTHING_ATTACHED)
        self.prediction: Any = Model.PropertyModel[str]("")
        self.books: Any = Model.PropertyModel[str]("")
        self.objects: Any = Model.PropertyModel[str]("")
        self.pause_text: Any = Model.PropertyModel[str](_("Pause"))
        self.log: Any = Model.PropertyModel[str]("")
        self.progress: Any = Model.PropertyModel[int](0)
        self.rows: Any = Model.PropertyModel[list[str]]([])
        self.row: Any = Model.PropertyModel[int](None)
        self.tab: Any = Model.PropertyModel[int](0)
        self.may_attach: Any = Model.PropertyModel[bool](True)
        self.may_open: Any = Model.PropertyModel[bool](True)
        self.may_plan, self.may_run, self.may_pause = _no(), _no(), _no()
        self.may_abort, self.may_confirm, self.is_attached = _no(), _no(), _no()
        self.is_armed = _no()
        self.classes: Any = Model.PropertyModel([_("All classes")])
        self.shown_class: Any = Model.PropertyModel[int](0)

    def show_view(self, view: View, shown_class: str | None) -> None:
        """Show it all.

        Parameters
        ----------
        view : of the session.
        shown_class : of what was clicked; None for all.
        """
        self.phase = view.phase
        self.status.value, self.progress.value = view.status, view.progress_percent
        self.source.value = view.source or NOTHING_ATTACHED
        self.prediction.value, self.log.value = view.prediction, "\n".join(view.log)
        self.objects.value, self.books.value = view.objects, view.books
        classes = [_("All classes"), *view.classes]
        if self.classes.value != classes:
            self.classes.value = classes
            self.shown_class.value = classes.index(shown_class, 1) if shown_class in view.classes else 0
        if self.rows.value != list(view.rows):
            self.rows.value = list(view.rows)
        self.is_armed.value = view.is_armed
        self._enable(view.phase)

    def _enable(self, phase: Phase) -> None:
        idle, runs = (
            phase in (Phase.IDLE, Phase.ATTACHED, Phase.PLANNED),
            phase in (Phase.RUNNING, Phase.PAUSED),
        )
        self.may_attach.value = idle
        self.is_attached.value = phase is not Phase.IDLE
        self.may_plan.value = phase in (Phase.ATTACHED, Phase.PLANNED)
        self.may_run.value = phase is Phase.PLANNED
        self.may_confirm.value = phase is Phase.CONFIRMING
        self.may_pause.value = self.may_abort.value = runs
        self.may_open.value = idle or phase is Phase.PAUSED
        self.pause_text.value = _("Resume") if phase is Phase.PAUSED else _("Pause")
