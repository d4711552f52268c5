"""The panel and the image in real Swift, under a real mouse on a virtual display."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.plugin import test_real_swift as real

SCRIPT = real.ROOT / "examples" / "swift_by_mouse.py"


AGAIN = """
import asyncio, json
from nionswift_plugin.deepscan.drawing import overlay

async def main(window):
    panel = window.find_dock_panel("deepscan-panel").handler
    live, library = panel.session.live, window.document_model
    for _ in range(300):
        graphics = [g for d in live.display_items() for g in overlay.overlays(d)]
        if graphics and all(g.raster is not None for g in graphics):
            break
        await asyncio.sleep(0.1)
    clicks, maps = len(json.loads(live.clicks)), sum(c.processing_id.startswith("deepscan") for c in library.computations)
    shown = bool(graphics) and all(g.raster is not None for g in graphics)
    print(f"mode {panel.mode.value}, region {panel.region.value}, clicks {clicks}, overlay {shown}, maps {maps}")
    window.queue_request_close()
"""


@pytest.mark.slow
@pytest.mark.timeout(2 * real.ATTEMPTS * real.TIMEOUT_S + 60)
def test_buttons_and_image_answer_to_the_mouse_and_a_restart_keeps_what_was_done(tmp_path: Path) -> None:
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed: the mouse is not moved here")
    run = real.swift(tmp_path, SCRIPT)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert re.search(r"clicked in the image at 0\.\d+, 0\.\d+: Like the clicks", run.stdout)
    assert re.search(r"planned: .*Press Run", run.stdout, re.DOTALL)
    assert re.search(r"asked: Expose \d+ regions", run.stdout)
    aborted = re.search(r"stopped:\s+Aborted after (\d+) of (\d+) regions", run.stdout)
    assert aborted, run.stdout[-3000:]
    assert 0 < int(aborted[1]) < int(aborted[2])
    assert re.search(r"looked at: \S\s+1 ", run.stdout)
    assert "blanker: 0 after the run" in run.stdout
    assert "nionswift_plugin/deepscan" not in run.stdout + run.stderr, "a traceback through DeepScan"

    script = tmp_path / "again.py"
    script.write_text(AGAIN, encoding="utf-8")
    again = real.swift(tmp_path, script, "--keep")
    assert again.returncode == 0, again.stdout[-3000:] + again.stderr[-3000:]
    assert "mode 1, region 60, clicks 1, overlay True, maps 2" in again.stdout, again.stdout[-3000:]
    assert "nionswift_plugin/deepscan" not in again.stdout + again.stderr, "a traceback through DeepScan"
