"""What is known about a click: class, the frame it teaches, where it lies there, and where it is shown now.

A click is taught on one frame and stays at its place there. Where the view of the microscope moves, the click is shown
at the same place of the sample, or set aside where that place is out of view. Both views are `ScanContext` records, whose
centre on the specimen is the scan's own centre minus the stage position plus the beam shift, as in Nion's simulator.
"""

from __future__ import annotations

import dataclasses
import json
import uuid
from dataclasses import dataclass
from typing import Any

from nion.utils import Registry

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX, ScanContext

from .. import bridge

_VIEW_KEYS = ("rows", "cols", "fov_y_nm", "fov_x_nm", "center_y_nm", "center_x_nm", "rotation_rad")
LEAST_MOVE_PX = 0.25  # less is noise in what the stage reports, and is not followed
NM_PER_M = 1e9


@dataclass(frozen=True, kw_only=True)
class SamplePosition:
    """Where the microscope looks, as its controls say, ``(y, x)``.

    Attributes
    ----------
    stage_nm : moving the stage by +1 nm shows a place 1 nm less along the axis.
    beam_shift_nm : shifting the beam by +1 nm shows a place 1 nm more along the axis.
    """

    stage_nm: YX = (0.0, 0.0)
    beam_shift_nm: YX = (0.0, 0.0)


def microscope_position() -> SamplePosition:
    """Stage and beam shift of the registered microscope; zero for a control that it does not have."""
    stem = Registry.get_component("stem_controller")
    if stem is None:
        return SamplePosition()

    def control_nm(name: str) -> float:
        known, value_m = stem.TryGetVal(name)
        return float(value_m) * NM_PER_M if known and value_m is not None else 0.0

    return SamplePosition(
        stage_nm=(control_nm("stage_position_m.y"), control_nm("stage_position_m.x")),
        beam_shift_nm=(control_nm("CSH.y"), control_nm("CSH.x")),
    )


def view_of(xdata: Any, position: SamplePosition) -> ScanContext:
    """The place of an image on the specimen; of an image that no scan made, relative to itself.

    Parameters
    ----------
    xdata : Swift's data of one image of shape (rows, cols).
    position : of the microscope when the image was scanned.
    """
    rows, cols = xdata.data_shape
    scan = xdata.metadata.get("scan")
    pitch_nm = bridge.pixel_size_nm(xdata)
    fov_y_nm, fov_x_nm = (rows * pitch_nm[0], cols * pitch_nm[1]) if pitch_nm else (None, None)
    if scan is None:
        return ScanContext(rows=rows, cols=cols, fov_y_nm=fov_y_nm, fov_x_nm=fov_x_nm)
    return ScanContext(
        rows=rows,
        cols=cols,
        fov_y_nm=fov_y_nm,
        fov_x_nm=fov_x_nm,
        center_y_nm=scan.get("center_y_nm", 0.0) - position.stage_nm[0] + position.beam_shift_nm[0],
        center_x_nm=scan.get("center_x_nm", 0.0) - position.stage_nm[1] + position.beam_shift_nm[1],
        rotation_rad=scan.get("rotation", 0.0),
    )


def view_to_dict(view: ScanContext) -> dict[str, Any]:
    """The geometry of a view as plain JSON values."""
    return {key: getattr(view, key) for key in _VIEW_KEYS}


def view_from_dict(values: dict[str, Any]) -> ScanContext:
    """The inverse of `view_to_dict`."""
    return ScanContext(**{key: values[key] for key in _VIEW_KEYS if key in values})  # Swift drops None


def place_in(view: ScanContext, other: ScanContext, fraction: YX) -> YX | None:
    """Where a place of another view lies in this one, as fractions; None where the lengths are not known."""
    if view == other:
        return fraction
    if not (view.is_calibrated and other.is_calibrated):
        return None
    specimen_nm = other.on_specimen().plane_nm(other.px_from_fraction(fraction))
    return view.fraction_from_px(view.on_specimen().index_px(specimen_nm))


def is_inside(fraction: YX) -> bool:
    """Whether fractions lie in the frame."""
    return all(0.0 <= part <= 1.0 for part in fraction)


@dataclass(frozen=True, kw_only=True)
class ClickRecord:
    """One click.

    Attributes
    ----------
    click_id : the same for all copies of a click, as a copied display has them.
    class_name : of what was clicked.
    frame : uuid of the data item that holds the frame it teaches.
    taught, at_frac : the view of that frame, and the place there ``(y, x)``.
    shown, shown_at_frac : the view in which it was shown last, and the place there.
    aside : whether its place was out of that view, or could not be told.
    """

    class_name: str
    frame: str
    taught: ScanContext
    at_frac: YX
    shown: ScanContext
    shown_at_frac: YX
    aside: bool = False
    click_id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))

    @classmethod
    def new(cls, class_name: str, frame: str, view: ScanContext, fraction: YX) -> ClickRecord:
        """A click on the frame that is on display."""
        return cls(
            class_name=class_name, frame=frame, taught=view, at_frac=fraction, shown=view, shown_at_frac=fraction
        )

    @classmethod
    def from_json(cls, text: str) -> ClickRecord:
        """Read a record; raises `InputError` where the text is none."""
        try:
            values = json.loads(text)
            for key in ("taught", "shown"):
                values[key] = view_from_dict(values[key])
            for key in ("at_frac", "shown_at_frac"):
                values[key] = (float(values[key][0]), float(values[key][1]))
            return cls(**values)
        except (ValueError, TypeError, KeyError, IndexError):
            raise InputError(f"click {text!r}: remove it and click again") from None

    def to_json(self) -> str:
        """The record as JSON text."""
        values = dataclasses.asdict(self)
        return json.dumps({**values, "taught": view_to_dict(self.taught), "shown": view_to_dict(self.shown)})

    def moved_to(self, fraction: YX) -> ClickRecord:
        """The click after a person moved it in the view in which it is shown."""
        if fraction == self.shown_at_frac:
            return self
        at_frac = place_in(self.taught, self.shown, fraction)
        return dataclasses.replace(self, shown_at_frac=fraction, at_frac=self.at_frac if at_frac is None else at_frac)

    def taught_again(self, frame: str) -> ClickRecord:
        """The click as one on the frame that is on display now."""
        return dataclasses.replace(self, frame=frame, taught=self.shown, at_frac=self.shown_at_frac)

    def seen_in(self, view: ScanContext) -> ClickRecord:
        """The click in another view: the same place of the sample, set aside where that is not in view."""
        if view == self.shown and not self.aside:
            return self
        place = place_in(view, self.taught, self.at_frac)
        if place is None:
            return self if self.aside else dataclasses.replace(self, aside=True)
        if self._is_near(view, place):
            return self
        return dataclasses.replace(self, shown=view, shown_at_frac=place, aside=not is_inside(place))

    def _is_near(self, view: ScanContext, place: YX) -> bool:
        off_px = [
            abs(new - old) * n for new, old, n in zip(place, self.shown_at_frac, (view.rows, view.cols), strict=True)
        ]
        same_grid = (view.rows, view.cols) == (self.shown.rows, self.shown.cols)
        return same_grid and max(off_px) < LEAST_MOVE_PX and self.aside is not is_inside(place)
