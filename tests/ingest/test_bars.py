"""Bars drawn into pictures are found where they were drawn; pictures without any show none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepscan_core.errors import InputError
from deepscan_core.ingest.bars import Bar, find_bars, without_bars
from deepscan_core.ingest.cropping import crop_image, crop_notes, parse_crop
from deepscan_core.ingest.readers import read_image
from deepscan_core.records.image import CalibratedImage
from deepscan_core.simulation.specimens import make_specimen
from tests.ingest import drawn_bars
from tests.ingest.drawn_bars import jpeg, particles, with_information_bar, with_scale_bar

STYLES = (
    {},
    {"framed": True},
    {"ground": 255, "ink": 0},
    {"ground": 70},
    {"at_top": True},
    {"ground": 200, "ink": 0, "at_top": True},
)
# Of ../shared/data: every picture that people see a bar in, and where (top, left, bottom, right; found by eye, +- 4 px).
REAL = {
    "00655d9628": ("scale bar", 480, 424, 514, 508),
    "1d67fb3321": ("scale bar", 472, 417, 512, 512),
    "2e5dab1969": ("scale bar", 462, 20, 498, 124),
    "6d0f510327": ("scale bar", 454, 383, 503, 512),
    "7ea28e7e54": ("scale bar", 494, 478, 503, 761),
    "8e1269eba3": ("information bar", 477, 0, 512, 680),
    "a3eb38c236": ("scale bar", 474, 14, 499, 137),
    "b616ffa779": ("scale bar", 440, 354, 502, 498),
    "c88cae3e95": ("scale bar", 412, 25, 474, 134),
    "dcfbfa74e4": ("scale bar", 438, 597, 488, 734),
    "f068954421": ("scale bar", 416, 14, 477, 115),
    "fff35f80e1": ("scale bar", 469, 15, 499, 110),
}
OVERLAID = {"410284d28b"}  # ticks and writing without a rectangle: not recognised, and docs/formats.md says so


@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize("lossy", [False, True])
def test_an_information_bar_is_found_to_the_row(style: dict, lossy: bool) -> None:
    for seed, (shape, rows) in enumerate([((480, 640), 30), ((480, 640), 100), ((256, 256), 20), ((700, 512), 60)]):
        array = with_information_bar(particles(np.random.default_rng(seed), *shape), rows, **style)
        (bar,) = find_bars(jpeg(array) if lossy else array)
        assert bar.kind == "information bar"
        assert (bar.left, bar.cols) == (0, shape[1])
        inner = bar.top + bar.rows if style.get("at_top") else shape[0] + rows - bar.top
        assert rows <= inner <= rows + (2 if lossy else 0)


@pytest.mark.parametrize("ink", [255, 0])
@pytest.mark.parametrize("text", ["500 nm", "2 µm", None])
def test_a_scale_bar_is_found_with_its_writing(ink: int, text: str | None) -> None:
    for seed, box in enumerate([(440, 30, 6, 120), (60, 40, 8, 200), (430, 560, 10, 70)]):
        array = with_scale_bar(particles(np.random.default_rng(seed)), box, ink=ink, text=text)
        (bar,) = find_bars(array)
        assert bar.kind == "scale bar"
        top, left, rows, cols = box
        assert bar.top <= top - (14 if text else 0)
        assert bar.top + bar.rows >= top + rows
        assert bar.left <= left
        assert bar.left + bar.cols >= left + cols
        assert bar.rows <= 60


def test_depth_scale_and_sign_of_the_grey_values_do_not_matter() -> None:
    rng = np.random.default_rng(5)
    array = with_information_bar(with_scale_bar(particles(rng), (440, 30, 6, 120)), 40)
    expected = find_bars(array)
    assert [bar.kind for bar in expected] == ["information bar", "scale bar"]
    wide = array.astype(np.float64)
    for other in (array.astype(np.uint16) * 257, wide * 1e-12, -wide, wide * 1e30 - 1e29):
        assert find_bars(other) == expected
    unmeasured = wide.copy()
    unmeasured[5, 5:9] = np.nan
    assert find_bars(unmeasured) == expected


@pytest.mark.parametrize("seed", [0, 1])
def test_specimens_with_straight_edges_and_uniform_parts_have_no_bars(seed: int) -> None:
    for name, array in drawn_bars.without_bars(np.random.default_rng(seed)).items():
        for variant in (array, array[::-1], array.T, -array, array[:260, :260]):
            assert find_bars(variant) == (), name


@pytest.mark.parametrize("name", ["crystal", "spots"])
def test_simulated_specimens_have_no_bars(name: str) -> None:
    from deepscan_core.instruments.simulated import SimulatedController
    from deepscan_core.records.coordinates import ScanContext
    from deepscan_core.survey import look

    context = ScanContext(rows=384, cols=384, fov_y_nm=24.0, fov_x_nm=24.0, beam_current_pa=50.0)
    _, image = look(SimulatedController(make_specimen(name, 3), context, dwell_time_us=8.0, seed=0))
    assert find_bars(image.array) == ()


def real_pictures(shared_data: Path) -> list[tuple[str, np.ndarray]]:
    masks = ("_mask", "_instances", "_satellites", "_particles")
    paths = [p for p in sorted(shared_data.glob("*/*.png")) if not p.stem.endswith(masks)]
    pictures = []
    for path in paths:
        with Image.open(path) as picture:
            array = np.asarray(picture)
        pictures.append((path.stem, array if array.ndim == 2 else array[..., :3].mean(axis=2)))
    return pictures + [(path.stem, np.load(path)) for path in sorted(shared_data.glob("spm_maps/*.npy"))]


def test_the_bars_of_real_micrographs_and_no_others(shared_data: Path) -> None:
    pictures = real_pictures(shared_data)
    assert {name for name, _ in pictures} >= set(REAL) | OVERLAID
    assert (len(pictures), len(REAL), len(OVERLAID)) == (79, 12, 1), "docs/formats.md says so"
    for name, array in pictures:
        found = [(b.kind, b.top, b.left, b.top + b.rows, b.left + b.cols) for b in find_bars(array)]
        if name not in REAL:
            assert not found, name
            continue
        ((kind, *box),) = found
        assert kind == REAL[name][0]
        assert np.abs(np.subtract(box, REAL[name][1:])).max() <= 4, (name, box)


@pytest.mark.slow
def test_real_micrographs_turned_clipped_and_cut_show_no_bars(shared_data: Path) -> None:
    rng = np.random.default_rng(0)
    for name, array in real_pictures(shared_data):
        if name in REAL or name in OVERLAID:
            continue
        plain = np.nan_to_num(array.astype(np.float32))
        variants = {"turned": np.rot90(plain), "upside down": plain[::-1], "negative": -plain, "small": plain[::3, ::3]}
        for low, high in ((1, 99), (10, 90), (5, 60)):
            variants[f"clipped {low} {high}"] = np.clip(plain, *np.percentile(plain, [low, high]))
        variants["two levels"] = (plain > np.median(plain)).astype(np.float32)
        rows, cols = (int(rng.integers(100, min(plain.shape))) for _ in range(2))
        variants["part"] = plain[-rows:, -cols:]
        for how, variant in variants.items():
            assert find_bars(variant) == (), f"{name}, {how}"


def test_a_fei_file_names_its_bar_and_is_cropped_to_its_image(shared_data: Path, tmp_path: Path) -> None:
    import zipfile

    name = "FEI-Helios-Ebeam-8bits.tif"
    with zipfile.ZipFile(shared_data / "native" / "rsciio_FEI_Helios.zip") as archive:
        archive.extract(name, tmp_path)
    whole = read_image(tmp_path / name)
    assert whole.metadata["image_rows"] == 442
    (told, *_) = crop_notes(whole, None)
    assert "an information bar is named by the file's tags (rows 442 to 470)" in told
    image = read_image(tmp_path / name, crop="bars")
    assert image.shape == (442, 512)
    assert image.metadata["crop_px"] == (0, 0, 442, 512)
    assert (image.sha256, image.pixel_size_nm) == (whole.sha256, whole.pixel_size_nm)
    assert find_bars(whole.array) == (Bar("information bar", 442, 0, 29, 512),), "the picture shows the same"


def test_the_largest_rectangle_without_bars() -> None:
    below = Bar("information bar", 90, 0, 10, 200)
    corner = Bar("scale bar", 70, 150, 12, 40)
    assert without_bars((100, 200), ()) == (0, 0, 100, 200)
    assert without_bars((100, 200), (below,)) == (0, 0, 90, 200)
    assert without_bars((100, 200), (below, corner)) == (0, 0, 70, 200)
    assert without_bars((100, 200), (below, Bar("scale bar", 10, 180, 70, 15))) == (0, 0, 90, 180)
    with pytest.raises(InputError, match="nothing of the picture is free"):
        without_bars((100, 200), (Bar("information bar", 0, 0, 100, 200),))


def test_a_crop_is_an_image_of_its_own() -> None:
    array = np.arange(60 * 80, dtype=np.uint16).reshape(60, 80)
    image = CalibratedImage(array, pixel_size_nm=(2.0, 3.0), name="a.tif", metadata={"image_rows": 50, "format": "x"})
    part = crop_image(image, (10, 20, 30, 40))
    assert np.array_equal(part.array, array[10:40, 20:60])
    assert part.array.base is None, "the whole picture is not kept alive"
    assert (part.name, part.sha256, part.pixel_size_nm) == ("a.tif", image.sha256, (2.0, 3.0))
    assert part.metadata == {"format": "x", "crop_px": (10, 20, 30, 40)}
    assert part.context().fov_x_nm == 120.0
    assert part.context().center_x_nm == 0.0
    assert crop_image(CalibratedImage(array), "bars").shape == (60, 80), "nothing recognised, nothing cropped"


@pytest.mark.parametrize(
    ("crop", "named"),
    [
        ((10, 20, 60, 40), "does not fit"),
        ((0, 0, 0, 40), "does not fit"),
        ((0, 0, 8, 40), "too small"),
        ((0, 0, 1.5, 40), "not understood"),
        ((-1, 0, 30, 40), "not understood"),
        ((0, 0, 30), "not understood"),
        ("bar", "not understood"),
    ],
)
def test_a_bad_crop_is_refused(crop: object, named: str) -> None:
    with pytest.raises(InputError, match=named):
        crop_image(CalibratedImage(np.eye(60)), crop)


@pytest.mark.parametrize("text", ["", "1,2,3", "a,b,c,d", "1,2,3,-4", "1,2,3,1e3", "bars,bars", "1,2,3,99999999999"])
def test_a_typed_crop_is_bars_or_four_whole_numbers(text: str) -> None:
    with pytest.raises(InputError, match="TOP,LEFT,ROWS,COLS"):
        parse_crop(text)
    assert parse_crop(" 1, 2,3,4") == (1, 2, 3, 4)
    assert parse_crop("bars") == "bars"
