"""A run whose process is killed at any moment can be resumed: nothing is lost or exposed twice, and all is restored."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from deepscan_core.acquisition.journal import FILE_NAME, read_lines
from deepscan_core.planning import make_protocol
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.image import CalibratedImage
from deepscan_core.records.regions import ScanRegion
from tests.acquisition import killed_run
from tests.acquisition.killed_run import BEFORE, Lasting

POINTS = 50
STEPS = 6
SLEEP_S = 0.03


@pytest.fixture
def protocol(tmp_path: Path) -> Path:
    """Steps of 12 x 12 px on an image of 48 x 48."""
    path = tmp_path / "world.tif"
    tifffile.imwrite(path, np.random.default_rng(0).normal(100, 3, (48, 48)).astype(np.float32))
    from deepscan_core.ingest.readers import read_image

    image: CalibratedImage = read_image(path, pixel_size_nm=0.1)
    places = [(y, x) for y in (12, 32) for x in (8, 23, 38)]
    regions = [ScanRegion(center_px=place, size_px=(12, 12), score=1) for place in places]
    context = ScanContext(rows=48, cols=48, fov_y_nm=4.8, fov_x_nm=4.8, beam_current_pa=50)
    made = make_protocol(image, regions[:STEPS], context=context)
    (tmp_path / "plan.json").write_text(made.to_json())
    return tmp_path / "plan.json"


def process(arguments: list[str], folder: Path) -> tuple[Any, Any]:
    """A process about to carry out the command, and the event that tells that it begins."""
    kind = "spawn" if sys.platform == "win32" else "forkserver"
    context = multiprocessing.get_context(kind)
    if kind == "forkserver":
        context.set_forkserver_preload(["tests.acquisition.killed_run", "deepscan_core.reporting.report", "tifffile"])
    started = context.Event()
    return context.Process(target=killed_run.run_and_exit, args=(arguments, str(folder), SLEEP_S, started)), started


def kill_after(seconds: float, arguments: list[str], folder: Path) -> None:
    child, started = process(arguments, folder)
    child.start()
    assert started.wait(60)
    child.join(seconds)
    child.kill()
    child.join(30)
    assert child.exitcode is not None


@pytest.mark.slow
@pytest.mark.timeout(900)  # fifty processes, on a computer that may be busy
def test_a_run_killed_at_any_moment_is_resumed(protocol: Path, tmp_path: Path) -> None:
    """Every other run follows the plan, the others take an overview and decide as they go."""
    rng = np.random.default_rng(20261120)
    scanned_s = _seconds_to_the_last_tile(protocol, tmp_path / "whole")
    killed_within = 0
    for point in range(POINTS):
        folder = tmp_path / f"{point:02d}"
        folder.mkdir()
        out, memory = folder / "run", Lasting(folder)
        explores = point % 2 == 1
        orders = set(range(0 if explores else 1, STEPS + 1))
        strategy = ["--strategy", "explore"] if explores else []
        arguments = ["execute", str(protocol), "--out", str(out), *strategy]
        kill_after(float(rng.uniform(0, 1.25 * scanned_s)), arguments, folder)
        exposed = memory.exposed()
        journal = out / FILE_NAME
        history = read_lines(journal.read_bytes()).history if journal.exists() else None
        recorded = history.recorded if history else frozenset()
        tiles = {order: (out / f"tiles/{order:04d}.npy").read_bytes() for order in recorded}
        killed_within += bool(exposed) and len(recorded) < len(orders)
        assert set(exposed) >= recorded
        assert len(exposed) - len(recorded) <= 1  # at most the step in which it was killed is in doubt

        resume = ["--resume", "--restore-parameters"] if journal.exists() else []
        begun = [path.suffix for path in out.glob("tiles/0000.*") if not path.suffix.startswith(".sent")]
        blind = bool(begun) and 0 not in recorded  # without an overview there is nothing to decide by
        assert killed_run.run([*arguments, *resume], str(folder)) == (3 if blind else 0)
        after = memory.exposed()
        left_out = orders - set(after - exposed) - recorded
        assert all(count == 1 for count in after.values())
        assert after == exposed if blind else len(left_out) <= 1
        assert not left_out & recorded
        assert all((out / f"tiles/{order:04d}.npy").read_bytes() == content for order, content in tiles.items())
        if history is not None:
            assert memory.state() == BEFORE

        if left_out:  # and with consent it is done
            assert killed_run.run([*arguments, "--resume", "--repeat-exposed"], str(folder)) == 0
            assert memory.exposed() == after + Counter(left_out)
        assert read_lines(journal.read_bytes()).history.recorded == orders
    assert killed_within > POINTS / 4


def _seconds_to_the_last_tile(protocol: Path, folder: Path) -> float:
    """From when a run has its instrument; measured on a second run, since the first has to start the fork server."""
    folder.mkdir()
    for _ in range(2):
        child, started = process(["execute", str(protocol), "--out", str(folder / "run"), "--overwrite"], folder)
        (folder / f"run/tiles/{STEPS:04d}.npy").unlink(missing_ok=True)
        child.start()
        assert started.wait(120)
        begun = time.perf_counter()
        while not (folder / f"run/tiles/{STEPS:04d}.npy").exists():
            assert child.is_alive()
            time.sleep(0.001)
        lasted_s = time.perf_counter() - begun
        child.join(120)
        assert child.exitcode == 0
    return lasted_s
