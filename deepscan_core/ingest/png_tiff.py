"""PNG, BMP, JPEG and TIFF: pixels as they are, calibration from the tags or the text file of the microscope's maker."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from deepscan_core.errors import DeepScanError, InputError
from deepscan_core.ingest import tiff_tags
from deepscan_core.ingest.companions import read_companion
from deepscan_core.ingest.pictures import Picture, check_array, damage_refused, first_line, split_colours
from deepscan_core.ingest.scanning_probe import jpk
from deepscan_core.ingest.tiff_chain import check_chain
from deepscan_core.memory import check_memory

PLAIN = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"BM": "BMP"}
PLAIN_BYTES = 4  # the most that a band of a pixel takes


def read_plain(path: Path, content: bytes) -> list[Picture]:
    """A PNG, BMP or JPEG picture, or its colours; calibrated where the microscope's text file lies beside it."""
    from PIL import Image

    kind = next(kind for start, kind in PLAIN.items() if content.startswith(start))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit of memory is checked instead
            with Image.open(io.BytesIO(content), formats=[kind]) as image:
                check_array(path, (image.height, image.width, len(image.getbands())), PLAIN_BYTES)
                plain = {"P": "RGB", "1": "L"}.get(image.mode)  # palettes and single bits become numbers
                array = np.asarray(image.convert(plain) if plain else image)
    except DeepScanError:
        raise
    except Exception as error:  # Pillow raises nearly anything on damaged files
        raise InputError(f"{path}: cannot be read as {kind} ({first_line(error)}): give an undamaged file") from None
    if array.dtype == np.int32:  # Pillow widens 16-bit grey in some modes
        array = array.astype(np.uint16) if array.min() >= 0 and array.max() < 1 << 16 else array
    companion = read_companion(path, array.shape)
    size = companion.pixel_size_nm(array) if companion else None
    facts = companion.facts if companion else {"format": kind}
    return [Picture(channel, name, size, facts) for name, channel in split_colours(array)]


def read_tiff(path: Path, content: bytes) -> list[Picture]:
    """The pages; a small copy of the image for showing is not counted."""
    import tifffile

    with damage_refused(path, "TIFF"), tifffile.TiffFile(io.BytesIO(content)) as file:
        check_chain(path, file)
        check_memory(sum(int(page.nbytes) for page in file.pages), f"{path}: what its pages declare")
        if jpk.is_jpk(file):
            return jpk.read_jpk(file)
        tags = _tags(file, path)
        pages: list[Picture] = []
        for k, page in enumerate(_whole_pages(file)):
            size, facts = tags.pixel_size_nm(page), tags.facts
            name = tags.names[k] if k < len(tags.names) else ""
            for colour, array in split_colours(np.asarray(page.asarray()), name):
                pages.append(Picture(array, colour, size, facts))
    return pages


def _tags(file: Any, path: Path) -> tiff_tags.Tags:
    """What the maker's tags say; tags that make no sense say nothing, and the pixels are still read."""
    try:
        tags = tiff_tags.read_tags(file, path)
        for page in file.pages:
            tags.pixel_size_nm(page)
    except Exception:  # tags are free text of many hands
        return tiff_tags.Tags()
    return tags


def _whole_pages(file: Any) -> list[Any]:
    """Without thumbnails: pages marked as reduced, and beside an Olympus SIS page those that are not one."""
    pages = list(file.pages)
    sis = [page for page in pages if tiff_tags.OLYMPUS_SIS in page.tags]
    if sis:
        return sis
    whole = [page for page in pages if not int(page.subfiletype or 0) & 1]
    return whole or pages
