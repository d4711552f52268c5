"""A micrograph with its calibration."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX, ScanContext, check_positive

SMALLEST_PIXEL_NM, LARGEST_PIXEL_NM = 1e-6, 1e9  # beyond these it is a slip of units
SMALLEST_SIDE_PX = 16  # below this no neighbourhood can be called rare


def as_pixel_size_nm(pixel_size_nm: float | YX | None) -> YX | None:
    """One number, ``(y, x)`` or None to ``(y, x)`` or None; raises `InputError` unless finite and above zero."""
    if pixel_size_nm is None:
        return None
    given: Any = pixel_size_nm
    pair = tuple(given) if isinstance(given, tuple | list | np.ndarray) and np.ndim(given) == 1 else (given, given)
    if len(pair) != 2:
        raise InputError(f"pixel_size_nm is {pixel_size_nm!r}: give one number or (y, x)")
    check_positive("pixel_size_nm", *pair)
    if not all(SMALLEST_PIXEL_NM <= side <= LARGEST_PIXEL_NM for side in pair):
        raise InputError(
            f"pixel_size_nm is {pixel_size_nm!r}: give {SMALLEST_PIXEL_NM:g} to {LARGEST_PIXEL_NM:g} nm a pixel"
        )
    return (float(pair[0]), float(pair[1]))


@dataclass(frozen=True, eq=False)
class CalibratedImage:
    """A two-dimensional image of real numbers with, where known, its pixel size.

    Attributes
    ----------
    array : ndarray of shape (rows, cols), bool, integer or float as it was recorded. NaN marks pixels never measured.
    pixel_size_nm : given as one number or ``(y, x)``, kept as ``(y, x)``; None where not known.
    name : the file's name, or any label.
    sha256 : hash of the file it came from; of the array's bytes where there was none.
    metadata : whatever the file said about the recording; never interpreted silently.
    """

    array: npt.NDArray[Any]
    pixel_size_nm: Any = None
    name: str = "array"
    sha256: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        array = np.asarray(self.array)
        if array.dtype.kind not in "buif":
            raise InputError(f"{self.name}: pixels of type {array.dtype} are not real numbers: give integers or floats")
        if array.ndim != 2:
            raise InputError(f"{self.name}: the array has shape {array.shape}: give one two-dimensional image")
        if min(array.shape) < SMALLEST_SIDE_PX:
            rows, cols = array.shape
            raise InputError(
                f"{self.name}: {rows} x {cols} px is too small: give at least {SMALLEST_SIDE_PX} px a side"
            )
        if array.dtype.kind == "f" and not np.isfinite(array).any():
            raise InputError(f"{self.name}: no pixel holds a finite number: give an image with data")
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "pixel_size_nm", as_pixel_size_nm(self.pixel_size_nm))
        if not self.sha256:
            object.__setattr__(self, "sha256", hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest())

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, cols = self.array.shape
        return (int(rows), int(cols))

    @cached_property
    def content_key(self) -> bytes:
        """The same for pixels of the same shape, type and values, which are taken not to change: it is made once."""
        digest = hashlib.blake2b(repr((self.shape, str(self.array.dtype))).encode())
        digest.update(np.ascontiguousarray(self.array).data)
        return digest.digest()

    def context(self, *, beam_current_pa: float | None = None) -> ScanContext:
        """The image seen as a context scan, its centre at the origin of the specimen."""
        rows, cols = self.shape
        size = self.pixel_size_nm
        return ScanContext(
            rows=rows,
            cols=cols,
            fov_y_nm=None if size is None else rows * size[0],
            fov_x_nm=None if size is None else cols * size[1],
            beam_current_pa=beam_current_pa,
        )
