"""``deepscan benchmark``: its files, its repeatability, its refusals."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from deepscan_core.cli import main

FEW = ["benchmark", "--quick", "--suite", "surface", "--suite", "noise", "--seeds", "1", "--rival", "brightest"]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("benchmark") / "out"
    assert main([*FEW, "--rival", "random", "--rival", "oracle", "--out", str(out)]) == 0
    return out


def test_all_files_are_written(result: Path) -> None:
    names = {path.name for path in result.iterdir()}
    figures = {"benchmark-surface.png", "benchmark-noise.png"}
    assert names == {"results.csv", "summary.csv", "timings.csv", "benchmark.md"} | figures
    with (result / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["strategy"] for row in rows} == {"", "brightest", "random", "oracle"}
    captured = [float(row["value"]) for row in rows if row["measure"] == "captured"]
    assert all(0 <= share <= 1 for share in captured)
    text = (result / "benchmark.md").read_text(encoding="utf-8")
    assert "deepscan benchmark --quick --suite surface --suite noise --rival brightest" in text
    assert str(result) not in text


def test_the_same_command_gives_the_same_results(result: Path, tmp_path: Path) -> None:
    assert main([*FEW, "--rival", "random", "--rival", "oracle", "--out", str(tmp_path / "again")]) == 0
    assert (tmp_path / "again" / "results.csv").read_bytes() == (result / "results.csv").read_bytes()
    assert (tmp_path / "again" / "summary.csv").read_bytes() == (result / "summary.csv").read_bytes()


def test_json_is_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FEW, "--out", str(tmp_path / "out"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["scenes"] == 2
    assert set(document["captured_at_5_percent"]["surface"]) == {"brightest"}


def test_a_result_is_not_replaced_unasked(result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FEW, "--out", str(result)]) == 2
    assert "add --overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (["--suite", "nonsense"], "atomic, microstructures"),
        (["--rival", "nonsense"], "give one of"),
        (["--seeds", "0"], "--seeds is 0"),
        (["--data", "not-there"], "not-there is not a folder"),
    ],
)
def test_what_is_not_known_is_refused_in_one_line(
    extra: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*FEW, *extra, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_without_real_micrographs_the_suite_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["benchmark", "--suite", "real", "--out", "out"]) == 2
    assert "real micrographs were left out" in capsys.readouterr().err


def test_an_interrupted_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("deepscan_core.cli.benchmark.run", interrupt)
    assert main([*FEW, "--out", str(tmp_path / "out")]) == 130
    assert list(tmp_path.iterdir()) == []
