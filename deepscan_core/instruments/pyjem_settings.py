"""The settings of TEMCenter's scan that a run changes, and where on its pixels a step lies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deepscan_core.acquisition.inspection import LARGEST_MISPLACEMENT_SAMPLES, apart_samples
from deepscan_core.errors import InputError, UnsupportedStep
from deepscan_core.instruments.stage import Stage, check_position
from deepscan_core.records.coordinates import YX, SamplingGrid, ScanContext, check_finite, check_positive
from deepscan_core.records.protocol import ScanStep

LARGEST_AREA_PX = 4096
#: Keys of ``get_detectorsetting`` that a step changes.
SCAN = ("scanMode", "ExposureTimeValue", "frameIntegration", "ImagingArea", "AreaModeImagingArea")
#: All that `PyJemController.parameters` gives.
NAMES = ("scan", "scan_rotation_deg", "magnification", "blanked")


@dataclass(frozen=True, kw_only=True)
class Area:
    """A step as TEMCenter wants it: a rectangle of pixels of the whole field, which has `field_px` a side."""

    field_px: int
    top_px: int
    left_px: int

    def grid(self, step: ScanStep, context: ScanContext) -> SamplingGrid:
        """The samples in the context's axes, exactly as they are scanned."""
        fov_y_nm, fov_x_nm = context.fov_nm
        pitch_y_nm, pitch_x_nm = fov_y_nm / self.field_px, fov_x_nm / self.field_px
        return SamplingGrid(
            rows=step.rows,
            cols=step.cols,
            height_nm=step.rows * pitch_y_nm,
            width_nm=step.cols * pitch_x_nm,
            center_y_nm=(self.top_px + step.rows / 2) * pitch_y_nm - fov_y_nm / 2,
            center_x_nm=(self.left_px + step.cols / 2) * pitch_x_nm - fov_x_nm / 2,
        )


def area_of(step: ScanStep, context: ScanContext) -> Area:
    """The rectangle that lies nearest to a step.

    Raises
    ------
    UnsupportedStep
        No rectangle has all its corners within a sample of the step's, or the whole field would have too many pixels.
    """
    (y_nm, x_nm), (height_nm, width_nm) = step.center_nm, step.size_nm
    fov_nm = context.fov_nm[1]
    pitch_nm = math.sqrt((height_nm / step.rows) * (width_nm / step.cols))
    field_px = round(fov_nm / pitch_nm)
    if not max(step.rows, step.cols) <= field_px <= LARGEST_AREA_PX:
        raise UnsupportedStep(
            f"step {step.order} samples every {pitch_nm:.4g} nm, {field_px} over the whole field: this instrument does up "
            f"to {LARGEST_AREA_PX}, raise the magnification or lower the density"
        )
    top = round((y_nm / fov_nm + 0.5) * field_px - step.rows / 2)
    left = round((x_nm / fov_nm + 0.5) * field_px - step.cols / 2)
    area = Area(
        field_px=field_px,
        top_px=min(max(0, top), field_px - step.rows),
        left_px=min(max(0, left), field_px - step.cols),
    )
    apart = apart_samples(step.in_context(), area.grid(step, context))
    if apart > LARGEST_MISPLACEMENT_SAMPLES:
        raise UnsupportedStep(
            f"step {step.order} would lie up to {apart:.2g} samples off its place: this instrument has whole pixels and "
            "one pitch, give rows and cols in the proportion of height and width"
        )
    return area


def scan_settings(told: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `SCAN`; areas as [left, top, width, height], whatever they are called."""
    return {
        "scanMode": int(told["scanMode"]),
        "ExposureTimeValue": float(told["ExposureTimeValue"]),
        "frameIntegration": int(told["frameIntegration"]),
        "ImagingArea": _box(told["ImagingArea"]),
        "AreaModeImagingArea": _box(told["AreaModeImagingArea"]),
    }


STAGE_SETTLE_S = 1.0


def stage_of(stage3: Any, axes: tuple[YX, YX]) -> Stage:
    """A `Stage` on ``TEM3.Stage3``, whose positions are (x, y) in nm.

    Parameters
    ----------
    stage3 : of PyJEM.
    axes : see `Stage`, along x and along y.
    """

    def write(position_nm: YX) -> None:
        stage3.SetX(position_nm[0])
        stage3.SetY(position_nm[1])

    def read() -> YX:
        x, y = stage3.GetPos()[:2]
        return (float(x), float(y))

    def is_still() -> bool:
        return not any(stage3.GetStatus()[:2])

    return Stage(read=read, write=write, is_still=is_still, axes=axes, settle_s=STAGE_SETTLE_S)


def check(parameters: Mapping[str, Any], *, has_stage: bool = False) -> None:
    """Raise `InputError` for a name that is not in `NAMES`, or a value that cannot be."""
    for name, value in parameters.items():
        if name == "stage_nm" and has_stage:
            check_position(value)
        elif name not in NAMES:
            raise InputError(f"parameter {name!r} is none that DeepScan writes: give {', '.join(NAMES)}")
        elif name == "blanked":
            if not isinstance(value, bool):
                raise InputError(f"blanked is {value!r}: give true or false")
        elif name == "scan":
            _check_scan(value)
        else:
            check_finite(name, value)


def _check_scan(value: Any) -> None:
    if not isinstance(value, Mapping) or set(value) != set(SCAN):
        raise InputError(f"scan is {value!r}: give {', '.join(SCAN)}")
    check_positive("ExposureTimeValue", value["ExposureTimeValue"])
    for name in ("scanMode", "frameIntegration"):
        if not isinstance(value[name], int) or isinstance(value[name], bool):
            raise InputError(f"{name} is {value[name]!r}: give a whole number")
    for name in ("ImagingArea", "AreaModeImagingArea"):
        box = value[name]
        is_box = isinstance(box, list) and len(box) == 4 and all(isinstance(side, int) for side in box)
        if not is_box or min(box) < 0 or max(box) > LARGEST_AREA_PX:
            raise InputError(f"{name} is {box!r}: give four whole numbers from 0 to {LARGEST_AREA_PX}")


def _box(area: Mapping[str, Any]) -> list[int]:
    left, top = area.get("X", area.get("Left", 0)), area.get("Y", area.get("Top", 0))
    return [int(left or 0), int(top or 0), int(area["Width"]), int(area["Height"])]
