"""Files come back as the pixels that were written, or are refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from deepscan_core.errors import InputError
from deepscan_core.ingest.readers import read_image

PIXELS = np.random.default_rng(0).integers(0, 200, (24, 32))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64])
def test_tiff_keeps_its_bit_depth(tmp_path: Path, dtype: type) -> None:
    array = (PIXELS * 1.5 if np.issubdtype(dtype, np.floating) else PIXELS).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", array)
    image = read_image(tmp_path / "a.tif", pixel_size_nm=0.1)
    assert image.array.dtype == dtype
    assert np.array_equal(image.array, array)
    assert image.pixel_size_nm == (0.1, 0.1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_keeps_its_bit_depth(tmp_path: Path, dtype: type) -> None:
    array = (PIXELS * (1 if dtype is np.uint8 else 300)).astype(dtype)
    Image.fromarray(array).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.array.dtype == dtype
    assert np.array_equal(image.array, array)


@pytest.mark.parametrize("compression", ["zlib", "lzw"])
def test_compressed_tiff(tmp_path: Path, compression: str) -> None:
    array = PIXELS.astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", array, compression=compression)
    assert np.array_equal(read_image(tmp_path / "a.tif").array, array)


def test_colour_that_is_grey_is_read_as_grey(tmp_path: Path) -> None:
    grey = PIXELS.astype(np.uint8)
    Image.fromarray(np.stack([grey] * 3, axis=-1)).save(tmp_path / "rgb.png")
    Image.fromarray(np.dstack([grey, grey, grey, np.full_like(grey, 255)])).save(tmp_path / "rgba.png")
    assert np.array_equal(read_image(tmp_path / "rgb.png").array, grey)
    assert np.array_equal(read_image(tmp_path / "rgba.png").array, grey)


def test_several_images_are_an_error_that_lists_them(tmp_path: Path) -> None:
    stack = np.stack([PIXELS, PIXELS + 1, PIXELS + 2]).astype(np.uint8)
    tifffile.imwrite(tmp_path / "s.tif", stack, photometric="minisblack")
    with pytest.raises(InputError, match=r"3 images.*--channel.*0 \(24 x 32\).*2 \(24 x 32\)"):
        read_image(tmp_path / "s.tif")
    assert np.array_equal(read_image(tmp_path / "s.tif", channel=1).array, stack[1])
    with pytest.raises(InputError, match="no channel 3"):
        read_image(tmp_path / "s.tif", channel=3)


def test_what_cannot_be_read_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "text.tif").write_text("not an image")
    whole = tmp_path / "whole.png"
    Image.fromarray(PIXELS.astype(np.uint8)).save(whole)
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:100])
    tifffile.imwrite(tmp_path / "whole.tif", PIXELS.astype(np.uint16))
    (tmp_path / "cut.tif").write_bytes((tmp_path / "whole.tif").read_bytes()[:60])
    for name in ("text.tif", "cut.png", "cut.tif", "absent.png", "."):
        with pytest.raises(InputError) as caught:
            read_image(tmp_path / name)
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_arrays_of_numpy(tmp_path: Path) -> None:
    stack = np.arange(3 * 20 * 30, dtype=np.float32).reshape(3, 20, 30)
    np.save(tmp_path / "image.npy", stack[1])
    np.save(tmp_path / "stack.npy", np.asfortranarray(stack))
    image = read_image(tmp_path / "image.npy", pixel_size_nm=0.5)
    assert np.array_equal(image.array, stack[1])
    assert image.array.dtype == np.float32
    assert image.pixel_size_nm == (0.5, 0.5)
    with pytest.raises(InputError, match="holds 3 images"):
        read_image(tmp_path / "stack.npy")
    assert np.array_equal(read_image(tmp_path / "stack.npy", channel=2).array, stack[2])
