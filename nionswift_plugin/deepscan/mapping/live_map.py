"""The map that follows one image, and what lies over that image."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from deepscan_core.errors import DeepScanError, InputError
from deepscan_core.live.clicks import Click, classes_of, clicks_from_json, clicks_to_json, of_one_class
from deepscan_core.records.coordinates import YX
from deepscan_core.records.levels import Levels

from .. import bridge, computations
from ..clicking import click_graphics
from ..clicking.clicks import Armed, ClickTool
from ..drawing import composite, overlay, plan_graphics
from ..drawing.keeper import Keeper
from ..drawing.map_panels import MapPanels
from ..form import Form, Mode, recall, remember
from ..soon import Soon
from . import turns, whole_frames
from .asking import Look, Question
from .quick_maps import QuickMaps
from .warming import Warmer

KINDS: dict[Mode, str] = {
    "surprise": computations.SURPRISAL,
    "teach": computations.TEACHER,
    "words": computations.TEXT_SEARCH,
}
# Maps that nobody looks at leave the processor to the one that is followed. Words may find no weights on this computer, and
# then the map of surprise is what there is.
RESTING: dict[Mode, tuple[str, ...]] = {
    "surprise": (computations.TEACHER, computations.TEXT_SEARCH),
    "teach": (computations.SURPRISAL, computations.TEXT_SEARCH),
    "words": (computations.TEACHER,),
}
NO_CLICKS = "[]"
CLOSE_TIMEOUT_S = 10.0
FOLLOW_AFTER_S = 0.5  # a click, where its answer takes longer


class LiveMap:
    """Map and overlay of one window.

    Parameters
    ----------
    document_controller : the window.
    api : Swift's facade, for new data items.
    settings : of the map where a form leaves them open.
    on_armed : called when the next click in the image begins, or ceases, to be an example.
    on_refused : called with the reason where a click could not be taken.
    on_classes : called with the names of what was clicked, whenever clicks differ.
    """

    def __init__(
        self,
        document_controller: Any,
        api: Any,
        settings: computations.MapSettings,
        on_armed: Callable[[Armed | None], None],
        on_refused: Callable[[DeepScanError], None],
        on_classes: Callable[[tuple[str, ...]], None],
    ) -> None:
        self.data_item: Any = None
        self.map_item: Any = None
        self.clicks = NO_CLICKS
        self.shown_class: str | None = None  # of the clicks; None shows the highest of all classes
        self.tool = ClickTool(document_controller, on_changed=self._taught, on_armed=on_armed, on_refused=on_refused)
        self._on_classes = on_classes
        self._form = Form()
        self._keepers: list[Keeper] = []
        self._panels = MapPanels(document_controller)
        self._warmer = Warmer()
        self._quick = QuickMaps(document_controller.event_loop)
        self._soon = Soon(document_controller.event_loop, self._follow_clicks)
        self._at_last = Soon(document_controller.event_loop, self._follow_clicks, after_s=FOLLOW_AFTER_S)
        self._document_controller = document_controller
        self._api = api
        self._settings = settings

    def attach(self, data_item: Any, form: Form) -> Form:
        """Follow an image; returns the form that was kept with it, else the one given."""
        self._drop_keepers()
        if data_item is not self.data_item:
            self._panels.forget()
        self.data_item = data_item
        kept = [found for found in map(recall, self.display_items()) if found is not None]
        form = kept[0] if kept else form
        event_loop = self._document_controller.event_loop
        for display_item in self.display_items():
            self._keepers += [module.keep_painting(display_item, event_loop) for module in (overlay, plan_graphics)]
        self._form = form
        turns.lengthen(self)
        self.tool.attach(data_item)
        self.change(form)
        return form

    def change(self, form: Form) -> None:
        """Show what a form asks for, and keep it with the project. A map without words or clicks waits for them."""
        self._form = form
        for display_item in self.display_items():
            remember(display_item, form)
        self._warmer.warm(self.settings(), self.data_item.data_shape)
        if not self.question().lacks:
            self._follow()

    def question(self) -> Question:
        """What the map is asked now."""
        return Question(
            mode=self._form.mode, settings=self.settings(), query=self._form.query, clicks=self._clicks_shown()
        )

    def look(self, question: Question | None = None) -> Look:
        """What answers a question, by default that of now; for the worker.

        Raises `InputError` where words or clicks are lacking, or a frame that was clicked is gone.
        """
        asked = question or self.question()
        if asked.lacks:
            raise InputError(asked.lacks)
        names = {click.frame for click in asked.clicks if asked.mode == "teach"}
        return Look(question=asked, frames={name: self.tool.frame(name) for name in names if name is not None})

    def classes(self) -> tuple[str, ...]:
        """Names of what was clicked so far."""
        clicks = clicks_from_json(self.clicks)
        return classes_of(clicks) if any(click.is_positive for click in clicks) else ()

    def show_class(self, name: str | None) -> None:
        """Let map and overlay show one class of the clicks; None the highest of all."""
        self.shown_class = name
        if self._is_taught():
            self._quick.ask(*self._answers())
            self._follow()

    def suggestion(self) -> Callable[[], YX]:
        """What finds the place ``(y, x)``, in fractions, that would teach most, for the worker.

        Raises `InputError` where there is no example yet.
        """
        if self.data_item is None:
            raise InputError("no image is attached: press Attach first")
        look, data_item = self.look(replace(self.question(), mode="teach")), self.data_item

        def suggested() -> YX:
            frame = whole_frames.latest_whole(data_item, data_item.xdata)
            return look.next_click(bridge.frame_image(data_item, frame))

        return suggested

    def _clicks_shown(self) -> tuple[Click, ...]:
        """The clicks that the map is made of."""
        clicks = clicks_from_json(self.clicks)
        return clicks if self.shown_class not in self.classes() else of_one_class(clicks, str(self.shown_class))

    def settings(self) -> computations.MapSettings:
        """How a map is made now."""
        form = self._form
        return replace(self._settings, backbone=form.backbone or self._settings.backbone, scales=form.scales)

    def style(self) -> overlay.OverlayStyle:
        """How the overlay looks."""
        found = [overlay.style_of(display_item) for display_item in self.display_items()]
        return found[0] if found else overlay.OverlayStyle()

    def set_style(self, style: overlay.OverlayStyle) -> None:
        """Let the overlay look different, at once."""
        for display_item in self.display_items():
            overlay.set_style(display_item, style)

    def make_composite(self) -> Any:
        """Image and overlay as one picture beside the image; returns its data item."""
        if self.map_item is None or not self.map_item.has_data:
            raise InputError("there is no map yet: wait for one, then press Composite")
        document_model = self._document_controller.document_model
        return composite.make_composite(document_model, self.data_item, self.map_item, self.style())

    def display_items(self) -> list[Any]:
        """Everything that shows the image."""
        if self.data_item is None:
            return []
        return list(self._document_controller.document_model.get_display_items_for_data_item(self.data_item))

    def detach(self) -> None:
        """Take the overlay off the image."""
        turns.restore(self)
        self._drop_keepers()
        self.tool.detach()
        for display_item in self.display_items():
            overlay.detach_overlay(display_item)

    def close(self) -> None:
        """Forget the window."""
        self._soon.close()
        self._at_last.close()
        self._quick.close(CLOSE_TIMEOUT_S)
        self._warmer.close(CLOSE_TIMEOUT_S)
        self._drop_keepers()
        self._panels.close()
        self.tool.close()
        turns.restore(self)

    def _taught(self, clicks: str) -> None:
        """There are other clicks."""
        self.clicks = clicks
        if self._is_taught():
            with contextlib.suppress(InputError):  # a frame is gone: the map itself will say so
                self._quick.ask(*self._answers())
            # What the computation does then would hold the answer up; before the first one there is no map to show it.
            is_followed = self.map_item is not None and self.map_item is self._taught_map()
            (self._at_last if is_followed else self._soon).ask()
        click_graphics.clear_suggestion(self.display_items())
        self._on_classes(self.classes())

    def _is_taught(self) -> bool:
        return self.data_item is not None and self._form.mode == "teach" and not self.question().lacks

    def _follow_clicks(self) -> None:
        if self._is_taught():
            self._follow()

    def _taught_map(self) -> Any | None:
        """The map that follows the clicks, if there is one."""
        library = self._document_controller.document_model
        computation = computations.computation_of(library, self.data_item, computations.TEACHER)
        return None if computation is None else computation.get_output("map")

    def _answers(self) -> tuple[Callable[[], Callable[[], None]], ...]:
        """What the overlays will show of the clicks, and then the map, to be made in another thread."""
        data_item, look, display_items = self.data_item, self.look(), self.display_items()
        frame = self.tool.clicked_frame
        is_hurried = data_item.is_live

        def overlays() -> Callable[[], None]:
            nonlocal frame
            frame = frame if frame is not None else whole_frames.latest_whole(data_item, data_item.xdata)
            tables = overlay.tables_for(display_items, "probability")
            levels = look.taught_levels(bridge.frame_image(data_item, frame), is_hurried=is_hurried, tables=tables)
            overlay.prepare_for(display_items, levels)  # made already, unless the style has changed meanwhile
            return lambda: self._show_overlays(data_item, levels)

        def whole_map() -> Callable[[], None]:
            scores = look.map_of(bridge.frame_image(data_item, frame), is_hurried=is_hurried)
            made = computations.MadeMap.of(scores, frame, clicks=look.question.clicks)
            overlay.prepare_for(display_items, scores.display_levels)
            return lambda: self._show_map(look.question, made)

        return overlays, whole_map

    def _show_overlays(self, data_item: Any, levels: Levels) -> None:
        if data_item is self.data_item and self._is_taught() and self.map_item is not None:
            for display_item in self.display_items():
                overlay.paint(display_item, self.map_item.uuid, levels)
            self._soon.ask()

    def _show_map(self, question: Question, made: computations.MadeMap) -> None:
        if self._is_taught() and question == self.question():
            self._follow()
            made.show(self._document_controller.document_model, self.data_item)

    def _follow(self) -> None:
        for kind in RESTING[self._form.mode]:
            computations.rest(self._document_controller.document_model, self.data_item, kind)
        self.map_item = computations.follow(
            self._document_controller.document_model,
            self._api,
            self.data_item,
            self.settings(),
            kind=KINDS[self._form.mode],
            clicks=clicks_to_json(self._clicks_shown()),
            query=self._form.query,
        )
        for display_item in self.display_items():
            overlay.attach_overlay(display_item, self.map_item.uuid)
        self._panels.follow(self.map_item)

    def _drop_keepers(self) -> None:
        for keeper in self._keepers:
            keeper.close()
        self._keepers = []
