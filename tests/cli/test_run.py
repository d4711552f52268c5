"""``deepscan run`` as it is typed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import tifffile
from PIL import Image

from deepscan_core.cli import main
from deepscan_core.records.protocol import schema
from deepscan_core.reporting.artifacts import NAMES
from deepscan_core.weights.catalogue import PACKAGED
from tests.conftest import spot_image
from tests.ingest.drawn_bars import with_information_bar

FAST = ["--backbone", "classical"]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "spots.tif"
    tifffile.imwrite(path, spot_image((160, 200), [(40.0, 50.0), (110.0, 150.0)]).astype(np.float32))
    return path


def check_artifacts(folder: Path, shape: tuple[int, int]) -> dict[str, object]:
    assert {p.name for p in folder.iterdir()} >= set(NAMES)
    document = json.loads((folder / "scan_protocol.json").read_text())
    jsonschema.Draft202012Validator(schema()).validate(document)
    score_map = np.load(folder / "scan_map.npy")
    assert score_map.dtype == np.float32
    assert score_map.shape == shape
    with Image.open(folder / "overlay.png") as overlay:
        overlay.verify()
    report = (folder / "report.html").read_text()
    assert "<html" in report
    assert "http://" not in report.replace("http://www.w3.org", "")
    header = (folder / "quantification.csv").read_text().splitlines()[0].split(",")
    assert header[:8] == [
        "id",
        "region",
        "centroid_y_nm",
        "centroid_x_nm",
        "area_nm2",
        "equivalent_diameter_nm",
        "major_axis_nm",
        "minor_axis_nm",
    ]
    with (folder / "efficiency.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["strategy", "area_fraction", "dose_fraction", "time_s", "captured_fraction", "basis"]
    assert {row["captured_fraction"] for row in rows} == {""}
    return document


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int = 2) -> str:
    """The one line on stderr of a command that must fail."""
    capsys.readouterr()
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert captured.err.startswith("deepscan: error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_one_image_writes_every_artifact(image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["run", str(image), "--out", str(out), "--pixel-size-nm", "0.1", *FAST]) == 0
    document = check_artifacts(out, (160, 200))
    assert all(step["dose_e_per_nm2"] > 0 for step in document["steps"])  # type: ignore[attr-defined]
    assert not list(tmp_path.glob(".deepscan-*"))


def test_what_was_asked_and_why_each_place_was_chosen_are_on_record(image: Path, tmp_path: Path) -> None:
    clicks = ["--positive", "80,80", "--negative", "20,30"]
    for name, asked in (("rare", []), ("taught", clicks)):
        arguments = ["--out", str(tmp_path / name), "--pixel-size-nm", "0.1", *asked, *FAST]
        assert main(["run", str(image), *arguments]) == 0
    rare, taught = (json.loads((tmp_path / name / "run.json").read_text()) for name in ("rare", "taught"))
    assert rare["asked"] == {
        "modes": ["surprisal"],
        "is_combined": False,
        "scorer": "surprisal",
        "query": "",
        "positives": [],
        "negatives": [],
        "earlier": [],
    }
    assert taught["asked"]["modes"] == ["teacher"]
    assert taught["asked"]["positives"] == [{"y_px": 80.0, "x_px": 80.0}]
    assert taught["asked"]["negatives"] == [{"y_px": 20.0, "x_px": 30.0}]
    for run, are_clicks in ((rare, False), (taught, True)):
        assert run["reasons"]
        for reason in run["reasons"]:
            assert sum(reason["contributions_nats"].values()) == pytest.approx(reason["surprisal_nats"], abs=0.01)
            assert all(near["is_click"] == are_clicks for near in reason["nearest"])
    report = (tmp_path / "taught" / "report.html").read_text()
    assert "1 positive click (y 80, x 80 px) and 1 negative click (y 20, x 30 px)" in report
    assert "Why here" in report


def test_several_images_go_into_folders_of_their_own(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.png"
    Image.fromarray(spot_image((96, 96), [(40.0, 50.0)]).clip(0, 255).astype(np.uint8)).save(other)
    assert main(["run", str(image), str(other), "--out", str(tmp_path / "o"), "--json", *FAST]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [r["source"] for r in printed["results"]] == ["spots.tif", "other.png"]
    check_artifacts(tmp_path / "o" / "spots", (160, 200))
    check_artifacts(tmp_path / "o" / "other", (96, 96))


def test_one_bad_image_of_several_does_not_stop_the_others(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_text("no image")
    line = refused(capsys, ["run", str(bad), str(image), "--out", str(tmp_path / "o"), *FAST])
    assert "bad.png" in line
    assert (tmp_path / "o" / "spots" / "run.json").exists()
    assert not (tmp_path / "o" / "bad").exists()


def test_clicks_and_limits(image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["run", str(image), "--out", str(out), "--positive", "40,50", "--negative", "100,20", *FAST]
    limits = ["--pixel-size-nm", "0.1,0.1", "--max-dose-e-per-nm2", "5e4", "--max-time-s", "0.5"]
    assert main([*arguments, *limits, "--beam-current-pa", "20", "--region-size-nm", "2"]) == 0
    document = json.loads((out / "scan_protocol.json").read_text())
    assert document["predicted"]["time_s"] <= 0.5
    assert all(step["dose_e_per_nm2"] <= 5e4 for step in document["steps"])
    assert all(step["height_nm"] == 2 for step in document["steps"])
    assert np.load(out / "scan_map.npy").max() <= 1


def test_a_microscope_file_brings_its_calibration_current_and_channels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planes = np.stack([spot_image((96, 128), [(40.0, 50.0)]), spot_image((96, 128), [(70.0, 90.0)], seed=1)])
    tags = "[Beam]\nBeam=EBeam\n[EBeam]\nBeamCurrent=2e-11\n[Scan]\nPixelWidth=5e-10\nPixelHeight=5e-10\n"
    tifffile.imwrite(
        tmp_path / "fei.tif", planes[0].astype(np.float32), metadata=None, extratags=[(34682, "s", 0, tags, True)]
    )
    assert main(["run", str(tmp_path / "fei.tif"), "--out", str(tmp_path / "fei"), *FAST]) == 0
    document = json.loads((tmp_path / "fei" / "scan_protocol.json").read_text())
    assert document["context"]["fov_x_nm"] == pytest.approx(64.0)
    assert document["context"]["beam_current_pa"] == pytest.approx(20.0)
    assert document["provenance"]["beam_current"] == "metadata"
    metadata = {"axes": "CYX", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5}
    metadata |= {"PhysicalSizeYUnit": "nm", "Channel": {"Name": ["HAADF", "BF"]}}
    path = tmp_path / "two.ome.tif"
    tifffile.imwrite(path, planes.astype(np.float32), ome=True, metadata=metadata, photometric="minisblack")
    message = refused(capsys, ["run", str(path), "--out", str(tmp_path / "two"), *FAST])
    assert "0 'HAADF' (96 x 128), 1 'BF' (96 x 128)" in message
    assert main(["run", str(path), "--out", str(tmp_path / "two"), "--channel", "BF", *FAST]) == 0
    protocol = str(tmp_path / "two" / "scan_protocol.json")
    assert main(["execute", protocol, "--out", str(tmp_path / "done")]) == 0, "the channel stands in the protocol"


@pytest.mark.network
def test_the_weights_of_a_result_are_on_record(image: Path, tmp_path: Path) -> None:
    assert main(["run", str(image), "--out", str(tmp_path / "network")]) == 0
    assert main(["run", str(image), "--out", str(tmp_path / "none"), *FAST]) == 0
    network, none = (json.loads((tmp_path / n / "run.json").read_text())["parameters"] for n in ("network", "none"))
    assert PACKAGED["tf_efficientnet_lite0"].sha256 in network["backbone_source"]
    assert none["backbone_source"] == "none needed"


def test_the_same_seed_gives_the_same_plan(image: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert main(["run", str(image), "--out", str(tmp_path / name), "--seed", "4", *FAST]) == 0
    first, second = (json.loads((tmp_path / n / "scan_protocol.json").read_text()) for n in ("a", "b"))
    assert first == second


def test_a_bar_is_named_and_cropped_on_request_and_execute_crops_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    specimen = np.clip(spot_image((160, 320), [(40.0, 50.0), (110.0, 150.0)]), 0, 255).astype(np.uint8)
    path = tmp_path / "sem.tif"
    tifffile.imwrite(path, with_information_bar(specimen, 30))
    plain = ["run", str(path), "--pixel-size-nm", "0.5", *FAST, "--region-size-px", "20", "--area-fraction", "0.05"]
    capsys.readouterr()
    assert main([*plain, "--out", str(tmp_path / "whole")]) == 0
    note = "an information bar is recognised (rows 160 to 189)"
    assert note in capsys.readouterr().out
    run = json.loads((tmp_path / "whole" / "run.json").read_text())
    assert any(note in line and "--crop bars leaves 160 x 320 px" in line for line in run["notes"])
    assert "recognised (rows 160 to 189)" in (tmp_path / "whole" / "report.html").read_text()
    whole = json.loads((tmp_path / "whole" / "scan_protocol.json").read_text())
    assert (whole["context"]["rows"], whole["provenance"]["parameters"]["crop"]) == (190, None)
    for name, crop in (("bars", "bars"), ("box", "0,0,160,320")):
        out = tmp_path / name
        assert main([*plain, "--out", str(out), "--crop", crop]) == 0
        document = check_artifacts(out, (160, 320))
        assert document["source"] == whole["source"]
        assert document["context"]["fov_y_nm"] == 80.0
        assert document["provenance"]["parameters"]["crop"] == "0,0,160,320"
        found = [(step["center_y_px"], step["center_x_px"]) for step in document["steps"]]
        for place in ((40.0, 50.0), (110.0, 150.0)):
            assert any(np.hypot(y - place[0], x - place[1]) < 3 for y, x in found)
        protocol = str(out / "scan_protocol.json")
        assert main(["execute", protocol, "--out", str(tmp_path / f"{name}-a")]) == 0
        assert main(["execute", protocol, "--out", str(tmp_path / f"{name}-b"), "--world", str(path)]) == 0
    capsys.readouterr()
    assert main(["run", str(path), "--out", str(tmp_path / "cut"), "--crop", "20,30,100,120", *FAST, "--json"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert any("cropped to 100 x 120 px from row 20, column 30 on" in note for note in result["notes"])


def test_results_are_not_overwritten_unasked(image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path / "out")]
    assert main(["run", str(image), *out, *FAST]) == 0
    assert "--overwrite" in refused(capsys, ["run", str(image), *out, *FAST])
    assert main(["run", str(image), *out, *FAST, "--overwrite"]) == 0
    (tmp_path / "file").write_text("")
    assert "is a file" in refused(capsys, ["run", str(image), "--out", str(tmp_path / "file"), *FAST])


def test_a_clash_of_stems_and_clicks_on_several_images_are_refused(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = tmp_path / "sub" / "spots.png"
    assert "spots" in refused(capsys, ["run", str(image), str(twin), *FAST])
    assert "one image" in refused(capsys, ["run", str(image), str(twin), "--positive", "3,3", *FAST])


def test_interruption_leaves_nothing(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import deepscan_core.cli.run as module

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_artifacts", interrupt)
    assert "interrupted" in refused(capsys, ["run", str(image), "--out", str(tmp_path / "out"), *FAST], code=130)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["spots.tif"]


def test_an_internal_error_is_one_line_too(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import deepscan_core.cli.run as module

    def fail(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(module, "write_artifacts", fail)
    line = refused(capsys, ["run", str(image), "--out", str(tmp_path / "out"), *FAST])
    assert "ZeroDivisionError: division by zero" in line
    assert "DEEPSCAN_TRACEBACK=1" in line
    monkeypatch.setenv("DEEPSCAN_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(["run", str(image), "--out", str(tmp_path / "out"), *FAST])


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "name", "arguments"),
    [
        ("sem_ebc_cracks", "010417_4_S2480009.png", []),
        ("sem_ebc_cracks", "050317_3_S0440020.png", ["--pixel-size-nm", "12.5"]),
        ("stem_pt_single_atoms", "021.png", ["--pixel-size-nm", "0.0293"]),
        ("stem_pt_single_atoms", "048.png", ["--pixel-size-nm", "0.0293"]),
    ],
)
def test_real_micrographs(shared_data: Path, tmp_path: Path, folder: str, name: str, arguments: list[str]) -> None:
    path = shared_data / folder / name
    with Image.open(path) as picture:
        cols, rows = picture.size
    assert main(["run", str(path), "--out", str(tmp_path / "out"), *arguments]) == 0
    check_artifacts(tmp_path / "out", (rows, cols))


def test_the_noise_of_the_detector_is_estimated_and_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    arriving = spot_image((200, 200), [(40.0, 50.0)]) * 0 + np.linspace(5, 80, 200)
    path = tmp_path / "counts.tif"
    tifffile.imwrite(path, (40 * rng.poisson(arriving) + 300).astype(np.float32))
    out = tmp_path / "out"
    assert main(["run", str(path), *FAST, "--out", str(out)]) == 0
    noise = json.loads((out / "run.json").read_text())["noise"]
    assert noise["gain"] == pytest.approx(40, rel=0.06)
    assert noise["offset"] == pytest.approx(300, abs=100)
    assert "Noise of the detector" in (out / "report.html").read_text()

    calibration = ["--detector-gain", "40", "--detector-offset", "300", "--read-noise", "2"]
    assert main(["run", str(path), *FAST, *calibration, "--out", str(out), "--overwrite"]) == 0
    told = json.loads((out / "run.json").read_text())["noise"]
    assert told == {"gain": 40.0, "offset": 300.0, "read_noise": 2.0, "gain_error": 0.0}
    assert main(["run", str(path), *FAST, "--detector-gain", "0", "--out", str(tmp_path / "bad")]) == 2
    assert not (tmp_path / "bad").exists()
