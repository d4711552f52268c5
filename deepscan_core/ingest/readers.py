"""Read a micrograph from a microscope's file, with the bit depth and the calibration it was recorded with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from deepscan_core.errors import InputError
from deepscan_core.ingest import hdf5_files, nion_files, png_tiff, rosetta
from deepscan_core.ingest.pictures import Picture, choose
from deepscan_core.ingest.scanning_probe import gwyddion, gxsm, igor, nanonis, nanoscope, wsxm
from deepscan_core.records.coordinates import YX
from deepscan_core.records.image import CalibratedImage

if TYPE_CHECKING:
    from deepscan_core.ingest.bars import Crop

Reader = Callable[[Path, bytes], Sequence[Picture]]


def _starts(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(signatures)


# Each reader with the test that a file's content must pass; the first that fits reads it.
READERS: tuple[tuple[Callable[[bytes], bool], Reader], ...] = (
    (_starts(b"\x89PNG\r\n\x1a\n"), png_tiff.read_png),
    (_starts(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"), png_tiff.read_tiff),
    (_starts(b"\x89HDF\r\n\x1a\n"), hdf5_files.read_hdf5),
    (_starts(b"PK\x03\x04"), nion_files.read_zip),
    (_starts(b":NANONIS_VERSION:"), nanonis.read_sxm),
    (_starts(b"\\*File list", b"\\*Force file list", b"?*File list"), nanoscope.read_nanoscope),
    (_starts(b"WSxM file copyright"), wsxm.read_wsxm),
    (_starts(b"GWYP"), gwyddion.read_gwy),
    (_starts(b"CDF\x01", b"CDF\x02"), gxsm.read_netcdf),
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
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}): give a readable image file") from None
    reader = next((reader for fits, reader in READERS if fits(content)), None)
    if reader is None:
        what = "is empty" if not content else "is of no format that DeepScan knows by its content"
        raise InputError(f"{path}: {what}: give a PNG, a TIFF or another microscope file (docs/formats.md)")
    picture = choose(path, reader(path, content), channel)
    image = CalibratedImage(
        picture.array,
        pixel_size_nm=picture.pixel_size_nm if pixel_size_nm is None else pixel_size_nm,
        name=path.name,
        sha256=hashlib.sha256(content).hexdigest(),
        metadata=dict(picture.facts) | ({"channel": picture.name} if picture.name else {}),
    )
    if crop is None:
        return image
    from deepscan_core.ingest.cropping import crop_image

    return crop_image(image, crop)
