"""A part of a picture as an image of its own: its pixels, its centre and its field of view are those of the part."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from deepscan_core.errors import InputError
from deepscan_core.ingest.bars import Bar, Crop, bars_of, without_bars
from deepscan_core.records.image import CalibratedImage

FORM = 'give "bars" or TOP,LEFT,ROWS,COLS in whole px'


def parse_crop(text: str) -> Crop | Literal["bars"]:
    """What `crop_text` wrote, or ``bars``; raises `InputError` on anything else."""
    parts = [part.strip() for part in text.split(",")]
    if parts == ["bars"]:
        return "bars"
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        raise InputError(f"crop {text!r} is not understood: {FORM}")
    top, left, rows, cols = (int(part) for part in parts)
    return (top, left, rows, cols)


def crop_text(crop: Crop) -> str:
    """``TOP,LEFT,ROWS,COLS``"""
    return ",".join(map(str, crop))


def crop_image(image: CalibratedImage, crop: Crop | Literal["bars"]) -> CalibratedImage:
    """The part of an image that `crop` names, or what is left of it without the bars that are recognised.

    Parameters
    ----------
    image : as it was read.
    crop : ``(top, left, rows, cols)`` in px, or ``"bars"``; see `deepscan_core.ingest.bars`.

    Returns
    -------
    An image with the name, the pixel size and the hash of the file it came from; its `metadata` says under ``crop_px``
    where it lay. Without bars to crop, the image itself.

    Raises
    ------
    InputError
        The box lies outside the image, or is too small for one.
    """
    if isinstance(crop, str):
        if crop != "bars":
            raise InputError(f"crop {crop!r} is not understood: {FORM}")
        bars = bars_of(image)
        return crop_image(image, without_bars(image.shape, bars)) if bars else image
    top, left, rows, cols = _whole(crop)
    if rows < 1 or cols < 1 or top + rows > image.shape[0] or left + cols > image.shape[1]:
        raise InputError(
            f"crop {crop_text((top, left, rows, cols))} does not fit into {image.name} of {image.shape[0]} x "
            f"{image.shape[1]} px: give TOP,LEFT,ROWS,COLS inside it"
        )
    known = {name: value for name, value in image.metadata.items() if name != "image_rows"}
    return replace(
        image,
        array=np.array(image.array[top : top + rows, left : left + cols]),
        metadata=known | {"crop_px": (top, left, rows, cols)},
    )


def _whole(crop: Any) -> Crop:
    numbers = tuple(crop) if isinstance(crop, tuple | list) else ()
    if len(numbers) != 4 or not all(isinstance(n, int | np.integer) and n >= 0 for n in numbers):
        raise InputError(f"crop {crop!r} is not understood: {FORM}")
    top, left, rows, cols = (int(n) for n in numbers)
    return (top, left, rows, cols)


def crop_notes(image: CalibratedImage, asked: Crop | Literal["bars"] | None) -> tuple[str, ...]:
    """Sentences on what was cropped, and on the bars that are left in an image and how to crop them."""
    notes = []
    cropped = image.metadata.get("crop_px")
    if cropped is not None:
        top, left, rows, cols = cropped
        notes.append(
            f"cropped to {rows} x {cols} px from row {top}, column {left} on: pixels, centre and field of view are "
            "those of the crop"
        )
    if asked == "bars":
        return (*notes,) if notes else ("no information bar or scale bar was recognised: nothing was cropped",)
    bars = bars_of(image)
    if bars:
        parts = " and ".join(_words(bar) for bar in bars)
        left_px = without_bars(image.shape, bars)
        remedy = "--crop bars" if cropped is None else "a smaller --crop"
        notes.append(f"{parts}: no specimen, yet scored with it; {remedy} leaves {left_px[2]} x {left_px[3]} px")
    return tuple(notes)


def _words(bar: Bar) -> str:
    where = f"rows {bar.top} to {bar.top + bar.rows - 1}"
    where += "" if bar.kind == "information bar" else f", columns {bar.left} to {bar.left + bar.cols - 1}"
    how = "named by the file's tags" if bar.from_tags else "recognised"
    article = "an" if bar.kind == "information bar" else "a"
    return f"{article} {bar.kind} is {how} ({where})"
