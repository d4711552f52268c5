"""Miniature files of formats of which no real sample is at hand, written from their published layouts."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

ROWS, COLS = 20, 24
HEIGHTS = np.random.default_rng(2).integers(-3000, 3000, (ROWS, COLS)).astype(np.int32)
GREY = np.random.default_rng(1).integers(0, 200, (ROWS, COLS)).astype(np.uint8)


def rhk(
    path: Path, *, x_scale: float = -2e-10, y_scale: float = 3e-10, version: str = "005.006", kind: int = 0
) -> Path:
    """An sm4 file of one page; the scale's signs say which way the lines and points run."""
    texts = ["Topography", *[""] * 6, "m", "m", "m"]
    strings = b"".join(struct.pack("<H", len(text)) + text.encode("utf-16-le") for text in texts)
    page_index, index_at = 58 + 12, 58 + 12 + 16 + 12
    header_at = index_at + 32 + 24
    strings_at = header_at + 180 + 12
    data_at = strings_at + len(strings)
    out = struct.pack("<H", 56) + f"STiMage {version} 1".ljust(18, "\0").encode("utf-16-le")
    out += struct.pack("<5I", 1, 1, 12, 0, 0) + struct.pack("<3I", 1, page_index, 28)
    out += struct.pack("<4I", 1, 1, 0, 0) + struct.pack("<3I", 2, index_at, 56)
    out += bytes(16) + struct.pack("<4I", kind, 0, 2, 6)
    out += struct.pack("<3I", 3, header_at, 180) + struct.pack("<3I", 4, data_at, HEIGHTS.nbytes)
    out += struct.pack("<HH", 170, len(texts)) + struct.pack("<6I", 1, 0, 0, 0, 0, COLS) + struct.pack("<I", ROWS)
    out += struct.pack("<6I", 0, 1, 0, HEIGHTS.nbytes, 0, 0)
    out += struct.pack("<11f", x_scale, y_scale, 1e-12, 0, 0, 0, 5e-9, 0, 0, 0, 0) + struct.pack("<4I", 0, 0, 0, 1)
    out += bytes(64) + struct.pack("<3I", 10, strings_at, len(strings))
    out += strings + HEIGHTS.astype("<i4").tobytes()
    path.write_bytes(out)
    return path


def scala(path: Path) -> Path:
    """A par file with a forward and a backward channel beside it."""
    text = ";\n;               Omicron SPM Control.\n;           Parameter file for SPM data.\n;\n\n"
    text += "Format                          : 1\nField X Size in nm              : 48.0     ;[nm]\n"
    text += f"Field Y Size in nm              : 60.0     ;[nm]\nImage Size in X                 : {COLS}\n"
    text += f"Image Size in Y                 : {ROWS}\n\n"
    for way, letter in (("Forward", "f"), ("Backward", "b")):
        below = [way, "-32767", "32767", "-32.767", "32.767", "0.001", "nm", f"IMG.T{letter.upper()}0", "Z"]
        text += "Topographic Channel             : Z     ;Channel\n" + "".join(
            f"{' ' * 34}{one}   ;x\n" for one in below
        )
        sign = 1 if way == "Forward" else -1
        (path.parent / f"img.t{letter}0").write_bytes((sign * HEIGHTS).astype(">i2").tobytes())
    path.write_text(text, encoding="latin-1")
    return path


def jeol_img(path: Path, *, rows: int = ROWS, cols: int = ROWS) -> Path:
    """A tree of named values with an image of 8 bits."""

    def named(name: str, kind: int = 0, value: bytes = b"", inner: bytes = b"") -> bytes:
        spelt = name.encode() + b"\0"
        return (
            b"\x01"
            + struct.pack("<I", len(spelt))
            + spelt
            + struct.pack("<2I", kind, len(value))
            + value
            + inner
            + b"\xff"
        )

    image = named("Size", 3, struct.pack("<2i", cols, rows)) + named("Title", 12, b"IMG1\0")
    image += named("Bits", 1, GREY[:rows, :cols].tobytes())
    instrument = named("ScanSize\xde".encode("latin-1").decode("latin-1"), 5, struct.pack("<d", 100.0)).replace(
        b"\xc3\x9e", b"\xde"
    )
    instrument = instrument.replace(struct.pack("<I", 11), struct.pack("<I", 10), 1)
    instrument += named("Mag", 5, struct.pack("<d", 50000.0)) + named("AccV", 5, struct.pack("<d", 15.0))
    tree = named("Image", inner=image) + named("Instrument", inner=instrument) + b"\0"
    head = struct.pack("<I", 52) + b"JEOL".ljust(32, b"\0") + struct.pack("<3I", 0, 0, 48)
    path.write_bytes(head + bytes(12) + tree)
    return path


def tvips_stream(path: Path, *, mode: int = 1, frames: int = 3) -> Path:
    """Frames of 16 bits behind headers of 68 bytes."""
    head = struct.pack("<13I", 256, 2, COLS, ROWS, 16, 0, 0, 1, 1, 15600, 200, 50000, 68)
    out = head + (b"TVIPS " * 40)[:204]
    for k in range(frames):
        out += struct.pack("<4If2I", k, 0, 0, 0, 0, 0, mode).ljust(68, b"\0")
        out += (GREY.astype("<u2") + 300 * k).tobytes()
    path.write_bytes(out)
    return path


def tvips_tiff(path: Path, *, mode: int = 1) -> Path:
    """EM-MENU's second header in tag 37706."""
    record = np.zeros(1, tifffile.TIFF.TVIPS_HEADER_V2)
    record["PixelSizeX"], record["PixelSizeY"], record["TemMode"] = 0.5, 0.75, mode
    record["TemHighTension"], record["TemMagnification"], record["Magic"] = 200000, 40000, 0xAAAAAAAA
    first = np.zeros(1, tifffile.TIFF.TVIPS_HEADER_V1)
    first["Version"] = 2
    raw = first.tobytes() + record.tobytes()
    tifffile.imwrite(path, GREY, metadata=None, extratags=[(37706, "B", len(raw), raw, True)])
    return path


def nanoscope(path: Path, *, size: str = "Scan Size: 480 nm", ratio: str = "1:1", pixel: int = 4) -> Path:
    """Version 9: 32-bit integers, the scale in V over the whole range."""
    lines = ["\\*File list", "\\Version: 0x09200000", "\\*Scanner list", "\\@Sens. ZsensSens: V 20.0 nm/V"]
    lines += ["\\*Equipment list", "\\Description: Icon", "\\*Ciao image list", "\\Data offset: 4096"]
    lines += [f"\\Data length: {pixel * ROWS * COLS}", f"\\Bytes/pixel: {pixel}", f"\\Samps/line: {COLS}"]
    lines += [f"\\Number of lines: {ROWS}", f"\\Aspect Ratio: {ratio}", f"\\{size}", "\\Line Direction: Trace"]
    lines += ['\\@2:Image Data: S [ZSensor] "Height Sensor"']
    lines += ["\\@2:Z scale: V [Sens. ZsensSens] (0.006713765 V/LSB) 8.0 V", "\\*File list end"]
    head = "\r\n".join(lines).encode("latin-1").ljust(4096, b"\0")
    path.write_bytes(head + HEIGHTS.astype(f"<i{pixel}").tobytes())
    return path


def wsxm(path: Path) -> Path:
    """Floats behind a header of its own length."""
    head = (
        "WSxM file copyright Nanotec Electronica\r\nSxM Image file\r\nImage header size: 0400\r\n\r\n[Control]\r\n\r\n"
    )
    head += (
        "    X Amplitude: 48 nm\r\n    Y Amplitude: 60 nm\r\n\r\n[General Info]\r\n\r\n    Image Data Type: float\r\n"
    )
    head += f"    Number of columns: {COLS}\r\n    Number of rows: {ROWS}\r\n\r\n[Header end]\r\n"
    path.write_bytes(head.encode("latin-1").ljust(400) + HEIGHTS.astype("<f4").tobytes())
    return path


def jpk(path: Path, *, reflect: int | None = 0) -> Path:
    """A thumbnail page with the grid, and a channel with one linear calibration."""
    grid = [(0x8000, "s", 0, "2.0", True), (0x8042, "d", 1, 24e-9, True), (0x8043, "d", 1, 40e-9, True)]
    channel: list[Any] = [] if reflect is None else [(0x8045, "I", 1, reflect, True)]
    channel += [(0x8051, "I", 1, 0, True), (0x8052, "s", 0, "height", True), (0x8080, "I", 1, 1, True)]
    channel += [(0x8081, "s", 0, "nominal", True), (0x8090, "s", 0, "nominal", True), (0x80A2, "s", 0, "m", True)]
    channel += [(0x80A3, "s", 0, "LinearScaling", True), (0x80A4, "d", 1, 1e-9, True), (0x80A5, "d", 1, 0.0, True)]
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(np.zeros((16, 16), np.uint8), extratags=grid, metadata=None)
        tiff.write(HEIGHTS, extratags=channel, metadata=None)
    return path


def jpk_archive(path: Path, folder: Path) -> Path:
    """What jpk-qi-data is: a zip with the overview image beside the force curves."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.properties", "jpk-data-file=jpk-qi-data\n")
        archive.write(jpk(folder / "overview.jpk"), "data-image.jpk-qi-image")
        archive.writestr("index/0/header.properties", "")
    return path


def velox(path: Path, frames: int = 1) -> Path:
    """Version 10 of Velox's EMD: rows, columns, frames, and metadata as JSON in columns of bytes."""
    import h5py

    metadata = {
        "Core": {"MetadataDefinitionVersion": "7.9"},
        "Instrument": {"InstrumentModel": "Spectra", "InstrumentId": "1"},
        "Acquisition": {"AcquisitionStartDatetime": {"DateTime": "1700000000"}, "BeamType": ""},
        "Optics": {"AccelerationVoltage": "300000", "NominalMagnification": "100000"},
        "Detectors": {"Detector-0": {"DetectorName": "HAADF", "DetectorType": "ScanningDetector"}},
        "BinaryResult": {
            "PixelSize": {"width": "2E-11", "height": "3E-11"},
            "PixelUnitX": "m",
            "PixelUnitY": "m",
            "Offset": {"x": "0", "y": "0"},
            "Detector": "HAADF",
            "DetectorIndex": "0",
        },
        "Scan": {"DwellTime": "4E-6", "FrameTime": "1.5"},
        "Stage": {"Position": {"x": "0", "y": "0", "z": "0"}, "AlphaTilt": "0", "BetaTilt": "0"},
    }
    raw = np.frombuffer(json.dumps(metadata).encode().ljust(4000, b"\0"), np.uint8)
    with h5py.File(path, "w") as file:
        file["Version"] = np.array(['{"format": "Velox", "version": "10"}'], dtype=h5py.string_dtype())
        stack = np.stack([GREY.astype(np.uint16) + k for k in range(frames)], axis=-1)
        file["Data/Image/abc/Data"] = stack
        file["Data/Image/abc/Metadata"] = np.repeat(raw[:, None], frames, axis=1)
        operation = {"detector": "HAADF", "dataPath": "/Data/Image/abc"}
        file["Operations/ImageQueueOperation/op"] = np.array([json.dumps(operation)], dtype=h5py.string_dtype())
        display = {"dataPath": "/Data/Image/abc", "display": {"label": "HAADF"}}
        file["Displays/ImageDisplay/d"] = np.array([json.dumps(display)], dtype=h5py.string_dtype())
    return path


def berkeley(path: Path) -> Path:
    """Version 0.2 of the Berkeley Laboratory's EMD."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs.update({"version_major": 0, "version_minor": 2})
        group = file.create_group("data/image")
        group.attrs["emd_group_type"] = 1
        group["data"] = GREY.T  # x first
        for k, (size, step, name) in enumerate(((COLS, 0.2, "x"), (ROWS, 0.3, "y")), start=1):
            axis = group.create_dataset(f"dim{k}", data=np.arange(size) * step)
            axis.attrs.update({"name": name, "units": "[n_m]"})
    return path


def usid(path: Path, *, points: int = 2) -> Path:
    """A main data set over a grid, x fast."""
    import h5py

    y, x = np.mgrid[:ROWS, :COLS]
    indices = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.uint32)
    with h5py.File(path, "w") as file:
        group = file.create_group("Measurement_000/Channel_000")
        table = np.stack([HEIGHTS.ravel() * (k + 1) for k in range(points)], axis=1)
        main = group.create_dataset("Raw_Data", data=table)
        main.attrs.update({"quantity": "Height", "units": "nm"})
        ancillary = {
            "Position_Indices": indices,
            "Position_Values": indices * np.array([0.2, 0.3]) + 5,
            "Spectroscopic_Indices": np.zeros((1, points), np.uint32),
            "Spectroscopic_Values": np.zeros((1, points)),
        }
        for name, values in ancillary.items():
            one = group.create_dataset(name, data=values)
            one.attrs["labels"] = np.array(["X", "Y"] if "Position" in name else ["Bias"], dtype=h5py.string_dtype())
            one.attrs["units"] = np.array(["um", "um"] if "Position" in name else ["V"], dtype=h5py.string_dtype())
            main.attrs[name] = one.ref
    return path


def gxsm_hdf5(path: Path) -> Path:
    """netCDF-4 as GXSM writes it: times, values, rows, columns; steps in Å."""
    import h5py

    with h5py.File(path, "w") as file:
        field = file.create_dataset("FloatField", data=HEIGHTS[None, None].astype(np.float32))
        field.attrs["unit"] = b"AA"
        for name, value in (("dx", 2.0), ("dy", 3.0), ("dz", 0.5)):
            file[name] = np.array(value)
    return path


def hspy(path: Path) -> Path:
    """A two-dimensional signal as HyperSpy lays it out."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs.update({"file_format": "HyperSpy", "file_format_version": "3.3"})
        group = file.create_group("Experiments/image")
        group.attrs.update({"package": "hyperspy", "package_version": "2.3"})
        group["data"] = GREY
        for k, (size, step, name) in enumerate(((ROWS, 0.3, "y"), (COLS, 0.2, "x"))):
            axis = group.create_group(f"axis-{k}")
            axis.attrs.update({"_type": "UniformDataAxis", "name": name, "units": "nm", "size": size, "scale": step})
            axis.attrs.update({"offset": 0.0, "navigate": False, "is_binned": False})
        for name in ("metadata", "original_metadata", "learning_results"):
            group.create_group(name)
        group["metadata"].create_group("General").attrs["title"] = "HAADF"
    return path


def bomb_tiff(path: Path, side: int = 400_000) -> Path:
    """Some bytes that claim to be a picture of `side` squared pixels."""
    tifffile.imwrite(path, GREY, compression="zlib", metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as file:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tag = file.pages[0].tags[name]
            if tag.dtype == 3:  # 16 bits hold less
                tag.overwrite(side, dtype="I")
            else:
                tag.overwrite(side)
    return path


def bomb_npy(side: int = 400_000) -> bytes:
    """The header of an array of `side` squared numbers, and nothing behind it."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": (side, side)})
    return buffer.getvalue()
