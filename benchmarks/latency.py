"""From array to Mode A map: time, and its ratio to one full forward pass of the default backbone in the same run.

    python benchmarks/latency.py [--side 512] [--repeats 15] [--crystal] [--busy 1] [--threads 2]
    python benchmarks/latency.py --scaling

Models are loaded and warm; every image is new, so that nothing of it can have been kept. The two are measured in turns, so
that whatever else the computer does meets both. `live` is the next frame of a live view, with the codebook of the ones
before, over the same frame from scratch. Times depend on the computer; the ratio does much less.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

from deepscan_core import CalibratedImage, Study
from deepscan_core.features.backbones import DEFAULT_BACKBONE, load_backbone
from deepscan_core.scoring.codebook import Codebook
from deepscan_core.weights.architectures import import_timm

SIDES_PX = (512, 1024, 2048, 4096)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--busy", type=int, default=0, help="so many processes keep a core busy meanwhile")
    parser.add_argument("--crystal", action="store_true", help="a lattice instead of white noise")
    parser.add_argument("--scaling", action="store_true", help="one image each of 512 to 4096 px a side instead")
    arguments = parser.parse_args()
    if arguments.scaling:
        print(json.dumps(scaling(), indent=2))
        return
    with busy(arguments.busy):
        print(json.dumps(ratios(arguments), indent=2))


def ratios(arguments: argparse.Namespace) -> dict[str, object]:
    """Times of map and forward pass in turns."""
    timm = import_timm()
    import torch

    torch.set_num_threads(arguments.threads)
    network = timm.create_model(DEFAULT_BACKBONE).eval()
    tensor = torch.randn(1, 3, arguments.side, arguments.side)
    rng = np.random.default_rng(0)
    load_backbone()

    def forward() -> None:
        with torch.inference_mode():
            network(tensor)

    arrays = [image(rng, arguments.side, arguments.crystal) for _ in range(arguments.repeats + 2)]
    frames = [CalibratedImage(array) for array in arrays]

    codebook = Codebook()
    for frame in frames[:2]:
        forward()
        for kept in (None, codebook):
            Study(frame, codebook=kept).surprisal()
    forward_ms, surprisal_ms, live_ms = [], [], []
    for frame in frames[2:]:
        forward_ms.append(milliseconds(forward))
        surprisal_ms.append(milliseconds(Study(frame).surprisal))
        live_ms.append(milliseconds(Study(frame, codebook=codebook).surprisal))
    return {
        "side_px": arguments.side,
        "threads": arguments.threads,
        "busy_cores": arguments.busy,
        "surprisal_ms": spread(surprisal_ms),
        "forward_ms": spread(forward_ms),
        "ratio": spread([s / f for s, f in zip(surprisal_ms, forward_ms, strict=True)]),
        "live_ms": spread(live_ms),
        "live_ratio": spread([live / s for live, s in zip(live_ms, surprisal_ms, strict=True)]),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def scaling() -> dict[str, object]:
    """How time grows with the pixels: the exponent of a power law through all sizes."""
    rng = np.random.default_rng(0)
    Study(CalibratedImage(image(rng, 512, False))).surprisal()
    seconds = {}
    for side in SIDES_PX:
        array = image(rng, side, False).astype(np.float32)
        seconds[side] = milliseconds(lambda array=array: Study(CalibratedImage(array)).surprisal()) / 1e3
    pixels = 2 * np.log([float(side) for side in SIDES_PX])
    exponent = np.polyfit(pixels, np.log(list(seconds.values())), 1)[0]
    return {
        "seconds_by_side_px": {side: round(s, 3) for side, s in seconds.items()},
        "exponent_of_pixels": round(float(exponent), 3),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def image(rng: np.random.Generator, side_px: int, is_crystal: bool) -> np.ndarray:
    """White noise, or 20 counts on the columns of a square lattice."""
    if not is_crystal:
        return rng.normal(100, 10, (side_px, side_px))
    wave = 1 + np.cos(np.arange(side_px) * 2 * np.pi / 20.3)
    return rng.poisson(1 + 20 * np.outer(wave, wave) ** 2 / 16).astype(float)


@contextlib.contextmanager
def busy(cores: int) -> Iterator[None]:
    """Keep cores busy."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(cores)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()


def milliseconds(work: Callable[[], None]) -> float:
    """Time of one call."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e3


def spread(values: list[float]) -> dict[str, float]:
    """Smallest, median and largest."""
    return {
        "min": round(min(values), 2),
        "median": round(statistics.median(values), 2),
        "max": round(max(values), 2),
    }


if __name__ == "__main__":
    main()
