"""What a sub-scan costs on Nion's simulator beyond the time of its samples, the move to it included.

    python benchmarks/usim_overhead.py [--frames 20]

Frames of several sizes at one dwell time are scanned through `NionScanController`, and held against its `costs`; then
frames of a second are aborted in their middle. Run it on a computer that does nothing else.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from dataclasses import replace

import numpy as np

from deepscan_core.acquisition.controller import BeamRest
from deepscan_core.errors import RunAborted
from deepscan_core.instruments.nion import NionScanController
from deepscan_core.records.coordinates import ScanContext
from deepscan_core.records.protocol import ScanStep
from tests.headless import headless_swift

DWELL_US = 10.0
SHAPES = ((16, 16), (24, 24), (32, 32), (48, 48), (64, 64), (24, 96), (96, 24))


def main() -> None:
    """Print the times of each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=20, help="of each size")
    frames = parser.parse_args().frames
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with headless_swift():
            controller = NionScanController()
            controller.prepare()
            try:
                times_s = {shape: _times_s(controller, shape, frames) for shape in SHAPES}
                stops_s = [_stop_s(controller, number) for number in range(frames)]
                costs = controller.costs
            finally:
                controller.restore(beam=True)
        os.chdir("/")
    medians = np.array([np.median(times_s[shape]) for shape in SHAPES])
    beyond = medians - [rows * cols * DWELL_US * 1e-6 for rows, cols in SHAPES]
    print(f"charged: {costs}")
    print("rows x cols  samples ms  median ms  beyond ms  quartiles ms    late by at most ms")
    for (rows, cols), median, more in zip(SHAPES, medians, beyond, strict=True):
        low, high = np.quantile(times_s[rows, cols], (0.25, 0.75))
        charged_s = costs.frame_time_s(rows, cols, DWELL_US) + costs.settle_s
        print(
            f"{rows:4d} x {cols:4d}  {rows * cols * DWELL_US * 1e-3:10.2f}  {1e3 * median:9.2f}  {1e3 * more:9.2f}  "
            f"{1e3 * low:.2f} to {1e3 * high:.2f}  {1e3 * (max(times_s[rows, cols]) - charged_s):9.2f}"
        )
    for what, ms in zip(("until the beam is off", "to the end of the frame"), 1e3 * np.array(stops_s).T, strict=True):
        print(f"from abort() {what}: median {np.median(ms):.1f} ms, at most {ms.max():.1f} ms")


def _times_s(controller: NionScanController, shape: tuple[int, int], frames: int) -> list[float]:
    """Of frames at places all over the context, after one that is not counted."""
    context, rng = controller.context(), np.random.default_rng(0)
    found = []
    for number in range(frames + 1):
        step = _step(context, shape, tuple(rng.uniform(0.2, 0.8, 2)), number + 1)
        begun = time.perf_counter()
        controller.scan(step)
        found.append(time.perf_counter() - begun)
    return found[1:]


def _stop_s(controller: NionScanController, number: int) -> tuple[float, float]:
    """From the abort of a frame of a second until the beam is off, and until the frame has ended."""
    step = replace(_step(controller.context(), (64, 64), (0.5, 0.5), number + 1), dwell_time_us=250.0)
    controller.restore()
    controller.prepare()
    controller.rest(BeamRest())
    ended: list[float] = []

    def scan() -> None:
        try:
            controller.scan(step)
        except RunAborted:
            ended.append(time.perf_counter())

    worker = threading.Thread(target=scan)
    worker.start()
    time.sleep(0.3 + 0.01 * number)
    begun = time.perf_counter()
    controller.abort()
    while not controller.is_blanked:
        time.sleep(0.0005)
    dark = time.perf_counter()
    worker.join()
    return dark - begun, ended[0] - begun


def _step(context: ScanContext, shape: tuple[int, int], fraction: tuple[float, ...], order: int) -> ScanStep:
    """A square-pixelled frame of that many samples, four of them to a pixel of the context."""
    y_px, x_px = fraction[0] * context.rows, fraction[1] * context.cols
    y_nm, x_nm = context.nm_from_px((y_px, x_px))
    height_px, width_px = shape[0] / 2, shape[1] / 2
    height_nm, width_nm = context.size_nm_from_px((height_px, width_px))
    return ScanStep(
        order=order,
        center_y_px=y_px,
        center_x_px=x_px,
        height_px=height_px,
        width_px=width_px,
        center_y_nm=y_nm,
        center_x_nm=x_nm,
        height_nm=height_nm,
        width_nm=width_nm,
        rows=shape[0],
        cols=shape[1],
        dwell_time_us=DWELL_US,
    )


if __name__ == "__main__":
    main()
