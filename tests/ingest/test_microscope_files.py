"""Miniature files with the tags of each maker: the calibration is what was written, and never more than that."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from deepscan_core.errors import InputError, MissingError
from deepscan_core.ingest import pictures
from deepscan_core.ingest.pictures import length_nm
from deepscan_core.ingest.readers import read_image

PIXELS = np.random.default_rng(1).integers(0, 200, (24, 32)).astype(np.uint8)


def tagged(path: Path, *tags: tuple[int, str, int, object]) -> Path:
    tifffile.imwrite(path, PIXELS, metadata=None, extratags=[(*tag, True) for tag in tags])
    return path


@pytest.mark.parametrize(
    ("value", "unit", "nm"),
    [
        (2e-9, "m", 2.0),
        (3, "µm", 3000.0),
        (3, "\N{GREEK SMALL LETTER MU}m", 3000.0),
        (5, b"\xc3\x85", 0.5),
        (7, "pm", 0.007),
        (-2, "nm", 2.0),
        (1, "1/nm", None),
        (1, "", None),
        (1, "pixel", None),
        (1, "eV", None),
        (1, "µ", None),
        (0, "nm", None),
        (float("nan"), "nm", None),
        ("text", "nm", None),
    ],
)
def test_only_a_length_calibrates(value: object, unit: object, nm: float | None) -> None:
    assert length_nm(value, unit) == (None if nm is None else pytest.approx(nm))


def test_dots_an_inch_are_no_calibration(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, resolution=(300, 300), resolutionunit="INCH")
    assert read_image(tmp_path / "a.tif").pixel_size_nm is None
    Image.fromarray(PIXELS).save(tmp_path / "a.png", dpi=(300, 300))
    assert read_image(tmp_path / "a.png").pixel_size_nm is None


def test_fei_tags(tmp_path: Path) -> None:
    text = (
        "[Beam]\nHV=15000\nBeam=EBeam\nScan=EScan\n[EBeam]\nHV=15000\nBeamCurrent=1e-10\n[EScan]\nDwell=3e-06\n"
        "[System]\nSystemType=Quanta\n[Scan]\nPixelWidth=2e-09\nPixelHeight=3e-09\n[Detectors]\nName=ETD\n"
        "[Image]\nResolutionX=32\n"
    )
    image = read_image(tagged(tmp_path / "fei.tif", (34682, "s", 0, text)))
    assert image.pixel_size_nm == pytest.approx((3.0, 2.0))
    assert image.metadata == {
        "format": "FEI/Thermo TIFF",
        "instrument": "Quanta",
        "detector": "ETD",
        "voltage_kv": 15.0,
        "beam_current_pa": 100.0,
        "dwell_time_us": 3.0,
    }
    resized = read_image(tagged(tmp_path / "small.tif", (34682, "s", 0, text.replace("X=32", "X=64"))))
    assert resized.pixel_size_nm is None, "a picture that was resized keeps its tags"


def test_tags_that_make_no_sense_leave_the_pixels(tmp_path: Path) -> None:
    for name, tag in {
        "zeiss": (34118, "s", 0, "AP_MAG\r\nx\r\nno number\r\n"),
        "fei": (34682, "s", 0, "[Beam]\nBeam=3\n[Scan]\nPixelWidth=text\n[Image]\nResolutionX=no\n"),
        "sis": (33560, "B", 4, b"SIS0"),
        "dm": (65009, "s", 0, "text"),
    }.items():
        image = read_image(tagged(tmp_path / f"{name}.tif", tag))
        assert np.array_equal(image.array, PIXELS)
        assert image.pixel_size_nm is None


def test_an_emi_without_its_ser_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.emi").write_bytes(b"JK\x00\x02" + bytes(200))
    with pytest.raises(InputError, match=r"put a_1\.ser into the same folder"):
        read_image(tmp_path / "a.emi")


def test_zeiss_tags(tmp_path: Path) -> None:
    text = (
        "\r\n0\r\n0\r\n0\r\n1.5e-10\r\n0\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 4.800 nm\r\nAP_ACTUALKV\r\n"
        "EHT = 5.00 kV\r\nAP_IPROBE\r\nI Probe = 20.0 pA\r\nAP_MAG\r\nMag = 25.00 K X\r\n"
        "DP_DETECTOR_CHANNEL\r\nSignal A = InLens\r\nSV_SERIAL_NUMBER\r\nSerial No. = Merlin-60-12\r\n"
    )
    image = read_image(tagged(tmp_path / "zeiss.tif", (34118, "s", 0, text)))
    assert image.pixel_size_nm == pytest.approx((4.8, 4.8), rel=1e-3)
    known = {k: v for k, v in image.metadata.items() if k != "format"}
    assert known == {
        "instrument": "Merlin-60-12",
        "detector": "InLens",
        "voltage_kv": 5.0,
        "beam_current_pa": 20.0,
        "magnification": 25000.0,
    }


def test_olympus_tags(tmp_path: Path) -> None:
    head = b"SIS0" + bytes(6) + struct.pack("<hhhhh", 1, 2, 3, 4, 118) + bytes(6) + b"x".ljust(32, b"\0")
    data = struct.pack("<10xhdd8xd2x34s32s", -9, 0.5, 0.25, 1000.0, b"camera", b"")
    block = head + struct.pack("<H", 1) + struct.pack("<hhI", 1, 1, 0xDEAD) + data
    path = tagged(tmp_path / "sis.tif", (33560, "B", len(block), block))
    content = path.read_bytes()
    start = content.index(b"SIS0")
    path.write_bytes(content.replace(struct.pack("<I", 0xDEAD), struct.pack("<I", start + len(block) - len(data)), 1))
    image = read_image(path)
    assert image.pixel_size_nm == pytest.approx((0.25, 0.5))
    assert image.metadata["magnification"] == 1000.0


def test_hitachi_text_beside_the_picture(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "h.tif", PIXELS)
    text = (
        "[SemImageFile]\r\nInstructName=S-4800\r\nImageName=h.tif\r\nDataSize=32x24\r\nPixelSize=9.921875\r\n"
        "SignalName=SE(U)\r\nAcceleratingVoltage=3000 Volt\r\nMagnification=10000\r\nEmissionCurrent=9500 nA\r\n"
        "MicronMarker=100\r\n"
    )
    for encoding in ("latin-1", "utf-16"):
        (tmp_path / "h.txt").write_bytes(text.encode(encoding))
        image = read_image(tmp_path / "h.tif")
        assert image.pixel_size_nm == pytest.approx((9.921875, 9.921875))
        assert image.metadata["voltage_kv"] == 3.0
        assert image.metadata["scale_bar_nm"] == 100.0
        assert "image_rows" not in image.metadata, "the picture is as high as the text says"
        assert "beam_current_pa" not in image.metadata, "the emission current is not the probe current"
    (tmp_path / "h.txt").write_text(text.replace("h.tif", "other.tif"))
    assert read_image(tmp_path / "h.tif").pixel_size_nm is None


def test_jeol_text_beside_the_picture(tmp_path: Path) -> None:
    text = (
        "$SEM_DATA_VERSION 1\r\n$CM_LABEL JEOL\r\n$CM_INSTRUMENT 7600F\r\n$CM_ACCEL_VOLT 5.00\r\n$CM_MAG 20000\r\n"
        "$CM_SIGNAL LEI\r\n$CM_FULL_SIZE 32 20\r\n$$SM_MICRON_BAR 16\r\n$$SM_MICRON_MARKER {}\r\n"
    )
    tifffile.imwrite(tmp_path / "j.tif", PIXELS)
    for marker, nm in (("1um", 1000.0), ("100nm", 100.0), ("0.5\xb5m", 500.0), ("10 um", 10000.0), ("?", None)):
        (tmp_path / "j.txt").write_bytes(text.format(marker).encode("latin-1"))
        image = read_image(tmp_path / "j.tif")
        assert image.metadata.get("scale_bar_nm") == nm
        assert image.pixel_size_nm == (None if nm is None else pytest.approx((nm / 16, nm / 16)))
    assert image.metadata == {
        "format": "JEOL picture with its text file",
        "instrument": "7600F",
        "detector": "LEI",
        "voltage_kv": 5.0,
        "magnification": 20000.0,
        "image_rows": 20,
    }
    assert read_image(tmp_path / "j.tif", crop="bars").shape == (20, 32)
    (tmp_path / "j.txt").write_text(text.format("1um").replace("32 20", "64 40"))
    assert read_image(tmp_path / "j.tif").pixel_size_nm is None, "of a picture of another size"


def test_digital_micrograph_tags(tmp_path: Path) -> None:
    path = tagged(
        tmp_path / "dm.tif", (65003, "s", 0, "nm"), (65004, "s", 0, "nm"), (65009, "d", 1, 0.5), (65010, "d", 1, 0.75)
    )
    assert read_image(path).pixel_size_nm == (0.75, 0.5)


def test_imagej_and_ome(tmp_path: Path) -> None:
    for unit, nm in (("nm", 0.5), ("micron", 500.0), ("\\u00B5m", 500.0), ("pixel", None)):
        tifffile.imwrite(tmp_path / "ij.tif", PIXELS, imagej=True, resolution=(2, 2), metadata={"unit": unit})
        assert read_image(tmp_path / "ij.tif").pixel_size_nm == (None if nm is None else (nm, nm))
    stack = np.stack([PIXELS, PIXELS[::-1]])
    metadata = {
        "axes": "CYX",
        "PhysicalSizeX": 0.25,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 3e-4,
        "Channel": {"Name": ["HAADF", "BF"]},
    }
    tifffile.imwrite(tmp_path / "o.ome.tif", stack, ome=True, metadata=metadata, photometric="minisblack")
    with pytest.raises(InputError, match=r"0 'HAADF' \(24 x 32\), 1 'BF' \(24 x 32\)"):
        read_image(tmp_path / "o.ome.tif")
    for channel in ("BF", "bf", 1):
        image = read_image(tmp_path / "o.ome.tif", channel=channel)
        assert np.array_equal(image.array, stack[1])
        assert image.pixel_size_nm == pytest.approx((0.3, 0.25)), "OME's own unit is the µm"
    with pytest.raises(InputError, match="has no channel EELS"):
        read_image(tmp_path / "o.ome.tif", channel="EELS")


def test_colours_have_names(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([PIXELS, PIXELS // 2, PIXELS // 3])).save(tmp_path / "c.png")
    with pytest.raises(InputError, match=r"0 'red'.*1 'green'.*2 'blue'"):
        read_image(tmp_path / "c.png")
    assert np.array_equal(read_image(tmp_path / "c.png", channel="green").array, PIXELS // 2)


ITEM = {
    "title": "HAADF",
    "collection_dimension_count": 0,
    "datum_dimension_count": 2,
    "dimensional_calibrations": [{"scale": 0.5, "units": "nm"}, {"scale": 25.0, "units": "pm"}],
    "metadata": {"instrument": {"high_tension": 60000}, "scan": {"pixel_time_us": 3.0}},
}


def ndata(path: Path, array: np.ndarray, properties: dict, *, pickled: bool = False) -> Path:
    buffer = io.BytesIO()
    np.save(buffer, array.astype(object) if pickled else array, allow_pickle=pickled)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.npy", buffer.getvalue())
        archive.writestr("metadata.json", json.dumps(properties))
    return path


def test_ndata(tmp_path: Path) -> None:
    image = read_image(ndata(tmp_path / "a.ndata", PIXELS, ITEM))
    assert image.pixel_size_nm == pytest.approx((0.5, 0.025))
    assert image.metadata == {
        "format": "Nion Swift ndata",
        "voltage_kv": 60.0,
        "dwell_time_us": 3.0,
        "channel": "HAADF",
    }
    with pytest.raises(InputError, match="holds spectra of 4 x 5 x 6, no image"):
        read_image(
            ndata(
                tmp_path / "s.ndata",
                np.zeros((4, 5, 6)),
                ITEM | {"collection_dimension_count": 2, "datum_dimension_count": 1},
            )
        )


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read as zip"):
        read_image(ndata(tmp_path / "p.ndata", PIXELS, ITEM, pickled=True))


def test_hdf5_of_swift_and_unknown(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.nhdf", "w") as file:
        for key, shift in (("x", 0), ("y", 1)):
            file[f"data/{key}"] = PIXELS + shift
            file[f"data/{key}"].attrs["properties"] = json.dumps(ITEM | {"title": f"item {key}"})
    assert np.array_equal(read_image(tmp_path / "a.nhdf", channel="item y").array, PIXELS + 1)
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["numbers"] = PIXELS
    with pytest.raises(InputError, match=r"no known layout \(numbers\)"):
        read_image(tmp_path / "b.h5")


def test_dm5_image(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.dm5", "w") as file:
        image = file.create_group("ImageList/[0]")
        image.attrs["Name"] = b"HAADF"
        image["ImageData/Data"] = PIXELS
        for k, scale in enumerate((0.5, 2.0)):
            axis = image.create_group(f"ImageData/Calibrations/Dimension/[{k}]")
            axis.attrs.update({"Scale": scale, "Units": b"nm"})
        image.create_group("ImageTags/Microscope Info").attrs.update({"Voltage": 2e5, "Probe Current (nA)": 0.03})
    read = read_image(tmp_path / "a.dm5")
    assert read.pixel_size_nm == (2.0, 0.5)
    assert (read.metadata["voltage_kv"], read.metadata["beam_current_pa"]) == (200.0, 30.0)


def test_gwyddion(tmp_path: Path) -> None:
    gwyfile = pytest.importorskip("gwyfile")
    from gwyfile.objects import GwyContainer, GwyDataField

    tree = GwyContainer()
    for k, name in enumerate(("Height", "Phase")):
        tree[f"/{k}/data/title"] = name
        tree[f"/{k}/data"] = GwyDataField(PIXELS.astype(float), xreal=32e-9, yreal=48e-9, si_unit_xy="m", si_unit_z="m")
    tree.tofile(str(tmp_path / "a.gwy"))
    assert gwyfile is not None
    image = read_image(tmp_path / "a.gwy", channel="Phase")
    assert image.pixel_size_nm == pytest.approx((2.0, 1.0))
    assert np.array_equal(image.array, PIXELS)


def test_mrc(tmp_path: Path) -> None:
    pytest.importorskip("rsciio")
    header = bytearray(1024)
    struct.pack_into("<4i", header, 0, 32, 24, 1, 2)  # columns, rows, sections, float32
    struct.pack_into("<3i", header, 28, 32, 24, 1)
    struct.pack_into("<3f", header, 40, 64.0, 72.0, 1.0)  # the cell in Å
    struct.pack_into("<3i", header, 64, 1, 2, 3)
    header[208:216] = b"MAP \x44\x44\0\0"
    (tmp_path / "a.mrc").write_bytes(bytes(header) + PIXELS.astype("<f4").tobytes())
    image = read_image(tmp_path / "a.mrc")
    assert image.pixel_size_nm == pytest.approx((0.3, 0.2))
    assert np.array_equal(image.array, PIXELS)


def test_a_missing_reader_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(pictures.importlib, "import_module", absent)
    (tmp_path / "a.dm3").write_bytes(bytes([0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1]) + bytes(100))
    with pytest.raises(MissingError, match=r"needs the package rosettasciio: pip install 'nionswift-deepscan\[io\]'"):
        read_image(tmp_path / "a.dm3")


def test_png_and_tiff_load_no_optional_reader(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PIXELS)
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    code = (
        "import sys, deepscan_core\n"
        f"for name in ('a.tif', 'a.png'): deepscan_core.read_image({str(tmp_path)!r} + '/' + name)\n"
        "print([m for m in ('rsciio', 'dask', 'h5py', 'igor2', 'gwyfile', 'scipy.io', 'nion') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
