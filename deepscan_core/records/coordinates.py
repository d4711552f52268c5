"""The only arithmetic between pixels, fractions and nanometres.

Conventions
-----------
Points are ``(y, x)``, y down and x right. Pixel ``(0, 0)`` has its *centre* at index ``(0.0, 0.0)``, so along an axis of
``n`` pixels ``fraction = (index + 0.5) / n`` and the frame covers the fractions 0 to 1.

Lengths in nm inside a context scan are in the axes of that scan, relative to its centre. The context's own centre and
``rotation_rad`` place it on the specimen. ``rotation_rad`` is positive counter-clockwise *as seen on the screen*, as in
Nion Swift, which means two things that are easily confused:

* a **step** with a positive rotation is a rectangle drawn turned counter-clockwise on the context image;
* a **context** with a positive rotation shows the specimen turned counter-clockwise, so that the beam's fast axis runs
  turned *clockwise* over the specimen.

``docs/coordinates.md`` works a rotated, non-square example through by hand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import CalibrationError, InputError

YX = tuple[float, float]
LARGEST_SEED = 2**32 - 2


def check_finite(name: str, *values: float) -> None:
    """Raise `InputError` if one of the values is not a finite number."""
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not math.isfinite(value):
            raise InputError(f"{name} is {value!r}: give a finite number")


def check_positive(name: str, *values: float) -> None:
    """Raise `InputError` if one of the values is not a finite number above zero."""
    check_finite(name, *values)
    for value in values:
        if value <= 0:
            raise InputError(f"{name} is {value!r}: give a number above zero")


def check_count(name: str, *values: int) -> None:
    """Raise `InputError` if one of the values is not a whole number of at least 1."""
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise InputError(f"{name} is {value!r}: give a whole number of at least 1")


def check_seed(seed: object) -> None:
    """Raise `InputError` unless every generator of random numbers takes the seed, and the one after it."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed <= LARGEST_SEED:
        raise InputError(f"seed is {seed!r}: give a whole number from 0 to {LARGEST_SEED}")


def as_points(name: str, points: object) -> list[YX]:
    """A sequence of pairs ``(y, x)``, or an ndarray of shape (n, 2), as pairs of floats; raises `InputError`."""
    try:
        array = np.asarray(points, dtype=float)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.size == 0 and isinstance(points, list | tuple | np.ndarray) and len(points) == 0:
        return []
    if array.ndim != 2 or array.shape[1] != 2 or not np.isfinite(array).all():
        raise InputError(f"{name} {points!r}: give a list of pairs [(y, x), …] of finite numbers")
    return [(float(y), float(x)) for y, x in array]


def index_to_fraction(index_px: float, n_px: int) -> float:
    """Fraction of an axis of `n_px` pixels at which an index lies: 0 is the first edge, 1 the last."""
    return (index_px + 0.5) / n_px


def fraction_to_index(fraction: float, n_px: int) -> float:
    """Index along an axis of `n_px` pixels at a fraction; the inverse of `index_to_fraction`."""
    return fraction * n_px - 0.5


def rotate_ccw(point: YX, angle_rad: float) -> YX:
    """Turn a ``(y, x)`` vector counter-clockwise as seen on a screen whose y axis points down.

    >>> y, x = rotate_ccw((0.0, 1.0), math.pi / 2)   # from right to up
    >>> round(y, 12), round(abs(x), 12)
    (-1.0, 0.0)
    """
    y, x = point
    cos, sin = math.cos(angle_rad), math.sin(angle_rad)
    return (y * cos - x * sin, x * cos + y * sin)


@dataclass(frozen=True, kw_only=True)
class SamplingGrid:
    """A rectangle of samples lying turned in a plane: a context on the specimen, or a step in its context.

    Attributes
    ----------
    rows, cols : number of samples.
    height_nm, width_nm : extent of the whole rectangle, edge to edge.
    center_y_nm, center_x_nm : centre of the rectangle in the plane.
    ccw_rad : how far the rectangle is turned counter-clockwise in the plane.
    """

    rows: int
    cols: int
    height_nm: float
    width_nm: float
    center_y_nm: float = 0.0
    center_x_nm: float = 0.0
    ccw_rad: float = 0.0

    def __post_init__(self) -> None:
        check_count("rows, cols of a sampling grid", self.rows, self.cols)
        check_positive("height_nm, width_nm of a sampling grid", self.height_nm, self.width_nm)
        check_finite("centre and rotation of a sampling grid", self.center_y_nm, self.center_x_nm, self.ccw_rad)

    def plane_nm(self, index_px: YX) -> YX:
        """Position in the plane, in nm, of a (fractional) sample index."""
        offset = (
            (index_to_fraction(index_px[0], self.rows) - 0.5) * self.height_nm,
            (index_to_fraction(index_px[1], self.cols) - 0.5) * self.width_nm,
        )
        y, x = rotate_ccw(offset, self.ccw_rad)
        return (self.center_y_nm + y, self.center_x_nm + x)

    def index_px(self, plane_nm: YX) -> YX:
        """Sample index, in general fractional, of a position in the plane; the inverse of `plane_nm`."""
        y, x = rotate_ccw((plane_nm[0] - self.center_y_nm, plane_nm[1] - self.center_x_nm), -self.ccw_rad)
        return (
            fraction_to_index(y / self.height_nm + 0.5, self.rows),
            fraction_to_index(x / self.width_nm + 0.5, self.cols),
        )

    def indices_px(
        self, y_nm: npt.NDArray[np.float64], x_nm: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """`index_px` of many positions at once: rows and columns, each in the shape of the broadcast inputs."""
        dy, dx = np.broadcast_arrays(np.asarray(y_nm) - self.center_y_nm, np.asarray(x_nm) - self.center_x_nm)
        cos, sin = math.cos(self.ccw_rad), math.sin(self.ccw_rad)
        v = (dy * cos + dx * sin) / self.height_nm + 0.5
        u = (dx * cos - dy * sin) / self.width_nm + 0.5
        return v * self.rows - 0.5, u * self.cols - 0.5

    def mesh_nm(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Positions in the plane of all samples: two float64 ndarrays of shape (rows, cols), y and x in nm."""
        v = ((np.arange(self.rows) + 0.5) / self.rows - 0.5)[:, None] * self.height_nm
        u = ((np.arange(self.cols) + 0.5) / self.cols - 0.5)[None, :] * self.width_nm
        cos, sin = math.cos(self.ccw_rad), math.sin(self.ccw_rad)
        return self.center_y_nm + v * cos - u * sin, self.center_x_nm + u * cos + v * sin


@dataclass(frozen=True, kw_only=True)
class ScanContext:
    """The full scan a plan refers to: its samples, its field of view and its place on the specimen.

    Attributes
    ----------
    rows, cols : samples of the context scan.
    fov_y_nm, fov_x_nm : field of view, edge to edge; both None where the pixel size is not known.
    center_y_nm, center_x_nm : where its centre lies on the specimen.
    rotation_rad : see the module's conventions.
    beam_current_pa : probe current, None where not known.
    channels : names of the detectors recorded.
    """

    rows: int
    cols: int
    fov_y_nm: float | None = None
    fov_x_nm: float | None = None
    center_y_nm: float = 0.0
    center_x_nm: float = 0.0
    rotation_rad: float = 0.0
    beam_current_pa: float | None = None
    channels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_count("rows, cols of the context", self.rows, self.cols)
        if (self.fov_y_nm is None) != (self.fov_x_nm is None):
            raise InputError(f"fov_y_nm is {self.fov_y_nm!r} and fov_x_nm {self.fov_x_nm!r}: give both or neither")
        if self.fov_y_nm is not None and self.fov_x_nm is not None:
            check_positive("fov_y_nm, fov_x_nm of the context", self.fov_y_nm, self.fov_x_nm)
        check_finite("centre and rotation of the context", self.center_y_nm, self.center_x_nm, self.rotation_rad)
        if self.beam_current_pa is not None:
            check_positive("beam_current_pa of the context", self.beam_current_pa)

    @property
    def is_calibrated(self) -> bool:
        """Whether lengths in nm are known."""
        return self.fov_y_nm is not None

    @property
    def fov_nm(self) -> YX:
        """Field of view ``(y, x)`` in nm; raises `CalibrationError` without a calibration."""
        if self.fov_y_nm is None or self.fov_x_nm is None:
            raise CalibrationError("the image has no pixel size: give it with --pixel-size-nm (pixel_size_nm=)")
        return (self.fov_y_nm, self.fov_x_nm)

    @property
    def pixel_size_nm(self) -> YX:
        """Distance between samples ``(y, x)`` in nm; raises `CalibrationError` without a calibration."""
        fov_y_nm, fov_x_nm = self.fov_nm
        return (fov_y_nm / self.rows, fov_x_nm / self.cols)

    def nm_from_px(self, index_px: YX) -> YX:
        """Index in the context image to nm in the context's own axes, relative to its centre."""
        return self._grid(0.0, 0.0, 0.0).plane_nm(index_px)

    def px_from_nm(self, point_nm: YX) -> YX:
        """The inverse of `nm_from_px`."""
        return self._grid(0.0, 0.0, 0.0).index_px(point_nm)

    def size_nm_from_px(self, size_px: YX) -> YX:
        """Height and width in pixels to nm."""
        pitch_y_nm, pitch_x_nm = self.pixel_size_nm
        return (size_px[0] * pitch_y_nm, size_px[1] * pitch_x_nm)

    def fraction_from_px(self, index_px: YX) -> YX:
        """Index in the context image to fractions of the frame."""
        return (index_to_fraction(index_px[0], self.rows), index_to_fraction(index_px[1], self.cols))

    def px_from_fraction(self, fraction: YX) -> YX:
        """The inverse of `fraction_from_px`."""
        return (fraction_to_index(fraction[0], self.rows), fraction_to_index(fraction[1], self.cols))

    def on_specimen(self) -> SamplingGrid:
        """The context's samples in the plane of the specimen."""
        return self._grid(self.center_y_nm, self.center_x_nm, -self.rotation_rad)

    def specimen_from_nm(self, point_nm: YX) -> YX:
        """Position on the specimen of a point given in the context's axes."""
        y, x = rotate_ccw(point_nm, -self.rotation_rad)
        return (self.center_y_nm + y, self.center_x_nm + x)

    def nm_from_specimen(self, specimen_nm: YX) -> YX:
        """The inverse of `specimen_from_nm`."""
        return rotate_ccw((specimen_nm[0] - self.center_y_nm, specimen_nm[1] - self.center_x_nm), self.rotation_rad)

    def _grid(self, center_y_nm: float, center_x_nm: float, ccw_rad: float) -> SamplingGrid:
        height_nm, width_nm = self.fov_nm
        return SamplingGrid(
            rows=self.rows,
            cols=self.cols,
            height_nm=height_nm,
            width_nm=width_nm,
            center_y_nm=center_y_nm,
            center_x_nm=center_x_nm,
            ccw_rad=ccw_rad,
        )
