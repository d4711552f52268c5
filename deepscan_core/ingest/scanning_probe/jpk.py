"""JPK images (jpk, jpk-qi-image): TIFF pages with JPK's own tags."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepscan_core.ingest.pictures import Picture, facts, length_nm, pixel_size, scaled

HIGH_M, WIDE_M = 0x8043, 0x8042  # slow and fast axis
NAME, RETRACE, REFLECT = 0x8052, 0x8051, 0x8045
SLOTS, DEFAULT_SLOT, FIRST_SLOT, NEXT_SLOT = 0x8080, 0x8081, 0x8090, 0x30
MOST_SLOTS = 100
UNIT, SCALING, FACTOR, OFFSET = 0x12, 0x13, 0x14, 0x15  # of a slot, from its start


def is_jpk(file: Any) -> bool:
    """Whether the first page bears JPK's format version and scan size."""
    tags = file.pages[0].tags
    return 0x8000 in tags and WIDE_M in tags and HIGH_M in tags


def read_jpk(file: Any) -> list[Picture]:
    """Every channel but the thumbnail, in the unit of its default calibration, row 0 on top.

    The first line of a scan is stored first and lies at the bottom, unless the grid is reflected (as Gwyddion and
    AFMReader have it).
    """
    high = scaled(file.pages[0].tags.valueof(HIGH_M), 1.0)
    wide = scaled(file.pages[0].tags.valueof(WIDE_M), 1.0)
    pictures = []
    for page in file.pages:
        if SLOTS not in page.tags:
            continue
        array = np.asarray(page.asarray())
        rows, cols = array.shape[:2]
        side = pixel_size(length_nm((high or 0) / rows, "m"), length_nm((wide or 0) / cols, "m"))
        reflected = page.tags.valueof(REFLECT) or (REFLECT not in page.tags and file.pages[0].tags.valueof(REFLECT))
        array, unit = _calibrated(page.tags, array if reflected else array[::-1])
        name = f"{page.tags.valueof(NAME) or 'channel'} {'retrace' if page.tags.valueof(RETRACE) else 'trace'}"
        pictures.append(Picture(array, name, side, facts(format="JPK", signal_unit=unit)))
    return pictures


def _calibrated(tags: Any, array: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], str]:
    for k in range(min(int(tags.valueof(SLOTS)), MOST_SLOTS)):
        start = FIRST_SLOT + NEXT_SLOT * k
        if tags.valueof(start) == tags.valueof(DEFAULT_SLOT) and tags.valueof(start + SCALING) == "LinearScaling":
            factor, offset = float(tags.valueof(start + FACTOR)), float(tags.valueof(start + OFFSET))
            return (array * factor + offset, str(tags.valueof(start + UNIT) or ""))
    return (array, "")
