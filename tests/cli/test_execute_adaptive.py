"""``deepscan execute --strategy``: limits hold, a finished run is not repeated, and everything is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepscan_core.acquisition.journal import FILE_NAME
from deepscan_core.cli import main
from deepscan_core.instruments.simulated import SimulatedController
from deepscan_core.planning import make_protocol
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.regions import ScanRegion
from deepscan_core.simulation.specimens import make_specimen
from deepscan_core.survey import DOSE_MAP, look
from tests.cli.test_run import refused

SIDE_PX, DWELL_US = 160, 2.0


@pytest.fixture(scope="module")
def protocol(tmp_path_factory: Any) -> Path:
    """Places on and beside the defects of a crystal, on a preview of the simulated microscope that execute makes too."""
    folder: Path = tmp_path_factory.mktemp("plan")
    context = ScanContext(rows=SIDE_PX, cols=SIDE_PX, fov_y_nm=6.25, fov_x_nm=6.25, beam_current_pa=50)
    specimen = make_specimen("crystal", 3)
    image = look(SimulatedController(specimen, context, dwell_time_us=DWELL_US, seed=3))[1]
    regions = [
        ScanRegion(center_px=(float(y), float(x)), size_px=(20, 20), score=3.0)
        for y in range(25, 150, 36)
        for x in range(20, 100, 36)
    ]
    provenance = {"world": "crystal:3", "preview_dwell_us": DWELL_US}
    made = make_protocol(image, regions, context=context, provenance=provenance)
    (folder / "plan.json").write_text(made.to_json())
    return folder / "plan.json"


def carried_out(capsys: pytest.CaptureFixture[str], protocol: Path, out: Path, *more: str) -> dict[str, Any]:
    assert main(["execute", str(protocol), "--out", str(out), "--json", *more]) == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


@pytest.mark.parametrize("strategy", ["follow", "refine", "explore", "coarse_to_fine"])
def test_a_strategy_keeps_to_all_limits(
    capsys: pytest.CaptureFixture[str], protocol: Path, tmp_path: Path, strategy: str
) -> None:
    limits = ("--max-electrons", "8e7", "--max-time-s", "0.6", "--drift")
    facts = carried_out(capsys, protocol, tmp_path, "--strategy", strategy, *limits)
    ledger = facts["ledger"]
    assert ledger["total_electrons"] <= 8e7
    assert ledger["time_s"] <= 0.6
    assert ledger["limits"]["max_total_electrons"] == 8e7
    assert 0 < facts["tiles"] <= 20
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["parameters"]["ledger"] == ledger
    assert run["parameters"]["strategy"] == strategy
    assert "dose_map.npy" not in run["artifacts_sha256"]  # it belongs to the run, like the tiles
    doses = np.load(tmp_path / DOSE_MAP)
    assert doses.shape == (SIDE_PX, SIDE_PX)
    assert doses.max() == pytest.approx(ledger["highest_dose_e_per_nm2"])


def test_a_finished_run_is_replayed_and_nothing_exposed(
    capsys: pytest.CaptureFixture[str], protocol: Path, tmp_path: Path
) -> None:
    explore = ("--strategy", "explore", "--drift", "--drift-allowed-nm", "0.02")
    first = carried_out(capsys, protocol, tmp_path, *explore)
    before = (tmp_path / FILE_NAME).read_text()
    assert '"order": -1' in before
    again = carried_out(capsys, protocol, tmp_path, *explore, "--resume")
    after = (tmp_path / FILE_NAME).read_text()
    assert after.count('"exposing"') == before.count('"exposing"')
    assert again["tiles"] == first["tiles"]
    assert again["ledger"]["total_electrons"] == pytest.approx(first["ledger"]["total_electrons"])
    line = refused(capsys, ["execute", str(protocol), "--out", str(tmp_path), "--strategy", "refine", "--resume"])
    assert "was started with the strategy 'explore" in line


def test_what_is_typed_does_not_widen_the_laboratorys_limit(
    capsys: pytest.CaptureFixture[str], protocol: Path, tmp_path: Path
) -> None:
    (tmp_path / "lab.toml").write_text("max_dose_e_per_nm2 = 1.0\n")
    typed = ["--max-dose-e-per-nm2", "1e9", "--settings", str(tmp_path / "lab.toml"), "--out", str(tmp_path / "run")]
    assert "more than the limit of 1 e/nm²" in refused(capsys, ["execute", str(protocol), *typed])


def test_a_plan_beyond_what_is_typed_is_refused_before_the_first_electron(
    capsys: pytest.CaptureFixture[str], protocol: Path, tmp_path: Path
) -> None:
    out = ["--out", str(tmp_path / "run")]
    for limit, words in (("--max-electrons", "electrons"), ("--max-time-s", " s, more than")):
        line = refused(capsys, ["execute", str(protocol), limit, "0.001", *out])
        assert words in line
        assert "step 1 would bring the run to" in line
        assert not (tmp_path / "run" / FILE_NAME).exists()


def test_an_overview_is_the_first_step_where_no_preview_is_known(
    capsys: pytest.CaptureFixture[str], protocol: Path, tmp_path: Path
) -> None:
    document = json.loads(protocol.read_text())
    del document["provenance"]["preview_dwell_us"]
    (tmp_path / "plan.json").write_text(json.dumps(document))
    facts = carried_out(capsys, tmp_path / "plan.json", tmp_path / "run", "--strategy", "explore")
    assert facts["ledger"]["by_kind"]["preview"]["electrons"] > 0
    assert (tmp_path / "run/tiles/0000.npy").exists()
    assert facts["tiles"] == len([p for p in (tmp_path / "run/tiles").glob("*.npy") if p.name != "0000.npy"])
