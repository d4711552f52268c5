"""Values to pixels: grey levels, heat colours, scale bars, PNG.

Only the display is scaled here. Scores are never stretched: a colour has one absolute meaning per kind of score.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import check_finite, check_positive
from deepscan_core.records.maps import ScoreMap
from deepscan_core.reporting.drawing import nice_length
from deepscan_core.reporting.wording import short

RGB = npt.NDArray[np.uint8]

DISPLAY_PERCENTILES = (0.5, 99.5)
NEVER_MEASURED_RGB = (58, 68, 92)  # slate: NaN is not a grey level
HEAT_OPACITY = 0.8
VEIL_OPACITY = 0.4  # black between preview and heat, so that lightness grows with the score where the image is mid grey
BACKDROP_GREY = 71  # what the colour bar's translucent colours lie on: mid grey 118 under the veil
_HEAT_START = 0.5  # darker colours of the map would be lost on the image, and to red-blind readers
_HEAT_FADE = 0.75  # how the opacity grows with the score
_LEVEL_SAMPLES = 2_000_000

SCORE_LABELS: Mapping[str, str] = {
    "surprisal": "surprisal, nats",
    "probability": "probability",
    "similarity": "similarity, log-odds",
}
SCORE_ENDS: Mapping[str, tuple[str, str]] = {
    "surprisal": ("ordinary", "rare"),
    "probability": ("unlike the clicks", "like the clicks"),
    "similarity": ("unlike the words", "like the words"),
}
_SURPRISAL_LOW = math.log(4)  # three quarters of the image's ordinary area lie below
_SURPRISAL_HIGH = (math.log(1e4), math.log(1e10))  # floor and ceiling of the hottest colour
_SIMILARITY_HIGH = 0.05


def display_levels(array: npt.NDArray[Any]) -> tuple[float, float]:
    """Black and white level for a display: robust percentiles of what was measured.

    Parameters
    ----------
    array : ndarray of shape (rows, cols) of real numbers; NaN and infinity do not count.

    Returns
    -------
    (black, white), always with black < white; (0, 1) where nothing was measured.
    """
    values = np.asarray(array).ravel()
    values = values[:: max(1, values.size // _LEVEL_SAMPLES)].astype(np.float64)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return (0.0, 1.0)
    black, white = (float(level) for level in np.percentile(values, DISPLAY_PERCENTILES))
    if black == white:
        black, white = float(values.min()), float(values.max())
    if black == white:
        half = 0.5 * max(1.0, abs(black) * 1e-6)
        return (black - half, white + half)
    return (black, white)


def grey_rgb(array: npt.NDArray[Any]) -> RGB:
    """Grey levels for a display.

    Parameters
    ----------
    array : ndarray of shape (rows, cols) of real numbers. NaN is drawn slate blue.

    Returns
    -------
    uint8 ndarray of shape (rows, cols, 3).
    """
    return grey_preview(array, max(array.shape))


def grey_preview(array: npt.NDArray[Any], long_side_px: int) -> RGB:
    """Like `grey_rgb`, averaged over areas so that the long side has at most `long_side_px` pixels."""
    return grey_between(array, display_levels(array), long_side_px)


def grey_between(array: npt.NDArray[Any], levels: tuple[float, float], long_side_px: int) -> RGB:
    """Like `grey_preview`, with given black and white levels: for parts of an image that are to look like the whole."""
    values = np.asarray(array, dtype=np.float64)
    if values.ndim != 2:
        raise InputError(f"a picture of shape {values.shape}: give (rows, cols)")
    black, white = levels
    unit = np.clip((values - black) / (white - black), 0, 1).astype(np.float32)
    unit = shrink(unit, long_side_px)
    measured = np.isfinite(unit)
    grey = np.round(255 * np.where(measured, unit, 0)).astype(np.uint8)
    rgb = np.repeat(grey[:, :, None], 3, axis=2)
    rgb[~measured] = NEVER_MEASURED_RGB
    return rgb


def heat_rgba(values: npt.NDArray[Any], *, low: float, high: float, opacity: float = HEAT_OPACITY) -> RGB:
    """Translucent colours for scores, from the perceptually uniform map *inferno*.

    Parameters
    ----------
    values : ndarray of shape (rows, cols); NaN is transparent.
    low, high : scores of the first and the last colour. At and below `low` nothing is drawn.
    opacity : of the last colour, 0 to 1; it falls to 0 at `low`.

    Returns
    -------
    uint8 ndarray of shape (rows, cols, 4), not premultiplied.
    """
    check_finite("low, high of the heat colours", low, high)
    if low >= high:
        raise InputError(f"heat colours from {low!r} to {high!r}: give low < high")
    if not 0 <= opacity <= 1:
        raise InputError(f"opacity is {opacity!r}: give a number from 0 to 1")
    share = np.nan_to_num(np.clip((np.asarray(values, dtype=np.float64) - low) / (high - low), 0, 1), nan=0.0)
    rgba = np.empty((*share.shape, 4), np.uint8)
    rgba[..., :3] = _heat_table()[np.round(255 * share).astype(np.intp)]
    rgba[..., 3] = np.round(255 * opacity * share**_HEAT_FADE)
    return rgba


def heat_png(values: npt.NDArray[Any], *, low: float, high: float) -> bytes:
    """A PNG file of `heat_rgba` with a palette of 256 colours: a quarter of the bytes, the same colours."""
    from PIL import Image

    palette = heat_rgba(np.linspace(low, high, 256)[None, :], low=low, high=high)[0]
    share = np.nan_to_num(np.clip((np.asarray(values, dtype=np.float64) - low) / (high - low), 0, 1), nan=0.0)
    picture = Image.fromarray(np.round(255 * share).astype(np.uint8))
    picture.putpalette(palette[:, :3].tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True, transparency=palette[:, 3].tobytes())
    return buffer.getvalue()


def heat_levels(score_map: ScoreMap) -> tuple[float, float]:
    """Scores of the first and the last colour, with one absolute meaning per kind of score.

    * probability: 0 to 1;
    * surprisal: from -ln 0.25 to the map's robust maximum, but at least -ln 1e-4 (a map without anything rare stays
      dark) and at most -ln 1e-10 (what is rarer has the same colour);
    * similarity: from 0, as near to the words as to their opposite, to the robust maximum, but at least 0.05.
    """
    if score_map.kind == "probability":
        return (0.0, 1.0)
    robust = float(np.percentile(score_map.values, 99.9))
    if score_map.kind == "surprisal":
        floor, ceiling = _SURPRISAL_HIGH
        return (_SURPRISAL_LOW, min(max(robust, floor), ceiling))
    return (0.0, max(robust, _SIMILARITY_HIGH))


def heat_bar_rgb(n: int) -> RGB:
    """The colour bar: `n` colours from low to high, uint8 (n, 3), as they look on a mid grey under the veil."""
    rgba = heat_rgba(np.linspace(0, 1, n)[None, :], low=0, high=1)[0].astype(np.float64)
    alpha = rgba[:, 3:] / 255
    bar: RGB = np.round(alpha * rgba[:, :3] + (1 - alpha) * BACKDROP_GREY).astype(np.uint8)
    return bar


def nice_scale_bar(fov_x_nm: float, *, share: float = 0.2) -> tuple[float, str]:
    """Length of a scale bar in nm, of the form 1-2-5 and at most `share` of the field of view, and its label.

    >>> nice_scale_bar(300.0), nice_scale_bar(12e3), nice_scale_bar(4.0)
    ((50.0, '50 nm'), (2000.0, '2 µm'), (0.5, '5 Å'))
    """
    check_positive("fov_x_nm of a scale bar", fov_x_nm)
    if not 0 < share <= 1:
        raise InputError(f"share of a scale bar is {share!r}: give a number above 0, at most 1")
    length_nm = nice_length(share * fov_x_nm)
    for unit_nm, unit in ((1e6, "mm"), (1e3, "µm"), (1.0, "nm"), (0.1, "Å")):
        if length_nm >= unit_nm * (1 - 1e-9):
            return (length_nm, f"{short(length_nm / unit_nm)} {unit}")
    return (length_nm, f"{short(length_nm * 1e3)} pm")


def scale_bar_units(pixel_x_nm: float | None, cols: int, *, share: float = 0.2) -> tuple[float, str]:
    """Length of a scale bar in pixels along x, and its label: a number of pixels where the size of one is unknown."""
    if pixel_x_nm is None:
        length_px = nice_length(max(share * cols, 1.0))
        return (length_px, f"{short(length_px)} px")
    length_nm, label = nice_scale_bar(cols * pixel_x_nm, share=share)
    return (length_nm / pixel_x_nm, label)


def shrink(values: npt.NDArray[np.float32], long_side_px: int) -> npt.NDArray[np.float32]:
    """Average over areas until the long side has at most `long_side_px` pixels.

    Parameters
    ----------
    values : float32 ndarray of shape (rows, cols). NaN does not count; an area of NaN alone stays NaN.
    """
    rows, cols = values.shape
    factor = max(rows, cols) / long_side_px
    if factor <= 1:
        return values
    size = (max(1, round(cols / factor)), max(1, round(rows / factor)))
    measured = np.isfinite(values)
    if measured.all():
        return _box_average(values, size)
    weight = _box_average(measured.astype(np.float32), size)
    total = _box_average(np.where(measured, values, 0).astype(np.float32), size)
    return np.where(weight > 1e-6, total / np.maximum(weight, 1e-6), np.nan).astype(np.float32)


def png_bytes(pixels: RGB) -> bytes:
    """A PNG file: uint8 ndarray of shape (rows, cols, 3 or 4). Grey pictures are stored as grey."""
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(pixels))
    if pixels.shape[2] == 3 and (pixels == pixels[:, :, :1]).all():
        picture = picture.convert("L")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def data_uri(png: bytes) -> str:
    """A PNG file as an address that a page carries in itself."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _box_average(values: npt.NDArray[np.float32], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Area average to ``(cols, rows)``."""
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(values)).resize(size, Image.Resampling.BOX)
    averaged: npt.NDArray[np.float32] = np.asarray(picture, dtype=np.float32)
    return averaged


def _heat_table() -> RGB:
    """256 colours, uint8 (256, 3)."""
    from matplotlib import colormaps

    colours = np.asarray(colormaps["inferno"](np.linspace(_HEAT_START, 1, 256)))
    table: RGB = np.round(255 * colours[:, :3]).astype(np.uint8)
    return table
