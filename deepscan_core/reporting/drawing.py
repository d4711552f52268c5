"""Where things lie on the drawn image, shared by the overlay and by the report.

Drawings are in *units*: one unit is one pixel along x, y is stretched by the pixels' aspect so that lengths and angles
are true, and the origin is the top left *edge* of the frame. A pixel index therefore moves by half a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX, index_to_fraction, rotate_ccw
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.maps import ScoreMap
from deepscan_core.records.protocol import ScanProtocol, ScanStep
from deepscan_core.records.regions import ScanRegion

SAME_PLACE_PX = 1.0


@dataclass(frozen=True, kw_only=True)
class Plate:
    """The frame of the image as a drawing surface.

    Attributes
    ----------
    rows, cols : pixels of the image.
    aspect : height of a pixel over its width.
    pixel_x_nm : width of a pixel, None without calibration.
    """

    rows: int
    cols: int
    aspect: float = 1.0
    pixel_x_nm: float | None = None

    @classmethod
    def of(cls, image: CalibratedImage) -> Plate:
        """The plate of an image."""
        rows, cols = image.shape
        if image.pixel_size_nm is None:
            return cls(rows=rows, cols=cols)
        y_nm, x_nm = image.pixel_size_nm
        return cls(rows=rows, cols=cols, aspect=y_nm / x_nm, pixel_x_nm=x_nm)

    @property
    def width(self) -> float:
        """Width in units."""
        return float(self.cols)

    @property
    def height(self) -> float:
        """Height in units."""
        return self.rows * self.aspect

    @property
    def unit(self) -> float:
        """A hundredth of the frame's width (of a tall frame: a little more), the measure of letters and margins."""
        return max(self.width, 0.8 * self.height) / 100

    def point(self, index_px: YX) -> tuple[float, float]:
        """``(x, y)`` in units of an image index ``(y, x)``."""
        y_px, x_px = index_px
        return (index_to_fraction(x_px, self.cols) * self.width, index_to_fraction(y_px, self.rows) * self.height)


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle to draw, in units.

    Attributes
    ----------
    number : its place in the visiting order; None for a region that the plan leaves out.
    cx, cy, width, height : centre and size before it is turned.
    ccw_rad : how far it is turned counter-clockwise on the screen.
    title : one line for people.
    """

    number: int | None
    cx: float
    cy: float
    width: float
    height: float
    ccw_rad: float = 0.0
    title: str = ""

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """The four corners ``(x, y)``, from the top left one clockwise before turning."""
        half = (self.height / 2, self.width / 2)
        signs = ((-1, -1), (-1, 1), (1, 1), (1, -1))
        turned = (rotate_ccw((sy * half[0], sx * half[1]), self.ccw_rad) for sy, sx in signs)
        return tuple((self.cx + x, self.cy + y) for y, x in turned)

    @property
    def turn_deg(self) -> float:
        """How far it is turned counter-clockwise, in degrees."""
        return math.degrees(self.ccw_rad)

    def label_at(self, plate: Plate, size: float) -> tuple[float, float]:
        """Where the middle of the number goes, for letters `size` units high: inside the first corner if it fits.

        A small box has its number above it, or below it at the top of the frame.
        """
        need = size * (0.7 * len(str(self.number)) + 0.7)
        if self.width >= 1.15 * need and self.height >= 1.9 * size:
            y, x = rotate_ccw((-self.height / 2 + 0.95 * size, -self.width / 2 + 0.5 * need), self.ccw_rad)
            x, y = self.cx + x, self.cy + y
        else:
            ys = [corner[1] for corner in self.corners]
            x, y = self.cx, min(ys) - 0.75 * size if min(ys) > 1.5 * size else max(ys) + 0.75 * size
        return (
            min(max(x, need / 2), max(plate.width - need / 2, need / 2)),
            min(max(y, 0.7 * size), max(plate.height - 0.7 * size, 0.7 * size)),
        )

    def reaches(self, area: tuple[float, float, float, float]) -> bool:
        """Whether the box's bounds overlap an area ``(left, top, right, bottom)``."""
        xs, ys = [x for x, _ in self.corners], [y for _, y in self.corners]
        return min(xs) < area[2] and max(xs) > area[0] and min(ys) < area[3] and max(ys) > area[1]

    def holds(self, point: tuple[float, float]) -> bool:
        """Whether a point ``(x, y)`` lies inside or on an edge."""
        y, x = rotate_ccw((point[1] - self.cy, point[0] - self.cx), -self.ccw_rad)
        return abs(x) <= self.width / 2 and abs(y) <= self.height / 2


def check_same_frame(image: CalibratedImage, score_map: ScoreMap, protocol: ScanProtocol | None) -> None:
    """Raise `InputError` unless image, score map and plan have the same rows and columns."""
    if score_map.shape != image.shape:
        raise InputError(f"a score map of {score_map.shape} over an image of {image.shape}: give the image's own map")
    if protocol is not None and (protocol.context.rows, protocol.context.cols) != image.shape:
        planned = (protocol.context.rows, protocol.context.cols)
        raise InputError(f"a protocol for a context of {planned} over an image of {image.shape}: give the image's own")


def plan_boxes(plate: Plate, regions: Sequence[ScanRegion], protocol: ScanProtocol | None) -> tuple[Box, ...]:
    """The boxes to draw: the plan's steps in visiting order, then, without a number, regions it leaves out.

    Without a protocol the regions count as visited in their own order.
    """
    if protocol is None:
        return tuple(_region_box(plate, region, number) for number, region in enumerate(regions, 1))
    left_out = (region for region in regions if not _is_visited(region, protocol.steps))
    planned = [step_box(plate, step) for step in protocol.steps]
    return (*planned, *(_region_box(plate, region, None) for region in left_out))


def step_box(plate: Plate, step: ScanStep) -> Box:
    """The box of a step."""
    cx, cy = plate.point((step.center_y_px, step.center_x_px))
    return Box(
        number=step.order,
        cx=cx,
        cy=cy,
        width=step.width_px,
        height=step.height_px * plate.aspect,
        ccw_rad=step.rotation_rad,
        title=f"{step.order}: {step.reason}" if step.reason else f"Step {step.order}",
    )


def regions_are_steps(regions: Sequence[ScanRegion], steps: Sequence[ScanStep]) -> bool:
    """Whether region k and step k are the same place, so that one number names both."""
    return len(regions) == len(steps) and all(
        math.dist(region.center_px, (step.center_y_px, step.center_x_px)) <= SAME_PLACE_PX
        for region, step in zip(regions, steps, strict=True)
    )


def nice_length(longest: float) -> float:
    """The largest number of the form 1, 2 or 5 times a power of ten that is not above `longest`.

    >>> nice_length(73), nice_length(0.3), nice_length(5)
    (50.0, 0.2, 5.0)
    """
    if not (math.isfinite(longest) and longest > 0):
        raise InputError(f"a length of {longest!r}: give a finite number above zero")
    exponent = math.floor(math.log10(longest))
    candidates = [lead * 10.0**power for power in (exponent - 1, exponent, exponent + 1) for lead in (1, 2, 5)]
    return max(float(f"{c:.0e}") for c in candidates if c <= longest * (1 + 1e-9))


def nice_ticks(low: float, high: float, at_most: int = 6) -> tuple[float, ...]:
    """Round numbers from `low` to `high`, evenly spaced by a 1-2-5 step; at most `at_most` of them.

    >>> nice_ticks(0.69, 9.2)
    (2.0, 4.0, 6.0, 8.0)
    """
    step = nice_length((high - low) / 2)
    for candidate in (nice_length((high - low) / share) for share in (20, 10, 8, 5, 4, 3, 2)):
        if (high - low) / candidate < at_most:
            step = candidate
            break
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(float(f"{k * step:.12g}") for k in range(first, last + 1))


def _region_box(plate: Plate, region: ScanRegion, number: int | None) -> Box:
    cx, cy = plate.point(region.center_px)
    height, width = region.size_px
    name = "Not in the plan" if number is None else f"{number}"
    return Box(
        number=number,
        cx=cx,
        cy=cy,
        width=width,
        height=height * plate.aspect,
        title=f"{name}: {region.label}" if region.label else name,
    )


def _is_visited(region: ScanRegion, steps: Sequence[ScanStep]) -> bool:
    """Whether some step has its centre inside the region."""
    top, left, bottom, right = region.bounds_px
    return any(top <= s.center_y_px <= bottom and left <= s.center_x_px <= right for s in steps)
