"""Read a micrograph from a microscope's file, with the bit depth and the calibration it was recorded with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from deepscan_core.errors import InputError
from deepscan_core.files import read_file
from deepscan_core.ingest import archives, isolated, jeol, numpy_files, png_tiff, rosetta, tvips
from deepscan_core.ingest.pictures import Picture, choose, damage_refused
from deepscan_core.ingest.scanning_probe import gxsm, igor, nanonis, nanoscope, omicron, rhk, wsxm
from deepscan_core.ingest.unread import what_it_is
from deepscan_core.records.coordinates import YX
from deepscan_core.records.image import CalibratedImage

if TYPE_CHECKING:
    from deepscan_core.ingest.bars import Crop

ZARR = (".zgroup", ".zattrs", "zarr.json")
Reader = Callable[[Path, bytes], Sequence[Picture]]


def _starts(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(signatures)


# Each reader with the test that a file's content must pass; the first that fits reads it.
READERS: tuple[tuple[Callable[[bytes], bool], Reader], ...] = (
    (_starts(*png_tiff.PLAIN), png_tiff.read_plain),
    (_starts(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"), png_tiff.read_tiff),
    (_starts(b"\x89HDF\r\n\x1a\n"), isolated.read_hdf5),
    (_starts(b"PK\x03\x04"), archives.read_zip),
    (_starts(b"\x93NUMPY"), numpy_files.read_npy),
    (_starts(b":NANONIS_VERSION:"), nanonis.read_sxm),
    (_starts(b"\\*File list", b"\\*Force file list", b"?*File list"), nanoscope.read_nanoscope),
    (_starts(b"WSxM file copyright"), wsxm.read_wsxm),
    (_starts(b"GWYP"), isolated.read_gwy),
    (_starts(b"CDF\x01", b"CDF\x02"), gxsm.read_netcdf),
    (rhk.is_rhk, rhk.read_rhk),
    (omicron.is_scala, omicron.read_scala),
    (tvips.is_tvips, tvips.read_tvips),
    (jeol.is_jeol, jeol.read_jeol),
    (igor.is_binary_wave, igor.read_ibw),
    (rosetta.is_known, rosetta.read_rosetta),
)


def read_image(
    path: str | Path,
    *,
    pixel_size_nm: float | YX | None = None,
    channel: int | str | None = None,
    crop: Crop | Literal["bars"] | None = None,
) -> CalibratedImage:
    """Read one image from a microscope's file; docs/formats.md lists the formats.

    Parameters
    ----------
    path : the file; its content decides how it is read, not its name.
    pixel_size_nm : one number or ``(y, x)``, if known better than the file knows it.
    channel : which page, frame or channel, from 0 or by its name, where the file holds several.
    crop : ``(top, left, rows, cols)`` in px, or ``"bars"`` to leave out what is recognised as an information bar or a
        scale bar; see `deepscan_core.ingest.cropping.crop_image`.

    Returns
    -------
    CalibratedImage with the pixels as recorded, the pixel size where the file gives one as a length, and in its
    `metadata` what the file says of `instrument`, `detector`, `voltage_kv`, `beam_current_pa`, `dwell_time_us`,
    `magnification`, `signal_unit`, `scale_bar_nm`, `image_rows` (those above an information bar), next to `channel`,
    `format` and, where it was cropped, `crop_px`. Nothing is guessed.

    Raises
    ------
    InputError
        No such file, an unknown format, a damaged file, data that are no image, or several images and no `channel`:
        the message lists the choices.
    MissingError
        The format's reader is not installed.
    """
    path = Path(path)
    content = _content(path)
    with damage_refused(path, "a picture"):
        reader = next((reader for fits, reader in READERS if fits(content)), None)
        if reader is None:
            raise InputError(f"{path}: {what_it_is(content)}")
        picture = choose(path, reader(path, content), channel)
        image = CalibratedImage(
            picture.array,
            pixel_size_nm=picture.pixel_size_nm if pixel_size_nm is None else pixel_size_nm,
            name=_as_text(path.name),
            sha256=hashlib.sha256(content).hexdigest(),
            metadata=dict(picture.facts) | ({"channel": picture.name} if picture.name else {}),
        )
    if crop is None:
        return image
    from deepscan_core.ingest.cropping import crop_image

    return crop_image(image, crop)


def _content(path: Path) -> bytes:
    """All of a file, if it is one and the limit of memory allows it."""
    if os.path.isdir(path) and any(os.path.exists(path / name) for name in ZARR):
        raise InputError(f"{path}: is a zarr folder (zspy), which is not opened: save it as hspy or TIFF")
    return read_file(path, "give a readable image file")


def _as_text(name: str) -> str:
    """A file's name as it can be written down; a name need not be text on Linux."""
    return name.encode("utf-8", "replace").decode("utf-8")
