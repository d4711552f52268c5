"""One pass of the default network, run by torch and compiled, on idle and on busy cores.

python benchmarks/compiled.py [--side 512] [--repeats 30] [--busy 2]
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import replace

import numpy as np
from latency import busy

from deepscan_core.features.backbones import Backbone, load_backbone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--busy", type=int, default=2, help="so many processes keep a core busy meanwhile")
    arguments = parser.parse_args()
    begun = time.perf_counter()
    compiled = load_backbone(device="cpu")
    print(f"loaded and compiled in {time.perf_counter() - begun:.1f} s")
    if compiled.compiled is None:
        print("openvino is not installed: nothing to compare")
        return
    by_torch = replace(compiled, compiled=None)
    image = np.random.default_rng(0).random((arguments.side, arguments.side), np.float32)
    for name, n_busy in (("idle", 0), (f"{arguments.busy} busy processes", arguments.busy)):
        with busy(n_busy):
            times = in_turns((by_torch, compiled), image, arguments.repeats)
        print(
            f"{name}: torch {1e3 * times[0]:.0f} ms, compiled {1e3 * times[1]:.0f} ms, ratio {times[0] / times[1]:.1f}"
        )


def in_turns(backbones: tuple[Backbone, Backbone], image: np.ndarray, repeats: int) -> tuple[float, float]:
    """Median seconds of each, so that whatever else the computer does meets both."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for backbone, seconds in zip(backbones, taken, strict=True):
            begun = time.perf_counter()
            backbone.levels(image, scale=1.0)
            seconds.append(time.perf_counter() - begun)
    return (statistics.median(taken[0]), statistics.median(taken[1]))


if __name__ == "__main__":
    main()
