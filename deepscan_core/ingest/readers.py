"""Read a micrograph from a file, with the bit depth it was recorded with."""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deepscan_core.errors import InputError
from deepscan_core.records.coordinates import YX
from deepscan_core.records.image import CalibratedImage

FORMATS = (".png", ".tif", ".tiff")
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
TIFF_SIGNATURES = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def read_image(
    path: str | Path, *, pixel_size_nm: float | YX | None = None, channel: int | None = None
) -> CalibratedImage:
    """Read a PNG or TIFF file of one grey image.

    Parameters
    ----------
    path : the file; its content decides how it is read, not its name.
    pixel_size_nm : one number or ``(y, x)``, if known.
    channel : which page or channel, from 0, where the file holds several.

    Returns
    -------
    CalibratedImage with the pixels as recorded: 8, 16 or 32 bit integers or floats.

    Raises
    ------
    InputError
        No such file, another format, a damaged file, or several images and no `channel`: the message lists the choices.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}): give a readable {_formats()} file") from None
    if content.startswith(PNG_SIGNATURE):
        pages = _read_png(path, content)
    elif content.startswith(TIFF_SIGNATURES):
        pages = _read_tiff(path, content)
    else:
        raise InputError(f"{path}: is neither PNG nor TIFF by its content: give a {_formats()} file")
    array = _one_channel(path, pages, channel)
    digest = hashlib.sha256(content).hexdigest()
    return CalibratedImage(array, pixel_size_nm=pixel_size_nm, name=path.name, sha256=digest)


def _formats() -> str:
    return ", ".join(FORMATS)


def _read_png(path: Path, content: bytes) -> list[npt.NDArray[Any]]:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
                plain = {"P": "RGB", "1": "L"}.get(image.mode)  # palettes and single bits become numbers
                array = np.asarray(image.convert(plain) if plain else image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{path}: cannot be read as PNG ({_first_line(error)}): give an undamaged file") from None
    if array.dtype == np.int32:  # Pillow widens 16-bit grey in some modes
        array = array.astype(np.uint16) if array.min() >= 0 and array.max() < 1 << 16 else array
    return _split_channels(array)


def _read_tiff(path: Path, content: bytes) -> list[npt.NDArray[Any]]:
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            arrays = [page.asarray() for page in file.pages]
    except Exception as error:  # tifffile and its codecs raise nearly anything on damaged files
        raise InputError(f"{path}: cannot be read as TIFF ({_first_line(error)}): give an undamaged file") from None
    pages: list[npt.NDArray[Any]] = []
    for array in arrays:
        pages.extend(_split_channels(np.asarray(array)))
    if not pages:
        raise InputError(f"{path}: holds no image: give a file with one")
    return pages


def _split_channels(array: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """One array a channel; colour that is grey counts once, an opaque alpha channel not at all."""
    if array.ndim == 3 and array.shape[2] in (2, 4):  # grey + alpha, RGB + alpha
        array = array[..., :-1]
    if array.ndim == 3 and array.shape[2] in (1, 3):
        channels = [array[..., k] for k in range(array.shape[2])]
        same = all(np.array_equal(channels[0], other) for other in channels[1:])
        return channels[:1] if same else channels
    if array.ndim == 3:
        return list(array)
    return [array]


def _one_channel(path: Path, pages: list[npt.NDArray[Any]], channel: int | None) -> npt.NDArray[Any]:
    choices = ", ".join(f"{k} ({' x '.join(map(str, page.shape))})" for k, page in enumerate(pages[:12]))
    if channel is None:
        if len(pages) > 1:
            raise InputError(f"{path}: holds {len(pages)} images: choose one with --channel: {choices}")
        return pages[0]
    if not 0 <= channel < len(pages):
        raise InputError(f"{path}: has no channel {channel}: choose one of {choices}")
    return pages[channel]


def _first_line(error: BaseException) -> str:
    if "BytesIO" in str(error):
        return "its content is damaged"
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
