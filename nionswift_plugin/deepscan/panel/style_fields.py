"""The fields of the panel that say how the overlay looks."""

from __future__ import annotations

from typing import Any

from nion.utils import Model

from ..drawing.color_maps import NAMES
from ..drawing.overlay import OverlayStyle
from .fields import as_text, score


class StyleFields:
    """A tick, a list, a slider and a number, and the style that they mean."""

    def __init__(self) -> None:
        self.overlay_visible: Any = Model.PropertyModel[bool](True)
        self.color_maps: Any = Model.PropertyModel(list(NAMES))
        self.color_map: Any = Model.PropertyModel[int](0)
        self.opacity_percent: Any = Model.PropertyModel[int](0)
        self.paint_above: Any = Model.PropertyModel[str]("")
        self.show_style(OverlayStyle())

    def show_style(self, style: OverlayStyle) -> None:
        """Show a style."""
        self.overlay_visible.value, self.color_map.value = style.visible, NAMES.index(style.color_map)
        self.opacity_percent.value = round(100 * style.opacity)
        self.paint_above.value = as_text(style.threshold)

    def read_style(self) -> OverlayStyle:
        """What is filled in; raises `InputError` in words."""
        return OverlayStyle(
            visible=bool(self.overlay_visible.value),
            color_map=NAMES[self.color_map.value],
            opacity=(self.opacity_percent.value or 0) / 100,
            threshold=score("paint above", self.paint_above.value),
        )
