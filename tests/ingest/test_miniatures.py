"""Miniature files of many formats come back as what was written; what is not read is refused by its name."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rsciio", reason="the readers of the extra io are not installed")

from PIL import Image

from deepscan_core.errors import InputError
from deepscan_core.ingest.readers import read_image
from deepscan_core.memory import limited_to
from tests.ingest import miniatures
from tests.ingest.miniatures import COLS, GREY, HEIGHTS, ROWS

NM = 1e-9


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(InputError) as caught:
        read_image(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return message


@pytest.mark.parametrize(("x_scale", "y_scale"), [(2e-10, -3e-10), (-2e-10, -3e-10), (2e-10, 3e-10), (-2e-10, 3e-10)])
def test_rhk_sm4_lies_as_its_scales_say(tmp_path: Path, x_scale: float, y_scale: float) -> None:
    image = read_image(miniatures.rhk(tmp_path / "a.sm4", x_scale=x_scale, y_scale=y_scale))
    expected = HEIGHTS[:: -1 if y_scale > 0 else 1, :: -1 if x_scale < 0 else 1] * 1e-12 + 5e-9
    assert image.array == pytest.approx(expected, abs=1e-15)
    assert image.pixel_size_nm == pytest.approx((0.3, 0.2))
    assert image.metadata == {"format": "RHK sm4", "signal_unit": "m", "channel": "Topography left"}


def test_rhk_without_images_and_older_than_sm4(tmp_path: Path) -> None:
    assert "1 pages of spectra or text" in refusal(miniatures.rhk(tmp_path / "a.sm4", kind=1))
    assert "older than sm4" in refusal(miniatures.rhk(tmp_path / "b.sm3", version="004.001"))
    (tmp_path / "c.sm2").write_bytes(b"STiMage 3.1 0 0 0".ljust(512))
    assert "older than sm4" in refusal(tmp_path / "c.sm2")


def test_omicron_scala(tmp_path: Path) -> None:
    path = miniatures.scala(tmp_path / "img.par")
    for channel, sign in (("Z forward", 1), ("Z backward", -1)):
        image = read_image(path, channel=channel)
        assert image.array == pytest.approx(sign * HEIGHTS[::-1] * 0.001)
        assert image.pixel_size_nm == (3.0, 2.0)
        assert image.metadata["signal_unit"] == "nm"
    (tmp_path / "img.tb0").unlink()
    assert "put IMG.TB0 into the same folder" in refusal(path)
    text = path.read_text(encoding="latin-1").replace("IMG.TF0", "../../secret/img.tf0")
    path.write_text(text.replace("IMG.TB0", r"C:\data\IMG.TF0"), encoding="latin-1")
    assert read_image(path, channel=0).shape == (ROWS, COLS), "only the same folder is looked into"


def test_jeol_img(tmp_path: Path) -> None:
    image = read_image(miniatures.jeol_img(tmp_path / "a.img"))
    assert np.array_equal(image.array, GREY[:, :ROWS])
    assert image.pixel_size_nm == pytest.approx((100.0, 100.0))  # 100 mm / 50 000 / 20 px
    assert image.metadata == {"format": "JEOL img", "voltage_kv": 15.0, "magnification": 5e4, "channel": "IMG1"}
    assert read_image(miniatures.jeol_img(tmp_path / "b.img", rows=16)).pixel_size_nm is None
    content = bytearray((tmp_path / "a.img").read_bytes())
    content[:4], content[12:60] = bytes(4), content[60:108]
    (tmp_path / "a.asw").write_bytes(content)
    assert "give one of the img files" in refusal(tmp_path / "a.asw")


def test_tvips(tmp_path: Path) -> None:
    image = read_image(miniatures.tvips_stream(tmp_path / "a_000.tvips"), channel="frame 2")
    assert np.array_equal(image.array, GREY.astype(int) + 600)
    assert image.pixel_size_nm is None, "the header's may be the camera's"
    assert (image.metadata["voltage_kv"], image.metadata["magnification"]) == (200.0, 5e4)
    assert "3 diffraction patterns of 20 x 24" in refusal(miniatures.tvips_stream(tmp_path / "d.tvips", mode=2))
    image = read_image(miniatures.tvips_tiff(tmp_path / "t.tif"))
    assert image.pixel_size_nm == (0.75, 0.5)
    assert image.metadata == {"format": "TVIPS TIFF", "voltage_kv": 200.0, "magnification": 4e4}
    assert read_image(miniatures.tvips_tiff(tmp_path / "e.tif", mode=3)).pixel_size_nm is None


@pytest.mark.parametrize(
    ("size", "ratio", "expected"),
    [
        ("Scan Size: 480 nm", "", None),  # one number, and rows and columns differ
        ("Scan Size: 480 nm", "1:1", (24.0, 20.0)),
        ("Scan Size: 480 480 nm", "1:1", (24.0, 20.0)),
        ("Scan Size: 480 480 nm", "2:1", (12.0, 20.0)),
        ("Scan size: 0.48 0.4 ~m", "1:1", (20.0, 20.0)),
    ],
)
def test_nanoscope_of_newer_versions(
    tmp_path: Path, size: str, ratio: str, expected: tuple[float, float] | None
) -> None:
    for pixel in (2, 4):
        path = miniatures.nanoscope(tmp_path / f"a{pixel}.spm", size=size, ratio=ratio, pixel=pixel)
        image = read_image(path)
        assert image.pixel_size_nm == (None if expected is None else pytest.approx(expected))
        assert image.array == pytest.approx(HEIGHTS[::-1] * (8.0 * 20.0 / 256**pixel)), "stored from the bottom"
        assert image.metadata["signal_unit"] == "nm"


def test_wsxm_is_stored_turned_round(tmp_path: Path) -> None:
    image = read_image(miniatures.wsxm(tmp_path / "a.stp"))
    assert np.array_equal(image.array, HEIGHTS[::-1, ::-1])
    assert image.pixel_size_nm == (3.0, 2.0)


@pytest.mark.parametrize("reflect", [0, 1, None])
def test_jpk_is_stored_from_the_bottom_unless_reflected(tmp_path: Path, reflect: int | None) -> None:
    image = read_image(miniatures.jpk(tmp_path / "a.jpk", reflect=reflect))
    assert image.array == pytest.approx(HEIGHTS[:: 1 if reflect else -1] * 1e-9)
    assert image.pixel_size_nm == pytest.approx((2.0, 1.0))
    archived = read_image(miniatures.jpk_archive(tmp_path / "a.jpk-qi-data", tmp_path))
    assert archived.array == pytest.approx(HEIGHTS[::-1] * 1e-9)


def test_emd_of_velox_and_of_berkeley(tmp_path: Path) -> None:
    image = read_image(miniatures.velox(tmp_path / "v.emd"))
    assert np.array_equal(image.array, GREY)
    assert image.pixel_size_nm == pytest.approx((0.03, 0.02))
    assert {k: image.metadata[k] for k in ("detector", "voltage_kv", "dwell_time_us")} == {
        "detector": "HAADF",
        "voltage_kv": 300.0,
        "dwell_time_us": 4.0,
    }
    assert np.array_equal(read_image(miniatures.velox(tmp_path / "s.emd", frames=3), channel=2).array, GREY + 2)
    image = read_image(miniatures.berkeley(tmp_path / "b.emd"))
    assert np.array_equal(image.array, GREY)
    assert image.pixel_size_nm == pytest.approx((0.3, 0.2))


def test_hyperspy(tmp_path: Path) -> None:
    image = read_image(miniatures.hspy(tmp_path / "a.hspy"))
    assert np.array_equal(image.array, GREY)
    assert image.pixel_size_nm == pytest.approx((0.3, 0.2))


def test_usid(tmp_path: Path) -> None:
    image = read_image(miniatures.usid(tmp_path / "a.h5"), channel="Height 1")
    assert np.array_equal(image.array, HEIGHTS * 2)
    assert image.pixel_size_nm == pytest.approx((300.0, 200.0))
    assert image.metadata["signal_unit"] == "nm"
    assert "spectra of 100 points" in refusal(miniatures.usid(tmp_path / "s.h5", points=100))


def test_gxsm_in_both_kinds_of_netcdf(tmp_path: Path) -> None:
    from scipy.io import netcdf_file

    with netcdf_file(tmp_path / "classic.nc", "w") as file:
        for name, size in (("time", 1), ("value", 1), ("dimy", ROWS), ("dimx", COLS)):
            file.createDimension(name, size)
        field = file.createVariable("FloatField", "f4", ("time", "value", "dimy", "dimx"))
        field[:] = HEIGHTS[None, None]
        field.unit = "AA"
        for name, value in (("dx", 2.0), ("dy", 3.0), ("dz", 0.5)):
            file.createVariable(name, "f8", ())[...] = value
    for path in (tmp_path / "classic.nc", miniatures.gxsm_hdf5(tmp_path / "four.nc")):
        image = read_image(path)
        assert np.array_equal(image.array, HEIGHTS * 0.5)
        assert image.pixel_size_nm == pytest.approx((0.3, 0.2))


@pytest.mark.parametrize("beside", [True, False])
def test_tescan_text_in_a_tag_or_beside_the_picture(tmp_path: Path, beside: bool) -> None:
    import tifffile

    text = "AccFrames=1\r\nDevice=MIRA3\r\nImageStripSize=4\r\nMagnification=5000\r\nPixelSizeX=2e-09\r\n"
    text += "PixelSizeY=3e-09\r\nDetector=SE\r\nDwellTime=1e-06\r\nHV=15000.0\r\nPredictedBeamCurrent=1.2e-10\r\n"
    raw = b"\x01\x02\x00\xff" + text.encode()
    tags = [] if beside else [(50431, "B", len(raw), raw, True)]
    tifffile.imwrite(tmp_path / "t.tif", GREY, metadata=None, extratags=tags)
    if beside:
        (tmp_path / "t-tif.hdr").write_text("[MAIN]\r\n" + text.replace("Detector", "[SEM]\r\nDetector"))
    image = read_image(tmp_path / "t.tif")
    assert image.pixel_size_nm == pytest.approx((3.0, 2.0))
    assert image.metadata == {
        "format": "TESCAN picture",
        "instrument": "MIRA3",
        "detector": "SE",
        "voltage_kv": 15.0,
        "beam_current_pa": 120.0,
        "dwell_time_us": 1.0,
        "magnification": 5000.0,
        "image_rows": ROWS - 4,
    }
    assert read_image(tmp_path / "t.tif", crop="bars").shape == (ROWS - 4, COLS)


def test_bmp_and_jpeg_with_the_text_of_the_microscope(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.bmp")
    assert np.array_equal(read_image(tmp_path / "a.bmp").array, GREY)
    Image.fromarray(GREY).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "a.jpg").array.astype(int) - GREY).mean() < 5
    text = f"[SemImageFile]\r\nImageName=a.bmp\r\nDataSize={COLS}x{ROWS}\r\nPixelSize=4.5\r\n"
    (tmp_path / "a.txt").write_text(text)
    assert read_image(tmp_path / "a.bmp").pixel_size_nm == (4.5, 4.5)
    assert read_image(tmp_path / "a.jpg").pixel_size_nm is None, "the text names another picture"
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:60])
    assert "cannot be read as JPEG" in refusal(tmp_path / "cut.jpg")


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return path


class Trap:
    """Unpickling it would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (self.path,))


def test_archives_that_could_hold_pickles_are_never_opened(tmp_path: Path) -> None:
    trap = np.empty(1, object)
    trap[0] = Trap(tmp_path / "executed")
    buffer = io.BytesIO()
    np.save(buffer, trap, allow_pickle=True)
    grey = io.BytesIO()
    np.save(grey, GREY)
    prz = zipped(tmp_path / "a.prz", data_dot_npy=grey.getvalue(), meta_data_dot_npy=buffer.getvalue())
    assert "Panta Rhei prz" in refusal(prz)
    zspy = zipped(tmp_path / "a.zspy", Experiments__x___dot_zgroup=b"{}")
    assert "zspy" in refusal(zspy)
    assert "NumPy archive" in refusal(zipped(tmp_path / "a.npz", arr_0_dot_npy=buffer.getvalue()))
    assert "cannot be read as zip" in refusal(zipped(tmp_path / "a.ndata", data_dot_npy=buffer.getvalue()))
    (tmp_path / "folder.zspy").mkdir()
    assert "is a folder" in refusal(tmp_path / "folder.zspy")
    (tmp_path / "folder.zspy" / ".zgroup").write_text("{}")
    assert "zspy" in refusal(tmp_path / "folder.zspy")
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "executed"), protocol=4))
    assert "never opened" in refusal(tmp_path / "a.pkl")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "is empty"),
        (b"some words\n" * 9, "is text, no image"),
        (b"ONTMATRX0101" + bytes(100), "Omicron Matrix file.*Gwyddion"),
        (b"\x01\xb0\x93\xff" + bytes(100), "NT-MDT"),
        (b"\x1f\x8b\x08" + bytes(100), "gzip"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (bytes(range(1, 200)), "no format that DeepScan knows"),
    ],
)
def test_what_is_not_read_is_named(tmp_path: Path, content: bytes, named: str) -> None:
    import re

    (tmp_path / "a.tif").write_bytes(content)
    assert re.search(named, refusal(tmp_path / "a.tif"))


def test_declared_sizes_are_refused_before_they_are_made(tmp_path: Path) -> None:
    """Each of these files is small, and says that it is enormous."""
    import h5py

    paths = [miniatures.bomb_tiff(tmp_path / "bomb.tif")]
    header = miniatures.bomb_npy()
    paths.append(zipped(tmp_path / "header.ndata", data_dot_npy=header))
    with h5py.File(tmp_path / "bomb.nhdf", "w") as file:
        data = file.create_dataset("data/x", (400_000, 400_000), "f8", chunks=(100, 100), compression="gzip")
        data.attrs["properties"] = json.dumps({"datum_dimension_count": 2})
    paths.append(tmp_path / "bomb.nhdf")
    with h5py.File(tmp_path / "bomb.dm5", "w") as file:
        file.create_dataset("ImageList/[0]/ImageData/Data", (400_000, 400_000), "f8", chunks=(100, 100))
    paths.append(tmp_path / "bomb.dm5")
    for path in paths:
        assert path.stat().st_size < 100_000
        with limited_to(1.0):
            assert "of memory, and the limit is 1 GB" in refusal(path)


def test_unpacking_is_refused_beyond_the_limit(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((1000, 1000)))
    path = zipped(tmp_path / "zeros.ndata", data_dot_npy=buffer.getvalue())
    assert path.stat().st_size < 20_000
    assert read_image(path).shape == (1000, 1000)
    with limited_to(0.01):
        assert "unpacked" in refusal(path)
    Image.fromarray(np.zeros((3000, 3000), np.uint8)).save(tmp_path / "zeros.png")
    with limited_to(0.01):
        assert "array of 3000 x 3000 x 1" in refusal(tmp_path / "zeros.png")
    path = tmp_path / "long.bin"
    path.write_bytes(bytes(1_000_000))
    with limited_to(0.0005):
        assert "a file of 1000000 bytes needs about 2 MB" in refusal(path)


def test_devices_and_names_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no plain file"):
        read_image("/dev/zero")
    with pytest.raises(InputError, match="null byte"):
        read_image("a\0b.tif")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    refusal(tmp_path / "loop")


def test_a_count_that_makes_no_sense_takes_no_time(tmp_path: Path) -> None:
    """JPK's number of calibrations, changed to four thousand millions."""
    import tifffile

    path = miniatures.jpk(tmp_path / "a.jpk")
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[1].tags[0x8080].overwrite(2**32 - 1)
        file.pages[1].tags[0x8081].overwrite("another")
    image = read_image(path)
    assert np.array_equal(image.array, HEIGHTS[::-1])
    assert "signal_unit" not in image.metadata


MADE = {
    "rhk": miniatures.rhk,
    "scala": miniatures.scala,
    "jeol": miniatures.jeol_img,
    "tvips": miniatures.tvips_stream,
    "nanoscope": miniatures.nanoscope,
    "wsxm": miniatures.wsxm,
    "jpk": miniatures.jpk,
    "velox": miniatures.velox,
    "berkeley": miniatures.berkeley,
    "usid": miniatures.usid,
    "gxsm": miniatures.gxsm_hdf5,
    "hspy": miniatures.hspy,
}


@pytest.mark.parametrize("name", MADE)
def test_a_cut_or_changed_miniature_is_read_or_refused(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(4)
    whole = MADE[name](tmp_path / f"{name}.bin").read_bytes()
    path = tmp_path / "changed.bin"
    for trial in range(4 if whole.startswith(b"\x89HDF") else 40):  # each HDF5 file takes a process of its own
        content = bytearray(whole)
        if trial % 4 == 0:
            content = content[: int(len(content) * rng.uniform(0, 1))]
        else:
            for place in rng.integers(0, min(len(content), 1500), 6):
                content[place] = rng.integers(0, 256)
        path.write_bytes(content)
        with limited_to(1.0):
            try:
                read_image(path, channel=0)
            except InputError as error:
                if "\n" in str(error):
                    raise AssertionError(f"{error!r} is more than one line") from error
