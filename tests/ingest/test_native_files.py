"""Real files of many instruments come to their known shape and calibration, or are refused in one clear line."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rsciio", reason="the readers of the extra io are not installed")

from deepscan_core.errors import InputError
from deepscan_core.ingest.readers import read_image
from tests.ingest.native_files import FILES, Native, page

ROOT = Path(__file__).resolve().parents[2]


def channel_of(row: Native) -> int | str | None:
    return int(row.channel) if row.channel is not None and row.channel.isdigit() else row.channel


def read_or_refuse(path: Path, row: Native) -> None:
    try:
        read_image(path, channel=channel_of(row))
    except InputError as error:
        if "\n" in str(error):
            raise AssertionError(f"{row.file}: {error!r} is more than one line") from error


@pytest.mark.parametrize("row", FILES, ids=lambda row: row.file)
def test_a_real_file_is_read_or_refused(row: Native, shared_data: Path) -> None:
    path = shared_data / "native" / row.file
    if row.choices > 1:
        with pytest.raises(InputError, match=rf"holds {row.choices} images: choose one with --channel: 0 '"):
            read_image(path)
    if row.refused:
        with pytest.raises(InputError, match=row.refused) as caught:
            read_image(path, channel=channel_of(row))
        assert "\n" not in str(caught.value)
        assert row.file in str(caught.value)
        return
    image = read_image(path, channel=channel_of(row))
    assert image.shape == row.shape
    assert np.isfinite(image.array).any()
    if row.pixel_size_nm is None:
        assert image.pixel_size_nm is None
    else:
        assert image.pixel_size_nm == pytest.approx(row.pixel_size_nm, rel=0.01)
    assert {name: image.metadata.get(name) for name in row.facts} == row.facts
    assert read_image(path, channel=channel_of(row), pixel_size_nm=(3.0, 4.0)).pixel_size_nm == (3.0, 4.0)


def test_no_real_file_was_forgotten(shared_data: Path) -> None:
    there = {path.name for path in (shared_data / "native").iterdir()} - {"SOURCES.tsv"}
    assert there == {row.file for row in FILES}


def test_the_page_of_formats_is_what_the_table_gives() -> None:
    assert (ROOT / "docs" / "formats.md").read_text(encoding="utf-8") == page(), (
        "write it anew: python -m tests.ingest.native_files > docs/formats.md"
    )


@pytest.mark.parametrize(
    ("name", "side_nm", "current_pa"),
    [
        ("FEI-Helios-Ebeam-8bits.tif", 3372.4, 6.25),
        ("FEI-Helios-Ebeam-16bits.tif", 3372.4, 6.25),
        ("FEI-Helios-navcam.tif", 263974.0, None),
        ("FEI-Helios-navcam-with-no-IRBeam.tif", None, None),
        ("FEI-Helios-navcam-with-no-IRBeam-bad-floats.tif", None, None),
    ],
)
def test_tiffs_of_a_fei_helios(
    name: str, side_nm: float | None, current_pa: float | None, shared_data: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(shared_data / "native" / "rsciio_FEI_Helios.zip") as archive:
        archive.extract(name, tmp_path)
    image = read_image(tmp_path / name)
    assert image.pixel_size_nm == (None if side_nm is None else pytest.approx((side_nm, side_nm), rel=1e-4))
    assert image.metadata.get("beam_current_pa") == current_pa
    assert image.metadata["instrument"].startswith("Helios NanoLab")


@pytest.mark.parametrize(
    ("file", "channel", "reference"),
    [
        ("G80SXM_example_TOPO.sxm", "Z forward", "G80SXM_example_TOPO_Z_fwd"),
        ("G80SXM_example_TOPO.sxm", "Z backward", "G80SXM_example_TOPO_Z_bwd"),
        ("pynxtools_Au_mica_diPAMY_195.sxm", "Current backward", "pynxtools_Au_mica_diPAMY_195_Current_bwd"),
        ("DTMicroscope_scan_0001.ibw", "HeightRetrace", "DTMicroscope_scan_0001_HeightRetrace"),
    ],
)
def test_probe_images_lie_as_others_read_them(file: str, channel: str, reference: str, shared_data: Path) -> None:
    array = read_image(shared_data / "native" / file, channel=channel).array
    assert np.array_equal(array, np.load(shared_data / "spm_maps" / f"{reference}.npy"))


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.97])
def test_a_cut_file_is_read_whole_or_refused(share: float, shared_data: Path, tmp_path: Path) -> None:
    for row in FILES:
        content = (shared_data / "native" / row.file).read_bytes()
        path = tmp_path / row.file
        path.write_bytes(content[: int(len(content) * share)])
        read_or_refuse(path, row)


def test_a_file_with_flipped_bytes_raises_nothing_else(shared_data: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for row in FILES:
        content = bytearray((shared_data / "native" / row.file).read_bytes())
        for place in rng.integers(0, min(len(content), 4000), 12):
            content[place] = rng.integers(0, 256)
        path = tmp_path / row.file
        path.write_bytes(content)
        read_or_refuse(path, row)
