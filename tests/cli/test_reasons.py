"""Why here, for what was asked for: in the report of a run, and of what was carried out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tifffile

from deepscan_core.cli import main
from deepscan_core.errors import InputError
from deepscan_core.records.asked import Asked
from tests.cli.test_labels import view
from tests.cli.test_run import FAST

CLICKS = ["--positive", "bright=40,40", "--positive", "dark=120,120"]


@pytest.fixture
def planned(tmp_path: Path) -> Path:
    """A plan from clicks of two classes."""
    tifffile.imwrite(tmp_path / "view.tif", view(0))
    out = tmp_path / "plan"
    size = ["--pixel-size-nm", "0.5", "--region-size-px", "20", "--level", "0.3"]
    assert main(["run", str(tmp_path / "view.tif"), "--out", str(out), *CLICKS, *size, *FAST]) == 0
    return out


def at(reason: dict[str, float], place: tuple[float, float]) -> bool:
    return abs(reason["center_y_px"] - place[0]) < 10 and abs(reason["center_x_px"] - place[1]) < 10


def test_a_taught_region_is_explained_by_the_class_that_it_is_like(planned: Path) -> None:
    reasons = json.loads((planned / "run.json").read_text())["reasons"]
    by_class = {
        name: next(reason for reason in reasons if at(reason, place))
        for name, place in (("bright", (40, 120)), ("dark", (120, 40)))
    }
    for name, click in (("bright", (40.0, 40.0)), ("dark", (120.0, 120.0))):
        taught = by_class[name]["taught"]
        assert sum(taught["contributions"].values()) == pytest.approx(taught["score"], abs=0.1)
        near = taught["nearest"][0]
        assert (near["center_y_px"], near["center_x_px"]) == click
        assert by_class[name]["sentences"][0].startswith(
            "It is like 1 positive and unlike 1 negative clicks with a prob"
        )
    assert "What makes it like 1 positive" in (planned / "report.html").read_text()


def test_what_was_carried_out_says_what_was_asked_for_and_why(planned: Path, tmp_path: Path) -> None:
    out = tmp_path / "done"
    assert main(["execute", str(planned / "scan_protocol.json"), "--out", str(out)]) == 0
    run = json.loads((out / "run.json").read_text())
    planned_run = json.loads((planned / "run.json").read_text())
    assert run["asked"] == planned_run["asked"]
    assert [reason["taught"] for reason in run["reasons"]] == [reason["taught"] for reason in planned_run["reasons"]]
    report = (out / "report.html").read_text()
    assert "Why here" in report
    assert "2 positive clicks (bright: y 40, x 40; dark: y 120, x 120 px)" in report


def test_a_plan_with_a_damaged_request_is_carried_out_and_explained_as_rare(planned: Path, tmp_path: Path) -> None:
    path = planned / "scan_protocol.json"
    document = json.loads(path.read_text())
    document["provenance"]["asked"] = {"positives": [{"y_px": "a"}]}
    path.write_text(json.dumps(document))
    assert main(["execute", str(path), "--out", str(tmp_path / "done")]) == 0
    run = json.loads((tmp_path / "done" / "run.json").read_text())
    assert run["asked"] is None
    assert run["reasons"]
    assert all(reason["taught"] is None for reason in run["reasons"])


def test_what_was_asked_for_is_read_as_it_was_written() -> None:
    asked = Asked(
        query="pores", positives_px=((1.0, 2.0), (3.0, 4.0)), class_names=("a", ""), earlier=(("a", "i.tif", 2),)
    )
    assert Asked.from_dict(json.loads(json.dumps(asked.to_dict()))) == asked
    with pytest.raises(InputError, match="does not say what was asked for"):
        Asked.from_dict(None)


@pytest.mark.network
def test_words_are_explained_by_phrase_scale_and_what_says_them(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "view.tif", view(0))
    query = ["--query", "bright round spots, not cracks", "--region-size-px", "24"]
    assert main(["run", str(tmp_path / "view.tif"), "--out", str(tmp_path / "out"), *query, *FAST]) == 0
    reasons = json.loads((tmp_path / "out" / "run.json").read_text())["reasons"]
    best = max((reason["words"] for reason in reasons), key=lambda words: words["log_odds"])
    assert best["phrase"] == "bright round spots"
    assert best["unwanted"]["phrase"] == "cracks"
    assert best["unwanted"]["log_odds"] <= -best["log_odds"] + 1e-3
    assert [scale["cell_px"] for scale in best["by_scale"]] == sorted(scale["cell_px"] for scale in best["by_scale"])
    assert best["left_without_log_odds"] < best["log_odds"]
    assert "Says the words" in (tmp_path / "out" / "report.html").read_text()
