"""The scripted session in the real application, on a virtual display."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deepscan_core.errors import DeepScanError
from nionswift_plugin.deepscan_simulator import launch

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 90.0
ATTEMPTS = 3  # Swift 16.16 locks itself up now and then, in its data panel, when a first live image arrives
SCRIPT = ROOT / "examples" / "swift_scripted_session.py"


def swift(tmp_path: Path, script: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run ``deepscan swift --script`` with features that need no torch; skip where it cannot start."""
    if sys.platform != "linux" or shutil.which("xvfb-run") is None:
        pytest.skip("xvfb-run is not installed: real Swift is not started here")
    try:
        launch._check_installed()
    except DeepScanError as error:
        pytest.skip(str(error))
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    module = "nionswift_plugin.deepscan_simulator.launch"
    options = ["--project-dir", str(tmp_path / "swift"), "--backbone", "classical", "--script", str(script), *more]
    command = ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", sys.executable, "-m", module, *options]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(runtime), "PYTHONPATH": str(ROOT)}
    for _ in range(ATTEMPTS):
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=TIMEOUT_S)
            return subprocess.CompletedProcess(command, process.returncode, out, err)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return pytest.fail(f"Swift hung {ATTEMPTS} times")


@pytest.mark.slow
@pytest.mark.timeout(ATTEMPTS * TIMEOUT_S + 60)
def test_real_swift_attaches_plans_and_runs_by_script(tmp_path: Path) -> None:
    run = swift(tmp_path, SCRIPT)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert "Press Run to expose them." in run.stdout
    assert "regions recorded, beam and live view are as before." in run.stdout
    assert "nionswift_plugin/deepscan" not in run.stdout + run.stderr, "a traceback through DeepScan"


@pytest.mark.slow
@pytest.mark.timeout(ATTEMPTS * TIMEOUT_S + 60)
def test_a_script_that_fails_ends_swift_and_says_why(tmp_path: Path) -> None:
    script = tmp_path / "bad.py"
    script.write_text("async def main(window):\n    raise RuntimeError('no such crystal')\n", encoding="utf-8")
    run = swift(tmp_path, script)
    assert run.returncode == 3
    assert "RuntimeError: no such crystal" in run.stderr
