"""Good files to be damaged: a miniature of each family of readers, a protocol, settings, and real files where they are."""

from __future__ import annotations

import io
import json
import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from tests.conftest import SHARED_DATA
from tests.ingest.miniatures import jeol_img, jpk, nanoscope, rhk, scala, tvips_stream, tvips_tiff, wsxm

LARGEST_REAL_BYTES = 400_000
PIXELS = np.random.default_rng(0).integers(0, 4000, (20, 24)).astype(np.uint16)
FEI = "[Beam]\nBeam=EBeam\n[EBeam]\nHV=5000\nBeamCurrent=2e-11\n[Scan]\nPixelWidth=5e-10\nPixelHeight=5e-10\n"
DATA_ITEM = {
    "title": "HAADF",
    "dimensional_calibrations": [{"scale": 0.5, "units": "nm"}, {"scale": 25.0, "units": "pm"}],
    "metadata": {"instrument": {"high_tension": 60000}, "scan": {"pixel_time_us": 3.0}},
}
PROTOCOL = Path(__file__).resolve().parents[1] / "records" / "golden_protocol.json"
SETTINGS = b"""\
# all kinds of values
pixel_size_source = "required"
beam_current_pa = 50
dwell_us = 8.5
max_time_s = 1e3
backbone = "tf_efficientnet_lite0"
backbone_weights = 'weights/mine.safetensors'
clahe = false
"""


def files() -> dict[str, bytes]:
    """Content by file name."""
    made = {name: make() for name, make in _MAKERS.items()} | _miniatures()
    real = sorted((SHARED_DATA / "native").glob("*")) if SHARED_DATA.is_dir() else []
    made |= {path.name: path.read_bytes() for path in real if path.stat().st_size <= LARGEST_REAL_BYTES}
    made.pop("SOURCES.tsv", None)
    return made


def _miniatures() -> dict[str, bytes]:
    """Of the formats that DeepScan reads itself."""
    with tempfile.TemporaryDirectory() as folder:
        makers = (rhk, scala, jeol_img, tvips_stream, tvips_tiff, nanoscope, wsxm, jpk)
        return {f"mini.{make.__name__}": make(Path(folder) / make.__name__).read_bytes() for make in makers}


def _written(write: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def _png(array: np.ndarray) -> bytes:
    return _written(lambda stream: Image.fromarray(array).save(stream, "PNG"))


def _tiff(array: np.ndarray = PIXELS, **how: object) -> bytes:
    return _written(lambda stream: tifffile.imwrite(stream, array, **how))  # type: ignore[arg-type]


def _ome() -> bytes:
    sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "nm"}
    return _tiff(np.stack([PIXELS, PIXELS]), ome=True, metadata={"axes": "CYX", **sizes}, photometric="minisblack")


def _ndata() -> bytes:
    def write(stream: io.BytesIO) -> None:
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("data.npy", _written(lambda inner: np.save(inner, PIXELS)))
            archive.writestr("metadata.json", json.dumps(DATA_ITEM))

    return _written(write)


def _hdf5(fill: Callable[[object], None]) -> bytes:
    import h5py

    def write(stream: io.BytesIO) -> None:
        with h5py.File(stream, "w") as file:
            fill(file)

    return _written(write)


def _nhdf(file: object) -> None:
    file["data/x"] = PIXELS  # type: ignore[index]
    file["data/x"].attrs["properties"] = json.dumps(DATA_ITEM)  # type: ignore[index]


def _dm5(file: object) -> None:
    image = file.create_group("ImageList/[0]")  # type: ignore[attr-defined]
    image.attrs["Name"] = b"HAADF"
    image["ImageData/Data"] = PIXELS
    for k in range(2):
        image.create_group(f"ImageData/Calibrations/Dimension/[{k}]").attrs.update({"Scale": 0.5, "Units": b"nm"})


def _gwy() -> bytes:
    from gwyfile.objects import GwyContainer, GwyDataField

    tree = GwyContainer()
    tree["/0/data/title"] = "Height"
    tree["/0/data"] = GwyDataField(PIXELS.astype(float), xreal=32e-9, yreal=48e-9, si_unit_xy="m", si_unit_z="m")
    return _written(tree.write_file if hasattr(tree, "write_file") else tree.tofile)


def _mrc() -> bytes:
    header = bytearray(1024)
    struct.pack_into("<4i", header, 0, 24, 20, 1, 6)
    struct.pack_into("<3i", header, 28, 24, 20, 1)
    struct.pack_into("<3f", header, 40, 64.0, 72.0, 1.0)
    header[208:216] = b"MAP \x44\x44\0\0"
    return bytes(header) + PIXELS.tobytes()


def _sxm() -> bytes:
    header = (
        ":NANONIS_VERSION:\n2\n:SCANIT_TYPE:\n              FLOAT            MSBFIRST\n"
        ":SCAN_PIXELS:\n       24       20\n:SCAN_RANGE:\n  5.000E-9  4.000E-9\n"
        ":SCAN_DIR:\ndown\n:DATA_INFO:\n\tChannel\tName\tUnit\tDirection\tCalibration\tOffset\n"
        "\t14\tZ\tm\tboth\t1.0E-9\t0.0E+0\n\n:SCANIT_END:\n\n\n"
    )
    return header.encode() + b"\x1a\x04" + np.tile(PIXELS.astype(">f4"), (2, 1)).tobytes()


def _wsxm() -> bytes:
    header = (
        "WSxM file copyright Nanotec\nSxM Image file\nImage header size: 400\n\n[Control]\n\n"
        "    X Amplitude: 12 nm\n    Y Amplitude: 10 nm\n\n[General Info]\n\n    Image Data Type: double\n"
        "    Number of columns: 24\n    Number of rows: 20\n    Z Amplitude: 3 nm\n\n[Header end]\n"
    )
    size = len(header)
    return header.replace("size: 400", f"size: {size}").encode() + PIXELS.astype("<f8").tobytes()


def _nanoscope() -> bytes:
    header = (
        "\\*File list\r\n\\Version: 0x05120130\r\n\\*Ciao image list\r\n\\Data offset: 2048\r\n\\Data length: 960\r\n"
        "\\Bytes/pixel: 2\r\n\\Samps/line: 24\r\n\\Number of lines: 20\r\n\\Scan Size: 500 500 nm\r\n"
        '\\@2:Image Data: S [Height] "Height"\r\n\\@2:Z scale: V [Sens. Zscan] (0.006713765 V/LSB) 0.5 V\r\n'
        "\\*File list end\r\n"
    )
    return header.encode().ljust(2048, b"\0") + PIXELS.astype("<i2").tobytes()


_MAKERS: dict[str, Callable[[], bytes]] = {
    "grey.png": lambda: _png(PIXELS),
    "colour.png": lambda: _png(np.dstack([PIXELS % 256] * 3).astype(np.uint8)),
    "plain.tif": _tiff,
    "deflated.tif": lambda: _tiff(compression="zlib", predictor=True),
    "lzw.tif": lambda: _tiff(compression="lzw"),
    "jpeg.tif": lambda: _tiff((PIXELS % 256).astype(np.uint8), compression="jpeg"),
    "tiled.tif": lambda: _tiff(np.pad(PIXELS, 20), tile=(16, 16), compression="zlib"),
    "big.tif": lambda: _tiff(bigtiff=True),
    "fei.tif": lambda: _tiff(metadata=None, extratags=[(34682, "s", 0, FEI, True)]),
    "imagej.tif": lambda: _tiff(imagej=True, resolution=(2.0, 2.0), metadata={"unit": "nm", "axes": "YX"}),
    "ome.tif": _ome,
    "a.ndata": _ndata,
    "a.nhdf": lambda: _hdf5(_nhdf),
    "a.dm5": lambda: _hdf5(_dm5),
    "a.gwy": _gwy,
    "a.mrc": _mrc,
    "a.sxm": _sxm,
    "a.stp": _wsxm,
    "a.spm": _nanoscope,
}
