"""Files and arguments that nobody could mean, as data: how each is made, and what the refusal must name."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tifffile
from PIL import Image

from tests.conftest import spot_image

MARKER = "executed"  # a file that a smuggled command would write


class Smuggled:
    """Unpickling this writes a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch {self.folder / MARKER}",))


def saved(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def tiff(folder: Path, array: np.ndarray, **how: Any) -> Path:
    path = folder / "image.tif"
    tifffile.imwrite(path, array, **how)
    return path


def tiff_bytes() -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, spot_image((64, 64), [(30.0, 30.0)]).astype(np.float32))
    return stream.getvalue()


def png_bytes(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG")
    return stream.getvalue()


def png_that_declares(cols: int, rows: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", cols, rows, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def npy_bytes(array: np.ndarray, *, allow_pickle: bool = False) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=allow_pickle)
    return stream.getvalue()


def zip_bytes(members: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def ndata_of_objects(folder: Path) -> Path:
    objects = np.array([[Smuggled(folder)] * 32] * 32, dtype=object)
    members = {"data.npy": npy_bytes(objects, allow_pickle=True), "metadata.json": b"{}"}
    return saved(folder, "smuggled.ndata", zip_bytes(members))


def hdf5_without_image(folder: Path) -> Path:
    path = folder / "empty.h5"
    with h5py.File(path, "w") as file:
        file.attrs["note"] = "nothing here"
    return path


def linked(folder: Path, target: str) -> Path:
    path = folder / "link.tif"
    path.symlink_to(target)
    return path


def fifo(folder: Path) -> Path:
    path = folder / "pipe.tif"
    os.mkfifo(path)
    return path


def folder_named_tiff(folder: Path) -> Path:
    path = folder / "folder.tif"
    path.mkdir()
    return path


def noise(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.random.default_rng(0).normal(100, 10, shape).astype(dtype)


# What is made in an empty folder and given to ``deepscan run``, with what the one line must say.
FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "absent": (lambda d: d / "absent.tif", "No such file"),
    "directory": (folder_named_tiff, "is a folder"),
    "empty": (lambda d: saved(d, "a.tif", b""), "is empty"),
    "text as TIFF": (lambda d: saved(d, "a.tif", b"hello world\n" * 50), "is text, no image"),
    "text as PNG": (lambda d: saved(d, "a.png", b"hello world\n" * 50), "is text, no image"),
    "JPEG of zeros": (lambda d: saved(d, "a.tif", b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(99)), "undamaged file"),
    "unknown bytes": (lambda d: saved(d, "a.tif", bytes(range(1, 200))), "no format"),
    "TIFF cut short": (lambda d: saved(d, "a.tif", tiff_bytes()[:900]), "undamaged file"),
    "TIFF of a header alone": (lambda d: saved(d, "a.tif", b"II*\x00"), "undamaged file"),
    "TIFF whose directory bites its tail": (
        lambda d: saved(d, "a.tif", b"II*\x00\x08\x00\x00\x00" + b"\x00\x00" + b"\x08\x00\x00\x00" + bytes(64)),
        "a.tif",
    ),
    "PNG cut short": (
        lambda d: saved(d, "a.png", png_bytes(noise(64, 64).clip(0, 255).astype(np.uint8))[:600]),
        "undamaged file",
    ),
    "one pixel": (lambda d: saved(d, "a.png", png_bytes(np.zeros((1, 1), np.uint8))), "too small"),
    "one row": (lambda d: tiff(d, noise(1, 900)), "too small"),
    "constant": (lambda d: tiff(d, np.full((64, 64), 7, np.uint16)), "every pixel is 7"),
    "all NaN": (lambda d: tiff(d, np.full((64, 64), np.nan, np.float32)), "no pixel holds a finite number"),
    "all infinite": (lambda d: tiff(d, np.full((64, 64), np.inf, np.float32)), "no pixel holds a finite number"),
    "complex": (lambda d: tiff(d, noise(64, 64, dtype=np.complex64)), "not real numbers"),
    "stack": (lambda d: tiff(d, noise(3, 64, 64), photometric="minisblack"), "--channel"),
    "colour": (lambda d: tiff(d, noise(64, 64, 3).astype(np.uint8), photometric="rgb"), "--channel"),
    "PNG bomb": (lambda d: saved(d, "a.png", png_that_declares(60_000, 60_000)), "a.png"),
    "PNG that lies": (lambda d: saved(d, "a.png", png_that_declares(2000, 2000)), "undamaged file"),
    "pickle": (lambda d: saved(d, "a.dm3", pickle.dumps(Smuggled(d))), "is a Python pickle (never opened)"),
    "array of objects": (
        lambda d: saved(d, "a.npy", npy_bytes(np.array([Smuggled(d)]), allow_pickle=True)),
        "pickled objects",
    ),
    "array of one dimension": (lambda d: saved(d, "a.npy", npy_bytes(noise(900))), "holds an array of 900"),
    "array that lies": (
        lambda d: saved(d, "a.npy", npy_bytes(noise(32, 32)).replace(b"(32, 32)", b"(32, 99)")),
        "undamaged file",
    ),
    "ndata of objects": (ndata_of_objects, "smuggled.ndata"),
    "zip of text": (lambda d: saved(d, "a.ndata", zip_bytes({"read.me": b"text"})), "a.ndata"),
    "zip cut short": (
        lambda d: saved(d, "a.ndata", zip_bytes({"data.npy": npy_bytes(noise(32, 32))})[:500]),
        "a.ndata",
    ),
    "HDF5 without an image": (hdf5_without_image, "it is empty"),
    "HDF5 cut short": (lambda d: saved(d, "a.h5", hdf5_without_image(d).read_bytes()[:300]), "a.h5"),
    "DM3 of zeros": (lambda d: saved(d, "a.dm3", b"\x00\x00\x00\x03" + bytes(200)), "a.dm3"),
    "DM4 of noise": (lambda d: saved(d, "a.dm4", b"\x00\x00\x00\x04" + os.urandom(300)), "a.dm4"),
    "Nanonis header alone": (lambda d: saved(d, "a.sxm", b":NANONIS_VERSION:\n2\n:SCANIT_END:\n\n"), "a.sxm"),
    "Nanoscope header alone": (lambda d: saved(d, "a.spm", b"\\*File list\r\n\\*File list end\r\n"), "a.spm"),
    "WSxM of text": (lambda d: saved(d, "a.stp", b"WSxM file copyright\nimage header size: x\n"), "a.stp"),
    "Gwyddion of noise": (lambda d: saved(d, "a.gwy", b"GWYP" + bytes(range(256))), "a.gwy"),
    "netCDF of noise": (lambda d: saved(d, "a.nc", b"CDF\x01" + bytes(range(256))), "a.nc"),
    "MRC of zeros": (lambda d: saved(d, "a.mrc", bytes(208) + b"MAP " + bytes(812)), "a.mrc"),
    "symlink loop": (lambda d: linked(d, "link.tif"), "link.tif"),
    "dangling symlink": (lambda d: linked(d, "nowhere.tif"), "No such file"),
    "named pipe": (fifo, "is no plain file"),
    "device without end": (lambda d: linked(d, "/dev/zero"), "is no plain file"),
    "name too long": (lambda d: d / ("n" * 3000), "cannot be read"),
    "name with a null byte": (lambda d: d / "a\0b.tif", "cannot be read"),
    "name with a line break": (lambda d: saved(d, "two\nlines.tif", b"no image"), "two lines.tif"),
    "name of other alphabets": (lambda d: saved(d, "образец 试样 ☢.tif", b"no image"), "образец 试样 ☢.tif"),
}

# Arguments that are added to a good ``deepscan run IMAGE``.
RUN_ARGUMENTS: tuple[tuple[list[str], str], ...] = (
    (["--pixel-size-nm", "nan"], "nan"),
    (["--pixel-size-nm", "-1"], "-1"),
    (["--pixel-size-nm", "0"], "pixel_size_nm is 0"),
    (["--pixel-size-nm", "1e99"], "1e+99"),
    (["--pixel-size-nm", "1,2,3"], "not Y,X"),
    (["--pixel-size-nm", "small"], "not a number"),
    (["--pixel-size-source", "guess"], "guess"),
    (["--channel", "3"], "no channel 3"),
    (["--channel", "-1"], "no channel -1"),
    (["--channel", "HAADF"], "no channel HAADF"),
    (["--channel", "9" * 5000], "no channel"),
    (["--crop", "bar"], "TOP,LEFT,ROWS,COLS"),
    (["--crop", "0,0,900,20"], "does not fit into spots.tif of 96 x 128 px"),
    (["--crop", "0,0,-1,nan"], "TOP,LEFT,ROWS,COLS"),
    (["--crop", "30,0,40,128", "--positive", "80,20"], "80"),
    (["--positive", "9999,3"], "9999"),
    (["--positive=-5,3"], "-5"),
    (["--positive", "nan,3"], "nan"),
    (["--positive", "1e400,3"], "1e400"),
    (["--positive", "3"], "not Y,X"),
    (["--positive", "3,3", "--negative", "200,3"], "200"),
    (["--negative", "3,3"], "positive"),
    (["--positive", "=3,3"], "not NAME=Y,X"),
    (["--positive", "crack=3"], "not Y,X"),
    (["--positive", " =3,3"], "class ' '"),
    (["--positive", "a\nb=3,3"], "class 'a\\nb'"),
    (["--positive", "n" * 90 + "=3,3"], "1 to 80 letters"),
    (["--positive", "crack=3,3", "--positive", "pore=3,3"], "positive and as negative"),
    (["--labels", "absent.json"], "absent.json"),
    (["--labels", "."], "is a folder"),
    (["--labels", "spots.tif"], "holds no labels"),
    (["--save-labels", "labels.json"], "without a click"),
    (["--positive", "3,3", "--save-labels", "no/labels.json"], "folder that exists"),
    (["--positive", "3,3", "--save-labels", "."], "folder that exists"),
    (["--positive", "3,3", "--save-labels", "spots.tif"], "exists"),
    (["--query", ""], "empty"),
    (["--query", "cracks", "--clip-checkpoint", "absent.pt"], "absent.pt"),
    (["--area-fraction", "2"], "area_fraction is 2"),
    (["--area-fraction", "0"], "area_fraction is 0"),
    (["--area-fraction", "-0.1"], "area_fraction is -0.1"),
    (["--area-fraction", "0.1", "--expected-false-regions", "1"], "not allowed with"),
    (["--false-share", "1"], "false_share is 1"),
    (["--false-share", "0.1", "--expected-false-regions", "1"], "not allowed with"),
    (["--expected-false-regions", "0"], "expected_false_regions"),
    (["--expected-false-regions", "-3"], "expected_false_regions"),
    (["--expected-false-regions", "inf"], "not a finite number"),
    (["--level", "nan"], "not a finite number"),
    (["--region-size-px", "900"], "900"),
    (["--region-size-px", "0"], "region size is 0"),
    (["--region-size-px", "-3"], "region size is -3"),
    (["--region-size-px", "1e300"], "1e+300"),
    (["--region-size-px", "3,4,5"], "not Y,X"),
    (["--region-size-nm", "9"], "--pixel-size-nm"),
    (["--region-size-nm", "9", "--region-size-px", "9"], "not allowed with"),
    (["--density", "0"], "density is 0"),
    (["--density", "-2"], "density is -2"),
    (["--density", "1e9"], "1e+09"),
    (["--density", "100", "--region-size-px", "90", "--area-fraction", "1"], "8192 a side"),
    (["--density", "1e-9"], "density"),
    (["--dwell-us", "0"], "dwell"),
    (["--dwell-us", "-1"], "dwell"),
    (["--dwell-us", "1e12"], "dwell"),
    (["--pixel-size-nm", "1", "--beam-current-pa", "0"], "is 0.0: give a number"),
    (["--pixel-size-nm", "1", "--beam-current-pa", "-5"], "is -5.0: give a number"),
    (["--max-dose-e-per-nm2", "10"], "pixel size"),
    (["--pixel-size-nm", "1", "--max-dose-e-per-nm2", "0"], ") is 0.0: give a number above zero"),
    (["--pixel-size-nm", "1", "--max-dose-e-per-nm2", "1e-12"], "dose"),
    (["--max-time-s", "0"], ") is 0.0: give a number above zero"),
    (["--max-time-s", "1e-9"], "1e-09"),
    (["--max-memory-gb", "0"], "above zero"),
    (["--max-memory-gb", "1e-6"], "limit"),
    (["--backbone", "regnety_04"], "regnety_004"),
    (["--backbone", ""], "backbone ''"),
    (["--backbone", "../../etc/passwd"], "backbone"),
    (["--backbone", "tf_efficientnet_lite0", "--device", "banana"], "device 'banana'"),
    (["--backbone", "tf_efficientnet_lite0", "--backbone-weights", "absent.pth"], "absent.pth"),
    (["--denoise", "magic"], "magic"),
    (["--scorer", "oracle"], "oracle"),
    (["--seed", "-1"], "--seed"),
    (["--seed", "1.5"], "1.5"),
    (["--seed", "1" + "0" * 400], "--seed"),
    (["--settings", "absent.toml"], "absent.toml"),
    (["--unknown"], "--unknown"),
    (["--pixel"], "--pixel"),
)


def changed(change: Callable[[dict[str, Any]], None]) -> Callable[[str], str]:
    """A protocol's text with something in it changed."""

    def apply(text: str) -> str:
        document = json.loads(text)
        change(document)
        return json.dumps(document)

    return apply


def _set(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return change


# A good protocol's text made bad, for ``deepscan execute``.
PROTOCOLS: dict[str, tuple[Callable[[str], str | bytes], str]] = {
    "empty": (lambda text: "", "not JSON"),
    "text": (lambda text: "scan everything", "not JSON"),
    "a list": (lambda text: "[]", "protocol"),
    "cut short": (lambda text: text[: len(text) // 2], "not JSON"),
    "two documents": (lambda text: text + text, "not JSON"),
    "a billion brackets": (lambda text: "[" * 200_000, "not JSON"),
    "UTF-16": (lambda text: text.encode("utf-16"), "cannot be read as a protocol"),
    "NaN": (lambda text: text.replace('"priority":', '"priority": NaN, "was":', 1), "NaN"),
    "a key twice": (lambda text: text.replace('"steps":', '"limits": {}, "steps":', 1), "twice"),
    "unknown version": (changed(_set("schema_version", value=99)), "schema_version"),
    "unknown key": (changed(_set("macro", value="rm -rf")), "macro"),
    "no source": (changed(lambda document: document.pop("source")), "source"),
    "text for a number": (changed(_set("steps", 0, "dwell_time_us", value="8")), "dwell_time_us"),
    "negative dwell": (changed(_set("steps", 0, "dwell_time_us", value=-8)), "dwell_time_us"),
    "endless dwell": (changed(_set("steps", 0, "dwell_time_us", value=1e300)), "dwell"),
    "number beyond floats": (lambda text: text.replace('"rows": 96', '"rows": 1' + "0" * 400, 1), "rows"),
    "step outside": (changed(_set("steps", 0, "center_y_nm", value=1e6)), "step 1"),
    "steps out of order": (changed(_set("steps", 0, "order", value=7)), "order"),
    "no calibration": (changed(_set("context", "fov_y_nm", value=None)), "fov"),
    "frame without end": (changed(_set("steps", 0, "rows", value=10**7)), "8192 a side"),
    "dose beyond its limit": (changed(_set("limits", "max_dose_e_per_nm2", value=1e-3)), "more than the limit"),
    "time beyond its limit": (changed(_set("limits", "max_time_s", value=1e-3)), "more than its limit"),
    "another source": (changed(_set("source", "sha256", value="0" * 64)), "not the image"),
    "a source that is gone": (
        changed(lambda d: (_set("source", "name", value="gone.tif")(d), _set("provenance", value={})(d))[0]),
        "gone.tif is not found",
    ),
}

EXECUTE_ARGUMENTS: tuple[tuple[list[str], str], ...] = (
    (["--channel", "0"], "without --world"),
    (["--world", "crystal:x"], "crystal:x"),
    (["--world", "absent.tif"], "absent.tif"),
    (["--controller", "magnifier"], "magnifier"),
    (["--park", "2,2"], "park"),
    (["--park", "nan,0"], "nan"),
    (["--resume", "--overwrite"], "--resume and --overwrite"),
    (["--resume"], "nothing to resume"),
    (["--seed", "-2"], "--seed"),
    (["--max-memory-gb", "-1"], "above zero"),
)

COMMANDS: tuple[tuple[list[str], str], ...] = (
    ([], "COMMAND"),
    (["fly"], "fly"),
    (["run"], "no image was given"),
    (["execute"], "PROTOCOL"),
    (["execute", "absent.json"], "absent.json"),
    (["execute", "."], "is a folder: give a scan_protocol.json"),
    (["demo", "--seed", "-1"], "--seed"),
    (["demo", "--backbone", "classical", "--area-fraction", "7"], "area_fraction is 7"),
    (["demo", "extra"], "extra"),
    (["benchmark", "--suite", "magic"], "magic"),
    (["benchmark", "--rival", "nobody"], "nobody"),
    (["benchmark", "--seeds", "0"], "--seeds is 0"),
    (["benchmark", "--seeds", "many"], "many"),
    (["benchmark", "--quick", "--data", "absent"], "absent"),
    (["models"], "list"),
    (["models", "import", "absent.safetensors", "--name", "resnet18"], "absent.safetensors"),
    (["models", "import", ".", "--name", "resnet18"], "is not a file"),
    (["models", "export", "resnet18", "--out", "a.pack"], "resnet18"),
    (["models", "export", "nonsense", "--out", "a.pack"], "nonsense"),
    (["models", "fetch", "resnet_eighteen"], "resnet_eighteen"),
    (["models", "bake"], "bake"),
    (["swift", "--script", "absent.py"], "absent.py"),
)
